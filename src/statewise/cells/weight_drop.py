"""DropConnect: a cell whose recurrent weights are in part missing, the same ones for a whole sequence."""

from typing import Any, NamedTuple, final

import torch
from torch import Tensor
from torch.func import functional_call

from statewise.cells.noise import check_rate
from statewise.cells.recurrent import Recurrent, begin
from statewise.cells.stretches import read_stretches
from statewise.errors import UsageError
from statewise.state import select_rows, stack

DROPPED = "recurrent_weights"


class WeightDropState(NamedTuple):
    """The state of such a cell: its own state, and the seed of its mask, `[B]` of int64."""

    part: Any
    seed: Tensor


@final
class WeightDrop(Recurrent[WeightDropState]):
    """A cell that in training reads a sequence with a part of its recurrent weights missing.

        W = M * W_h / (1 - rate)        M ~ Bernoulli(1 - rate), once in a sequence

    A mask is as large as the weights, so the state holds only the seed that it is drawn from. `initial` gives all its
    rows one seed: together they read by one product and the cell's own kernel, as does each group of rows of one seed
    if rows begun at other times lie side by side. In evaluation, and where a state was begun in evaluation, seed 0,
    no weight is missing. Every weight of the part named `recurrent_weights` is dropped, in a chain those of each cell.

    With `units` no single weights are missing but whole columns: a unit that is lost is heard by no gate and no unit,
    as where the state itself had that mask, `W_h (m * h)` (Gal & Ghahramani 2016).

    Raises `UsageError` for a part without such weights, and for a rate below 0 or from 1 on.
    Source: Merity, Keskar & Socher 2018 (AWD-LSTM); DropConnect: Wan et al. 2013.

    >>> from statewise.cells import LSTM
    >>> cell = WeightDrop(LSTM(5, 4), 0.5)
    >>> ys, state = cell.scan(torch.zeros(7, 3, 5), cell.initial(3))
    >>> len(set(state.seed.tolist()))
    1
    """

    def __init__(self, part: Recurrent[Any], rate: float, *, units: bool = False) -> None:
        super().__init__()
        self.features, self.units = part.features, part.units
        self.part, self.rate, self.drops_units = part, check_rate("WeightDrop", rate), units
        if not self._recurrent_weights():
            raise UsageError(f"a {type(part).__name__} has no weights named '{DROPPED}' to drop: give a cell that has")

    def initial(self, rows: int, context: Any = None) -> WeightDropState:
        """Return the part's initial state, and for training a new seed, the same for all rows."""
        part = begin(self.part, rows, context)
        seed = torch.randint(1, 2**62, (min(rows, 1),)) if self.training else torch.zeros(1, dtype=torch.int64)
        return WeightDropState(part, seed.to(self.blank(0).device).expand(rows).clone())

    def step(self, x: Tensor, state: WeightDropState) -> tuple[Tensor, WeightDropState]:
        """Read one input `[B, D]` with the weights that are left."""
        if not self.training:
            y, part = self.part.step(x, state.part)
            return y, WeightDropState(part, state.seed)
        ys, state = self._read(x.unsqueeze(0), state, None)
        return ys[0], state

    def scan(
        self, xs: Tensor, state: WeightDropState, *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, WeightDropState]:
        """Read a sequence `[T, B, D]` with the weights that are left, by the part's kernel."""
        self.check(xs, state, reset, mask, kind=WeightDropState)
        return read_stretches(self._read, xs, state, self.initial, reset, mask)

    def _read(self, xs: Tensor, state: WeightDropState, mask: Tensor | None) -> tuple[Tensor, WeightDropState]:
        seeds = state.seed.tolist() if self.training else [0]
        distinct = list(dict.fromkeys(seeds))
        if len(distinct) < 2:
            ys, part = self._read_alike(xs, state.part, mask, *distinct)
            return ys, WeightDropState(part, state.seed)
        groups = [(state.seed == seed).nonzero().flatten() for seed in distinct]
        read = [
            self._read_alike(xs[:, rows], select_rows(state.part, rows), None if mask is None else mask[:, rows], seed)
            for seed, rows in zip(distinct, groups, strict=True)
        ]
        back = torch.cat(groups).argsort()
        ys, parts = torch.cat([y for y, _ in read], dim=1), stack([part for _, part in read])
        return ys[:, back], WeightDropState(select_rows(parts, back), state.seed)

    def _read_alike(self, xs: Tensor, part: Any, mask: Tensor | None, seed: int = 0) -> tuple[Tensor, Any]:
        if not seed:
            return self.part.scan(xs, part, mask=mask)
        generator = torch.Generator().manual_seed(seed)
        kept = {}
        for name, weights in self._recurrent_weights().items():
            shape = weights.shape[-1:] if self.drops_units else weights.shape
            mask_of_weights = torch.rand(shape, generator=generator) >= self.rate
            kept[name] = weights * mask_of_weights.to(weights.device) / (1 - self.rate)
        ys, part = functional_call(self.part, kept, (xs, part, None, mask))
        return ys, part

    def _recurrent_weights(self) -> dict[str, Tensor]:
        named = dict(self.part.named_parameters())
        return {name: weights for name, weights in named.items() if name.split(".")[-1] == DROPPED}
