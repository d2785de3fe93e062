"""A cell that reads facts next to a question, and reduces the question by what the facts say."""

from typing import NamedTuple, final

import torch
from torch import Tensor
from torch.nn.functional import linear

from statewise.cells.diagonal import RECURRENCE, scan_linear
from statewise.cells.initializers import glorot, zeros
from statewise.cells.recurrent import Recurrent, awake


class QueryReductionState(NamedTuple):
    """The state of such a cell: the question as far as it is reduced, `[B, H]`."""

    hidden: Tensor


@final
class QueryReduction(Recurrent[QueryReductionState]):
    r"""Query reduction: how well a fact fits the question says how far the question becomes a reduced one.

        z, r = sigmoid(W_g (s * q) + b_g)        n = tanh(W_n (s, q) + b_n)        h' = (1 - z) * h + z * r * n

    An input is a fact `s` and a question `q`, one after another, each as wide as the state: x = (s, q). Gates do not
    look at the state, so that all steps are read at once. Gates lie in the order z, r.

    Shapes: `x` `[B, 2 H]`, `h` `[B, H]`. Raises `UsageError` where `features` is not twice `units`.
    Source: Seo, Min, Farhadi & Hajishirzi 2017, section 2, with gates for each unit (their vector gates).

    >>> cell = QueryReduction(4)
    >>> ys, state = cell.scan(torch.zeros(7, 3, 8), cell.initial(3))
    >>> ys.shape, state.hidden.shape
    (torch.Size([7, 3, 4]), torch.Size([3, 4]))
    """

    recurrence = RECURRENCE
    gate_names = ("update", "reset")

    def __init__(self, units: int) -> None:
        super().__init__()
        self.features, self.units = 2 * units, units
        self.gate_weights = glorot(2, units, units)
        self.gate_bias = zeros(2 * units)
        self.candidate_weights = glorot(1, units, 2 * units)
        self.candidate_bias = zeros(units)

    def initial(self, rows: int) -> QueryReductionState:
        """Return zeros for `rows` rows."""
        return QueryReductionState(self.gate_bias.new_zeros(rows, self.units))

    def step(self, x: Tensor, state: QueryReductionState) -> tuple[Tensor, QueryReductionState]:
        """Read one fact and question `[B, 2 H]`."""
        z, reduced = self._read(x)
        h = (1 - z) * state.hidden + z * reduced
        return h, QueryReductionState(h)

    def scan(
        self,
        xs: Tensor,
        state: QueryReductionState,
        *,
        reset: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> tuple[Tensor, QueryReductionState]:
        """Read a sequence `[T, B, 2 H]`, all steps at once."""
        self.check(xs, state, reset, mask, kind=QueryReductionState)
        z, reduced = self._read(awake(xs, mask))
        hs, last = scan_linear(1 - z, z * reduced, state.hidden, reset, mask)
        return awake(hs, mask), QueryReductionState(last)

    def _read(self, x: Tensor) -> tuple[Tensor, Tensor]:
        fact, question = x.chunk(2, dim=-1)
        z, r = linear(fact * question, self.gate_weights, self.gate_bias).sigmoid().chunk(2, dim=-1)
        return z, r * torch.tanh(linear(x, self.candidate_weights, self.candidate_bias))
