"""Dropout of what a step may add to a memory: recurrent dropout that erases nothing of what is remembered."""

from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from statewise.cells.noise import Noise, begin_noise, check_rate
from statewise.cells.recurrent import Cell
from statewise.errors import UsageError


class CandidateDropoutState(NamedTuple):
    """The state of a cell with dropout of its candidate: its own state, and the streams that masks are drawn from."""

    part: Any
    noise: Noise


@final
class CandidateDropout(Cell[CandidateDropoutState]):
    """An LSTM whose candidate, in training, loses each of its values with probability `rate`, drawn again at each step.

        c' = f * c + i * (m * g) / (1 - rate)        m ~ Bernoulli(1 - rate)

    What a memory holds is never lost, only what a step would have added to it; so the network forgets nothing however
    long a sequence is. For `LSTM`, `LayerNormLSTM` and `HyperLSTM`, of which it is the last one's large LSTM. The
    random numbers live in the state (`Noise`), so repeated steps and a scan lose the same values. In evaluation nothing
    is lost. Raises `UsageError` for a rate below 0 or from 1 on, and for another cell. Source: Semeniuta, Severyn &
    Barth 2016.

    >>> from statewise.cells import LSTM
    >>> cell = CandidateDropout(LSTM(5, 4), 0.5)
    >>> ys, state = cell.scan(torch.ones(7, 3, 5), cell.initial(3))
    >>> bool((ys[0] == 0).any()), state.noise.draws
    (True, tensor([7, 7, 7]))
    """

    def __init__(self, part: Cell[Any], rate: float) -> None:
        super().__init__()
        if not (isinstance(part, Cell) and part.loses_candidates):
            raise UsageError(
                f"CandidateDropout was given a {type(part).__name__} where a cell with a candidate is wanted: "
                "give an LSTM, a LayerNormLSTM or a HyperLSTM, and put what else there is around this"
            )
        self.features, self.units = part.features, part.units
        self.part, self.rate = part, check_rate("CandidateDropout", rate)
        self.gate_names = part.gate_names
        if part.recurrence is not None:
            self.recurrence = f"candidate_dropout_{part.recurrence}"

    def initial(self, rows: int) -> CandidateDropoutState:
        """Return the part's initial state, and for training new streams."""
        return CandidateDropoutState(self.part.initial(rows), begin_noise(rows, self.blank(0), training=self.training))

    def step(self, x: Tensor, state: CandidateDropoutState) -> tuple[Tensor, CandidateDropoutState]:
        """Read one input `[B, D]` and lose some of the candidate."""
        part: Any = self.part
        if self.training:
            kept = state.noise.keeps(self.units, self.rate).to(x.dtype) / (1 - self.rate)
            y, new = part.step(x, state.part, kept)
        else:
            y, new = part.step(x, state.part)
        return y, CandidateDropoutState(new, state.noise.advanced())

    def weights(self) -> tuple[Tensor, ...]:
        """Return the part's weights, and after them the rate and whether it loses candidates at random."""
        how = torch.tensor([self.rate, float(self.training)], dtype=torch.float64)
        return (*self.part.weights(), how)
