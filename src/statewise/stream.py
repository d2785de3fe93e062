"""The only object that holds a state: a sequence under way, to be pushed on, forked, put away and opened again."""

import copy
import hashlib
from collections.abc import Callable, Iterable
from typing import Any, Generic, Self, TypeVar, final

import torch
from torch import Tensor

from statewise.errors import DataError
from statewise.model import Model
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
    one.

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
        self, model: Model[Params], *, encode: Callable[[Any], Any] | None = None, context: Any = None
    ) -> None:
        self.model, self.encode, self.context = model, encode or (lambda x: x), context
        self.state, self._row = self._fresh()

    @property
    def params(self) -> Params:
        """The distribution of what comes next, given all that was pushed."""
        return map_leaves(lambda leaf: leaf[0], self._row)

    def push(self, x: Any) -> Params:
        """Read one input and return the distribution of what comes next."""
        self._row, self.state = self._step(x)
        return self.params

    def push_many(self, xs: Iterable[Any]) -> Params:
        """Read inputs one after another and return the distribution behind the last."""
        for x in xs:
            self.push(x)
        return self.params

    def peek(self, x: Any) -> Params:
        """Return what `push` would, without reading on."""
        row, _ = self._step(x)
        return map_leaves(lambda leaf: leaf[0], row)

    def fork(self) -> "Stream[Params]":
        """Return a second stream from here; the two go on without each other."""
        return copy.copy(self)

    def reset(self) -> None:
        """Go back to the beginning, with nothing seen but the context."""
        self.state, self._row = self._fresh()

    def save(self) -> bytes:
        """Return the stream as bytes, from which `open` goes on bit for bit."""
        return to_bytes((self.state, self._row), {"format": FORMAT, "model": model_digest(self.model)})

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
        (state, row), said = from_bytes(data, (stream.state, stream._row), "the saved stream")
        if said.get("format") != FORMAT or said.get("model") != model_digest(model):
            raise DataError("the saved stream belongs to a model with other weights: open it with the one that made it")
        stream.state, stream._row = state, row
        return stream

    def _fresh(self) -> tuple[Any, Params]:
        with torch.no_grad():
            weight = next(self.model.core.parameters())
            return self.model.begin(1, self.context), self.model.head(weight.new_zeros(1, self.model.core.units))

    def _step(self, x: Any) -> tuple[Params, Any]:
        device = next(self.model.parameters()).device
        encoded: Tensor = torch.as_tensor(self.encode(x), device=device)
        with torch.no_grad():
            return self.model.step(encoded.unsqueeze(0), self.state)
