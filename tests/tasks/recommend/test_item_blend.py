"""A network mixed with methods that count, by weights learned on a part that neither has read."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_log import SMALL, make_task, write_log

import statewise
from statewise.data.interactions.session_rows import Places, read_places
from statewise.data.markov import MarkovSource
from statewise.errors import DataError
from statewise.tasks.recommend.blend import (
    NETWORK,
    CountedMethods,
    ItemBlend,
    learned_weights,
    reciprocal_ranks,
)
from statewise.tasks.recommend.data import RecommendData
from statewise.tasks.recommend.list_metrics import judge
from statewise.tasks.recommend.queries import queries, ranking_of
from statewise.tasks.recommend.sizes import PLAIN_SIZES
from statewise.tasks.recommend.task import Recommend
from statewise.underway import returned

NONE: dict[str, Any] = dict.fromkeys(("hidden_size", "embedding", "batch_size"), 0)


def prepared(**how: Any) -> tuple[Recommend, RecommendData]:
    made = make_task(**how)
    task, data = made.fitted(made.prepare(Path("cache")))
    assert isinstance(data, RecommendData)
    return task, data


@pytest.fixture
def log() -> None:
    write_log()


@pytest.fixture
def run(log: None) -> statewise.Run:
    return statewise.train(make_task(minutes=0.03, hidden_size=0, checks=2), run="run")


def test_sizes_checks_and_a_part_for_them_follow_from_the_log(log: None) -> None:
    task, data = prepared(minutes=1, **NONE)
    assert (task.embedding, task.batch_size, task.validation) == (16, 4, 0.1)
    assert (task.checks, task.early_stop, task.keep) == (40, 10, "best")
    assert f"hidden size {task.hidden_size}, embedding 16, batch size 4, checks 40" in task.size(data.facts)
    learned, checked = (next(read_places(part, 10**6)) for part in (data.training, data.validation))
    assert 0 < len(checked.read) < len(learned.read) / 5
    assert checked.begins[0] == 0
    facts, whole = data.facts, data.sessions.facts
    assert facts["training_sessions"] + facts["validation_sessions"] == whole["training_sessions"]
    assert facts["training"] + facts["validation"] == whole["training_events"]
    assert facts["training_sessions"] == len(np.unique(learned.begins))
    assert len(data.validating().places.read) == len(checked.read)


def test_what_was_given_and_a_budget_of_updates_choose_nothing(log: None) -> None:
    task, data = prepared(updates=3, **NONE)
    assert (task.hidden_size, task.embedding, task.batch_size) == PLAIN_SIZES
    assert (task.validation, task.checks) == (0.0, 0)
    assert "chosen" not in data.facts
    assert len(data.validation) == 0
    task, data = prepared(minutes=1, validation=0.3, checks=3)
    assert (task.hidden_size, task.embedding, task.batch_size, task.checks) == (12, 8, 6, 3)
    assert data.facts["validation"] > data.sessions.facts["training_events"] / 5


def test_the_mixture_is_not_clearly_worse_than_any_of_its_parts_where_its_weights_were_learned(
    run: statewise.Run,
) -> None:
    trained = run.load()
    data, found = trained.data(), json.loads(Path("run/calibration.json").read_text())["found"]
    assert isinstance(data, RecommendData)
    assert sum(found["weights"].values()) == pytest.approx(1, abs=1e-3)
    checked = Places.joined(list(read_places(data.validation, 10**6)))
    assert found["places"] == len(checked.read)
    counted = CountedMethods(Places.joined(list(read_places(data.training, 10**6))), data.codec.trained)
    count, head = len(checked.read), ranking_of(trained.model)
    odds = {name: counted.odds(name, checked.read, checked.begins, 0, count) for name in counted.names}
    with torch.no_grad():
        odds[NETWORK] = head.scores(queries(trained.model, checked)).double().softmax(dim=-1).numpy()
    total = sum((weight * odds[name] for name, weight in found["weights"].items()), np.zeros_like(odds[NETWORK]))
    worth = reciprocal_ranks(np.asarray(total), checked.wanted, data.k)
    for one in odds.values():
        lost = reciprocal_ranks(one, checked.wanted, data.k) - worth
        assert lost.mean() <= lost.std() / len(lost) ** 0.5 + 1e-6
    assert "weights learned on the part for checks" in " ".join(run.report.remarks)
    assert statewise.evaluate("run").metrics == run.metrics
    assert {"network_mrr_at_3", "network_recall_at_3"} <= set(run.metrics)


def test_every_face_answers_with_the_mixture(run: statewise.Run) -> None:
    trained = run.load()
    task, codec = trained.task, trained.codec
    assert isinstance(task, Recommend)
    blend = task.blend(codec)
    assert blend is not None
    assert task.blend(codec) is blend
    session = [codec.number(film) for film in ("Film A", "Film D", "Film G")]
    read = np.array(session)
    places = Places(read, read, np.zeros_like(read))
    wanted = blend.scores(ranking_of(trained.model), queries(trained.model, places)[2:], places, 2, 3)[0]
    listed = list(trained.predict(session="Film A, Film D, Film G", k=5))
    assert [codec.number(one.id) for one in listed] == wanted.topk(5).indices.tolist()
    assert [one.score for one in listed] == pytest.approx(wanted.topk(5).values.tolist(), abs=1e-5)
    live = trained.live(k=5)
    for film in ("Film A", "Film D"):
        live.push(film)
    live = trained.live(live.save(), k=5)
    assert [one.id for one in live.push("Film G").items] == [one.id for one in listed]
    Path("sessions.txt").write_text("Film A, Film D, Film G\nFilm B\n")
    lines = "".join(trained.answer(sessions="sessions.txt", k=5).pieces).splitlines()
    assert lines[0].split("\t") == [one.title for one in listed]
    explained = list(trained.predict(session="Film A, Film D, Film G", k=2, explain=True))
    assert explained[0].because is not None
    assert len(explained[0].because) == 3
    assert next(iter(trained.predict(session="Film A", k=2, explain=True))).because is not None
    unseen = list(trained.predict(session="Film A, Film D", k=8, exclude_seen=True))
    assert not {one.title.split(" (")[0] for one in unseen} & {"Film A", "Film D"}


def test_methods_say_the_same_of_places_and_of_sessions(log: None) -> None:
    _, data = prepared(updates=3)
    counted = CountedMethods(Places.joined(list(read_places(data.training, 10**6))), data.codec.trained)
    places = data.places
    for name in counted.names:
        odds = counted.odds(name, places.read, places.begins, 5, 9)
        np.testing.assert_allclose(odds.sum(axis=1), 1, atol=1e-5)
        for at in range(5, 9):
            session = places.read[places.begins[at] : at + 1]
            np.testing.assert_allclose(counted.after(name, session.tolist()), odds[at - 5], atol=1e-6)
        np.testing.assert_allclose(counted.after(name, []).sum(), 1, atol=1e-5)


def test_grams_of_items_reach_what_a_source_of_second_order_allows() -> None:
    source = MarkovSource(12)
    made = source.sessions(3000, 6)
    read, wanted = (part.ravel().astype(np.int64) for part in (made[:, :-1], made[:, 1:]))
    counted = CountedMethods(Places(read, wanted, np.repeat(np.arange(0, 15_000, 5), 5)), 12)
    new = source.sessions(200, 6, seed=1)
    read, wanted = (part.ravel().astype(np.int64) for part in (new[:, :-1], new[:, 1:]))
    begins = np.repeat(np.arange(0, 1000, 5), 5)
    best = returned(judge(lambda a, b: torch.from_numpy(source.scores(read, begins, a, b)), wanted, 5, 12))
    odds = counted.odds("3-grams", read, begins, 0, 1000)
    allowed = float(best.values()["mrr_at_5"].mean())
    assert reciprocal_ranks(odds, wanted, 5).mean() > 0.97 * allowed
    assert reciprocal_ranks(counted.odds("2-grams", read, begins, 0, 1000), wanted, 5).mean() < 0.9 * allowed


def test_weights_leave_out_what_does_not_help() -> None:
    dice = np.random.default_rng(0)
    wanted = dice.integers(7, size=300)
    good = np.eye(7)[wanted] + dice.random((300, 7))
    bad = dice.random((300, 7))
    weights = learned_weights({"good": good, "bad": bad}, wanted, 3)
    assert weights == {"good": 1.0}
    lucky = good.copy()
    lucky[:3] = np.eye(7)[wanted[:3]]
    assert learned_weights({"good": good, "lucky": lucky}, wanted, 3) == {"good": 1.0}
    assert reciprocal_ranks(np.ones((4, 7)), np.arange(4), 3).sum() == 0


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("weights", {}, r"not that of a recommender \('weights'\)"),
        ("weights", {"luck": 1.0}, r"weighs 'luck', which is not a method"),
        ("counted", "no", r"not that of a recommender \('counted'\)"),
    ],
)
def test_a_damaged_blend_is_named(name: str, value: Any, message: str, run: statewise.Run) -> None:
    path = Path("run/calibration.json")
    told = json.loads(path.read_text())
    path.write_text(json.dumps({**told, "found": {**told["found"], name: value}}))
    with pytest.raises(DataError, match=message):
        statewise.evaluate("run")
    with pytest.raises(DataError, match="the run is damaged"):
        ItemBlend.read({**told["found"], name: value}, 2)


def test_a_log_of_few_events_keeps_no_part(log: None) -> None:
    write_log(60)
    task, data = prepared(minutes=0.02)
    assert (task.validation, task.checks, len(data.validation)) == (0.0, 0, 0)
    run = statewise.train(Recommend(source="log.csv", **{**SMALL, "minutes": 0.01}), run="few")
    assert not Path("few/calibration.json").exists()
    assert "network_mrr_at_3" not in run.metrics
