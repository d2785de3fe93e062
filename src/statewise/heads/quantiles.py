"""Quantiles, with no shape assumed between them."""

from collections.abc import Sequence
from itertools import pairwise
from typing import final

import torch
from torch import Tensor, nn

from statewise.errors import UsageError
from statewise.heads.head import check_temperature
from statewise.heads.real import Real, positive

LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)


@final
class Quantiles(Real[Tensor]):
    """Quantiles at given levels, none of which crosses another.

        q_1 = w s + b        q_(k+1) = q_k + softplus(w_k s + b_k) + 0.001
        loss = sum_k 2 (l_k - [y < q_k]) (y - q_k)

    The loss is the pinball loss of all levels, in the unit of the target and not in nats. Between the levels and beyond
    the outer ones a quantile lies on the line through its neighbours over log(l / (1 - l)).
    Shapes: features `[..., H]`, quantiles `[..., K]`, targets `[...]`. Raises `UsageError` for levels that do not rise
    from above 0 to below 1.

    >>> head = Quantiles(features=4, levels=(0.1, 0.5, 0.9))
    >>> head(torch.zeros(7, 2, 4)).shape
    torch.Size([7, 2, 3])
    """

    is_likelihood = False
    logits_of_levels: Tensor

    def __init__(self, features: int, levels: Sequence[float] = LEVELS) -> None:
        super().__init__()
        if len(levels) < 2 or not all(0 < a < b < 1 for a, b in pairwise(levels)):
            raise UsageError(f"levels {list(levels)} do not rise from above 0 to below 1: give at least two that do")
        self.features, self.levels = features, tuple(levels)
        self.linear = nn.Linear(features, len(levels))
        self.register_buffer("logits_of_levels", torch.tensor(levels, dtype=torch.double).logit(), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return the quantiles `[..., K]`, in rising order."""
        first, rises = self.linear(features).split([1, len(self.levels) - 1], dim=-1)
        return torch.cat([first, positive(rises)], dim=-1).cumsum(dim=-1)

    def nats(self, params: Tensor, targets: Tensor) -> Tensor:
        """Return twice the pinball loss of each target, over all levels: it is not a likelihood."""
        levels = self.logits_of_levels.sigmoid().to(params)
        beyond = targets.unsqueeze(-1) - params
        return 2 * torch.maximum(levels * beyond, (levels - 1) * beyond).sum(dim=-1)

    def cdf(self, params: Tensor, values: Tensor) -> Tensor:
        """Return the probability of a number that is no greater."""
        place = torch.searchsorted(params.contiguous(), values.unsqueeze(-1).contiguous())
        return self._on_line(params, self.logits_of_levels.to(params).expand_as(params), place, values).sigmoid()

    def quantile(self, params: Tensor, levels: Tensor) -> Tensor:
        """Return the number below which a share `levels` `[...]` lies."""
        logits, known = levels.logit(), self.logits_of_levels.to(params)
        place = torch.searchsorted(known, logits.unsqueeze(-1).contiguous())
        return self._on_line(known.expand_as(params), params, place, logits)

    def sample(self, params: Tensor, *, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        """Draw a number at each place; the temperature multiplies log(l / (1 - l)) of its level: 0 is the median."""
        check_temperature(temperature)
        uniform = torch.empty_like(params[..., 0]).uniform_(generator=generator).clamp(1e-6, 1 - 1e-6)
        return self.quantile(params, (temperature * uniform.logit()).sigmoid())

    def _on_line(self, known: Tensor, wanted: Tensor, place: Tensor, at: Tensor) -> Tensor:
        """Return what lies at `at` on the line through the points left and right of it."""
        right = place.clamp(1, len(self.levels) - 1)
        x0, x1, y0, y1 = (part.gather(-1, i).squeeze(-1) for part in (known, wanted) for i in (right - 1, right))
        return y0 + (y1 - y0) * (at - x0) / (x1 - x0)
