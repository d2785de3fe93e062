"""Helpers that show what a drawing model does: a row of pictures, a step as users have it."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
import torch
from torch import Tensor

from statewise.bounds import shown
from statewise.data.strokes.drawing import LARGEST, Floats
from statewise.data.strokes.drawing_pictures import in_characters
from statewise.data.strokes.lines_codec import LinesCodec
from statewise.data.strokes.prepared import StrokeCodec
from statewise.errors import UsageError
from statewise.tasks.sketch.data import as_steps

STEP = 5
"Numbers of a step: dx, dy, and whether the pen draws on, is lifted, or the drawing ends."


def side_by_side(drawings: Sequence[Sequence[Floats]], columns: int) -> str:
    """Return drawings as characters, in a row.

    >>> side_by_side([[np.array([[0.0, 0.0], [9.0, 0.0]])]] * 2, 2)
    '⠉⠉  ⠉⠉'
    """
    pictures = [in_characters(strokes, columns).split("\n") for strokes in drawings]
    rows = zip_longest(*pictures, fillvalue="")
    return "\n".join("  ".join(line.ljust(columns) for line in row).rstrip() for row in rows) or "."


def step_of(x: Any, codec: StrokeCodec | LinesCodec) -> Tensor:
    """Return an offset `[dx, dy, lift]` as the model reads it, or itself where it is so already.

    Raises `UsageError` where it is none.
    """
    if isinstance(x, Tensor) and x.shape == (STEP,):
        return x
    try:
        numbers = np.asarray(x, np.float64)
        is_sound = numbers.shape == (3,) and bool(np.isfinite(numbers).all()) and float(np.abs(numbers).max()) < LARGEST
    except (TypeError, ValueError, OverflowError):
        is_sound = False
    if not is_sound:
        raise UsageError(f"the offset {shown(x)} cannot be read: give [dx, dy, lift], such as [3, 4, 0]")
    row = np.array([[numbers[0] / codec.scale, numbers[1] / codec.scale, numbers[2] > 0]], np.float32)
    return torch.as_tensor(as_steps(row)[0])
