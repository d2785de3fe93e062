"""A network mixed with simple methods: by what is learned before the held-out end, and kept with the run."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import statewise
from statewise.errors import DataError, RunError
from statewise.report import Report
from statewise.tasks.forecast.blend import Blend, follow, histories
from statewise.tasks.forecast.calibrating import MOST_TIMES_USUAL, _bounded, _table, _weighed, _width_factor
from statewise.tasks.forecast.defaults import codec_for, usual_held_out, usual_stride
from statewise.tasks.forecast.features import SeriesFeatures
from statewise.tasks.forecast.levels import levels_of
from statewise.tasks.forecast.metrics import LEVELS
from statewise.tasks.forecast.simple_methods import METHODS
from statewise.tasks.forecast.task import Forecast

N, HORIZON = 90, 6
LOW, HIGH = LEVELS.index(0.1), LEVELS.index(0.9)


def monthly(path: str = "t.csv", count: int = N, series: int = 1) -> str:
    rng = np.random.default_rng(0)
    month = np.arange("2010-01", "2040-01", dtype="datetime64[M]")[:count]
    rows = []
    for s in range(series):
        walk = 50 * (s + 1) + rng.normal(0, 1, count).cumsum() + 8 * np.sin(2 * np.pi * np.arange(count) / 12)
        rows += [f"{m}-01,{s},{v:.4f}" for m, v in zip(month, walk, strict=True)]
    Path(path).write_text("\n".join(["date,id,v", *rows]) + "\n")
    return path


def task(**how: Any) -> Forecast:
    given: dict[str, Any] = {"hidden_size": 5, "updates": 6, "threads": 1, "batch_size": 7, "horizon": HORIZON}
    return Forecast(source="t.csv", target=("v",), series="id", **given | how)


@pytest.fixture
def run() -> statewise.Run:
    monthly()
    return statewise.train(task(), run="r")


def blend(**how: Any) -> Blend:
    errors = tuple(tuple((h + 1) ** 0.5 * (level - 0.5) * 4 for level in LEVELS) for h in range(HORIZON))
    given: dict[str, Any] = {"network": 0.25, "usual": 0.1, "widened": 1.0, "origins": 9, "horizons": 2.0}
    given |= {"expected": tuple((h + 1) ** 0.5 for h in range(HORIZON))}
    return Blend(methods=(1.0, *[0.0] * (len(METHODS) - 1)), errors=errors, **given | how)


def codec() -> Any:
    monthly()
    made = task()
    return codec_for(made, made.panel("t.csv"))[0]


def test_a_run_keeps_what_it_is_mixed_by_and_every_verb_uses_it(run: statewise.Run) -> None:
    trained = run.load()
    found = trained.task.calibration
    assert found is not None
    assert 0 <= found["network"] <= 1
    assert sum(found["methods"]) == pytest.approx(1, abs=1e-4)
    ahead = next(trained.predict(samples=20))
    live = trained.live(samples=20)
    streamed = live._ahead(live.forecaster, live.known)  # type: ignore[attr-defined]
    told = [low for _, _, low, _ in streamed], [high for _, _, _, high in streamed]
    np.testing.assert_allclose(told[0], ahead.at(0.1), rtol=1e-5)
    np.testing.assert_allclose(told[1], ahead.at(0.9), rtol=1e-5)
    np.testing.assert_allclose(np.sort(ahead.paths, axis=0)[[2, 17]], ahead.quantiles[:, [4, 34]].T, rtol=1e-2)
    again = statewise.evaluate("r")
    assert again.metrics == run.metrics
    assert set(again.tables["what was mixed"]) == {"the network alone", "simple methods alone"}


def test_what_it_is_mixed_by_never_looks_at_the_held_out_end(run: statewise.Run) -> None:
    before = json.loads(Path("r/calibration.json").read_text())
    lines = Path("t.csv").read_text().splitlines()
    held = run.report.data["held_out"]
    Path("t.csv").write_text("\n".join([*lines[:-held], *(f"{x.rsplit(',', 1)[0]},9e6" for x in lines[-held:])]) + "\n")
    statewise.train(task(), run="other")
    assert json.loads(Path("other/calibration.json").read_text()) == before


def test_a_run_without_a_mixture_says_what_the_network_says() -> None:
    monthly()
    report = statewise.train(task(blend=False), run="r").report
    assert not Path("r/calibration.json").exists()
    assert "what was mixed" not in report.tables
    assert "validation" not in report.data


def test_a_table_too_short_to_judge_the_network_leaves_it_out() -> None:
    monthly(count=26)
    report: Report = statewise.train(task(), run="r").report
    assert json.loads(Path("r/calibration.json").read_text())["found"]["network"] == 0
    assert "has no say" in " ".join(report.remarks)


def test_a_finished_run_that_is_resumed_is_calibrated_alike(run: statewise.Run) -> None:
    before = Path("r/calibration.json").read_bytes()
    Path("r/calibration.json").unlink()
    assert run.load().task.calibration is None
    statewise.resume("r")
    assert Path("r/calibration.json").read_bytes() == before


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda told: "{", RunError),
        (lambda told: json.dumps({**told, "found": 3}), RunError),
        (lambda told: json.dumps({**told, "found": {**told["found"], "network": 2.0}}), DataError),
        (lambda told: json.dumps({**told, "found": {**told["found"], "errors": [[0.0]]}}), DataError),
        (lambda told: json.dumps({**told, "found": {**told["found"], "methods": [1.0]}}), DataError),
        (lambda told: json.dumps({**told, "found": {**told["found"], "methods": [0.0] * len(METHODS)}}), DataError),
    ],
)
def test_a_damaged_calibration_is_named(run: statewise.Run, damage: Any, error: type[Exception]) -> None:
    path = Path("r/calibration.json")
    path.write_text(damage(json.loads(path.read_text())))
    with pytest.raises(error, match=r"calibration\.json"):
        list(statewise.predict("r", samples=5))


def test_weights_of_another_update_are_not_calibrated_by_it(run: statewise.Run) -> None:
    told = json.loads(Path("r/calibration.json").read_text())
    Path("r/calibration.json").write_text(json.dumps({**told, "update": told["update"] + 1}))
    assert run.load().task.calibration is None


def test_an_exported_run_takes_it_along(run: statewise.Run) -> None:
    from statewise.exporting.exported import export

    export("r", "out", format="safetensors")
    shutil.rmtree("r")
    assert statewise.load("out").task.calibration is not None


def test_quantiles_are_averaged_level_by_level() -> None:
    network = np.linspace(0, 10, len(LEVELS))[None, None].repeat(HORIZON, axis=1)
    history = np.full((1, 128), 50.0)
    made, known = blend(), codec()
    alone, _ = made.simple(known, history, HORIZON)
    np.testing.assert_allclose(made.mixed(known, history, network), 0.25 * network + 0.75 * alone)
    wide = replace(made, widened=2.0).mixed(known, history, network)
    mixed = made.mixed(known, history, network)
    np.testing.assert_allclose(np.ptp(wide, axis=-1), 2 * np.ptp(mixed, axis=-1))


def test_paths_follow_the_mixture_and_keep_what_joins_their_steps() -> None:
    paths = torch.randn(2, 50, 1).cumsum(dim=1).repeat(1, 1, 3) * torch.tensor([1.0, 2.0, 3.0])
    quantiles = np.sort(np.random.default_rng(0).normal(0, 5, (2, 3, len(LEVELS))), axis=-1)
    found = follow(paths, quantiles)
    assert torch.equal(found.argsort(dim=1)[..., 0], paths.argsort(dim=1)[..., 0])
    assert torch.equal(found.argsort(dim=1)[..., 0], found.argsort(dim=1)[..., 2])
    middle = np.moveaxis(np.quantile(found.numpy(), 0.5, axis=1), 0, 0)
    np.testing.assert_allclose(middle, quantiles[..., LEVELS.index(0.5)], atol=0.5)


def test_a_gap_widens_the_interval_the_more_the_longer_it_is() -> None:
    known = codec()
    values = np.random.default_rng(4).normal(100, 3, 128)
    widths = []
    for gap in (0, 3, 30, 100):
        history = np.where(np.arange(128) >= 128 - gap, np.nan, values)[None]
        network = np.linspace(90, 110, len(LEVELS))[None, None].repeat(HORIZON, axis=1)
        mixed = blend().mixed(known, history, network)[0, 0]
        widths.append(mixed[HIGH] - mixed[LOW])
    assert widths == sorted(widths)
    assert widths[2] > 1.5 * widths[0]


def test_a_new_series_begins_with_the_spread_of_its_kind() -> None:
    history = np.full((1, 128), np.nan)
    history[0, -1] = 200.0
    alone, _ = blend(usual=0.1).simple(codec(), history, HORIZON)
    spread = 0.1 * 200 * 4 * 0.8 * 11 / 12  # 80 % of errors from -2 to 2 spreads, of which eleven twelfths are lent
    assert alone[0, 0, HIGH] - alone[0, 0, LOW] == pytest.approx(spread, rel=0.01)
    level, lent = levels_of(history[0].astype(np.float32), 0.03, 0.03, 32, usual=0.1)
    assert (level[-1], lent[-1]) == (200, pytest.approx(0.97 * 0.1 * 200 * 31 / 32, rel=1e-4))


def test_the_level_of_a_series_does_not_forget_its_spread_in_a_gap() -> None:
    values = np.random.default_rng(5).normal(10, 2, 200).astype(np.float32)
    _, before = levels_of(values, 0.03, 0.03, 32)
    gone = np.concatenate([values, np.full(300, np.nan, np.float32)])
    _, after = levels_of(gone, 0.03, 0.03, 32)
    assert after[-1] == before[-1]


def test_a_level_jumps_where_a_whole_season_lies_elsewhere() -> None:
    rng = np.random.default_rng(6)
    values = (100 + 10 * rng.normal(0, 1, 400)).astype(np.float32)
    values[300:] += 200
    level, spread = levels_of(values, 1 / 32, 1 / 32, 32, steady=7)
    lasting, _ = levels_of(values, 1 / 32, 1 / 32, 32)
    assert abs(level[335] - 300) < 15 < abs(lasting[335] - 300)
    assert spread[335] < 40
    steady, plain = (levels_of(values[:300], 1 / 32, 1 / 32, 32, steady=n)[0] for n in (7, 0))
    assert np.array_equal(steady, plain)  # nothing jumps where nothing has shifted


def test_a_forecast_follows_a_level_that_has_shifted() -> None:
    rng = np.random.default_rng(7)
    days = np.arange("2024-01-01", "2025-06-01", dtype="datetime64[D]")
    values = 100 + 10 * rng.normal(0, 1, len(days))
    values[-35:] += 200
    rows = [f"{day},0,{value:.3f}" for day, value in zip(days, values, strict=True)]
    Path("t.csv").write_text("\n".join(["date,id,v", *rows]) + "\n")
    made = task(updates=40, held_out=7)
    run = statewise.train(made, run="r")
    ahead = next(run.load().predict(samples=50))
    assert np.abs(ahead.at(0.5) - 300).max() < 30


def test_shares_of_methods_go_to_the_one_that_is_never_wrong() -> None:
    rng = np.random.default_rng(8)
    errors = rng.normal(0, 1, (400, len(METHODS), 4))
    errors[:, 3] *= 0.01
    prior = np.full(len(METHODS), 1 / len(METHODS))
    assert _weighed(errors, prior)[3] > 0.9
    np.testing.assert_allclose(_weighed(errors[:0], prior), prior)
    exact = errors * (np.arange(len(METHODS)) < 2)[:, None]  # all but two of them are never wrong
    assert _weighed(1e9 * exact, prior)[:2].max() < 1e-3
    few = _weighed(errors[:2], prior)
    assert few[3] < _weighed(errors, prior)[3]


def test_errors_of_which_there_are_few_make_wider_intervals() -> None:
    rng = np.random.default_rng(9)
    errors = rng.normal(0, 1, (4000, 3))
    many, few = _table(errors), _table(errors[:6])
    np.testing.assert_allclose(many[:, HIGH] - many[:, LOW], 2 * 1.2816, rtol=0.06)
    own = np.quantile(np.concatenate([errors[:6], -errors[:6]]), LEVELS[HIGH], axis=0)
    assert ((few[:, HIGH] - few[:, LOW]) > 2 * own).all()
    assert np.isfinite(_table(np.full((5, 3), np.nan))).all()


def test_an_error_from_before_a_level_jumped_is_bounded_by_what_is_usual() -> None:
    errors = np.random.default_rng(0).normal(0, 1, (40, 3))
    errors[5, 1], errors[7] = np.nan, 1e6
    found = _bounded(errors)
    assert np.isnan(found[5, 1])
    assert np.nanmax(found) < 1.2 * MOST_TIMES_USUAL
    kept = np.delete(np.arange(40), [5, 7])
    assert np.array_equal(found[kept], errors[kept])


def test_intervals_that_hold_too_little_are_widened() -> None:
    rng = np.random.default_rng(10)
    came = rng.normal(0, 1.5, (900, 1))
    narrow = np.array([-1.2816 + 2 * 1.2816 * i / (len(LEVELS) - 1) for i in range(len(LEVELS))])[None, None]
    quantiles = narrow.repeat(900, axis=0)
    half = 1.2816 * (HIGH - LEVELS.index(0.5)) / (len(LEVELS) // 2)
    factor = _width_factor(came, quantiles, horizons=1e9)
    assert factor == pytest.approx(1.5 * 1.2816 / half, rel=0.1)
    assert 1 < _width_factor(came, quantiles, horizons=2.0) < 1.2  # of few horizons little is known
    assert _width_factor(0.1 * came, quantiles, horizons=1e9) == 1


def test_a_short_table_is_scored_from_several_origins() -> None:
    for longest, horizon in ((72, 12), (100, 6), (289, 48), (144, 12)):
        held_out = usual_held_out(longest, horizon)
        assert (held_out - horizon) // usual_stride(held_out, horizon) + 1 >= 6
        assert held_out < longest / 2
    monthly(count=72)
    report = statewise.train(task(horizon=12), run="r").report
    assert report.data["origins"] > 5
    assert "nan" not in " ".join(report.remarks)


def test_a_table_of_few_values_is_trained_by_enough_updates_of_a_small_network() -> None:
    monthly(count=164)
    made = Forecast(source="t.csv", target=("v",), series="id", horizon=12)
    data = made.prepare(Path())
    size = made.network_size(data.codec)
    assert size.hidden_size == 16
    epoch = len(data.windows("training"))
    assert 4 * epoch < 50  # the warm-up alone
    assert made.fraction(399, epoch, 1.0) < 1 <= made.fraction(400, epoch, 1.0)
    assert "hidden size 16, dropout 0.2, 400 updates" in made.size(data.facts)
    told = replace(made, hidden_size=7, dropout=0.0, updates=8)
    assert told.network_size(data.codec) == (7, 0.0)
    assert told.fraction(8, epoch, 1.0) == 1


def test_histories_hold_nothing_from_before_a_series_or_after_its_place() -> None:
    monthly(count=30, series=2)
    made = task()
    read = SeriesFeatures(made.panel("t.csv"), codec_for(made, made.panel("t.csv"))[0])
    found = histories(read.panel, np.array([0, 1]), np.array([3, 5]), 7)
    assert np.isnan(found).sum(axis=1).tolist() == [4, 2]
    assert found[1, -1] == pytest.approx(read.panel.values[read.panel.part(1)][4])
