"""Lists of items: how they are made out of a catalogue, and what they are worth."""

from statewise.ranking.lists import Listed, top
from statewise.ranking.metrics import Judged, bootstrap, by_position, judge, measures

__all__ = ["Judged", "Listed", "bootstrap", "by_position", "judge", "measures", "top"]
