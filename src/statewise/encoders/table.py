"""A vector for each code, out of a table that is learned."""

from typing import ClassVar, final

from torch import nn

from statewise.encoders.encoder import Encoder, Reads


@final
class Table(nn.Embedding, Encoder):
    """A learned vector for each of some codes: an embedding.

    The vector of the code `unknown` stays zero, as it says nothing about what it stands for. By its name a task makes
    it, as any encoder of codes, as `Encoder(codes, width, unknown=...)`. Shapes: codes `[...]`, vectors `[..., D]`.

    >>> import torch
    >>> table = Table(codes=10, width=5, unknown=0)
    >>> table(torch.tensor([3, 0])).shape, table.features
    (torch.Size([2, 5]), 5)
    """

    reads: ClassVar[Reads] = "code"

    def __init__(self, codes: int, width: int, unknown: int | None = None) -> None:
        super().__init__(codes, width, padding_idx=unknown)
        self.codes, self.features = codes, width


TABLES: tuple[type, ...] = (nn.Embedding, Table)
"What looks codes up in a table and does nothing else, so that native code and other formats may do it instead."
