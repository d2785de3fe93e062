"""One recurrence behind training, backtest and stream: what they read is the same to the last number."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from statewise.data.series.panel import Panel, read_panel
from statewise.data.series.series_columns import SeriesColumns
from statewise.errors import UsageError
from statewise.heads.named import heads_over
from statewise.model import Model
from statewise.tasks.forecast.defaults import codec_for
from statewise.tasks.forecast.features import SeriesCodec, SeriesFeatures, SeriesWindows
from statewise.tasks.forecast.levels import filled, levels_of, running_mean
from statewise.tasks.forecast.recurrence import Forecaster, sample_paths
from statewise.tasks.forecast.task import Forecast

N = 60


def panel(gap: bool = True) -> Panel:
    hours = np.datetime64("2026-11-02T00", "s") + np.arange(N) * np.timedelta64(3600, "s")
    values = [10 + 5 * np.sin(2 * np.pi * t / 24) + (t * 37 % 11) / 10 for t in range(N)]
    rows = [
        f"{hours[t]},{s},{'' if gap and t in (30, 31, 47) else round(values[t] * (s + 1), 4)},{t % 5},{t % 7}"
        for s in range(3)
        for t in range(N)
    ]
    Path("t.csv").write_text("\n".join(["time,id,v,k,p", *rows]) + "\n")
    return read_panel("t.csv", SeriesColumns("time", ("v",), "id", ("k",), ("p",)))


def made(head: str = "student_t", **how: Any) -> tuple[Model[Any], SeriesFeatures]:
    torch.manual_seed(0)
    task = Forecast(
        source="t.csv", horizon="4", context="20", held_out="12", hidden_size=5, embedding=2, head=head, **how
    )
    held = panel()
    if head == "negative_binomial":
        held = replace(held, values=np.round(held.values))
    codec, _ = codec_for(task, held)
    return task.model(codec).eval(), SeriesFeatures(held, codec)


@pytest.mark.parametrize("around", ["level", "last"])
@pytest.mark.parametrize("head", heads_over("number", "count"))
@pytest.mark.parametrize("how", [{}, {"members": 2, "dropout": 0.5, "holidays": "US"}], ids=["plain", "more"])
def test_values_one_by_one_are_read_as_a_window_is(head: str, around: str, how: dict[str, Any]) -> None:
    model, read = made(head, around=around, **how)
    series, begin, steps = np.array([0, 2]), np.array([21, 21]), 30
    forecaster = Forecaster.reach(model, read, series, begin)
    window = read.window(series, begin - 20, 20 + steps)
    with torch.no_grad():
        params, _ = model.scan(window, model.begin(2))
    for step in range(steps):
        place = read.panel.begins[series] + begin + step
        known = torch.from_numpy(read.covariates[place][:, :1])
        said, state = forecaster.look(known)
        if bool(window.mask[20 + step].all()):  # type: ignore[index]
            for one, many in zip(leaves(said), leaves(params), strict=True):
                assert torch.allclose(one, many[20 + step], atol=1e-4), step
        values, past = torch.from_numpy(read.panel.values[place]), torch.from_numpy(read.covariates[place][:, 1:])
        forecaster = forecaster.after(state, values, past)
        assert np.allclose(forecaster.at.level, read.level[place + series + 1], rtol=1e-5)
        assert np.allclose(forecaster.at.spread, read.spread[place + series + 1], rtol=1e-4)


def leaves(params: Any) -> list[torch.Tensor]:
    return [params] if isinstance(params, torch.Tensor) else [leaf for part in params for leaf in leaves(part)]


def test_nothing_that_comes_later_is_read() -> None:
    model, read = made()
    other = replace(read.panel, values=read.panel.values.copy(), past=read.panel.past.copy())
    at = other.begins[1] + 40
    other.values[at : at + 20] = 1e4
    other.past[at : at + 20] = 1e4
    series, places = np.array([1]), np.array([40])
    paths = []
    for source in (read, SeriesFeatures(other, read.codec)):
        forecaster = Forecaster.reach(model, source, series, places)
        paths.append(sample_paths(forecaster, torch.zeros(1, 4, 1), 3, seed=1))
    assert torch.equal(paths[0], paths[1])


def test_paths_follow_from_the_seed_and_are_drawn_one_value_given_those_before() -> None:
    model, read = made()
    forecaster = Forecaster.reach(model, read, np.array([0, 1]), np.array([50, 50]))
    known = torch.zeros(2, 4, 1)
    one, again, other = (sample_paths(forecaster, known, 6, seed) for seed in (1, 1, 2))
    assert one.shape == (2, 6, 4)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    longer = sample_paths(forecaster, torch.zeros(2, 7, 1), 6, seed=1)
    assert torch.equal(longer[..., :4], one)


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1, 1.5, True])
def test_a_seed_of_more_than_64_bits_is_refused(seed: Any) -> None:
    model, read = made()
    with pytest.raises(UsageError, match=r"^seed .* is not a whole number from"):
        sample_paths(Forecaster.reach(model, read, np.array([0]), np.array([50])), torch.zeros(1, 4, 1), 3, seed)


def test_counts_are_drawn_as_counts_of_the_size_of_their_series() -> None:
    model, read = made("negative_binomial")
    paths = sample_paths(
        Forecaster.reach(model, read, np.array([0, 2]), np.array([50, 50])), torch.zeros(2, 4, 1), 200, 1
    )
    assert torch.equal(paths, paths.round())
    assert float(paths[1].mean() / paths[0].mean()) == pytest.approx(3, rel=0.25)


def test_levels_run_along_as_a_loop_would() -> None:
    values = np.random.default_rng(0).normal(5, 2, 700).astype(np.float32)
    level, looped = running_mean(values, 0.05, 1.0), [1.0]
    for value in values:
        looped.append(looped[-1] + 0.05 * (float(value) - looped[-1]))
    assert np.allclose(level, looped, rtol=1e-5)
    constant, spread = levels_of(np.full(9, 7, np.float32), 0.1, 0.1, 3)
    assert (constant == 7).all()
    assert (spread > 0).all()


@pytest.mark.parametrize(("kept", "around"), [(0.3, "level"), (1.0, "last")])
def test_series_that_wander_are_read_around_their_last_value_and_others_around_their_level(
    kept: float, around: str
) -> None:
    dice, value = np.random.default_rng(1), 0.0
    rows = []
    for t in range(400):
        value = kept * value + dice.normal()
        rows.append(f"{np.datetime64('2026-11-02T00') + t},{value:.4f}")
    Path("w.csv").write_text("\n".join(["time,v", *rows]) + "\n")
    task = Forecast(source="w.csv", horizon="6", context="24", held_out="12")
    codec, _ = codec_for(task, read_panel("w.csv", SeriesColumns("time", ("v",)), None))
    assert codec.level_pace == (1 if around == "last" else codec.pace)


def test_a_gap_is_filled_with_what_came_before() -> None:
    assert filled(np.array([np.nan, 2, np.nan, np.nan, 5], np.float32)).tolist() == [2, 2, 2, 2, 5]


def test_an_epoch_begins_a_window_once_at_every_place() -> None:
    _, read = made()
    windows = SeriesWindows(read, np.array([48, 48, 48]), rows=5, steps=24, seed=3)
    assert windows.total == 3 * 25
    seen = set()
    for window in windows:
        assert window.inputs.shape[:2] == (24, 5)
        seen |= {row.numpy().tobytes() for row in window.inputs.transpose(0, 1)}
    assert len(seen) == len(windows) * 5 == 75
    assert torch.equal(windows[2].inputs, SeriesWindows(read, np.array([48, 48, 48]), 5, 24, 3)[2].inputs)


def test_a_codec_is_read_back_as_written() -> None:
    _, read = made(holidays="US-MN")
    assert SeriesCodec.read(read.codec.as_json()) == read.codec
