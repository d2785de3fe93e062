"""The network that watches: numbers or a convolution of frames, layers of a cell, a class at every step."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from statewise.cells import Bidirectional
from statewise.cells.dropout import Dropout
from statewise.data.movement.movement_codec import MovementCodec
from statewise.data.window import Window
from statewise.encoders.frame_convolution import FrameConvolution
from statewise.errors import UsageError
from statewise.heads import Categorical
from statewise.model import Model, evaluating
from statewise.task import stacked_core

CANNOT = (
    "a network that reads both ways cannot stream: half of what it says comes from the end; train without --two-way"
)


class BothWays(nn.Module):
    """Layers that read a whole recording from both ends; as a core they have no state to go on from."""

    def __init__(self, cell: str, features: int, units: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.features = features
        parts: list[Bidirectional] = []
        for _ in range(layers):
            parts.append(Bidirectional(stacked_core(cell, features, units, 1), stacked_core(cell, features, units, 1)))
            features = parts[-1].units
        self.parts, self.units, self.dropout = nn.ModuleList(parts), features, nn.Dropout(dropout)

    def initial(self, rows: int, context: Any = None) -> tuple[()]:
        """Return nothing: there is no state."""
        return ()

    def scan(
        self, xs: Tensor, state: Any, *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, Any]:
        """Read whole recordings `[T, B, D]`."""
        for part in self.parts:
            both_ways: Any = part
            xs = self.dropout(both_ways.scan(xs, mask=mask)[0])
        return xs, ()

    def step(self, x: Tensor, state: Any) -> Any:
        """Raise `UsageError`."""
        raise UsageError(CANNOT)


def network(task: Any, codec: MovementCodec) -> Model[Any]:
    """Return an untrained network."""
    encoder: nn.Module = nn.Identity()
    features = codec.numbers
    if codec.is_film:
        encoder = FrameConvolution(codec.stack, *codec.shape, features=task.embedding, dropout=task.dropout)
        features = task.embedding
    if task.two_way:
        core: Any = BothWays(task.cell, features, task.hidden_size, task.layers, task.dropout)
    else:
        core = stacked_core(task.cell, features, task.hidden_size, task.layers)
        core = Dropout(core, task.dropout) if task.dropout else core
    return Model(encoder, core, Categorical(core.units, len(codec.classes)))


def logs_of(model: Model[Any], steps: Any) -> NDArray[np.float64]:
    """Return the log-probabilities `[T, C]` of the classes at each step `[T, D]` of one recording."""
    weights = next(model.parameters())
    xs = torch.from_numpy(steps).to(weights).unsqueeze(1)
    with evaluating(model), torch.no_grad():
        logits, _ = model.scan(Window(xs, xs), model.begin(1))
    found: NDArray[np.float64] = logits[:, 0].double().log_softmax(dim=-1).cpu().numpy()
    return found
