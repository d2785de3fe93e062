"""A judge of drawings that was trained apart: it is shown whole drawings of people and learns what they are called.

It sees ink alone: a small picture, and neither the order of the strokes nor where one begins. So what it knows is of
another kind than what a network of pens knows.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from statewise.data.strokes import Drawing, Preparing, offsets_of
from statewise.data.strokes.prepared import Rows
from statewise.tasks.sketch.data import thinned

SIDE, EDGE, PLACES = 32, 2, 32
"Pixels of a picture and of its edge; places along each line that are inked."
MAPS, LOST = (24, 48, 96), 0.4
UPDATES, SHOWN, RATE = 800, 64, 0.004
STRETCH, DROPPED, LEAN = 0.2, 0.1, 0.25
PREPARING = Preparing()
Strokes = Sequence[np.ndarray[Any, Any]]


@final
class Judge(nn.Module):
    """Three convolutions of a picture, each halved, and a choice of a class."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        for seen, maps in zip((1, *MAPS), MAPS, strict=False):
            parts += [nn.Conv2d(seen, maps, 3, padding=1, bias=False), nn.BatchNorm2d(maps), nn.ReLU(), nn.MaxPool2d(2)]
        places = (SIDE // 2 ** len(MAPS)) ** 2
        self.parts = nn.Sequential(*parts, nn.Flatten(), nn.Dropout(LOST), nn.Linear(MAPS[-1] * places, classes))

    def forward(self, drawings: Sequence[Rows]) -> Tensor:
        """Return logits `[B, classes]`."""
        pictures = torch.from_numpy(np.stack([picture_of(rows) for rows in drawings])).unsqueeze(1)
        logits: Tensor = self.parts(pictures)
        return logits


def rows_of(strokes: Strokes) -> Rows:
    """Return strokes as rows of `dx, dy, lift`, of one size whoever drew them, and simplified."""
    return offsets_of(PREPARING.strokes(strokes))


def picture_of(rows: Rows) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the ink of a drawing in the middle of a picture, `[SIDE, SIDE]`, 1 where a line goes through a pixel.

    >>> picture_of(np.array([[8.0, 0.0, 1.0]], np.float32)).any(axis=1).nonzero()[0].tolist()
    [15, 16]
    """
    points = np.concatenate([np.zeros((1, 2)), rows[:, :2].cumsum(axis=0)])
    is_down = np.concatenate([[True], rows[:-1, 2] == 0])
    starts, ends = points[:-1][is_down], points[1:][is_down]
    inked = (starts + (ends - starts) * np.linspace(0, 1, PLACES)[:, None, None]).reshape(-1, 2)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = (SIDE - 1 - 2 * EDGE) / max(float((high - low).max()), 1e-6)
    inked = (inked - (low + high) / 2) * scale + (SIDE - 1) / 2
    first = np.floor(inked).astype(int)
    share = inked - first
    picture = np.zeros((SIDE, SIDE), np.float32)
    for right in (0, 1):
        for below in (0, 1):
            darkness = np.abs(1 - right - share[:, 0]) * np.abs(1 - below - share[:, 1])
            np.maximum.at(picture, (first[:, 1] + below, first[:, 0] + right), darkness)
    return picture


def judge_of(drawings: Sequence[Drawing], classes: list[str], file: Path) -> Judge:
    """Return a judge of what drawings are, trained on some, or as a file keeps it, where there is one."""
    torch.manual_seed(0)
    judge = Judge(len(classes))
    if file.exists():
        judge.load_state_dict(load_file(file))
        return judge.eval()
    seen, labels = [rows_of(one.strokes) for one in drawings], [classes.index(str(one.label)) for one in drawings]
    draw = np.random.default_rng(0)
    optimizer = torch.optim.Adam(judge.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=UPDATES)
    for _ in range(UPDATES):
        chosen = draw.integers(0, len(seen), SHOWN).tolist()
        logits = judge([thinned(seen[number], STRETCH, DROPPED, draw, LEAN) for number in chosen])
        optimizer.zero_grad()
        cross_entropy(logits, torch.tensor([labels[number] for number in chosen])).backward()
        optimizer.step()
        schedule.step()
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
