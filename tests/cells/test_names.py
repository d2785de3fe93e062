"""Every cell the package announces is there under its name, and is made from features and units alone."""

import tomllib
from importlib.metadata import EntryPoint
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
import torch

from statewise import cells
from statewise.cells import Recurrent

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
ANNOUNCED: dict[str, str] = PROJECT["project"]["entry-points"]["statewise.cells"]


def cell_called(name: str) -> Any:
    return EntryPoint(name, ANNOUNCED[name], "statewise.cells").load()


@pytest.mark.parametrize("name", ANNOUNCED)
def test_an_announced_cell_is_made_from_features_and_units_alone(name: str) -> None:
    for features, units in ((5, 4), (1, 1)):
        cell: Recurrent[Any] = cell_called(name)(features, units)
        ys, _ = cell.scan(torch.randn(7, 3, features), cell.initial(3))
        assert (cell.features, cell.units, ys.shape) == (features, units, (7, 3, units))


def test_every_cell_of_the_package_is_announced() -> None:
    exported = [getattr(cells, name) for name in cells.__all__]
    kinds = {thing for thing in exported if isinstance(thing, type) and issubclass(thing, Recurrent)}
    plain = {kind for kind in kinds if list(signature(kind).parameters)[:2] == ["features", "units"]}
    memoryless = {kind for kind in plain if not issubclass(kind, cells.Attention)}
    assert memoryless <= {cell_called(name) for name in ANNOUNCED}
    assert cells.LSTM in memoryless
