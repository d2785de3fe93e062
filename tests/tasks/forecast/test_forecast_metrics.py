"""Measures agree with what is worked out by hand, and a test of luck is right about luck."""

import math

import numpy as np
import pytest

from statewise.tasks.forecast.metrics import (
    LEVELS,
    Difference,
    Truth,
    by_step,
    compare,
    inside,
    loss_by_origin,
    pinball_losses,
    scores,
    student_t_cdf,
)
from statewise.tasks.forecast.naive_forecasts import drift, historical_quantiles, last_value, seasonal, with_errors
from statewise.tasks.forecast.verdict import against, untold

LEVEL = np.array(LEVELS)


def around(points: np.ndarray, width: float) -> np.ndarray:
    return points[..., None] + width * (LEVEL - 0.5)


def test_a_perfect_forecast_loses_nothing() -> None:
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    found = scores(Truth(values, np.ones(2), np.arange(2), np.ones(2)), around(values, 0.0))
    assert [found[name] for name in ("MASE", "weighted_quantile_loss", "CRPS", "RMSE", "sMAPE")] == [0] * 5
    assert found["covers_80"] == 1


def test_measures_are_those_worked_out_by_hand() -> None:
    truth = Truth(np.array([[10.0, np.nan]]), np.array([2.0]), np.array([0]), np.array([9.0]))
    found = scores(truth, around(np.array([[12.0, 1.0]]), 0.0))
    assert found["MAE"] == found["RMSE"] == 2
    assert found["MASE"] == 1
    assert found["sMAPE"] == pytest.approx(200 * 2 / 22)
    assert found["weighted_quantile_loss"] == pytest.approx(
        2 * 2 * 0.5 / 10
    )  # a mean of 1 - l over the deciles is a half
    assert found["CRPS"] == pytest.approx(2 * 2 * 0.5)
    assert found["covers_95"] == 0
    assert list(by_step(truth, around(np.array([[12.0, 1.0]]), 0.0), ["1", "2"])) == ["1"]


def test_intervals_of_the_true_distribution_cover_what_they_say() -> None:
    values = np.random.default_rng(0).uniform(size=(4000, 1))
    quantiles = np.broadcast_to(LEVEL, (4000, 1, len(LEVEL)))
    for percent in (50, 80, 95):
        assert inside(values, quantiles, percent).mean() == pytest.approx(percent / 100, abs=0.03)
    losses = 2 * pinball_losses(values, quantiles).mean()
    assert losses == pytest.approx(1 / 6, abs=0.01)  # the CRPS of a uniform number against its own distribution


def test_a_difference_is_found_where_there_is_one_and_rarely_where_there_is_none() -> None:
    dice = np.random.default_rng(1)
    one, better = dice.normal(1, 0.2, 80), dice.normal(0.9, 0.2, 80)
    found = compare(better, one)
    assert found.p_value < 0.05
    assert found.share == pytest.approx(0.1, abs=0.05)
    lucky = [compare(dice.normal(1, 0.2, 60), dice.normal(1, 0.2, 60)).p_value < 0.05 for _ in range(400)]
    assert 0.02 < np.mean(lucky) < 0.09
    overlapping = []
    for _ in range(300):
        noise = dice.normal(size=(2, 70))
        smooth = [np.convolve(row, np.ones(5) / 5, "valid") for row in noise]
        overlapping.append(compare(smooth[0], smooth[1], overlap=5).p_value < 0.05)
    assert np.mean(overlapping) < 0.15


def test_nothing_is_said_of_equal_losses_or_of_too_few() -> None:
    assert math.isnan(compare(np.ones(9), np.ones(9)).p_value)
    assert math.isnan(compare(np.array([1.0, 2.0]), np.array([2.0, 1.0])).p_value)
    assert student_t_cdf(2.228, 10) == pytest.approx(0.975, abs=1e-4)


