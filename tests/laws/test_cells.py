"""Every recurrence keeps every law, on every kernel: a new cell adds a line to `RECURRENCES` and nothing else."""

import inspect

import pytest
from subclasses import subclasses_of

from statewise.cells import Recurrent
from statewise.registry import names
from statewise.testing import LAWS, check_cell
from statewise.testing.recurrences import RECURRENCES


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("name", RECURRENCES)
def test_a_recurrence_keeps_the_law(name: str, law: int) -> None:
    assert check_cell(RECURRENCES[name], laws=[law])[law].holds


@pytest.mark.parametrize("name", names("cells"))
def test_every_cell_of_the_command_line_is_in_the_table(name: str) -> None:
    assert name.replace("_", "-") in RECURRENCES


def test_every_recurrence_of_the_package_is_in_the_table() -> None:
    tried = {type(part) for make in RECURRENCES.values() for part in make().modules()}
    written = {kind for kind in subclasses_of(Recurrent) if not inspect.isabstract(kind)}
    assert written - tried == set(), "add a line for each to RECURRENCES"
