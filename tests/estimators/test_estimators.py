"""Estimators are such as scikit-learn expects: its own checks, its tools, copies, and the task's own report."""

import copy
import gc
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.utils import estimator_checks

from statewise.errors import UsageError
from statewise.estimators import GestureClassifier, SeriesForecaster, SessionRecommender

SMALL: dict[str, Any] = {"hidden_size": 8, "learning_rate": 0.03}
QUICK = GestureClassifier(updates=2, **SMALL)
ROWLESS = [SeriesForecaster(updates=3, **SMALL), SessionRecommender(updates=3, **SMALL)]
NEEDS_LEARNING = {"check_classifiers_train"}
OF_PARAMETERS = [
    "check_parameters_default_constructible",
    "check_no_attributes_set_in_init",
    "check_get_params_invariance",
    "check_set_params",
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimators_unfitted",
    "check_mixin_order",
]
SESSIONS = [[n % 5, (n + 1) % 5, (n + 2) % 5] for n in range(200)]


def moves(count: int = 24) -> tuple[Any, Any]:
    labels = np.array(["rises", "falls"] * (count // 2))
    draw, slope = np.random.default_rng(0), np.where(labels == "rises", 1.0, -1.0)
    return draw.normal(size=(count, 7, 2)) + np.arange(7.0)[:, None] * slope[:, None, None], labels


@pytest.mark.filterwarnings("ignore")  # of scikit-learn itself, about what it tries
def test_a_classifier_passes_the_checks_of_scikit_learn() -> None:
    expected = dict.fromkeys(NEEDS_LEARNING, "so few updates do not learn")
    found = estimator_checks.check_estimator(clone(QUICK), expected_failed_checks=expected, on_fail=None, on_skip=None)
    assert [(one["check_name"], one["exception"]) for one in found if one["status"] == "failed"] == []
    assert sum(one["status"] == "passed" for one in found) > 40


@pytest.mark.filterwarnings("ignore")
def test_a_classifier_learns_what_scikit_learn_asks_of_classifiers() -> None:
    estimator_checks.check_classifiers_train("GestureClassifier", GestureClassifier(updates=120, **SMALL))


@pytest.mark.parametrize("check", OF_PARAMETERS)
@pytest.mark.parametrize("estimator", ROWLESS, ids=lambda one: type(one).__name__)
def test_parameters_of_the_others_are_as_scikit_learn_has_them(estimator: Any, check: str) -> None:
    one = clone(estimator)
    getattr(estimator_checks, check)(type(one).__name__, one)


def test_sequences_of_three_axes_lists_and_gaps_are_classified() -> None:
    xs, labels = moves()
    model = GestureClassifier(updates=60, **SMALL).fit(xs, labels)
    assert model.score(xs, labels) == 1.0
    assert model.predict_proba(xs[:3]).sum(axis=1) == pytest.approx(1.0)
    assert model.predict([xs[0][:5], xs[1]]).tolist() == ["rises", "falls"]
    holed = xs[:1].copy()
    holed[0, 3] = np.nan
    assert model.predict(holed).tolist() == ["rises"]
    with pytest.raises(UsageError, match="X has 3 features, but GestureClassifier is expecting 2 features"):
        model.predict(np.zeros((1, 7, 3)))
    with pytest.raises(UsageError, match="all of one class, rises: give sequences of two or more"):
        GestureClassifier().fit(xs[:2], ["rises", "rises"])
    with pytest.raises(UsageError, match="2 and 3 numbers a step"):
        GestureClassifier().fit([np.zeros((4, 2)), np.zeros((4, 3))], ["a", "b"])


def test_a_search_of_scikit_learn_chooses_among_settings() -> None:
    xs, labels = moves(12)
    search = GridSearchCV(GestureClassifier(**SMALL), {"updates": [1, 40]}, cv=2).fit(xs, labels)
    assert search.best_estimator_.predict(xs).shape == (12,)


def test_a_copy_and_another_process_have_the_run_when_the_first_is_gone() -> None:
    xs, labels = moves(12)
    model = GestureClassifier(updates=20, **SMALL).fit(xs, labels)
    wanted, folder = model.predict_proba(xs), Path(model._folder)
    written, copied = pickle.dumps(model), copy.deepcopy(model)
    assert folder.is_dir()
    del model
    gc.collect()
    assert not folder.exists()
    for other in (copied, pickle.loads(written), pickle.loads(pickle.dumps(pickle.loads(written)))):
        assert np.array_equal(other.predict_proba(xs), wanted)


def test_a_run_can_be_kept_in_a_folder_of_the_users_choice(tmp_path: Path) -> None:
    xs, labels = moves(12)
    GestureClassifier(updates=3, run=str(tmp_path / "mine"), **SMALL).fit(xs, labels)
    gc.collect()
    assert (tmp_path / "mine" / "run.yaml").is_file()


def test_series_are_forecast_with_and_without_what_is_known_ahead() -> None:
    steps = np.arange(240.0)
    one = SeriesForecaster(horizon=5, updates=4, **SMALL).fit(np.sin(steps / 4))
    assert one.predict().shape == (5,)
    low, high = one.predict_quantiles(levels=(0.1, 0.9)).T
    assert (low < high).all()
    assert "historical quantiles" in one.report_.table()
    several = SeriesForecaster(horizon=5, updates=4, **SMALL).fit(np.stack([np.sin(steps / 4), np.cos(steps / 4)], 1))
    assert several.predict_quantiles().shape == (5, 2, 3)
    known = np.stack([steps % 7, steps % 3], axis=1)
    held = SeriesForecaster(horizon=5, updates=4, **SMALL).fit(known[:-5], np.sin(steps[:-5] / 4))
    assert held.predict(known[-5:]).shape == (5,)
    assert held.score(known[-5:], np.sin(steps[-5:] / 4)) <= 1
    with pytest.raises(UsageError, match="X says value_1, value_2 of the 5 steps ahead"):
        held.predict()
    with pytest.raises(UsageError, match="X is not of the 5 steps ahead"):
        held.predict(known[-4:])
    with pytest.raises(UsageError, match="call predict without X"):
        one.predict(known[-5:])


def test_a_frame_with_times_is_forecast_as_the_task_does() -> None:
    pandas = pytest.importorskip("pandas")
    hours = pandas.date_range("2026-01-01", periods=240, freq="h")
    frame = pandas.DataFrame({"load": np.sin(np.arange(240) / 4)}, index=hours)
    model = SeriesForecaster(horizon=6, updates=4, **SMALL).fit(frame)
    assert model.predict().shape == (6,)
    assert copy.deepcopy(model).predict() == pytest.approx(model.predict())


def test_sessions_are_learned_from_and_items_come_back_as_they_were() -> None:
    model = SessionRecommender(k=2, hidden_size=16, updates=80, settings={"batch_size": 4}).fit(SESSIONS)
    assert model.predict([[3, 4], [0]])[:, 0].tolist() == [0, 1]
    assert model.score([[0, 1, 2], [3, 4, 0]]) == 1.0
    assert "item-kNN" in model.report_.table()
    with pytest.raises(UsageError, match="1 sessions have fewer than two items"):
        model.score([[1]])
    with pytest.raises(UsageError, match="two items are the same as text"):
        SessionRecommender().fit([[1, "1"]])
    with pytest.raises(UsageError, match="there is no session with an item"):
        SessionRecommender().fit([[]])


def test_what_was_not_fitted_says_so() -> None:
    for estimator in (GestureClassifier(), SeriesForecaster(), SessionRecommender()):
        with pytest.raises(NotFittedError):
            estimator.predict([[1.0, 2.0]])
