"""Events become sessions: sorted, cut, split by time and written down, with only a shard of them in memory.

Events go to a shard by their user or session, so that a session lies whole in one. What is kept of a session of items
`a b c` are its places, `a -> b` and `b -> c`: what was read, and what came next.
"""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from statewise.errors import DataError

RECORD = np.dtype([("owner", "<u8"), ("time", "<f8"), ("item", "<i4")])
SHARDS = 32
PLACE = np.dtype("<i4")
TRAINING, HELD_OUT = "training.bin", "held_out.bin"

Integers = NDArray[np.integer[Any]]
Floats = NDArray[np.float64]


class LogEvents(NamedTuple):
    """A piece of a log: a hash of the user or session of each event, its item, and its time in seconds."""

    owner: NDArray[np.uint64]
    items: Integers
    times: Floats


@dataclass(frozen=True)
class Rules:
    """How events become sessions, and which of them are kept.

    `gap_seconds` cuts what one user did into sessions, None where sessions are named; `held_out` is the share of
    sessions, the last to begin, that is kept from training; of the rest, items with less than `min_support` events
    and sessions shorter than `shortest` are left out.
    """

    gap_seconds: float | None = None
    held_out: float = 0.1
    min_support: int = 5
    shortest: int = 2


class SessionTable(NamedTuple):
    """Sessions one after another: their items, how many each has, and when it began and ended."""

    items: Integers
    lengths: Integers
    begins: Floats
    ends: Floats

    def kept(self, which: NDArray[np.bool_]) -> "SessionTable":
        """Return some of the sessions.

        >>> some = SessionTable(np.arange(5), np.array([2, 3]), np.zeros(2), np.zeros(2))
        >>> some.kept(np.array([False, True])).items
        array([2, 3, 4])
        """
        of_items = np.repeat(which, self.lengths)
        return SessionTable(self.items[of_items], self.lengths[which], self.begins[which], self.ends[which])

    def only(self, known: NDArray[np.bool_]) -> "SessionTable":
        """Return the sessions without the items that are not known; some may have none left."""
        keeps = known[self.items]
        whose = np.repeat(np.arange(len(self.lengths)), self.lengths)
        return self._replace(items=self.items[keeps], lengths=np.bincount(whose[keeps], minlength=len(self.lengths)))


class WrittenSessions(NamedTuple):
    """What was made of events: the items there are, by old numbers, how often each was trained on, and facts."""

    items: Integers
    supports: Integers
    facts: dict[str, Any]


def write_sessions(events: Iterable[LogEvents], rules: Rules, folder: Path) -> WrittenSessions:
    """Write the places of both parts into a folder, and return what is known of them.

    Items are numbered again, the most frequent first. Sessions that began before the split and ended after it are in
    neither part; items that training never saw are taken out of the held-out part.
    Raises `DataError` where a part is left with nothing to predict.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix=".shards-") as temporary:
        shards = _Shards(Path(temporary))
        facts = {"events": shards.take(events), "duplicates": shards.cut(rules.gap_seconds)}
        begins = np.concatenate([np.empty(0), *(shard.begins for shard in shards)])
        if not len(begins):
            raise DataError("there are no events: give a table with some sessions of two events or more")
        split = float(np.quantile(begins, 1 - rules.held_out, method="higher"))
        choices = 1 + max(int(shard.items.max(initial=-1)) for shard in shards)
        before = _Part(shards, ends_before=split)
        seen = before.supports(choices)
        training = before.with_only(seen >= rules.min_support, rules.shortest)
        supports = training.supports(choices)
        later = _Part(shards, begins_from=split)
        held_out = later.with_only(supports > 0, rules.shortest)
        order = np.argsort(-supports, kind="stable")[: np.count_nonzero(supports)]
        facts |= {"sessions": len(begins), "items": len(order), "rare_items": int(np.count_nonzero(seen)) - len(order)}
        facts |= {"sessions_across_the_split": len(begins) - before.sessions - later.sessions}
        facts |= {"unseen_events": int(later.supports(choices)[supports == 0].sum())}
        for part, name in ((training, TRAINING), (held_out, HELD_OUT)):
            sessions, places = part.write(_inverse(order, choices), folder / name)
            facts |= {f"{Path(name).stem}_sessions": sessions, f"{Path(name).stem}_events": sessions + places}
    _refuse_empty(facts, rules)
    return WrittenSessions(order, supports[order], {**facts, "split_at": split})


def write_known(events: Iterable[LogEvents], rules: Rules, path: Path) -> dict[str, Any]:
    """Write the places of other events, all of them, whose items are numbered already, and return facts.

    Items of number -1 are taken out. Raises `DataError` where nothing is left to predict.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".shards-") as temporary:
        shards = _Shards(Path(temporary))
        count, duplicates = shards.take(events), shards.cut(rules.gap_seconds)
        choices = 1 + max(int(shard.items.max(initial=-1)) for shard in shards)
        unseen = sum(int((shard.items < 0).sum()) for shard in shards)
        known = np.append(np.ones(choices, bool), False)  # which -1 finds, too
        sessions, places = _Part(shards).with_only(known, rules.shortest).write(np.arange(choices + 1), path)
    if not sessions:
        raise DataError(f"of {count:,} events none is left to score: give sessions of two items or more that are known")
    return {
        "held_out_events": sessions + places,
        "held_out_sessions": sessions,
        "unseen_events": unseen,
        "held_out_duplicates": duplicates,
    }


