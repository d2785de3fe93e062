"""Every recurrence keeps every law, on every kernel: cells that have a name are found, others are a line of `FORMS`."""

import inspect

import pytest
from subclasses import subclasses_of

from statewise.cells import Recurrent
from statewise.testing import LAWS, check_cell
from statewise.testing.recurrences import RECURRENCES


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("name", RECURRENCES)
def test_a_recurrence_keeps_the_law(name: str, law: int) -> None:
    assert check_cell(RECURRENCES[name], laws=[law])[law].holds


def test_every_recurrence_of_the_package_is_in_the_table() -> None:
    tried = {type(part) for make in RECURRENCES.values() for part in make().modules()}
    written = {kind for kind in subclasses_of(Recurrent) if not inspect.isabstract(kind)}
    assert written - tried == set(), "give each a name in pyproject.toml, or a line in FORMS"
