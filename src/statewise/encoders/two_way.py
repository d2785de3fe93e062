"""A reader of whole sequences of codes, from both ends."""

from typing import Any, ClassVar, cast, final

from torch import nn

from statewise import registry
from statewise.cells import Bidirectional
from statewise.cells.attention_memory import AttentionMemory
from statewise.cells.noise import check_rate
from statewise.data.window import Padded
from statewise.encoders.encoder import Encoder, Reads
from statewise.encoders.table import Table


@final
class TwoWay(Encoder):
    """A vector for each code of a sequence, which knows what stands before it and after it: a context for attention.

    A cell of `units` reads from the beginning, another from the end. Shapes: a `Padded` of codes `[B, S]`, or of
    what another `table` reads of a step, to an
    `AttentionMemory` of vectors `[B, S, 2 units]`. Another `table` may be shared with what writes; `dropout` loses some
    of what is written, in training. Source: Schuster & Paliwal 1997; Bahdanau, Cho & Bengio 2015.

    >>> import torch
    >>> reader = TwoWay(codes=10, units=4)
    >>> reader(Padded.of([torch.tensor([1, 2, 3]), torch.tensor([4])])).values.shape
    torch.Size([2, 3, 8])
    """

    reads: ClassVar[Reads] = "context"
    causal: ClassVar[bool] = False

    def __init__(
        self, codes: int, units: int, cell: str = "gru", *, table: Encoder | None = None, dropout: float = 0.0
    ) -> None:
        super().__init__()
        make = cast(Any, registry.find("cells", cell))
        self.codes, self.features = codes, 2 * units
        self.table = Table(codes, units) if table is None else table
        self.both_ways = Bidirectional(*(make(self.table.features, units) for _ in range(2)))
        self.dropout = nn.Dropout(check_rate("TwoWay", dropout))

    def forward(self, inputs: Padded) -> AttentionMemory:
        """Return the memory of some sequences."""
        read, _ = self.both_ways.scan(self.table(inputs.values.transpose(0, 1)), mask=inputs.mask.T)
        return AttentionMemory(self.dropout(read.transpose(0, 1)), inputs.mask)
