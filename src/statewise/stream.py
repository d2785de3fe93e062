"""The only object that holds a state: a sequence that is read step by step, forked, saved and opened again."""

import copy
import hashlib
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Generic, Self, TypeVar, cast, final
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from statewise.bounds import check_whole, code
from statewise.cells.validation import check_state
from statewise.errors import DataError, UsageError
from statewise.model import Model, as_input
from statewise.program import Declined, PackedState, program_of
from statewise.sampling import DrawnAhead, NextDraw, SamplingRule, check_writing, uniform
from statewise.state import UNSEALED, Packing, check_seal, from_bytes, leaves, map_leaves, seal, to_bytes

Params = TypeVar("Params")

FORMAT = "2"
HISTORY = 16
"So many calls can be undone, unless another number is asked for."
MOST_CALLS = 2**31 - 1
OTHERS = "the saved stream belongs to a model with other weights: open it with the one that made it"


_digests: "WeakKeyDictionary[Model[Any], str]" = WeakKeyDictionary()
"Of models whose weights are final."


def keep_digest(model: Model[Any]) -> str:
    """Return the digest of a model whose weights do not change any more, and do not compute it again.

    A server calls this: a digest of 16 MB of weights at every answer would take longer than most answers.
    """
    return _digests.setdefault(model, model_digest(model))


def model_digest(model: Model[Any]) -> str:
    """Return a sha256 over a model's weights, by which a saved state knows whose it is."""
    if (kept := _digests.get(model)) is not None:
        return kept
    total = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        total.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


