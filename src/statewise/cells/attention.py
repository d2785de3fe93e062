"""A cell that reads its inputs and a memory."""

from typing import Any, NamedTuple, cast, final

import torch
from torch import Tensor
from torch.nn.functional import pad

from statewise.cells.attention_memory import Attention, AttentionMemory, mean_of
from statewise.cells.gaussian_window import GaussianWindow
from statewise.cells.lstm import LSTM
from statewise.cells.peephole_lstm import PeepholeLSTM
from statewise.cells.recurrent import Cell, Recurrent, begin, reads_context
from statewise.errors import UsageError


class AttentionCellState(NamedTuple):
    """The state of such a cell: its own state, that of its attention, and the last glimpse `[B, G]`."""

    cell: Any
    attention: Any
    glimpse: Tensor


@final
class AttentionCell(Cell[AttentionCellState]):
    """A cell whose output asks a memory, and whose next step reads the answer.

        h = cell(x, g_last)        g = attention(h)        y = (h, g)

    At first `g_last` is zeros. The memory is the context of `initial`, as the attention takes it. The cell's own state
    begins from the mean of its vectors where the cell reads a context (`Conditioned`), else without. The cell reads D
    and the memory's width, this D; it writes the cell's units and the glimpse.

    Raises `UsageError` where the widths do not fit. Source: the order of Graves 2013, section 5, and of the input
    feeding in Luong, Pham & Manning 2015, section 3.3.

    >>> from statewise.cells import LSTM, Bahdanau
    >>> cell = AttentionCell(LSTM(5 + 2, 4), Bahdanau(features=4, memory=2, units=6))
    >>> ys, state = cell.scan(torch.zeros(7, 3, 5), cell.initial(3, context=torch.randn(3, 9, 2)))
    >>> ys.shape, bool((ys[-1, :, 4:] == state.glimpse).all())
    (torch.Size([7, 3, 6]), True)
    """

    takes_context = True

    def __init__(self, cell: Recurrent[Any], attention: Attention[Any], *, shown: int = 0) -> None:
        super().__init__()
        if cell.units != attention.features:
            raise UsageError(
                f"the {type(cell).__name__} writes {cell.units} units but the {type(attention).__name__} reads queries "
                f"of {attention.features}: make them equal"
            )
        if cell.features <= attention.units:
            raise UsageError(
                f"a glimpse of {attention.units} joins the input, but the {type(cell).__name__} reads {cell.features} "
                f"features: let it read {attention.units} more than the input has"
            )
        self.features, self.units = cell.features - attention.units, cell.units + attention.units + shown
        self.cell, self.attention, self.shown = cell, attention, shown
        if type(cell) in (LSTM, PeepholeLSTM) and type(attention) is GaussianWindow and not shown:
            self.recurrence = f"windowed_{cell.recurrence}"

    def initial(self, rows: int, context: Tensor | AttentionMemory | None = None) -> AttentionCellState:
        """Return the cell's initial state, the memory, and a glimpse of zeros."""
        blank = self.blank(rows, self.attention.units)
        attention = self.attention.initial(rows, context)
        mean = None
        if context is not None:
            memory = self.attention.remember(rows, context)
            if self.shown and memory.mask.shape[1] > self.shown:
                raise UsageError(
                    f"a memory of {memory.mask.shape[1]} vectors was given where {self.shown} are shown: show as many"
                )
            mean = mean_of(memory) if reads_context(self.cell) else None
        return AttentionCellState(begin(self.cell, rows, mean), attention, blank)

    def step(self, x: Tensor, state: AttentionCellState) -> tuple[Tensor, AttentionCellState]:
        """Read one input `[B, D]` and the last glimpse, and take the next."""
        hidden, cell = self.cell.step(torch.cat([x, state.glimpse], dim=-1), state.cell)
        if not self.shown:
            glimpse, attention = self.attention.step(hidden, state.attention)
            return torch.cat([hidden, glimpse], dim=-1), AttentionCellState(cell, attention, glimpse)
        glimpse, read, attention = self.attention.look(hidden, state.attention)
        read = pad(read, (0, self.shown - read.shape[-1]))
        return torch.cat([hidden, glimpse, read], dim=-1), AttentionCellState(cell, attention, glimpse)

    def weights(self) -> tuple[Tensor, ...]:
        """Return those of an LSTM, and its window's, where a kernel knows the two."""
        if self.recurrence is None:
            return ()
        cell, window = cast(Cell[Any], self.cell), cast(GaussianWindow, self.attention)
        return *cell.weights(), window.query_weights, window.bias
