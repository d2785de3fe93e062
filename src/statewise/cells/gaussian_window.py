"""A window that slides along a memory, as a pen moves along the text that it writes."""

import math
from typing import NamedTuple, final

import torch
from torch import Tensor
from torch.nn.functional import linear

from statewise.bounds import shown
from statewise.cells.attention_memory import Attention, AttentionMemory, glimpse
from statewise.cells.initializers import glorot, zeros
from statewise.errors import UsageError


class GaussianWindowState(NamedTuple):
    """The state of a window: the memory, and where each of its K hills has come to, `position` `[B, K]`."""

    memory: AttentionMemory
    position: Tensor


@final
class GaussianWindow(Attention[GaussianWindowState]):
    r"""Attention by K hills over the places 1 ... S of a memory, which move forward only.

        a, b, d = exp(W q + bias)        p' = p + d
        phi_s = sum_k a_k exp(-b_k (p'_k - s)^2)        y = sum_s phi_s m_s

    What it reads depends on where in the memory it is, not on what is there, so it suits a memory that is told in the
    order in which it was written: text that is spoken or written by hand. `phi` is not normalised.

    `first_move` is how many places a step moves before training. Where a pen takes 25 points to a letter give 1 / 25:
    moving a letter a point, the window would pass the end of the text before a word of it is written.

    Shapes: query `[B, features]`, memory `[B, S, memory]`. Raises `UsageError` for a memory of another shape, and for a
    first move that is none. Source: Graves 2013, section 5.

    >>> window = GaussianWindow(features=5, memory=4, hills=2)
    >>> state = window.initial(3, context=torch.randn(3, 7, 4))
    >>> y, after = window.step(torch.randn(3, 5), state)
    >>> y.shape, bool((after.position > state.position).all())
    (torch.Size([3, 4]), True)
    """

    def __init__(self, features: int, memory: int, hills: int, *, first_move: float = 1.0) -> None:
        super().__init__()
        if not 0 < first_move < math.inf:
            raise UsageError(
                f"first_move {shown(first_move)} moves no hill: give how many places a step moves it at first"
            )
        self.features, self.units, self.hills = features, memory, hills
        self.query_weights = glorot(3, hills, features)
        self.bias = zeros(3 * hills)
        with torch.no_grad():
            self.bias[2 * hills :] = math.log(first_move)

    def initial(self, rows: int, context: Tensor | AttentionMemory | None = None) -> GaussianWindowState:
        """Return the memory, and every hill before its first place."""
        return GaussianWindowState(self.remember(rows, context), self.blank(rows, self.hills))

    def step(self, x: Tensor, state: GaussianWindowState) -> tuple[Tensor, GaussianWindowState]:
        """Read one query `[B, Q]` and move on."""
        phi, position = self._move(x, state)
        return glimpse(phi, state.memory), GaussianWindowState(state.memory, position)

    def align(self, query: Tensor, state: GaussianWindowState) -> Tensor:
        """Return the height `[B, S]` of the window over each vector, after the move that the query asks for."""
        return self._move(query, state)[0]

    def is_behind(self, query: Tensor, state: GaussianWindowState) -> Tensor:
        """Say of each row, `[B]`, whether the move that the query asks for takes the window past the end of its memory.

        It is past the end where the window's weight of the place after the last vector is larger than that of every
        vector: there a pen stops writing. Weights are compared as logarithms, so that hills which have moved further
        are past the end as well. A row without a memory is past the end from the start. Source: Graves 2013, section
        5.1.
        """
        height, width, move = linear(query, self.query_weights, self.bias).chunk(3, dim=-1)
        position, mask = state.position + move.exp(), state.memory.mask
        places = torch.arange(1, mask.shape[1] + 2, device=query.device)
        distance = position.unsqueeze(-1) - places  # [B, K, S + 1]
        heights = (height.unsqueeze(-1) - width.exp().unsqueeze(-1) * distance.square()).logsumexp(dim=1)
        last = (mask * places[:-1]).amax(dim=1, keepdim=True)
        next_height = heights.gather(1, last)  # of place last + 1, since places begin with 1
        return (next_height > heights[:, :-1].masked_fill(~mask, -math.inf)).all(dim=1)

    def _move(self, query: Tensor, state: GaussianWindowState) -> tuple[Tensor, Tensor]:
        height, width, move = linear(query, self.query_weights, self.bias).exp().chunk(3, dim=-1)
        position = state.position + move
        places = torch.arange(1, state.memory.mask.shape[1] + 1, device=query.device)
        distance = position.unsqueeze(-1) - places  # [B, K, S]
        phi = (height.unsqueeze(-1) * torch.exp(-width.unsqueeze(-1) * distance.square())).sum(dim=1)
        return phi * state.memory.mask, position
