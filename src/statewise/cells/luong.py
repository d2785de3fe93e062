"""Multiplicative attention: how well a vector of a memory fits the query is their product."""

from typing import Literal, final

import torch
from torch import Tensor
from torch.nn.functional import linear

from statewise.cells.attention_memory import Attention, AttentionMemory, glimpse, shares
from statewise.cells.initializers import glorot
from statewise.errors import UsageError
from statewise.registry import unknown


@final
class Luong(Attention[AttentionMemory]):
    r"""Multiplicative attention over a memory `m_1 ... m_S`.

        dot: e_s = q . m_s        general: e_s = q . W m_s        a = softmax(e)        y = sum_s a_s m_s

    `dot` has no weights and needs a query as wide as the memory.

    Shapes: query `[B, features]`, memory `[B, S, memory]`. Raises `UsageError` for another score, for `dot` of unequal
    widths, and for a memory of another shape. Source: Luong, Pham & Manning 2015, section 3.1.

    >>> attention = Luong(features=5, memory=4, score="general")
    >>> state = attention.initial(3, context=torch.randn(3, 7, 4))
    >>> y, state = attention.step(torch.randn(3, 5), state)
    >>> y.shape, attention.align(torch.randn(3, 5), state).shape
    (torch.Size([3, 4]), torch.Size([3, 7]))
    """

    def __init__(self, features: int, memory: int, *, score: Literal["dot", "general"] = "general") -> None:
        super().__init__()
        if score not in ("dot", "general"):
            raise UsageError(unknown("score", score, ["dot", "general"]))
        if score == "dot" and features != memory:
            raise UsageError(
                f"Luong's dot multiplies a query of {features} with a memory of {memory}: make them equal, or give "
                "score='general'"
            )
        self.features, self.units, self.score = features, memory, score
        self.score_weights = glorot(1, memory, features) if score == "general" else None
        # without weights nothing else would tell in which type, and where, a memory of zeros is wanted
        self.register_buffer("nothing", torch.empty(0), persistent=False)

    def initial(self, rows: int, context: Tensor | AttentionMemory | None = None) -> AttentionMemory:
        """Return the memory."""
        return self.remember(rows, context)

    def step(self, x: Tensor, state: AttentionMemory) -> tuple[Tensor, AttentionMemory]:
        """Read one query `[B, Q]`."""
        return glimpse(self.align(x, state), state), state

    def look(self, query: Tensor, state: AttentionMemory) -> tuple[Tensor, Tensor, AttentionMemory]:
        """Read one query, and return how much of each vector was read as well."""
        read = self.align(query, state)
        return glimpse(read, state), read, state

    def align(self, query: Tensor, state: AttentionMemory) -> Tensor:
        """Return the share `[B, S]` of each vector."""
        asked = query if self.score_weights is None else linear(query, self.score_weights)
        return shares(torch.einsum("bd,bsd->bs", asked, state.values), state.mask)
