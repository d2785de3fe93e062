"""`statewise laws` ticks what holds, crosses what does not, and says so in its exit code."""

from typing import Any

import pytest
import torch
from torch import Tensor

from statewise import registry
from statewise.cells import Cell
from statewise.cli.main import run


class Forgetful(Cell[Tensor]):
    """A cell that keeps its state to itself, which breaks many a law."""

    def __init__(self, features: int, units: int) -> None:
        super().__init__()
        self.features, self.units = features, units
        self.weights_ = torch.nn.Parameter(torch.ones(units, features))
        self.seen = 0

    def initial(self, rows: int) -> Tensor:
        return self.weights_.new_zeros(rows, self.units)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        self.seen += 1
        y = x @ self.weights_.T + self.seen
        return y, state


def test_a_cell_that_keeps_the_laws_gets_its_ticks(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["laws", "lstm", "slstm"]) == 0
    rows = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [row[0].strip() for row in rows] == ["recurrence", "lstm", "slstm"]
    assert {tick.strip() for tick in rows[1][1:]} == {"✓✓", "✓"}
    assert rows[2][9].strip() == "··"


def test_a_cell_that_breaks_laws_is_named_with_what_was_found(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: dict[Any, Any] = {}
    monkeypatch.setattr(registry, "_registered", kept)
    registry.register("cells", "forgetful", Forgetful)
    assert run(["laws", "forgetful"]) == 1
    printed = capsys.readouterr().out
    assert "✗" in printed
    assert "law 1 is broken by Forgetful" in printed


def test_an_unknown_cell_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["laws", "lstn"]) == 2
    assert "did you mean 'lstm'" in capsys.readouterr().err