def test_simple_forecasts_do_what_they_are_called() -> None:
    values = np.arange(20.0) % 5
    line = np.arange(20.0) * 2
    at = np.array([10, 13])
    assert last_value(values, at, 2).tolist() == [[4, 4], [2, 2]]
    assert drift(line, at, 2).tolist() == [[20, 22], [26, 28]]
    assert seasonal(5)(values, at, 7).tolist() == [[*range(5), 0, 1], [3, 4, 0, 1, 2, 3, 4]]
    usual = historical_quantiles(values, 10, at, 2, np.array([0.5]), 5)
    assert usual[..., 0].tolist() == [[0, 1], [3, 4]]
    for point, first in ((last_value, 1), (drift, 2), (seasonal(3), 3)):
        points = point(line, at, 2)
        ranges = with_errors(point, line, 10, at, 2, np.array([0.1, 0.5, 0.9]), first)
        assert ranges[..., 1].tolist() == points.tolist()  # also where it was always too low
        assert np.allclose(ranges[..., 2] - points, points - ranges[..., 0])
    ranges = with_errors(seasonal(5), values, 10, at, 2, LEVEL, first=5)
    assert np.allclose(ranges, seasonal(5)(values, at, 2)[..., None])  # it was never off


def of_nothing(values: float, scale: float, size: float) -> Truth:
    return Truth(np.full((3, 2), values), np.full(3, scale), np.arange(3), np.full(3, size))


def test_a_ratio_to_nothing_is_left_out_and_said() -> None:
    for truth, kept, told in (
        (of_nothing(5.0, 0.0, 5.0), {"weighted_quantile_loss"}, ["There is no MASE: repeating the last season was"]),
        (of_nothing(0.0, 2.0, 5.0), {"MASE"}, ["There is no weighted quantile loss: all that came is nought"]),
        (of_nothing(0.0, 0.0, 0.0), set(), ["There is no MASE", "There is no weighted quantile loss"]),
        (of_nothing(5.0, 2.0, 5.0), {"MASE", "weighted_quantile_loss"}, []),
    ):
        found = scores(truth, around(np.full((3, 2), 6.0), 1.0))
        assert found.keys() & {"MASE", "weighted_quantile_loss"} == kept
        assert all(math.isfinite(value) for value in found.values())
        assert np.isfinite(loss_by_origin(truth, around(np.full((3, 2), 6.0), 1.0))).all()
        words = list(untold(truth, np.arange(3)))
        assert [word.startswith(start) for word, start in zip(words, told, strict=True)] == [True] * len(told)
    some = of_nothing(5.0, 2.0, 5.0)._replace(scale=np.array([2.0, 0.0, 2.0]))
    assert scores(some, around(np.full((3, 2), 6.0), 0.0))["MASE"] == 0.5
    assert next(untold(some, np.arange(3))).startswith("MASE leaves out 1 of 3 series")


@pytest.mark.parametrize(
    ("losses", "others", "words"),
    [
        ([0.1] * 9, [0.0] * 9, "The best baseline, drift, makes no error here: there is no error to compare with."),
        ([1.0, 2.0], [2.0, 3.0], "drift: 40.0% less loss (no test: only 2 origins)."),
        ([3.0, 5.0], [2.0, 3.0], "drift: 60.0% more loss (no test: only 2 origins)."),
        ([2.0] * 9, [1.0] * 9, "drift: 100.0% more loss (no test: the difference never varies)."),
        ([90.0, 70.0, 1.0], [0.2, 0.1, 0.1], "drift: 402 times the loss (Diebold-Mariano "),
    ],
)
def test_a_difference_is_told_in_words_that_fit_it(losses: list[float], others: list[float], words: str) -> None:
    said = against("drift", compare(np.array(losses), np.array(others)), certain=0.05)
    assert words in said
    assert "nan" not in said
    assert "-" not in said.replace("Diebold-Mariano", "")


def test_origins_that_share_their_values_are_said_to_and_not_that_the_difference_never_varies() -> None:
    losses, others = np.array([0.5, 0.7, 0.4, 0.6, 0.9, 0.3, 0.8]), np.ones(7)
    found = compare(losses, others, overlap=7)
    assert math.isnan(found.p_value)
    assert "no test: the 7 origins share most of the values that came after them" in against("drift", found, 0.05)
    assert compare(losses, others).p_value < 0.05


def test_a_share_of_nothing_is_none() -> None:
    assert math.isnan(compare(np.array([1.0, 2.0, 3.0]), np.zeros(3)).share)
    assert "p = 0.25" in against("drift", Difference(0.1, -1.2, 0.25, 9), certain=0.05)
