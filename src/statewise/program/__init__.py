"""Whole models as one native object: many sequences by a step in one call, or one sequence by many steps."""

from statewise.program.compiled import Declined, Program, compile, program_of
from statewise.program.pen import DrawingProgram, Drawings, draw
from statewise.program.plan import STORAGES, why_not
from statewise.program.state_layout import PackedState
from statewise.program.writing import TextLimits, WritingProgram, Writings

__all__ = [
    "STORAGES",
    "Declined",
    "DrawingProgram",
    "Drawings",
    "PackedState",
    "Program",
    "TextLimits",
    "WritingProgram",
    "Writings",
    "compile",
    "draw",
    "program_of",
    "why_not",
]
