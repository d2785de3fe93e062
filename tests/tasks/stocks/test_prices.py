"""Prices as they come are told to a forecast of returns as returns, and what was put away goes on."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import statewise
from statewise.errors import DataError
from statewise.state import read_tensors, write_tensors
from statewise.tasks.stocks.task import Stocks
from statewise.verbs import Trained

DAYS = [str(day) for day in np.busday_offset("2020-01-01", np.arange(120), roll="forward")]
LAST = {"A": 100 + 119 % 7, "B": 90 + 119 % 5}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("stocks")
    rows = [f"{day},{100 + t % 7},{90 + t % 5}" for t, day in enumerate(DAYS)]
    (folder / "prices.csv").write_text("\n".join(["Date,A,B", *rows]) + "\n")
    sizes: dict[str, Any] = {"hidden_size": 4, "batch_size": 4, "sequence_length": 16}
    how: dict[str, Any] = {"updates": 2, "threads": 1, "sample_seconds": 0, **sizes}
    task = Stocks(source=str(folder / "prices.csv"), context="12b", held_out="30b", **how)
    return statewise.train(task, run=folder / "run").load()


def test_a_price_is_heard_as_the_return_since_the_last_one(model: Trained) -> None:
    live = model.live(samples=20)
    heard = [one.as_json() for one in live.push({"A": 110.0, "B": 80.0})]
    assert [one["value"] for one in heard] == [100 * math.log(110 / LAST["A"]), 100 * math.log(80 / LAST["B"])]
    assert live.push({"A": 121.0}).value == pytest.approx(100 * math.log(1.1))
    assert live.push({"A": None}).as_json()["value"] is None
    assert live.push({"A": 110.0}).value == pytest.approx(-100 * math.log(1.1))  # since the last price that came
    (name, example), *_ = [(name, x) for name, x in live.inputs.example.items() if name != "Date"]
    assert (name, example) == ("A", 110.0)


def test_prices_put_away_go_on_and_a_bad_one_changes_nothing(model: Trained) -> None:
    live = model.live(samples=20)
    live.push({"A": 110.0, "B": 80.0})
    for bad in (-3.0, 0.0):
        with pytest.raises(DataError, match=r"'B' has a price of -?\d: give prices above 0, not returns"):
            live.push({"A": 111.0, "B": bad})
    again = model.live(live.save(), samples=20)
    assert again.save() == live.save()
    assert again.push({"A": 99.0}).as_json() == live.push({"A": 99.0}).as_json()


def test_a_state_that_holds_no_prices_is_refused(model: Trained) -> None:
    tensors, words = read_tensors(model.live().save())
    assert words == {}
    changes: list[dict[str, torch.Tensor]] = [
        {"prices": torch.tensor([1.0, -2.0], dtype=torch.float64)},
        {"prices": torch.tensor([1.0, math.inf], dtype=torch.float64)},
        {"prices": torch.ones(3, dtype=torch.float64)},
        {"prices": torch.ones(2)},
        {"tracker": tensors["tracker"][:-1]},
        {"other": torch.ones(2)},
    ]
    for change in changes:
        with pytest.raises(DataError):
            model.live(write_tensors({**tensors, **change}))


@pytest.mark.parametrize("name", ["codes", "place", "spread", "level", "recent"])
def test_a_state_in_which_no_series_can_stand_is_refused(model: Trained, name: str) -> None:
    tensors, words = read_tensors(model.live().tracker.save())  # type: ignore[attr-defined]
    wrong = {"codes": 99, "place": 2**40, "spread": 0.0, "level": math.nan, "recent": math.inf}[name]
    path = next(path for path in tensors if path.endswith(name))
    tensors[path] = torch.full_like(tensors[path], wrong)
    whole = {"tracker": torch.frombuffer(bytearray(write_tensors(tensors, words)), dtype=torch.uint8)}
    prices = {"prices": torch.ones(2, dtype=torch.float64)}
    with pytest.raises(DataError, match="says what no series can"):
        model.live(write_tensors({**whole, **prices}))
    rows = {path: tensor[:1] for path, tensor in read_tensors(model.live().tracker.save())[0].items()}  # type: ignore[attr-defined]
    whole = {"tracker": torch.frombuffer(bytearray(write_tensors(rows, words)), dtype=torch.uint8)}
    with pytest.raises(DataError, match="holds 1 rows, but 2 rows must be there"):
        model.live(write_tensors({**whole, **prices}))


def test_flags_of_a_stream_of_shares_are_those_of_a_forecast(model: Trained, tmp_path: Path) -> None:
    assert len(model.live(steps=2, samples=5).push({"A": 100.0}).ahead) == 2
