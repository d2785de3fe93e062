"""Many sessions in one step: what came in meanwhile is read together, each row as if it were alone."""

from statewise.batcher.batcher import Batcher
from statewise.batcher.microbatch import Busy, MicroBatcher, call_each
from statewise.batcher.speculation import Writing, draw_ahead, write
from statewise.batcher.stepper import StepInputs, Stepper, StepResult

__all__ = [
    "Batcher",
    "Busy",
    "StepResult",
    "StepInputs",
    "Stepper",
    "MicroBatcher",
    "Writing",
    "call_each",
    "draw_ahead",
    "write",
]
