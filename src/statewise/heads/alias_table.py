"""Drawing by given odds in a time that does not grow with how many there are: the alias method."""

from typing import NamedTuple

import torch
from torch import Tensor


class AliasTable(NamedTuple):
    """Odds over `V` numbers as `V` equal cells, each of which holds one number and the rest of another.

        p_n = (kept_n + sum over m with other_m = n of (1 - kept_m)) / V

    Shapes: both `[V]`.
    Source: Walker 1977; made by prefix sums, as in Hübschle-Schneider & Sanders 2019, arXiv 1903.00227.
    """

    kept: Tensor
    other: Tensor

    @classmethod
    def of(cls, odds: Tensor) -> "AliasTable":
        """Return the table of some odds `[V]`, which need not add up to one.

        The numbers that do not fill their cell take the rest, one after another, from those that have to spare. One
        that has then given more than it had takes that, in turn, from the next.

        >>> AliasTable.of(torch.tensor([1.0, 3.0]))
        AliasTable(kept=tensor([0.5000, 1.0000], dtype=torch.float64), other=tensor([1, 1]))
        """
        filled = odds.double() * (len(odds) / odds.double().sum())
        is_light = filled < filled.max().clamp(max=1)
        light, heavy = is_light.nonzero().flatten(), (~is_light).nonzero().flatten()
        taken = torch.cat([filled.new_zeros(1), (1 - filled[light]).cumsum(0)])
        spare = (filled[heavy] - 1).cumsum(0)
        kept, other = filled.clamp(max=1), torch.arange(len(odds), device=odds.device)
        kept[heavy] = (1 + spare - taken[torch.searchsorted(taken[:-1], spare)]).clamp_(0, 1)
        other[heavy[:-1]] = heavy[1:]
        kept[heavy[-1:]] = 1
        other[light] = heavy[torch.searchsorted(spare, taken[:-1], right=True).clamp_(max=len(heavy) - 1)]
        return cls(kept, other)

    def draw(self, count: int) -> Tensor:
        """Draw so many numbers, from PyTorch's own random numbers."""
        cells = len(self.kept)
        places = torch.rand(count, dtype=self.kept.dtype, device=self.kept.device) * cells
        cell = places.long().clamp_(max=cells - 1)
        return torch.where(places - cell < self.kept[cell], cell, self.other[cell])
