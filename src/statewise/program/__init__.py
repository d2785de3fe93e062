"""Whole models as one native object: many sequences by a step in one call, or one sequence by many steps."""

from statewise.program.compiled import Program, compile, program_of
from statewise.program.place import Place
from statewise.program.plan import STORAGES, why_not

__all__ = ["STORAGES", "Place", "Program", "compile", "program_of", "why_not"]
