"""Whole models as one native object: many sequences by a step in one call, or one sequence by many steps."""

from statewise.program.compiled import Declined, Program, compile, program_of
from statewise.program.plan import STORAGES, why_not
from statewise.program.state_layout import PackedState

__all__ = ["STORAGES", "Declined", "PackedState", "Program", "compile", "program_of", "why_not"]
