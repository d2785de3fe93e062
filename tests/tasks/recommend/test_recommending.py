"""A recommender answers by title, line by line and in bulk, and says in one line what it cannot answer."""

import io
import json
import random
from pathlib import Path

import pytest
import torch
from made_log import FILMS

import statewise
from statewise.cli.main import run as command
from statewise.errors import DataError, StatewiseError, UsageError
from statewise.state import read_tensors, write_tensors


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    assert command(list(arguments)) == code
    out, err = capsys.readouterr()
    return out, err


def test_a_title_an_id_a_misspelt_title_and_a_list_are_the_same_session(by_recommender: Path) -> None:
    model = statewise.load("run")
    lists = [
        [one.title for one in model.predict(session=session, k=2)]
        for session in ("Film A (1990), Film D (1993)", "0, 3", ["0", "film d"], [0, 3])
    ]
    with pytest.warns(UserWarning, match=r"^'Fiml D \(1993\)' is read as 'Film D \(1993\)'$"):
        lists.append([one.title for one in model.predict(session="film a; Fiml D (1993)", k=2)])
    assert all(one == lists[0] for one in lists)
    assert lists[0][0] == "Film G (1996)"


def test_what_is_nearly_a_title_is_read_as_that_and_said_by_every_verb(
    by_recommender: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    notice = "'Fiml D' is read as 'Film D (1993)'"
    out, err = said(capsys, "predict", "run", "--session", "Fiml D", "-k", "2")
    assert err == f"{notice}\n"
    assert (out, "") == said(capsys, "predict", "run", "--session", "Fiml D", "-k", "2", "--quiet")
    told, _ = said(capsys, "predict", "run", "--session", "Fiml D", "--json")
    assert json.loads(told)["notices"] == [notice]
    monkeypatch.setattr("sys.stdin", io.StringIO("0\nFiml D\n"))
    _, err = said(capsys, "stream", "run", "-k", "2")
    assert err == f"line 2: {notice}\n"
    assert statewise.load("run").live(k=2).push("Fiml D").as_json()["notices"] == [notice]


def test_inspect_lists_the_items_and_a_question_without_one_says_so(
    by_recommender: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = json.loads(said(capsys, "inspect", "run", "--names", "--json")[0])["items"]
    assert len(items) == FILMS
    assert set(items[0]) == {"id", "title", "events"}
    assert [one["events"] for one in items] == sorted((one["events"] for one in items), reverse=True)
    lines = said(capsys, "inspect", "run", "--names")[0].splitlines()
    assert lines[0] == f"{len(items)} items"
    assert lines[1].split() == [items[0]["id"], *items[0]["title"].split(), str(items[0]["events"])]
    assert "`statewise inspect RUN --names` lists" in said(capsys, "predict", "run", code=2)[1]


def test_lists_are_as_long_as_there_are_items_where_no_length_was_given(by_recommender: Path) -> None:
    model = statewise.load("run")
    usual = min(10, FILMS)
    assert len(list(model.predict(session=[3]))) == usual
    assert len(list(model.predict(session=[3], exclude_seen=True))) == min(10, FILMS - 1)
    live = model.live(exclude_seen=True)
    assert [len(live.push(item).items) for item in (3, 4, 3)] == [min(10, FILMS - seen) for seen in (1, 2, 2)]
    with pytest.raises(UsageError, match="give a smaller k"):
        list(model.predict(session=[3], k=FILMS + 1))


def test_an_id_that_was_never_seen_is_refused_by_every_verb(by_recommender: Path) -> None:
    model = statewise.load("run")
    live, wrong = model.live(k=2), "no item that training saw is called '00'"
    live.push(3)
    Path("one.txt").write_text("3\n00\n")
    for ask in (
        lambda: list(model.predict(session=["3", "00"])),
        lambda: model.answer(session="3,00"),
        lambda: "".join(model.answer(sessions="one.txt").pieces),
        lambda: live.push("00"),
        lambda: model.stream().push("00"),
    ):
        with pytest.raises(StatewiseError, match=wrong):
            ask()
    assert [one.id for one in live.push(5).items] == [one.id for one in model.predict(session=[3, 5], k=2)]


def test_a_stream_and_a_file_which_cannot_say_what_they_read_guess_nothing(by_recommender: Path) -> None:
    model = statewise.load("run")
    with pytest.raises(UsageError, match=r"did you mean 'Film D \(1993\)'\?$"):
        model.stream().push("Fiml D")
    Path("one.txt").write_text("3\nFiml D\n")
    with pytest.raises(DataError, match=r"^line 2 of one.txt: .*did you mean 'Film D \(1993\)'\?$"):
        "".join(model.answer(sessions="one.txt").pieces)


def test_what_a_session_has_had_is_left_out_when_asked(by_recommender: Path) -> None:
    model = statewise.load("run")
    everything = [one.id for one in model.predict(session="0,3", k=FILMS)]
    assert sorted(everything) == [str(film) for film in range(FILMS)]
    unseen = [one.id for one in model.predict(session="0,3,0", k=FILMS - 2, exclude_seen=True)]
    assert not {"0", "3"} & set(unseen)
    with pytest.raises(UsageError, match="a list of 9 was asked for but 8 items are left"):
        list(model.predict(session="0,3", k=FILMS - 1, exclude_seen=True))


def test_a_reason_is_what_the_score_loses_without_the_event(by_recommender: Path) -> None:
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


def test_a_stream_answers_each_event_as_reading_the_session_so_far_does(by_recommender: Path) -> None:
    model = statewise.load("run")
    live = model.live(k=4)
    for read in ("7", "7,Film A", "7,0,3"):
        pushed = live.push(read.split(",")[-1])
        wanted = list(model.predict(session=read, k=4))
        assert [one.id for one in pushed.items] == [one.id for one in wanted]
        assert [one.score for one in pushed.items] == pytest.approx([one.score for one in wanted], abs=1e-5)
    live.push("")
    assert [one.id for one in live.push("7").items] == [one.id for one in model.predict(session="7", k=4)]


def test_a_session_put_away_goes_on_where_it_was_and_remembers_what_it_had(by_recommender: Path) -> None:
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


def test_a_session_put_away_that_has_had_what_is_no_item_is_refused(by_recommender: Path) -> None:
    model = statewise.load("run")
    live = model.live()
    live.push("7")
    tensors, words = read_tensors(live.save())
    for seen in ([-1], [FILMS], [0, 2**31 - 1], [[0]]):
        with pytest.raises(DataError, match="the saved session"):
            model.live(write_tensors({**tensors, "seen": torch.tensor(seen, dtype=torch.int32)}, words))
    with pytest.raises(DataError, match="the saved session cannot be read"):
        model.live(write_tensors({**tensors, "seen": torch.tensor([0.0])}, words))


def test_a_line_that_is_no_item_changes_nothing(by_recommender: Path) -> None:
    live = statewise.load("run").live(k=2)
    live.push("7")
    with pytest.raises(UsageError, match="no item that training saw is called 'zzzzz'"):
        live.push("zzzzz")
    assert [one.id for one in live.push("0").items] == [
        one.id for one in statewise.load("run").predict(session="7,0", k=2)
    ]


def test_a_file_of_sessions_is_answered_line_by_line(by_recommender: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("sessions.txt").write_text("Film A, Film D\n7;8;9\n5\n")
    out, _ = said(capsys, "predict", "run", "--sessions", "sessions.txt", "-k", "2")
    model = statewise.load("run")
    wanted = [[one.title for one in model.predict(session=s, k=2)] for s in ("0,3", "7,8,9", "5")]
    assert [line.split("\t") for line in out.splitlines()] == wanted
    told = json.loads(said(capsys, "predict", "run", "--sessions", "sessions.txt", "-k", "2", "--json")[0])
    assert [[f"Film {'ABCDEFGHIJ'[int(i)]} ({1990 + int(i)})" for i in items] for items in told["lists"]] == wanted


def test_lists_of_many_sessions_are_those_of_each(by_recommender: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, dice = statewise.load("run"), random.Random(3)
    sessions = [[str(dice.randrange(FILMS)) for _ in range(dice.randrange(1, 9))] for _ in range(7)]
    Path("many.txt").write_text("\n".join(map(",".join, sessions)) + "\n")
    monkeypatch.setattr("statewise.tasks.recommend.answers.MOST_AT_ONCE", 3)
    found = model.answer(sessions="many.txt", k=3, exclude_seen=True).as_json()["lists"]
    wanted = [[one.id for one in model.predict(session=",".join(s), k=3, exclude_seen=True)] for s in sessions]
    assert found == wanted


def test_an_index_gives_the_lists_that_looking_at_all_items_gives_where_there_are_few(by_recommender: Path) -> None:
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
    by_recommender: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    out, err = said(capsys, "predict", "run", *arguments, code=2)
    assert out.strip() == ""
    assert err.startswith(words)
    assert err.count("\n") == 1


def test_a_run_without_features_knows_no_other_items(by_recommender: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, err = said(capsys, "predict", "run", "--session", "Film A", "--cold", code=2)
    assert err == "statewise: this run knows no items that it was not trained on: train one with --features\n"
