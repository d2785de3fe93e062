"""The laws, shipped so that the author of a cell, head, encoder or task can hold it to them with one call."""

from statewise.testing.cells import LAWS, check_cell, judge_cell
from statewise.testing.encoders import ENCODER_LAWS, check_encoder, judge_encoder
from statewise.testing.heads import HEAD_LAWS, check_head, judge_head
from statewise.testing.laws import Law, LawResult
from statewise.testing.tasks import TASK_LAWS, check_task, judge_task

__all__ = [
    "ENCODER_LAWS",
    "HEAD_LAWS",
    "LAWS",
    "TASK_LAWS",
    "Law",
    "LawResult",
    "check_cell",
    "check_encoder",
    "check_head",
    "check_task",
    "judge_cell",
    "judge_encoder",
    "judge_head",
    "judge_task",
]
