"""Lists of items: how they are made out of a catalogue, and what they are worth."""

from statewise.retrieval.list_metrics import JudgedLists, bootstrap, by_position, judge, measures
from statewise.retrieval.lists import Listed, top

__all__ = ["JudgedLists", "Listed", "bootstrap", "by_position", "judge", "measures", "top"]
