"""The only object that holds a state: a sequence under way, to be pushed on, forked, put away and opened again."""

import copy
import hashlib
from collections.abc import Callable, Iterable
from typing import Any, Generic, Self, TypeVar, cast, final

import torch
from torch import Tensor

from statewise.choosing import Rule, narrow, uniform
from statewise.errors import DataError
from statewise.heads import Categorical, Head
from statewise.model import Model
from statewise.program import Place, Program, program_of
from statewise.state import from_bytes, map_leaves, to_bytes

Params = TypeVar("Params")

FORMAT = "1"


def model_digest(model: Model[Any]) -> str:
    """Return a sha256 over a model's weights, by which a saved state knows whose it is."""
    total = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        total.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


@final
class Stream(Generic[Params]):
    """A model somewhere in a sequence.

    `state` is all that it knows of the past, `params` the distribution of what comes next. `encode` turns what is
    pushed into the number or tensor that the model reads. `context`, of one row, is what a model begins from that reads
    one. Where `statewise.program` knows the model, its native code does the work, with weights kept as `storage`
    (`float32`, `bfloat16`, `int8`), else `model.step`.

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
    ) -> None:
        self.model, self.encode, self.context = model, encode or (lambda x: x), context
        self._program = program_of(model, storage)
        self._at, self._params = self._fresh()

    @property
    def state(self) -> Any:
        """All that is known of the past, with a row of its own."""
        return self._program.state(self._at) if self._program and isinstance(self._at, Place) else self._at

    @property
    def params(self) -> Params:
        """The distribution of what comes next, given all that was pushed."""
        return self._params

    def push(self, x: Any) -> Params:
        """Read one input and return the distribution of what comes next."""
        self._params, self._at = self._step(x)
        return self._params

    def push_many(self, xs: Iterable[Any]) -> Params:
        """Read inputs one after another and return the distribution behind the last."""
        place = self._place()
        if place is None:
            for x in xs:
                self.push(x)
        elif encoded := [torch.as_tensor(self.encode(x)) for x in xs]:
            logits, self._at = self._known().read(torch.stack(encoded), place)
            self._params = cast(Params, logits)
        return self._params

    def write(self, steps: int, rule: Rule, seed: int, first: int = 0) -> list[int]:
        """Make so many choices, each pushed before the next; choice n takes number `first + n` of the seed's stream."""
        place = self._place()
        if place is not None and self._known().choices:
            given = cast(Tensor, self._params)
            choices, logits, self._at = self._known().write(given, place, steps, rule, seed, first)
            self._params = cast(Params, logits)
            return choices.tolist()
        chosen = []
        for n in range(first, first + steps):
            chosen.append(self._choose(rule, uniform(seed, n)))
            self.push(chosen[-1])
        return chosen

    def peek(self, x: Any) -> Params:
        """Return what `push` would, without reading on."""
        params, _ = self._step(x)
        return params

    def fork(self) -> "Stream[Params]":
        """Return a second stream from here; the two go on without each other."""
        return copy.copy(self)

    def reset(self) -> None:
        """Go back to the beginning, with nothing seen but the context."""
        self._at, self._params = self._fresh()

    def save(self) -> bytes:
        """Return the stream as bytes, from which `open` goes on bit for bit."""
        row = map_leaves(lambda leaf: leaf.unsqueeze(0), self._params)
        return to_bytes((self.state, row), {"format": FORMAT, "model": model_digest(self.model)})

    @classmethod
    def open(
        cls,
        model: Model[Params],
        data: bytes,
        *,
        encode: Callable[[Any], Any] | None = None,
        context: Any = None,
    ) -> Self:
        """Go on from saved bytes. Raises `DataError` where they are damaged or of another model.

        What the context said is in the saved state; it is given again only for `reset` to begin from.
        """
        stream = cls(model, encode=encode, context=context)
        like = stream.state, map_leaves(lambda leaf: leaf.unsqueeze(0), stream._params)
        (state, row), said = from_bytes(data, like, "the saved stream")
        if said.get("format") != FORMAT or said.get("model") != model_digest(model):
            raise DataError("the saved stream belongs to a model with other weights: open it with the one that made it")
        stream._at, stream._params = state, _only_row(row)
        return stream

    def _fresh(self) -> tuple[Any, Params]:
        with torch.no_grad():
            weight = next(self.model.core.parameters())
            begun = self.model.begin(1, self.context)
            return begun, _only_row(self.model.head(weight.new_zeros(1, self.model.core.units)))

    def _step(self, x: Any) -> tuple[Params, Any]:
        place = self._place()
        if place is not None:
            return self._program.push(self.encode(x), place)  # type: ignore[union-attr, return-value]
        device = next(self.model.parameters()).device
        encoded: Tensor = torch.as_tensor(self.encode(x), device=device)
        with torch.no_grad():
            row, state = self.model.step(encoded.unsqueeze(0), self.state)
        return _only_row(row), state

    def _known(self) -> Program:
        assert self._program is not None
        return self._program

    def _place(self) -> Place | None:
        """Return where the stream is, as its program has it; None where the model itself has to step."""
        program = self._program
        if program is None or not program.applies():
            return None
        return self._at if type(self._at) is Place else program.place(self._at)

    def _choose(self, rule: Rule, number: float) -> int:
        logits, head = cast(Tensor, self.params), self.model.head
        if isinstance(head, Categorical):
            return rule.choose(logits, number)
        allowed = narrow(logits, top_k=rule.top_k, top_p=rule.top_p, never=rule.never).unsqueeze(0)
        generator = torch.Generator().manual_seed(int(number * 2**53))
        return int(cast(Head[Tensor], head).sample(allowed, temperature=rule.temperature, generator=generator))


def _only_row(params: Params) -> Params:
    return map_leaves(lambda leaf: leaf[0], params)
