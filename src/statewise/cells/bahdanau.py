"""Additive attention: a small network says how well each vector of a memory fits the query."""

from typing import final

import torch
from torch import Tensor
from torch.nn.functional import linear

from statewise.cells.attention_memory import Attention, AttentionMemory, glimpse, shares
from statewise.cells.initializers import glorot, zeros


@final
class Bahdanau(Attention[AttentionMemory]):
    r"""Additive attention over a memory `m_1 ... m_S`.

        e_s = v . tanh(W_q q + W_m m_s + b)        a = softmax(e)        y = sum_s a_s m_s

    Query and memory need not be equally wide. The vectors need no order, and none is read where the mask is false.

    Shapes: query `[B, features]`, memory `[B, S, memory]`. Raises `UsageError` for a memory of another shape.
    Source: Bahdanau, Cho & Bengio 2015, section 3.1 and appendix A.1.2.

    >>> attention = Bahdanau(features=5, memory=4, units=6)
    >>> state = attention.initial(3, context=torch.randn(3, 7, 4))
    >>> y, state = attention.step(torch.randn(3, 5), state)
    >>> y.shape, attention.align(torch.randn(3, 5), state).shape
    (torch.Size([3, 4]), torch.Size([3, 7]))
    """

    def __init__(self, features: int, memory: int, units: int) -> None:
        super().__init__()
        self.features, self.units = features, memory
        self.query_weights = glorot(1, units, features)
        self.memory_weights = glorot(1, units, memory)
        self.bias = zeros(units)
        self.score_weights = glorot(1, 1, units)

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
        asked = linear(query, self.query_weights, self.bias).unsqueeze(1)
        fits = torch.tanh(asked + linear(state.values, self.memory_weights))
        return shares(linear(fits, self.score_weights).squeeze(-1), state.mask)
