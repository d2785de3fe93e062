"""Whole models as one native object: many sequences by a step in one call, or one sequence by many steps."""

from statewise.program.compiled import Declined, Program, compile, program_of
from statewise.program.place import Place
from statewise.program.plan import STORAGES, why_not

__all__ = ["STORAGES", "Declined", "Place", "Program", "compile", "program_of", "why_not"]
