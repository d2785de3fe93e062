"""A model: an encoder, a recurrent core and a head, which together map `(x, state)` to `(distribution, state)`."""

from typing import Any, Generic, TypeVar, final

from torch import Tensor, nn

from statewise.cells import Recurrent, begin, reads_context
from statewise.data.window import Window
from statewise.errors import UsageError
from statewise.heads import Head, Loss

Params = TypeVar("Params")


@final
class Model(nn.Module, Generic[Params]):
    """Encoder, core and head as one value; its state is the core's.

    The encoder maps raw inputs `[...]` or `[..., D]` to features `[..., D]`, one step or many alike.

    >>> import torch
    >>> from statewise.cells import LSTM
    >>> from statewise.heads import Categorical
    >>> model = Model(nn.Embedding(10, 5), LSTM(5, 4), Categorical(4, 10))
    >>> logits, state = model.step(torch.tensor([3, 1]), model.begin(rows=2))
    >>> logits.shape
    torch.Size([2, 10])
    """

    def __init__(self, encoder: nn.Module, core: Recurrent[Any], head: Head[Params]) -> None:
        super().__init__()
        self.encoder, self.core, self.head = encoder, core, head

    def begin(self, rows: int = 1, context: Any = None) -> Any:
        """Return the state before the first input; what a context says is in it.

        Raises `UsageError` where the core reads no context.
        """
        if context is not None and not reads_context(self.core):
            raise UsageError(
                f"a context was given but the {type(self.core).__name__} begins without one: wrap it in Conditioned, "
                "or give it attention"
            )
        return begin(self.core, rows, context)

    def step(self, x: Tensor, state: Any) -> tuple[Params, Any]:
        """Read one input for each row and return the distribution of what comes next, and the next state."""
        y, state = self.core.step(self.encoder(x), state)
        return self.head(y), state

    def scan(self, window: Window, state: Any) -> tuple[Params, Any]:
        """Read a window and return the distribution at each of its steps, and the last state."""
        ys, state = self.core.scan(self.encoder(window.inputs), state, reset=window.reset, mask=window.mask)
        return self.head(ys), state

    def loss(self, window: Window, state: Any) -> tuple[Loss, Any]:
        """Return how badly a window was predicted, in nats, and the last state."""
        params, state = self.scan(window, state)
        return self.head.loss(params, window.targets, window.mask), state

    def forward(self, window: Window, state: Any) -> tuple[Loss, Any]:
        """Return the loss: `loss` under the name by which PyTorch and Fabric call a module."""
        return self.loss(window, state)

    @property
    def parameter_count(self) -> int:
        """How many numbers training adjusts."""
        return sum(parameter.numel() for parameter in self.parameters())
