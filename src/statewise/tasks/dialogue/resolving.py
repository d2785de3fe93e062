"""What the words of a slot mean: values of own types by lists and likeness, built-in ones by libraries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from statewise.data.utterances.bot import BUILT_IN
from statewise.data.utterances.utterances_codec import UtterancesCodec
from statewise.data.utterances.value_lists import folded
from statewise.errors import UsageError
from statewise.shown import in_line
from statewise.tasks.dialogue.built_in import Resolved, resolved_built_in
from statewise.tasks.dialogue.libraries import library

ALIKE = 85.0
"Per cent of letters that a word shares with a value it is taken for."
SHORTEST_ALIKE = 4
LARGEST_LIST = 20_000


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone. Raises `UsageError` where there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        raise UsageError(
            f"time zone '{in_line(name, 40)}' is not known: give one such as Europe/Paris, or UTC"
        ) from None


def moment_of(text: str, zone: str) -> datetime:
    """Return a time that was written, in a zone. Raises `UsageError` where it is not one.

    >>> moment_of("2026-11-30T09:00", "UTC").isoformat()
    '2026-11-30T09:00:00+00:00'
    """
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(zone_of(zone)) if found.tzinfo else found.replace(tzinfo=zone_of(zone))
    except (ValueError, TypeError, OverflowError):
        raise UsageError(f"'{in_line(text, 40)}' is not a time: give one such as 2026-11-30T09:00") from None


def clock_now(zone: str) -> datetime:
    """Return what the clock says, in a zone."""
    return datetime.now(zone_of(zone))


@dataclass(frozen=True)
class Resolver:
    """What words mean to a bot at a moment, in a zone and a country; `more` are values besides those of the bot."""

    codec: UtterancesCodec
    now: datetime
    zone: str = "UTC"
    region: str = "US"
    more: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def resolved(self, kind: str, text: str) -> Resolved:
        """Return what some words mean as a value of a type; no value where they mean none."""
        if kind in BUILT_IN:
            return resolved_built_in(kind, text, self.now, self.region)
        own = self.codec.bot.type(kind)
        if own is None:
            return Resolved.of(text)
        known = {folded(word): value.value for value in own.values for word in (value.value, *value.synonyms)}
        known |= {folded(word): word for word in self.more.get(kind, ())}
        said = folded(text)
        if said in known:
            return Resolved.of(known[said])
        if self.codec.bot.is_given and (within := _within(known, said)) is not None:
            return Resolved.of(within)
        if (alike := self._alike(known, said)) is not None:
            return Resolved.of(alike)
        return Resolved.of(text) if own.open else Resolved.nothing()

    def listed(self, kind: str, text: str) -> str | None:
        """Return the value of an own type that stands within a text; None where none does."""
        own = self.codec.bot.type(kind)
        if own is None:
            return None
        known = {folded(word): value.value for value in own.values for word in (value.value, *value.synonyms)}
        return _within(known, folded(text))

    def _alike(self, known: Mapping[tuple[str, ...], str], said: tuple[str, ...]) -> str | None:
        """Return the value whose letters are much like what was said; None where there is none."""
        whole = " ".join(said)
        if len(whole) < SHORTEST_ALIKE or not self.codec.bot.is_given or len(known) > LARGEST_LIST or not known:
            return None
        fuzz = library("rapidfuzz.fuzz", "rapidfuzz")
        scored = [(float(fuzz.ratio(whole, " ".join(words))), value) for words, value in known.items()]
        likeness, value = max(scored, key=lambda one: one[0])
        return value if likeness >= ALIKE else None


def _within(known: Mapping[tuple[str, ...], str], said: tuple[str, ...]) -> str | None:
    """Return the longest value that stands within what was said, as in "the large one"; None where there is none."""
    longest = max(map(len, known), default=0)
    for count in range(min(len(said), longest), 0, -1):
        for begin in range(len(said) - count + 1):
            if (part := said[begin : begin + count]) in known:
                return known[part]
    return None
