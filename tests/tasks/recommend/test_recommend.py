"""A recommender learns a made log, in every way it can be set, and beats what is simple on it."""

import dataclasses
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from made_log import SMALL, make_task, write_log

import statewise
from statewise.data.interactions.catalogue import Catalogue
from statewise.data.markov import MarkovSource
from statewise.errors import StatewiseError, UsageError
from statewise.heads import Ranking
from statewise.tasks.recommend.list_metrics import judge
from statewise.tasks.recommend.task import Recommend
from statewise.underway import returned


def test_it_beats_every_baseline_beyond_doubt_where_two_events_say_what_one_does_not(by_recommender: Path) -> None:
    report = statewise.evaluate("run")
    found = report.metrics
    best = max(scores["mrr_at_3_high"] for scores in report.baselines.values())
    assert found["mrr_at_3_low"] > best, report.table()
    assert len(report.baselines) == 6
    assert report.remarks[2] == "MRR@3: ahead of the best baseline (Markov chain); their intervals do not meet."
    positions = report.tables["By how many events of the session were read"]
    assert positions["3"]["mrr_at_3"] > 0.95
    assert positions["1"]["mrr_at_3"] < 0.85
    assert (report.data["training_sessions"], report.data["held_out_sessions"]) == (144, 16)


def test_another_log_is_scored_by_the_same_catalogue(by_recommender: Path) -> None:
    Path("other.csv").write_text("session_id,item_id,timestamp\nq,0,1\nq,3,2\nq,6,3\nq,none,4\nr,1,1\n")
    report = statewise.evaluate("run", "other.csv")
    assert report.data["held_out_events"] == 3
    assert report.data["unseen_events"] == 1
    assert report.data["scored_places"] == 2


def test_a_run_that_was_left_resumes_bit_for_bit_with_drawn_negatives() -> None:
    write_log(60)
    task = make_task(updates=12, negatives=3, save_seconds=0.0001, items="separate", optimizer="momentum_adagrad")
    whole = statewise.train(task, run="whole")
    events = statewise.training(task, run="cut")
    for event in events:
        if getattr(event, "update", 0) == 5:
            break
    events.close()
    again = statewise.resume("cut")
    assert again.metrics == whole.metrics
    one, other = (statewise.load(name).model.state_dict() for name in ("whole", "cut"))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("loss", "items", "negatives"),
    [
        ("cross_entropy", "tied", 4),
        ("bpr", "separate", 4),
        ("top1", "one_hot", 0),
        ("bpr_max", "tied", 0),
        ("top1_max", "one_hot", 4),
    ],
)
def test_every_loss_trains_and_so_does_every_kind_of_model(loss: Any, items: Any, negatives: int) -> None:
    write_log(40)
    task = make_task(updates=3, loss=loss, items=items, negatives=negatives, dropout_hidden=0.5, dropout_embedding=0.2)
    assert 0 < statewise.train(task, run=f"{loss}-{items}").metrics["recall_at_3"] < 1


