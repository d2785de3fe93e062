"""A recommender learns a made log, beats what is simple on it, and answers by title, line by line and in bulk."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch

import statewise
from statewise.cli.main import run as command
from statewise.data.catalogue import Catalogue
from statewise.data.markov import MarkovSource
from statewise.errors import DataError, StatewiseError, UsageError
from statewise.heads import Ranking
from statewise.ranking import judge
from statewise.ranking.comparing import returned
from statewise.tasks.recommend import Recommend

SMALL: dict[str, Any] = {
    "width": 12, "embedding": 8, "rows": 6, "steps": 5, "k": 3, "least_support": 1, "threads": 1, "sample_seconds": 0,
    "dropout_hidden": 0.0, "dropout_embedding": 0.0, "negatives": 0,
}  # fmt: skip
FILMS = 10


def write_log(sessions: int = 160) -> None:
    """Each session counts on by 1 or by 3, so that one event says little and two say all."""
    dice, lines = random.Random(0), ["session_id,item_id,timestamp"]
    for session in range(sessions):
        film, step = dice.randrange(FILMS), dice.choice((1, 3))
        for n in range(dice.randrange(4, 8)):
            lines.append(f"s{session},{film},{1000 * session + n}")
            film = (film + step) % FILMS
    Path("log.csv").write_text("\n".join(lines) + "\n")
    titles = [f"{film},Film {'ABCDEFGHIJ'[film]},{1990 + film}" for film in range(FILMS)]
    Path("films.csv").write_text("\n".join(["item_id,title,year", *titles]) + "\n")


def make_task(**settings: Any) -> Recommend:
    return Recommend(source=("log.csv", "films.csv"), **{**SMALL, **settings})


@pytest.fixture(scope="module")
def trained_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recommend")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        torch.set_num_threads(1)
        write_log()
        statewise.train(make_task(updates=260, rate=0.02, warmup=5), run="run")
    return folder


@pytest.fixture
def here(trained_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(trained_folder)
    return trained_folder


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    assert command(list(arguments)) == code
    out, err = capsys.readouterr()
    return out, err


def test_it_beats_every_baseline_beyond_doubt_where_two_events_say_what_one_does_not(here: Path) -> None:
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


def test_a_title_an_id_and_a_misspelt_title_are_the_same_session(here: Path) -> None:
    model = statewise.load("run")
    lists = [
        [one.title for one in model.predict(session=session, k=2)]
        for session in ("Film A (1990), Film D (1993)", "0, 3", "film a; Fiml D (1993)")
    ]
    assert lists[0] == lists[1] == lists[2]
    assert lists[0][0] == "Film G (1996)"


def test_what_a_session_has_had_is_left_out_when_asked(here: Path) -> None:
    model = statewise.load("run")
    everything = [one.id for one in model.predict(session="0,3", k=FILMS)]
    assert sorted(everything) == [str(film) for film in range(FILMS)]
    unseen = [one.id for one in model.predict(session="0,3,0", k=FILMS - 2, exclude_seen=True)]
    assert not {"0", "3"} & set(unseen)
    with pytest.raises(UsageError, match="a list of 9 was asked for but 8 items are left"):
        list(model.predict(session="0,3", k=FILMS - 1, exclude_seen=True))


def test_a_reason_is_what_the_score_loses_without_the_event(here: Path) -> None:
    model = statewise.load("run")
    best = next(iter(model.predict(session="7,0,3", k=1, explain=True)))
    without = {one.id: one.score for one in model.predict(session="7,3", k=FILMS)}
    assert best.because is not None
    moved = dict(best.because)
    assert moved["Film A (1990)"] == pytest.approx(best.score - without[best.id], abs=1e-4)
    assert set(moved) == {"Film H (1997)", "Film A (1990)", "Film D (1993)"}
    assert "Film D (1993)" in str(best)
    alone = next(iter(model.predict(session="7", k=1, explain=True)))
    prior = {one.id: one.score for one in model.live(k=FILMS).push("").items}
    assert alone.because is not None
    assert alone.because[0].moved == pytest.approx(alone.score - prior[alone.id], abs=1e-4)


def test_a_stream_answers_each_event_as_reading_the_session_so_far_does(here: Path) -> None:
    model = statewise.load("run")
    live = model.live(k=4)
    for read in ("7", "7,Film A", "7,0,3"):
        pushed = live.push(read.split(",")[-1])
        wanted = list(model.predict(session=read, k=4))
        assert [one.id for one in pushed.items] == [one.id for one in wanted]
        assert [one.score for one in pushed.items] == pytest.approx([one.score for one in wanted], abs=1e-5)
    live.push("")
    assert [one.id for one in live.push("7").items] == [one.id for one in model.predict(session="7", k=4)]


def test_a_session_put_away_goes_on_where_it_was_and_remembers_what_it_had(here: Path) -> None:
    model = statewise.load("run")
    live = model.live(k=5, exclude_seen=True)
    live.push("7")
    saved = live.save()
    assert len(saved) < 1500
    again = model.live(saved, k=5, exclude_seen=True)
    assert [one.as_json() for one in again.push("0").items] == [one.as_json() for one in live.push("0").items]
    assert not {"7", "0"} & {one.id for one in again.push("3").items}
    with pytest.raises(DataError):
        model.live(saved[:-3])
    with pytest.raises(DataError):
        model.live(model.stream().save())


def test_a_line_that_is_no_item_changes_nothing(here: Path) -> None:
    live = statewise.load("run").live(k=2)
    live.push("7")
    with pytest.raises(UsageError, match="no item that training saw is called 'zzzzz'"):
        live.push("zzzzz")
    assert [one.id for one in live.push("0").items] == [
        one.id for one in statewise.load("run").predict(session="7,0", k=2)
    ]


def test_a_file_of_sessions_is_answered_line_by_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("sessions.txt").write_text("Film A, Film D\n7;8;9\n5\n")
    out, _ = said(capsys, "predict", "run", "--sessions", "sessions.txt", "-k", "2")
    model = statewise.load("run")
    wanted = [[one.title for one in model.predict(session=s, k=2)] for s in ("0,3", "7,8,9", "5")]
    assert [line.split("\t") for line in out.splitlines()] == wanted
    told = json.loads(said(capsys, "predict", "run", "--sessions", "sessions.txt", "-k", "2", "--json")[0])
    assert [[f"Film {'ABCDEFGHIJ'[int(i)]} ({1990 + int(i)})" for i in items] for items in told["lists"]] == wanted


def test_lists_of_many_sessions_are_those_of_each(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, dice = statewise.load("run"), random.Random(3)
    sessions = [[str(dice.randrange(FILMS)) for _ in range(dice.randrange(1, 9))] for _ in range(7)]
    Path("many.txt").write_text("\n".join(map(",".join, sessions)) + "\n")
    monkeypatch.setattr("statewise.tasks.recommending.MOST_AT_ONCE", 3)
    found = model.answer(sessions="many.txt", k=3, exclude_seen=True).as_json()["lists"]
    wanted = [[one.id for one in model.predict(session=",".join(s), k=3, exclude_seen=True)] for s in sessions]
    assert found == wanted


def test_an_index_gives_the_lists_that_looking_at_all_items_gives_where_there_are_few(here: Path) -> None:
    model = statewise.load("run")
    Path("three.txt").write_text("0,3\n7\n1,2,3\n")
    one, other = (
        model.answer(sessions="three.txt", k=4, exclude_seen=True, approximate=approximate).as_json()["lists"]
        for approximate in (False, True)
    )
    assert one == other
    live = model.live(k=4, approximate=True)
    assert [one.id for one in live.push("7").items] == [one.id for one in model.predict(session="7", k=4)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--session", "nothing like it"], "statewise: no item that training saw is called 'nothing like it'"),
        ([], "statewise: the session is empty: name at least one item"),
        (["--session", " , "], "statewise: the session is empty"),
        (["--session", "Film A", "-k", "0"], "statewise: a list of 0 says nothing: give k 1 or more"),
        (["--session", "Film A", "-k", "99"], "statewise: a list of 99 was asked for but 10 items are left"),
        (["--sessions", "nowhere.txt"], "statewise: cannot read nowhere.txt (No such file or directory)"),
        (["--sessions", "log.csv", "--session", "Film A"], "statewise: --sessions contradicts --session: give one"),
        (["--session", "Film A", "--approximate"], "statewise: --approximate makes an index"),
        (["--sessions", "films.csv"], "statewise: line 1 of films.csv: no item that training saw is called 'item_id'"),
    ],
)
def test_what_cannot_be_answered_is_said_in_one_line(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    out, err = said(capsys, "predict", "run", *arguments, code=2)
    assert out.strip() == ""
    assert err.startswith(words)
    assert err.count("\n") == 1


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
        UsageError, match=r"one_hot reads 20,001 numbers for an item, more than 20,000: give --items tied"
    ):
        make_task(items="one_hot").model(Catalogue(tuple(map(str, range(20_001))), (1,) * 20_001))


def test_another_log_is_scored_by_the_same_catalogue(here: Path) -> None:
    Path("other.csv").write_text("session_id,item_id,timestamp\nq,0,1\nq,3,2\nq,6,3\nq,none,4\nr,1,1\n")
    report = statewise.evaluate("run", "other.csv")
    assert report.data["held_out_events"] == 3
    assert report.data["unseen_events"] == 1
    assert report.data["scored_places"] == 2


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"k": 11}, "k 11 is more than the 10 items: give a smaller k"),
        ({"item": "film"}, r"log\.csv: unknown column 'film'"),
        ({"least_support": 10**6}, "none is left for the training part, with items of at least 1000000 events"),
        ({"rows": 5000}, "but 5000 rows of 5 steps need 25,000: give more sessions, or fewer rows or steps"),
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


def test_sessions_of_one_event_are_left_out_and_counted_as_short() -> None:
    write_log(40)
    with Path("log.csv").open("a") as file:
        file.writelines(f"single{n},3,{n}\n" for n in range(9))
    facts = make_task().prepare(Path("cache")).facts
    assert facts["sessions"] == 49
    assert facts["training_sessions"] + facts["held_out_sessions"] + facts["sessions_across_the_split"] == 40


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
    run = statewise.train(make_task(features=True, negatives=negatives, updates=120, rate=0.02), run="cold")
    model = run.load()
    assert (model.codec.trained, model.codec.choices) == (19, 20)
    assert run.report.data["cold_items"] == 1
    listed = {one.id: one for one in model.predict(session="0,1,2", k=20, cold=True)}
    assert listed["7"].rank <= 5, [one.title for one in listed.values()]  # genre D has four films besides
    assert "7" not in {one.id for one in model.predict(session="0,1,2", k=19)}
    behind = [one.id for one in model.predict(session="1,2,7", k=5)]
    assert {int(film) % 4 for film in behind} == {0}


def test_a_run_without_features_knows_no_other_items(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, err = said(capsys, "predict", "run", "--session", "Film A", "--cold", code=2)
    assert err == "statewise: this run knows no items that it was not trained on: train one with --features\n"


def test_a_second_order_source_is_learned_nearly_to_its_own_odds_against_all_items_and_against_a_few_drawn() -> None:
    source = MarkovSource(6, noise=0.05, seed=2)
    lines = [
        f"s{n},{item},{100 * n + step}"
        for n, items in enumerate(source.sessions(900, 8))
        for step, item in enumerate(items)
    ]
    Path("log.csv").write_text("\n".join(["session_id,item_id,timestamp", *lines]) + "\n")
    how: dict[str, Any] = {**SMALL, "width": 24, "embedding": 12, "rows": 16, "steps": 7, "updates": 500, "rate": 0.02}
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