@final
class Stream(Generic[Params]):
    """A model and its state after the inputs that it has read.

    `state` is all that it knows of the past, `params` the distribution of what comes next. `encode` turns what is
    pushed into the number or tensor that the model reads. `context`, of one row, is what a model begins from that reads
    one. Where `statewise.program` knows the model, its native code does the work, with weights kept as `storage`
    (`float32`, `bfloat16`, `int8`), else `model.step`; it always speaks with the model's weights as they are, as far as
    `statewise.program.freshness` can see them. The last `history` calls can be undone. Threads may share a stream: a
    call waits until another one's is done, and begins where that ended.

    >>> from statewise.cells import LSTM
    >>> from statewise.heads import Categorical
    >>> model = Model(torch.nn.Embedding(10, 5), LSTM(5, 4), Categorical(4, 10))
    >>> stream = Stream(model)
    >>> stream.push(3).shape
    torch.Size([10])
    >>> other = stream.fork()
    >>> bool((other.push(1) == stream.push(1)).all())
    True
    """

    def __init__(
        self,
        model: Model[Params],
        *,
        encode: Callable[[Any], Any] | None = None,
        context: Any = None,
        storage: str = "float32",
        history: int = HISTORY,
    ) -> None:
        check_whole("a history of", history, 0, MOST_CALLS)
        self.model, self.encode, self.context = model, encode or (lambda x: x), context
        self._program, self._lock = program_of(model, storage), threading.RLock()
        self.refresh()
        self._before: deque[tuple[Any, Params, int]] = deque(maxlen=history)
        self._at, self._params = self._fresh()
        self._steps = 0
        self._next_draw: NextDraw | None = None
        self._ahead: tuple[DrawnAhead, ...] = ()

    @property
    def state(self) -> Any:
        """All that is known of the past, with a row of its own."""
        at = self._at
        return at.state if type(at) is PackedState else at

    @property
    def params(self) -> Params:
        """The distribution of what comes next, given all that was pushed."""
        return self._params

    @property
    def fresh(self) -> bool:
        """Whether it is where it would be with nothing read."""
        at, params = self._fresh()
        return all(map(torch.equal, leaves((self.state, self._params)), leaves((at, params))))

    @property
    def steps(self) -> int:
        """How many inputs were read since the beginning, or since the stream was opened."""
        return self._steps

    @property
    def next_draw(self) -> NextDraw | None:
        """The choice that this stream makes next, if it is writing and the choice was not drawn in advance."""
        return None if self._ahead else self._next_draw

    def take_ahead(self, ahead: Iterable[DrawnAhead]) -> None:
        """Take the next choices of `write`, drawn in advance; any other call discards them."""
        self._ahead = tuple(ahead)

    def push(self, x: Any) -> Params:
        """Read one input and return the distribution of what comes next.

        Raises `UsageError` for what the model cannot read; the stream stays where it is.
        """
        with self._lock:
            params, at = self._step(x)
            self._go(at, params, self._steps + 1)
            return params

    def push_many(self, xs: Iterable[Any]) -> Params:
        """Read inputs one after another and return the distribution after the last."""
        with self._lock:
            read = self._inputs(xs)  # before any is read: all of them, or none
            if not len(read):
                return self._params
            params, at = self._read(read)
            self._go(at, params, self._steps + len(read))
            return params

    def write(self, steps: int, rule: SamplingRule, seed: int, first: int = 0) -> list[int]:
        """Make so many choices, each pushed before the next; choice n takes number `first + n` of the seed's stream."""
        check_writing(steps, seed, first)
        with self._lock:
            ahead = self._ahead
            if steps == 1 and ahead and ahead[0].draw == (rule, seed, first) and self._would_see(ahead[0]):
                seen = ahead[0]
                at, row = slice(seen.row, seen.row + 1), seen.row
                self._go(map_leaves(lambda leaf: leaf[at], seen.state), seen.params[row], self._steps + 1)
                chosen, self._ahead = [seen.choice], ahead[1:]
            else:
                chosen = self._write(steps, rule, seed, first)
            self._next_draw = NextDraw(rule, seed, first + steps)
            return chosen

    def peek(self, x: Any) -> Params:
        """Return what `push` would, without reading on."""
        with self._lock:
            return self._step(x)[0]

    def fork(self) -> "Stream[Params]":
        """Return an independent copy of the stream."""
        with self._lock:
            other = copy.copy(self)
            other._before, other._lock = self._before.copy(), threading.RLock()
            return other

    def undo(self, calls: int = 1) -> Params:
        """Go back to where the stream was so many calls of `push`, `push_many`, `write` or `reset` ago.

        Returns the distribution there. Raises `UsageError` beyond what the history holds: the last 16, by default.
        """
        with self._lock:
            if not 1 <= calls <= len(self._before):
                raise UsageError(
                    f"{calls} calls cannot be undone: the stream remembers {len(self._before)}, give 1 or more"
                )
            for _ in range(calls):
                self._at, self._params, self._steps = self._before.pop()
            self._next_draw, self._ahead = None, ()
            return self._params

    def refresh(self) -> None:
        """Heed even a few numbers of the model that were changed with no trace left, as through `.data` or NumPy.

        All other changes are heeded by every call, but for a square weight transposed over its own memory, which never
        is: `w.data = w.data.T` changes no number (`statewise.program.freshness`).
        """
        if self._program:
            self._program.applies(whole=True)

    def reset(self) -> None:
        """Go back to the beginning, with nothing seen but the context."""
        self.refresh()
        with self._lock:
            self._go(*self._fresh(), 0)

    def save(self) -> bytes:
        """Return the stream as sealed bytes, from which `open` goes on bit for bit. Its history is not in them."""
        return seal(to_bytes(self._whole(), {**self._words(), "sha256": UNSEALED}))

    def packing(self) -> Packing[tuple[Any, Params]]:
        """Return the layout in bytes of the states and distributions of such streams, as `save` writes them."""
        return Packing(self._whole(), self._words())

    @classmethod
    def open(
        cls,
        model: Model[Params],
        data: bytes,
        *,
        encode: Callable[[Any], Any] | None = None,
        context: Any = None,
    ) -> Self:
        """Go on from saved bytes. Raises `DataError` where they are damaged, or of another model or version.

        What the context said is in the saved state; it is given again only for `reset` to begin from.
        """
        stream = cls(model, encode=encode, context=context)
        (state, row), said = from_bytes(data, stream._whole(), "the saved stream", rows=1)
        if said.get("format") != FORMAT:
            raise DataError(
                f"the saved stream has format {said.get('format')}, not {FORMAT}: open it where it was made"
            )
        if said.get("model") != model_digest(model):
            raise DataError(OTHERS)
        check_seal(data, "the saved stream")
        stream._at, stream._params = state, _only_row(row)
        return stream

    def _whole(self) -> tuple[Any, Params]:
        with self._lock:
            return self.state, map_leaves(lambda leaf: leaf.unsqueeze(0), self._params)

    def _words(self) -> dict[str, str]:
        return {"format": FORMAT, "model": model_digest(self.model)}

    def _go(self, at: Any, params: Params, steps: int) -> None:
        self._before.append((self._at, self._params, self._steps))
        self._at, self._params, self._steps = at, params, steps
        self._next_draw, self._ahead = None, ()

    def _fresh(self) -> tuple[Any, Params]:
        with torch.no_grad():
            weight = next(self.model.core.parameters())
            begun = self.model.begin(1, self.context)
            return begun, _only_row(self.model.head(weight.new_zeros(1, self.model.core.units)))

    def _step(self, x: Any) -> tuple[Params, Any]:
        x, program = self.encode(x), self._program
        if program is not None:
            try:
                at = self._at if type(self._at) is PackedState else program.place(self._at)
                return program.push(x, at)  # type: ignore[return-value]
            except Declined:
                pass
        return self._step_by_model(as_input(self.model, x), self._at)

    def _inputs(self, xs: Iterable[Any]) -> Tensor:
        if choices := self.model.step_input.codes:
            return torch.tensor([code(self.encode(x), choices) for x in xs], dtype=torch.int64)
        read = [as_input(self.model, self.encode(x)) for x in xs]
        return torch.stack(read) if read else torch.empty(0)

    def _read(self, xs: Tensor) -> tuple[Params, Any]:
        program = self._program
        if program is not None:
            try:
                at = self._at if type(self._at) is PackedState else program.place(self._at)
                return program.read(xs, at)  # type: ignore[return-value]
            except Declined:
                pass
        params, at = self._params, self._at
        for x in xs.to(next(self.model.parameters(), xs).device):
            params, at = self._step_by_model(x, at)
        return params, at

    def _step_by_model(self, x: Tensor, at: Any) -> tuple[Params, Any]:
        state = at.state if type(at) is PackedState else at
        with torch.no_grad():
            try:
                row, state = self.model.step(x.unsqueeze(0), state)
            except RuntimeError:
                check_state("this model, as it is now,", state, self.model.begin(1, self.context))
                raise
        return _only_row(row), state

    def _write(self, steps: int, rule: SamplingRule, seed: int, first: int) -> list[int]:
        program = self._program
        if program is not None and program.writes:
            try:
                at = self._at if type(self._at) is PackedState else program.place(self._at)
                choices, logits, at = program.write(cast(Tensor, self._params), at, steps, rule, seed, first)
            except Declined:
                pass
            else:
                self._go(at, cast(Params, logits), self._steps + steps)
                return choices.tolist()
        ahead, chosen = self.fork(), []
        for n in range(first, first + steps):
            chosen.append(rule.choose(ahead.model.head.logits(ahead.params), uniform(seed, n)))
            ahead.push(chosen[-1])
        self._go(ahead._at, ahead._params, ahead._steps)
        return chosen

    def _would_see(self, seen: DrawnAhead) -> bool:
        """Say whether a draw made in advance is what this stream would draw itself: the weights are the same."""
        program = self._program
        return program is not None and program.applies() and program.packed is seen.by


def _only_row(params: Params) -> Params:
    return map_leaves(lambda leaf: leaf[0], params)
