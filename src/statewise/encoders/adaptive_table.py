"""A vector for each of very many words, narrow for the rare ones."""

from collections.abc import Sequence
from typing import ClassVar, cast, final

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from statewise.encoders.encoder import Encoder, Reads
from statewise.heads.adaptive_softmax import SHRINK, groups_of


@final
class AdaptiveTable(Encoder):
    r"""A learned vector for each of some codes, in groups, rare ones told by fewer numbers: `width / shrink^i`.

        x = P_i E_i[code]        for a code of group i

    Codes are numbered by frequency, the most frequent first, and `cutoffs` are where groups end, the last one excepted.
    The first group has no projection. So 200,000 words of 256 numbers are 2 million weights instead of 51. `tables` are
    the `E_i`, to be lent to an `AdaptiveSoftmax` (tied). Shapes: codes `[...]`, vectors `[..., D]`.
    Source: Baevski & Auli 2019.

    >>> table = AdaptiveTable(codes=10, width=8, cutoffs=[4, 7])
    >>> table(torch.tensor([3, 9])).shape, [tuple(part.weight.shape) for part in table.tables]
    (torch.Size([2, 8]), [(4, 8), (3, 2), (3, 1)])
    """

    reads: ClassVar[Reads] = ""

    def __init__(
        self, codes: int, width: int, cutoffs: Sequence[int], *, shrink: float = SHRINK, sparse: bool = False
    ) -> None:
        super().__init__()
        self.codes, self.features = codes, width
        self.groups = groups_of(codes, cutoffs, width, shrink)
        self.embeddings = nn.ModuleList(nn.Embedding(g.size, g.width, sparse=sparse) for g in self.groups)
        self.projections = nn.ParameterList(
            nn.Parameter(nn.init.normal_(torch.empty(width, g.width), std=g.width**-0.5)) for g in self.groups[1:]
        )

    @property
    def tables(self) -> list[nn.Embedding]:
        """The narrow vectors of each group, to be lent."""
        return cast(list[nn.Embedding], list(self.embeddings))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return vectors `[..., D]`."""
        first, *rest = (self._of_group(inputs, number) for number in range(len(self.groups)))
        return first + linear(torch.cat(rest, dim=-1), torch.cat(list(self.projections), dim=1))

    def _of_group(self, inputs: Tensor, number: int) -> Tensor:
        """Return the narrow vectors of the codes of a group, and zeros for others."""
        group = self.groups[number]
        within = inputs - group.start
        vectors: Tensor = self.tables[number](within.clamp(0, group.size - 1))
        return torch.where(((within >= 0) & (within < group.size)).unsqueeze(-1), vectors, 0)
