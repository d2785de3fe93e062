"""Pen drawings as people have them, read into strokes, and strokes as offsets that a network learns."""

from statewise.data.strokes.drawing import Drawing, LeftOut
from statewise.data.strokes.offsets import Preparing, offsets_of, strokes_of
from statewise.data.strokes.stroke_files import read_drawings, read_one

__all__ = ["Drawing", "LeftOut", "Preparing", "offsets_of", "read_drawings", "read_one", "strokes_of"]
