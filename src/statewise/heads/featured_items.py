"""Items as what they are and what they have: so that one never trained on is known by its features."""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn


@final
class FeaturedItems(nn.Module):
    r"""A table of items whose rows are the sum of a vector of their own and the mean of those of their features.

        E_i = o_i + 1 / |K_i| sum_{k in K_i} g_k

    The first `trained` items have a vector of their own; the others, after them, none, and `o_i` is 0. In training an
    own vector is left out at a share `alone` of the places where it is read, so that features by themselves say
    something. Shapes: items `[...]`, rows `[..., D]`.

    >>> table = FeaturedItems(trained=2, width=5, kinds=[[0], [0, 1], [1]], sparse=False).eval()
    >>> table(torch.tensor([2, 0])).shape, bool((table(torch.tensor(2)) == table.kinds.weight[1]).all())
    (torch.Size([2, 5]), True)
    """

    features: Tensor
    counts: Tensor

    def __init__(
        self, trained: int, width: int, kinds: Sequence[Sequence[int]], *, sparse: bool, alone: float = 0.1
    ) -> None:
        super().__init__()
        self.trained, self.embedding_dim, self.alone = trained, width, alone
        self.codes = len(kinds)
        self.own = nn.Embedding(trained, width, sparse=sparse)
        nothing = 1 + max((kind for of in kinds for kind in of), default=-1)
        self.kinds = nn.Embedding(nothing + 1, width, padding_idx=nothing, sparse=sparse)
        for table in (self.own, self.kinds):
            nn.init.normal_(table.weight, std=(2 * width) ** -0.5)
        with torch.no_grad():
            self.kinds.weight[nothing] = 0
        most = max(1, *(len(of) for of in kinds))
        padded = torch.tensor([[*of, *[nothing] * (most - len(of))] for of in kinds])
        self.register_buffer("features", padded, persistent=False)
        self.register_buffer("counts", (padded != nothing).sum(dim=1).clamp(min=1), persistent=False)

    @property
    def choices(self) -> int:
        """How many items there are."""
        return len(self.features)

    def forward(self, items: Tensor) -> Tensor:
        """Return the rows of items."""
        own = self.own(items.clamp(max=self.trained - 1))
        kept = items < self.trained
        if self.training and self.alone:
            kept = kept & (torch.rand(items.shape, device=items.device) >= self.alone)
        shared = self.kinds(self.features[items]).sum(dim=-2) / self.counts[items].unsqueeze(-1)
        rows: Tensor = torch.where(kept.unsqueeze(-1), own, 0) + shared
        return rows

    def rows(self, start: int, stop: int) -> Tensor:
        """Return the rows from `start` to `stop`, each with all it has."""
        own = self.own.weight[start:stop]
        own = nn.functional.pad(own, (0, 0, 0, stop - start - len(own)))
        shared = self.kinds(self.features[start:stop]).sum(dim=-2) / self.counts[start:stop].unsqueeze(-1)
        rows: Tensor = own + shared
        return rows
