"""The laws, shipped so that the author of a cell or a head can hold it to them with one call."""

from statewise.testing.cells import LAWS, check_cell, judge_cell
from statewise.testing.heads import HEAD_LAWS, check_head, judge_head
from statewise.testing.laws import Law, Verdict

__all__ = ["HEAD_LAWS", "LAWS", "Law", "Verdict", "check_cell", "check_head", "judge_cell", "judge_head"]