def test_tied_items_are_read_as_they_are_scored_and_one_hot_ones_are_not_stored_at_all() -> None:
    films = Catalogue(tuple("abcdef"), (3, 2, 2, 1, 1, 1))
    head: Any = {items: make_task(items=items).model(films) for items in ("tied", "separate", "one_hot")}
    assert all(isinstance(model.head, Ranking) for model in head.values())
    assert head["tied"].head.table is head["tied"].encoder[0]
    assert head["separate"].head.table is not head["separate"].encoder[0]
    assert head["one_hot"].core.features == 6
    assert head["one_hot"].encoder(torch.tensor([[2]])).tolist() == [[[0, 0, 1, 0, 0, 0]]]
    with pytest.raises(
        UsageError, match=r"items one_hot reads 20,001 numbers for an item, more than 20,000: give items tied"
    ):
        make_task(items="one_hot").model(Catalogue(tuple(map(str, range(20_001))), (1,) * 20_001))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"k": 11}, "k 11 is more than the 10 items: give a smaller k"),
        ({"item": "film"}, r"log\.csv: unknown column 'film'"),
        ({"min_support": 10**6}, "none is left for the training part, with items of at least 1000000 events"),
        (
            {"batch_size": 5000},
            "but 5000 rows of 5 steps need 25,000: give more sessions, or a smaller batch size or sequence length",
        ),
        ({"features": True}, "no table of items says what they have, such as genres: give one, or leave out"),
        ({"features": True, "items": "separate"}, "features are of vectors that are read and scored, not of separate"),
        ({"negatives": 2, "optimizer": "sgd"}, "sgd changes every row of a table at each update"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_a_run_is_made(settings: Any, words: str) -> None:
    write_log(40)
    with pytest.raises(StatewiseError, match=words):
        statewise.train(make_task(updates=1, **settings), run="refused")
    assert not Path("refused").exists()


def test_lists_in_the_metrics_are_no_longer_than_the_catalogue_and_that_is_said() -> None:
    write_log(40)
    task = dataclasses.replace(make_task(updates=1), k=None)
    data = task.prepare(Path("cache"))
    assert (data.k, data.notices) == (10, ["lists in the metrics have all 10 items, so recall is 1: give a smaller k"])
    assert "mrr_at_10" in statewise.train(task, run="short").metrics


@pytest.mark.parametrize(("items", "repeats"), [(1, True), (2, True), (2, False)])
def test_a_log_of_one_or_two_items_is_trained_and_sampled(items: int, repeats: bool) -> None:
    rows = [f"{s},{(s + k) % items},{s * 10 + k}\n" for s in range(40) for k in range(4)]
    Path("few.csv").write_text("session,item,time\n" + "".join(rows))
    task = dataclasses.replace(make_task(updates=1), source="few.csv", k=None, repeats=repeats)
    trained = statewise.train(task, run="few").load()
    said = trained.task.sample(trained.model, trained.codec)
    assert len(said.splitlines()) == 1 + items - (not repeats)


def test_sessions_of_one_event_are_left_out_and_counted_as_short() -> None:
    write_log(40)
    with Path("log.csv").open("a") as file:
        file.writelines(f"single{n},3,{n}\n" for n in range(9))
    facts = make_task().prepare(Path("cache")).facts
    assert facts["sessions"] == 49
    assert facts["training_sessions"] + facts["held_out_sessions"] + facts["sessions_across_the_split"] == 40


def test_a_second_order_source_is_learned_nearly_to_its_own_odds_against_all_items_and_against_a_few_drawn() -> None:
    source = MarkovSource(6, noise=0.05, seed=2)
    lines = [
        f"s{n},{item},{100 * n + step}"
        for n, items in enumerate(source.sessions(900, 8))
        for step, item in enumerate(items)
    ]
    Path("log.csv").write_text("\n".join(["session_id,item_id,timestamp", *lines]) + "\n")
    how: dict[str, Any] = {
        **SMALL,
        "hidden_size": 24,
        "embedding": 12,
        "batch_size": 16,
        "sequence_length": 7,
        "updates": 500,
        "learning_rate": 0.02,
    }
    reached = {}
    for negatives in (0, 3):
        task = Recommend(source="log.csv", **{**how, "negatives": negatives, "alpha": 0.0, "items": "separate"})
        run = statewise.train(task, run=f"run-{negatives}")
        data = task.prepare(Path(".data"))
        old = torch.tensor([int(item) for item in data.codec.ids])
        read = old[torch.from_numpy(data.places.read)].numpy()

        def truth(start: int, stop: int, read: Any = read, begins: Any = data.places.begins, old: Any = old) -> Any:
            return torch.from_numpy(source.scores(read, begins, start, stop))[:, old]

        best = returned(judge(truth, data.places.wanted, 3, 6)).values()["mrr_at_3"].mean()
        reached[negatives] = run.metrics["mrr_at_3"] / best
        assert run.report.baselines["Markov chain"]["mrr_at_3"] < 0.9 * best
    assert all(0.95 < share < 1.03 for share in reached.values()), reached
    assert abs(reached[0] - reached[3]) < 0.03


def write_genres(cold: int = 7) -> None:
    """Sessions go round four genres of five films each; one film is in the table alone."""
    dice, lines = random.Random(1), ["session_id,item_id,timestamp"]
    films = [film for film in range(20) if film != cold]
    for session in range(150):
        genre = dice.randrange(4)
        for n in range(6):
            film = dice.choice([film for film in films if film % 4 == (genre + n) % 4])
            lines.append(f"s{session},{film},{1000 * session + n}")
    Path("log.csv").write_text("\n".join(lines) + "\n")
    titles = [f"{film},Film {film},{'ABCD'[film % 4]}" for film in range(20)]
    Path("films.csv").write_text("\n".join(["item_id,title,genres", *titles]) + "\n")


@pytest.mark.parametrize("negatives", [0, 8])
def test_an_item_never_trained_on_is_recommended_and_read_by_what_it_has(negatives: int) -> None:
    write_genres(cold=7)
    run = statewise.train(make_task(features=True, negatives=negatives, updates=120, learning_rate=0.02), run="cold")
    model = run.load()
    assert (model.codec.trained, model.codec.choices) == (19, 20)
    assert run.report.data["cold_items"] == 1
    listed = {one.id: one for one in model.predict(session="0,1,2", k=20, cold=True)}
    assert listed["7"].rank <= 5, [one.title for one in listed.values()]  # genre D has four films besides
    assert "7" not in {one.id for one in model.predict(session="0,1,2", k=19)}
    behind = [one.id for one in model.predict(session="1,2,7", k=5)]
    assert {int(film) % 4 for film in behind} == {0}
