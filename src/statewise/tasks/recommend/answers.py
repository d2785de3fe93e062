"""What a recommender shows: lists of items with reasons, for one session, a file of them, or one that goes on."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from statewise.data.interactions.catalogue import Catalogue
from statewise.data.tables.columns import plain_id
from statewise.errors import DataError, StatewiseError, UsageError
from statewise.heads.featured_items import FeaturedItems
from statewise.heads.ranking import Table, item_table
from statewise.inputs import Inputs
from statewise.model import Model
from statewise.state import read_tensors, write_tensors
from statewise.stream import Stream
from statewise.task import Answer, Live
from statewise.tasks.recommend.approximate import ApproximateIndex
from statewise.tasks.recommend.blend import ItemBlend
from statewise.tasks.recommend.lists import Listed
from statewise.tasks.recommend.queries import ScoredAfter, lists, moved_by, ranking_of, read_sessions

MOST_AT_ONCE = 256
"Sessions of a file that are read side by side."
LONGEST = 10_000
USUAL_K = 10


def item_encoder(
    trained: int, width: int, dropout: float, *, is_sparse: bool, shared: Catalogue | None
) -> tuple[nn.Sequential, Table]:
    """Return what reads items, and the table in it: with what items have in common, where a catalogue is given."""
    table: Table = item_table(trained, width, sparse=is_sparse)
    if shared is not None:
        numbers = {kind: number for number, kind in enumerate(shared.kinds)}
        kinds = [[numbers[kind] for kind in of] for of in shared.features]
        table = FeaturedItems(trained, width, kinds, sparse=is_sparse)
    return nn.Sequential(table, nn.Dropout(dropout)), table


class Reason(NamedTuple):
    """A past event and by how much a score would be lower without it."""

    title: str
    moved: float


@dataclass(frozen=True)
class Recommended:
    """One item of a list: its place, and the score by which it got there."""

    rank: int
    id: str
    title: str
    score: float
    because: tuple[Reason, ...] | None = None

    def __str__(self) -> str:
        listed = f"{self.rank:>3}. {self.title}  {self.score:.3f}"
        if self.because is None:
            return listed
        return f"{listed}\n" + "".join(f"       {reason.moved:+.3f}  {reason.title}\n" for reason in self.because)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        told = {"rank": self.rank, "item": self.id, "title": self.title, "score": self.score}
        reasons = [reason._asdict() for reason in self.because or ()]
        return told if self.because is None else {**told, "because": reasons}


def list_length(k: int | None, left: int) -> int:
    """Return how many items to recommend out of those that are left: where it was not said, ten or all of fewer.

    >>> list_length(None, left=7), list_length(None, left=50), list_length(12, left=7)
    (7, 10, 12)
    """
    return max(1, min(USUAL_K, left)) if k is None else k


def recommend(
    model: Model[Any],
    codec: Catalogue,
    session: list[int],
    k: int,
    choices: int,
    *,
    exclude_seen: bool,
    explain: bool,
    blend: ItemBlend | None = None,
) -> Iterator[Recommended]:
    """Yield the `k` of the first `choices` items that a session wants next."""
    session = session[-LONGEST:]
    seen = [session] if exclude_seen else None
    asked, scored = read_sessions(model, [session]), after(model, blend)
    listed = lists(model, asked, k, seen, choices=choices, scored=ranged(scored, asked, [session]))
    items, scores = listed.items[0].tolist(), listed.scores[0].tolist()
    moved = moved_by(model, session, items, scored) if explain else None
    for n, (item, score) in enumerate(zip(items, scores, strict=True)):
        reasons = None
        if moved is not None:
            found = sorted(zip(session, moved[:, n].tolist(), strict=True), key=lambda one: -abs(one[1]))
            reasons = tuple(Reason(codec.name(past), change) for past, change in found)
        yield Recommended(n + 1, codec.ids[item], codec.name(item), score, reasons)


def after(model: Model[Any], blend: ItemBlend | None) -> Callable[[Tensor, Sequence[Sequence[int]]], Tensor] | None:
    """Return what gives the scores of a blend for queries and their sessions; None where there is no blend."""
    return None if blend is None else partial(blend.after, ranking_of(model))


def ranged(
    scored: Callable[[Tensor, Sequence[Sequence[int]]], Tensor] | None, asked: Tensor, sessions: Sequence[list[int]]
) -> ScoredAfter | None:
    """Return what gives such scores from one of some queries to another."""
    return None if scored is None else lambda start, stop: scored(asked[start:stop], sessions[start:stop])


def heard(codec: Catalogue, session: str | Iterable[Any]) -> tuple[list[int], list[str]]:
    """Return the items of a session, and what should be said of those that were only nearly named."""
    found = [codec.find(part) for part in codec.parts(session)]
    return [one.number for one in found], [one.notice for one in found if one.notice]


def item_of(codec: Catalogue, x: str | int) -> int:
    """Return the item that an exact title or an id stands for; a number is an id, as it is in a log of events."""
    return codec.number(x if isinstance(x, str) else plain_id(str(x)))


def answer_one(session: str | Iterable[Any], recommended: list[Recommended], notices: list[str]) -> Answer:
    """Return a list, an item a line."""
    told = {"data": {"session": session}, "items": [one.as_json() for one in recommended]}
    said = {"notices": notices} if notices else {}
    return Answer((f"{one}\n" for one in recommended), lambda: {**told, **said}, end="", notices=notices)


def answer_file(
    task: Any,
    model: Model[Any],
    codec: Catalogue,
    path: str,
    *,
    k: int | None = None,
    exclude_seen: bool = False,
    approximate: bool = False,
    **other: Any,
) -> Answer:
    """Return a line for each session of a file: the items with tabs between them.

    Raises `UsageError` where a session is given as well, or reasons are asked for.
    """
    if given := [name for name, value in other.items() if value]:
        raise UsageError(f"--sessions contradicts --{' and --'.join(given)}: give one of them")
    exclude = exclude_seen or not task.repeats
    index = ApproximateIndex(ranking_of(model)) if approximate else None

    scored = None if approximate else after(model, task.blend(codec))

    def listed_of(sessions: list[list[int]]) -> Listed:
        most_seen = max(len(set(session)) for session in sessions) if exclude else 0
        length, asked = list_length(k, codec.trained - most_seen), read_sessions(model, sessions)
        by_all = ranged(scored, asked, sessions)
        return lists(model, asked, length, sessions if exclude else None, index, scored=by_all)

    def answered() -> Iterator[Listed]:
        waiting: list[list[int]] = []
        for session in _sessions_in(Path(path), codec):
            waiting.append(session)
            if len(waiting) == MOST_AT_ONCE:
                yield listed_of(waiting)
                waiting = []
        if waiting:
            yield listed_of(waiting)

    def lines() -> Iterator[str]:
        for listed in answered():
            for items in listed.items.tolist():
                yield "\t".join(codec.name(item) for item in items) + "\n"

    def as_json() -> dict[str, Any]:
        found = [[codec.ids[item] for item in items] for listed in answered() for items in listed.items.tolist()]
        return {"data": {"sessions": path}, "lists": found}

    return Answer(lines(), as_json, end="")


def _sessions_in(path: Path, codec: Catalogue) -> Iterator[list[int]]:
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield codec.session(line)[-LONGEST:]
                except StatewiseError as error:
                    raise DataError(f"line {number} of {path}: {error.with_flags}") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"cannot read {path} ({reason}): give a text with a session on each line") from None


@dataclass(frozen=True)
class Lists:
    """What is recommended after an event."""

    read: str
    items: tuple[Recommended, ...]
    notices: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\t".join(one.title for one in self.items)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        said = {"notices": list(self.notices)} if self.notices else {}
        return {"read": self.read, "items": [one.as_json() for one in self.items], **said}


@dataclass
class Recommending(Live):
    """A session under way: each line is an event, each answer the next list; an empty line begins another session."""

    stream: Stream[Any]
    codec: Catalogue
    k: int | None
    exclude_seen: bool
    seen: list[int] = field(default_factory=list)
    index: ApproximateIndex | None = None
    blend: ItemBlend | None = None

    @classmethod
    def begin(
        cls,
        stream: Stream[Any],
        codec: Catalogue,
        k: int | None,
        *,
        exclude_seen: bool,
        approximate: bool = False,
        saved: bytes | None = None,
        blend: ItemBlend | None = None,
    ) -> Self:
        """Begin a session, or go on with one that was saved. Raises `DataError` where that is damaged.

        What an index finds is by the network alone, else by a `blend`, where there is one.
        """
        index = ApproximateIndex(ranking_of(stream.model)) if approximate else None
        blend = None if approximate else blend
        if saved is None:
            return cls(stream, codec, k, exclude_seen, index=index, blend=blend)
        tensors, _ = read_tensors(saved, "the saved session")
        forms = {name: (tensor.dtype, tensor.dim()) for name, tensor in tensors.items()}
        if forms != {"stream": (torch.uint8, 1), "seen": (torch.int32, 1)}:
            raise DataError("the saved session cannot be read: it is damaged, use another copy")
        seen = tensors["seen"].tolist()
        if seen and not 0 <= min(seen) <= max(seen) < codec.choices:
            raise DataError("the saved session has had items that this run does not know: use another copy")
        opened = Stream.open(stream.model, tensors["stream"].numpy().tobytes(), encode=stream.encode)
        return cls(opened, codec, k, exclude_seen, seen, index, blend)

    @property
    def inputs(self) -> Inputs:
        """What `push` takes: an event."""
        words = "the id or the title of an item, or an empty text where another session begins"
        return Inputs(words, ("string", "integer"), self.codec.name(0))

    def push(self, line: Any) -> Lists:
        """Read an event, an id or a title, and return what comes next."""
        notices: list[str] = []
        if isinstance(line, str) and not line.strip():
            self.stream.reset()
            self.seen.clear()
        else:
            found = self.codec.find(line if isinstance(line, str) else plain_id(str(line)))
            notices += [found.notice] if found.notice else []
            self.stream.push(found.number)
            self.seen.append(found.number)
        query = self.stream.params.unsqueeze(0)
        seen = [self.seen] if self.exclude_seen and self.seen else None
        k = list_length(self.k, self.codec.trained - len(set(seen[0])) if seen else self.codec.trained)
        scored = ranged(after(self.stream.model, self.blend), query, [self.seen])
        listed = lists(self.stream.model, query, k, seen, self.index, scored=scored)
        pairs = zip(listed.items[0].tolist(), listed.scores[0].tolist(), strict=True)
        items = (
            Recommended(n, self.codec.ids[item], self.codec.name(item), score)
            for n, (item, score) in enumerate(pairs, start=1)
        )
        return Lists(self.codec.name(self.seen[-1]) if self.seen else "", tuple(items), tuple(notices))

    def save(self) -> bytes:
        """Return the state after the last event, and what the session has had."""
        stream = torch.frombuffer(bytearray(self.stream.save()), dtype=torch.uint8)
        return write_tensors({"stream": stream, "seen": torch.tensor(self.seen, dtype=torch.int32)})