class _Shards:
    """Files of events, and then of sessions, each with all that some of the users did."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.paths = folder, [folder / f"{number:02d}" for number in range(SHARDS)]

    def __iter__(self) -> Iterator[SessionTable]:
        for path in self.paths:
            with np.load(path.with_suffix(".npz"), allow_pickle=False) as kept:
                yield SessionTable(*(kept[name] for name in SessionTable._fields))

    def take(self, events: Iterable[LogEvents]) -> int:
        """Append events to their shards, and return how many there were."""
        count = 0
        with ExitStack() as stack:
            files = [stack.enter_context(path.open("wb")) for path in self.paths]
            for piece in events:
                records = np.empty(len(piece.owner), RECORD)
                records["owner"], records["time"], records["item"] = piece.owner, piece.times, piece.items
                shard = records["owner"] % SHARDS
                for number in np.unique(shard):
                    files[number].write(records[shard == number].tobytes())
                count += len(records)
        return count

    def cut(self, gap_seconds: float | None) -> int:
        """Sort the events of each shard and cut them into sessions; return how many were there twice."""
        duplicates = 0
        for path in self.paths:
            records = np.fromfile(path, RECORD)
            path.unlink()
            sessions = cut_sessions(records, gap_seconds)
            duplicates += len(records) - len(sessions.items)
            np.savez(path.with_suffix(".npz"), **sessions._asdict())
        return duplicates


def cut_sessions(records: NDArray[Any], gap_seconds: float | None) -> SessionTable:
    """Return the sessions in some records: by user and time, events of one moment in the order they were given.

    What is there twice, the same item at the same time, counts once.
    """
    same = np.lexsort((records["item"], records["time"], records["owner"]))
    first = np.ones(len(records), bool)
    first[1:] = records[same][1:] != records[same][:-1]
    records = records[np.sort(same[first])]
    records = records[np.lexsort((records["time"], records["owner"]))]
    new = np.ones(len(records), bool)
    new[1:] = records["owner"][1:] != records["owner"][:-1]
    if gap_seconds is not None:
        new[1:] |= np.diff(records["time"]) > gap_seconds
    starts = np.flatnonzero(new)
    stops = np.append(starts[1:], len(records))[: len(starts)]
    return SessionTable(records["item"].copy(), stops - starts, records["time"][starts], records["time"][stops - 1])


@dataclass(frozen=True)
class _Part:
    """The sessions of one side of the split, and of them only what is to be kept; a shard is read when it is needed."""

    shards: _Shards
    ends_before: float = np.inf
    begins_from: float = -np.inf
    known: NDArray[np.bool_] | None = None
    shortest: int = 0

    def __iter__(self) -> Iterator[SessionTable]:
        for shard in self.shards:
            part = shard.kept((shard.ends < self.ends_before) & (shard.begins >= self.begins_from))
            part = part if self.known is None else part.only(self.known)
            yield part.kept(part.lengths >= self.shortest)

    @property
    def sessions(self) -> int:
        """How many there are."""
        return sum(len(part.lengths) for part in self)

    def with_only(self, known: NDArray[np.bool_], shortest: int) -> "_Part":
        """Return the part without items that are not known, and without sessions that are then too short."""
        return replace(self, known=known, shortest=max(2, shortest))

    def supports(self, choices: int) -> Integers:
        """Return how many events each item has."""
        supports = np.zeros(choices, np.int64)
        for part in self:
            supports += np.bincount(part.items, minlength=choices)
        return supports

    def write(self, numbers: Integers, path: Path) -> tuple[int, int]:
        """Write the places, with items by their new numbers, and return how many sessions and places there are."""
        sessions, places = 0, 0
        with path.open("wb") as file:
            for part in self:
                written = as_places(numbers[part.items], part.lengths)
                file.write(written.tobytes())
                sessions, places = sessions + len(part.lengths), places + len(written)
        return sessions, places


def as_places(items: Integers, lengths: Integers) -> NDArray[np.int32]:
    """Return the places `[n, 2]` of sessions: each item but the last, and the one after it.

    Where a session begins, the item that is read is written as `-1 - item`.

    >>> as_places(np.array([4, 0, 7, 7, 2]), np.array([3, 2])).tolist()
    [[-5, 0], [0, 7], [-8, 2]]
    """
    begins = np.cumsum(lengths) - lengths
    is_begin, is_end = np.zeros((2, len(items)), bool)
    is_begin[begins] = is_end[begins + lengths - 1] = True
    read = np.where(is_begin, -1 - items, items)
    following = np.append(items[1:], 0)
    return np.stack([read[~is_end], following[~is_end]], axis=1).astype(PLACE)


def _inverse(order: Integers, choices: int) -> Integers:
    numbers = np.full(choices, -1, np.int64)
    numbers[order] = np.arange(len(order))
    return numbers


def _refuse_empty(facts: dict[str, Any], rules: Rules) -> None:
    for part in ("training", "held_out"):
        if not facts[f"{part}_sessions"]:
            across = facts["sessions_across_the_split"]
            between = f"; {across:,} began before the time that parts them and ended at or after it" if across else ""
            raise DataError(
                f"of {facts['sessions']:,} sessions none is left for the {part.replace('_', '-')} part, with items of "
                f"at least {rules.min_support} events and sessions of {max(2, rules.shortest)} or more{between}: give "
                "more events, a smaller least support, or another share to hold out"
            )
