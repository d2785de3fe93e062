"""Attention with a gate: how much of what was seen is heeded."""

from typing import Any, final

import torch
from torch import Tensor
from torch.nn.functional import linear

from statewise.cells.attention_memory import Attention, AttentionMemory
from statewise.cells.initializers import glorot, zeros


@final
class GatedAttention(Attention[Any]):
    r"""Another attention whose glimpse is multiplied by a gate that the query opens: a word like "of" needs no look.

        y = sigmoid(w . q + b) attention(q)

    How much of each vector is read, `align`, is as without the gate. Source: Xu et al. 2015, section 4.2.1.

    >>> from statewise.cells import Luong
    >>> attention = GatedAttention(Luong(features=5, memory=4))
    >>> y, state = attention.step(torch.randn(3, 5), attention.initial(3, context=torch.randn(3, 7, 4)))
    >>> y.shape
    torch.Size([3, 4])
    """

    gate_names = ("look",)

    def __init__(self, attention: Attention[Any]) -> None:
        super().__init__()
        self.features, self.units, self.attention = attention.features, attention.units, attention
        self.gate_weights = glorot(1, 1, attention.features)
        self.bias = zeros(1)

    def initial(self, rows: int, context: Tensor | AttentionMemory | None = None) -> Any:
        """Return the state of the attention within."""
        return self.attention.initial(rows, context)

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Read one query `[B, Q]`."""
        y, after = self.attention.step(x, state)
        return y * self._gate(x), after

    def look(self, query: Tensor, state: Any) -> tuple[Tensor, Tensor, Any]:
        """Read one query, and return how much of each vector was read as well."""
        y, read, after = self.attention.look(query, state)
        return y * self._gate(query), read, after

    def align(self, query: Tensor, state: Any) -> Tensor:
        """Return how much of each vector is read, `[B, S]`."""
        return self.attention.align(query, state)

    def _gate(self, query: Tensor) -> Tensor:
        return torch.sigmoid(linear(query, self.gate_weights, self.bias))
