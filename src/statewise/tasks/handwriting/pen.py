"""The network that writes: LSTMs with skip connections, the first of which looks at the text through a window."""

from typing import Any, NamedTuple, final

import torch
from torch import Tensor, nn

from statewise.cells import AttentionCell, AttentionMemory, ConcatSkip, GaussianWindow
from statewise.data.window import Padded
from statewise.model import Model
from statewise.registry import find

STEP = 5
"Numbers of a step: dx, dy, and whether the pen draws on, is lifted, or the text ends."


@final
class Letters(nn.Module):
    """Maps letters, a `Padded` `[B, S]` of numbers, to a memory of one-hot vectors `[B, S, V]`."""

    def __init__(self, choices: int) -> None:
        super().__init__()
        self.choices = choices

    def forward(self, letters: Padded) -> AttentionMemory:
        """Return the memory."""
        told = torch.nn.functional.one_hot(letters.values.long(), self.choices)
        return AttentionMemory(told.float(), letters.mask)


def pen_core(cell: str, width: int, layers: int, choices: int, hills: int, first_move: float) -> ConcatSkip:
    """Return the cells of Graves 2013: each reads the point and the window, each is seen by the head.

        h1 = cell(x, w_last)        w = window(h1)        h2 = cell(x, h1, w)        h3 = cell(x, h1, w, h2)

    >>> core = pen_core("lstm", 4, 3, choices=6, hills=2, first_move=0.1)
    >>> core.features, core.units
    (5, 18)
    """
    make: Any = find("cells", cell)
    window = GaussianWindow(width, choices, hills, first_move=first_move)
    first = AttentionCell(make(STEP + choices, width), window)
    seen = STEP + first.units
    above = [make(seen + (width if number else 0), width) for number in range(layers - 1)]
    if not above:
        return ConcatSkip(first)
    return ConcatSkip(first, above[0] if len(above) == 1 else ConcatSkip(*above))


class PenStep(NamedTuple):
    """What a step of the pen says: parameters of the next point, the state, and the window over the text.

    `heights` `[B, S]` is how much of each letter is read, the end of the text as the last; `is_behind` `[B]` says where
    the window is past even that.
    """

    params: Any
    state: Any
    heights: Tensor
    is_behind: Tensor


def pen_step(model: Model[Any], x: Tensor, state: Any) -> PenStep:
    """Read a point for each row, as `model.step` does, and tell where the window went."""
    first: Any = next(iter(model.core))  # type: ignore[call-overload]
    y, after = model.core.step(model.encoder(x), state)
    hidden, before = y[:, : first.attention.features], state[0].attention
    window = first.attention
    return PenStep(model.head(y), after, window.align(hidden, before), window.is_behind(hidden, before))
