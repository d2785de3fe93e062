"""A judge of drawings that was trained apart: it is shown whole drawings of people and learns what they are called."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from handwriting_reader import batches, learn, mean_said
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from statewise.cells import LSTM, Bidirectional
from statewise.data.strokes import Drawing, Preparing, offsets_of
from statewise.data.strokes.prepared import Rows
from statewise.tasks.sketch.data import thinned

UNITS, LOST, UPDATES = 96, 0.3, 2000
STRETCH, DROPPED, LEAN = 0.2, 0.1, 0.2
PREPARING = Preparing()
Strokes = Sequence[np.ndarray[Any, Any]]


@final
class Judge(nn.Module):
    """Reads a drawing both ways, twice over, and says what it is: the mean of what it says at each point.

    At each point it sees the offset, whether the pen is lifted, and where on the drawing the pen is.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.first = Bidirectional(LSTM(5, UNITS), LSTM(5, UNITS))
        self.second = Bidirectional(LSTM(2 * UNITS, UNITS), LSTM(2 * UNITS, UNITS))
        self.lost, self.linear = nn.Dropout(LOST), nn.Linear(2 * UNITS, classes)

    def forward(self, drawings: Sequence[Rows]) -> Tensor:
        """Return logits `[B, classes]`."""
        lengths = torch.tensor([len(rows) for rows in drawings])
        xs = nn.utils.rnn.pad_sequence([torch.from_numpy(placed(rows)) for rows in drawings])
        mask = torch.arange(len(xs)).unsqueeze(1) < lengths
        ys, _ = self.first.scan(xs, mask=mask)
        ys, _ = self.second.scan(self.lost(ys), mask=mask)
        return mean_said(self.linear(self.lost(ys)), lengths)


def rows_of(strokes: Strokes) -> Rows:
    """Return strokes as the judge sees them: of one size, whoever drew them, and simplified."""
    rows = offsets_of(PREPARING.strokes(strokes))
    rows[:, :2] /= PREPARING.size / 2
    return rows


def placed(rows: Rows) -> Rows:
    """Return rows with the place of the pen on the drawing, from -1 to 1 along the larger side.

    >>> placed(np.array([[2.0, 0.0, 0.0], [0.0, 1.0, 1.0]], np.float32))[:, 3:].tolist()
    [[1.0, -0.5], [1.0, 0.5]]
    """
    points = np.concatenate([np.zeros((1, 2)), rows[:, :2].cumsum(axis=0)])
    low, high = points.min(axis=0), points.max(axis=0)
    half = max(float((high - low).max()) / 2, 1e-6)
    return np.column_stack([rows, (points[1:] - (low + high) / 2) / half]).astype(np.float32)


def judge_of(drawings: Sequence[Drawing], classes: list[str], file: Path) -> Judge:
    """Return a judge of what drawings are, trained on some, or as a file keeps it, where there is one."""
    torch.manual_seed(0)
    judge = Judge(len(classes))
    if file.exists():
        judge.load_state_dict(load_file(file))
        return judge.eval()
    seen, labels = [rows_of(one.strokes) for one in drawings], [classes.index(str(one.label)) for one in drawings]

    def losses() -> Iterator[Tensor]:
        for chosen, draw in batches(len(seen), UPDATES, 3):
            varied = [thinned(seen[number], STRETCH, DROPPED, draw, LEAN) for number in chosen]
            yield cross_entropy(judge(varied), torch.tensor([labels[number] for number in chosen]))

    learn(judge, UPDATES, losses())
    save_file(judge.state_dict(), file)
    return judge.eval()


def named(judge: Judge, drawings: Sequence[Strokes]) -> np.ndarray[Any, Any]:
    """Return what the judge takes each drawing for, as the numbers of classes."""
    found = []
    with torch.no_grad():
        for start in range(0, len(drawings), 64):
            rows = [rows_of(strokes) for strokes in drawings[start : start + 64]]
            found += judge(rows).argmax(dim=-1).tolist()
    return np.array(found)
