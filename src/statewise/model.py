"""A model: an encoder, a recurrent core and a head, which together map `(x, state)` to `(distribution, state)`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar, final

import torch
from torch import Tensor, nn

from statewise.cells import Recurrent, begin, reads_context
from statewise.cells.stretches import read_stretches
from statewise.data.window import Window, map_targets
from statewise.encoders.encoder import StepInput, step_input
from statewise.errors import UsageError
from statewise.heads import Head, Loss, Term

Params = TypeVar("Params")


class Opening(NamedTuple):
    """The output of a reader: the context for the core, and named terms of the loss, one number per row."""

    context: Any
    terms: Mapping[str, Tensor] = MappingProxyType({})


@final
class Model(nn.Module, Generic[Params]):
    """Encoder, core and head as one value; its state is the core's.

    The encoder maps raw inputs `[...]` or `[..., D]` to features `[..., D]`, one step or many alike. A `reader`, where
    there is one, is any module that maps a raw context, a tensor or tuple of tensors `[B, ...]`, to what the core
    begins from: a network over another sequence, over an image, or a table of speakers. It learns with the rest. It may
    return an `Opening`, whose terms join the loss.

    >>> import torch
    >>> from statewise.cells import LSTM
    >>> from statewise.heads import Categorical
    >>> model = Model(nn.Embedding(10, 5), LSTM(5, 4), Categorical(4, 10))
    >>> logits, state = model.step(torch.tensor([3, 1]), model.begin(rows=2))
    >>> logits.shape
    torch.Size([2, 10])
    """

    def __init__(
        self, encoder: nn.Module, core: Recurrent[Any], head: Head[Params], reader: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.encoder, self.core, self.head = encoder, core, head
        self.reader: nn.Module | None = reader  # PyTorch keeps no part for None, so checkpoints of other models stay

    def begin(self, rows: int = 1, context: Any = None) -> Any:
        """Return the state before the first input, made from a context where one is given.

        Raises `UsageError` where the core reads no context.
        """
        return self.open(rows, context)[0]

    def open(self, rows: int, context: Any) -> tuple[Any, Mapping[str, Tensor]]:
        """Return the state before the first input, and the reader's terms of the loss, `[B]` each, by name.

        Raises `UsageError` where the core reads no context.
        """
        if context is None:
            return begin(self.core, rows), {}
        if not reads_context(self.core):
            raise UsageError(
                f"a context was given but the {type(self.core).__name__} begins without one: wrap it in Conditioned, "
                "or give it attention"
            )
        read = context if self.reader is None else self.reader(context)
        opening = read if isinstance(read, Opening) else Opening(read)
        return begin(self.core, rows, opening.context), opening.terms

    def step(self, x: Tensor, state: Any) -> tuple[Params, Any]:
        """Read one input for each row and return the distribution of what comes next, and the next state."""
        y, state = self.core.step(self.encoder(x), state)
        return self.head(y), state

    def scan(self, window: Window, state: Any) -> tuple[Params, Any]:
        """Read a window and return the distribution at each of its steps, and the last state.

        Rows that begin within the window begin from its context, where it has one.
        """
        ys, state, _ = self._read(window, state)
        return self.head(ys), state

    def _read(self, window: Window, state: Any) -> tuple[Tensor, Any, dict[str, Term]]:
        xs = self.encoder(window.inputs)
        state = state if window.state is None else window.state
        if window.context is None:
            return *self.core.scan(xs, state, reset=window.reset, mask=window.mask), {}
        begins = window.begins
        begun = begins.any(dim=0)
        fresh, terms = self.open(window.rows, window.context)
        ys, state = read_stretches(self._scan, xs, state, lambda rows: fresh, begins, window.mask)
        return ys, state, {name: Term((term * begun).sum(), begun.sum()) for name, term in terms.items()}

    def _scan(self, xs: Tensor, state: Any, mask: Tensor | None) -> tuple[Tensor, Any]:
        return self.core.scan(xs, state, mask=mask)

    def loss(self, window: Window, state: Any) -> tuple[Loss, Any]:
        """Return how badly the scored places of a window were predicted, in nats, and the last state."""
        ys, state, terms = self._read(window, state)
        targets, places = window.targets, window.places
        if window.scored is not None and not window.is_labelled:
            ys, targets, places = _scored_steps(ys, window)
        loss = self.head.loss(self.head(ys), targets, places)
        return (loss._replace(terms={**loss.terms, **terms}) if terms else loss), state

    def forward(self, window: Window, state: Any) -> tuple[Loss, Any]:
        """Return the loss: `loss` under the name by which PyTorch and Fabric call a module."""
        return self.loss(window, state)

    @property
    def step_input(self) -> StepInput:
        """The inputs of one step."""
        return step_input(self.encoder, self.core.features)

    @property
    def parameter_count(self) -> int:
        """The number of trainable parameters."""
        return sum(parameter.numel() for parameter in self.parameters())


def as_input(model: Model[Any], x: Any) -> Tensor:
    """Return one input as a model's step reads it, of no row yet, on the device of its weights.

    Raises `UsageError` for one that the model cannot read, as a number that an embedding has no row for.

    >>> from statewise.cells import LSTM
    >>> from statewise.heads import Categorical
    >>> as_input(Model(nn.Embedding(10, 5), LSTM(5, 4), Categorical(4, 10)), 3)
    tensor(3)
    """
    return model.step_input.read(x, next(model.parameters(), torch.empty(0)))


def _scored_steps(ys: Tensor, window: Window) -> tuple[Tensor, Any, Tensor]:
    """Return outputs, targets and places of those steps alone at which some row is scored: a head may be large."""
    places = window.places
    assert places is not None
    steps = places.any(dim=1)
    if bool(steps.all()):
        return ys, window.targets, places
    return ys[steps], map_targets(lambda part: part[steps], lambda part: part, window.targets), places[steps]


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model into evaluation mode within a block, and restore its mode after it."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(was_training)
