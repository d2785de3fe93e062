"""Many sessions in one step: what came in meanwhile is read together, each row as if it were alone."""

from statewise.batcher.batcher import Batcher
from statewise.batcher.stepper import Read, Reading, Stepper
from statewise.batcher.together import Busy, Together, call_each
from statewise.batcher.writing import Writing, draw_ahead, write

__all__ = ["Batcher", "Busy", "Read", "Reading", "Stepper", "Together", "Writing", "call_each", "draw_ahead", "write"]
