"""A run works from any folder, and never goes on with other data than it was trained on without a word."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import statewise
from statewise.cli.main import run
from statewise.data.source_paths import corpus_named, found_again, located
from statewise.errors import RunError, UsageError
from statewise.run.directory import RunDirectory

TINY: dict[str, Any] = {"hidden_size": 4, "batch_size": 3, "threads": 1, "updates": 2, "sample_seconds": 0}
TEXT = "It was the best of times, it was the worst of times.\n" * 60
HOURS = np.datetime64("2026-11-02T00", "s") + np.arange(150) * np.timedelta64(3600, "s")


def write_table(path: Path, shift: int = 0, times: int = 0) -> None:
    hours = HOURS + np.timedelta64(times, "h")
    rows = [f"{hour},{(7 * t + shift) % 24}" for t, hour in enumerate(hours)]
    path.write_text("\n".join(["time,cars", *rows]) + "\n")


def write_log(path: Path, shift: int = 0) -> None:
    rows = [f"u{who},{(who * n + shift) % 9},{5000 * who + n}" for who in range(30) for n in range(1, 7)]
    path.write_text("\n".join(["user_id,item_id,timestamp", *rows]) + "\n")


def text_in(folder: Path) -> Any:
    (folder / "book.txt").write_text(TEXT)
    return statewise.Text(source="book.txt", sequence_length=8, embedding=3, orders=2, gap=10, **TINY)


def forecast_in(folder: Path) -> Any:
    write_table(folder / "cars.csv")
    return statewise.Forecast(source="cars.csv", horizon="6h", context="24h", **TINY)


def recommend_in(folder: Path) -> Any:
    write_log(folder / "log.csv")
    return statewise.Recommend(source=("log.csv",), min_support=1, k=2, sequence_length=4, embedding=3, **TINY)


MAKES = {"text": text_in, "forecast": forecast_in, "recommend": recommend_in}


def change(folder: Path, task: str) -> None:
    """Let the source say something else."""
    if task == "text":
        (folder / "book.txt").write_text(TEXT.replace("worst", "first"))
    elif task == "forecast":
        write_table(folder / "cars.csv", shift=1)
    else:
        write_log(folder / "log.csv", shift=1)


@pytest.fixture(params=MAKES)
def trained(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Path]:
    """A run that was trained in one folder; the test stands in another, with other files of the same names."""
    (tmp_path / "here").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    statewise.train(MAKES[request.param](tmp_path / "here"), run="run")
    monkeypatch.chdir(tmp_path / "elsewhere")
    MAKES[request.param](tmp_path / "elsewhere")
    change(tmp_path / "elsewhere", request.param)
    return request.param, tmp_path / "here" / "run"


def test_a_run_works_from_any_folder_whatever_files_lie_there(trained: tuple[str, Path]) -> None:
    _, path = trained
    typed = RunDirectory(path).read_config()["settings"]["source"]
    assert typed in ("book.txt", "cars.csv", ["log.csv"])
    assert statewise.inspect(path)["sources"] == {
        Path(str(np.ravel(typed)[0])).name: str(path.parent / np.ravel(typed)[0])
    }
    before = statewise.inspect(path)["best"]
    assert statewise.evaluate(path).metrics == before
    assert statewise.resume(path).metrics == before


def test_a_source_that_has_changed_is_refused_with_both_digests(
    trained: tuple[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    task, path = trained
    then = RunDirectory(path).read_config()["data"]["sha256"][:12]
    change(path.parent, task)
    for verb in ("evaluate", "resume"):
        assert run([verb, str(path)]) == 2
        (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("statewise: ")]
        assert line.startswith(f"statewise: the data of {path} have changed since it began (sha256 {then}, now ")
        assert line.endswith("): bring them back" if verb == "evaluate" else "): bring them back, or train a new run")
    with pytest.raises(RunError, match="have changed since it began"):
        statewise.inspect_memory(path, lags=4, probes=2)


def test_settings_of_a_run_train_another_from_any_folder(trained: tuple[str, Path]) -> None:
    task, path = trained
    assert run(["train", task, "--config", str(path / "run.yaml"), "--run", "again", "--quiet"]) == 0
    first, again = (RunDirectory(one).read_config() for one in (path, Path("again")))
    assert first["data"] == again["data"]
    assert again["sources"] == {}


def test_a_run_that_was_moved_with_its_data_finds_them_where_they_were_typed(
    trained: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, path = trained
    before = statewise.inspect(path)["best"]
    moved = path.parent.rename(path.parent.with_name("moved"))
    monkeypatch.chdir(moved)
    assert statewise.evaluate("run").metrics == before


def test_a_codec_that_is_not_that_of_the_data_is_refused(trained: tuple[str, Path]) -> None:
    _, path = trained
    codec = RunDirectory(path).read_codec()
    changed = {
        "alphabet": codec.get("alphabet", "")[::-1],
        "ids": codec.get("ids", [])[::-1],
        "pace": codec.get("pace", 0) / 2,
    }
    codec |= {name: value for name, value in changed.items() if name in codec}
    (path / "codec.json").write_text(json.dumps(codec))
    for verb in (statewise.evaluate, statewise.resume):
        with pytest.raises(RunError, match=r"codec\.json of .*run is not what its data say: it was changed, or made"):
            verb(path)


@pytest.mark.parametrize("how", ["values", "times"])
def test_a_forecast_beyond_the_table_of_its_training_says_where_that_has_changed(
    tmp_path: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    statewise.train(forecast_in(tmp_path), run="run")
    model = statewise.load("run")
    assert len(list(model.predict())) == 1
    write_table(tmp_path / "cars.csv", **({"shift": 1} if how == "values" else {"times": 24}))
    for verb in ("predict", "stream"):
        assert run([verb, "run"]) == 2
        line = capsys.readouterr().err
        assert "statewise: the data of this run have changed since it began (sha256 " in line
        assert "to go on from what the table says now, name it, as in `predict RUN " in line
    assert len(list(model.predict("cars.csv"))) == 1


def test_a_corpus_stays_one_where_a_file_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plays.txt").write_text(TEXT)
    monkeypatch.setattr("statewise.data.corpora.PublishedCorpus.files", lambda self: [tmp_path / "plays.txt"])
    statewise.train(
        statewise.Text(source="shakespeare", sequence_length=8, embedding=3, orders=2, gap=10, **TINY), run="run"
    )
    assert RunDirectory(Path("run")).read_config()["sources"] == {"shakespeare": "corpus:shakespeare"}
    (tmp_path / "shakespeare").write_text(TEXT[::-1])
    assert corpus_named("shakespeare") is None
    assert statewise.evaluate("run").metrics == statewise.inspect("run")["best"]
    with pytest.raises(UsageError, match="unknown corpus 'shakespear': did you mean 'shakespeare'"):
        statewise.train(statewise.Text(source="corpus:shakespear"))


def test_a_pattern_means_the_folder_that_it_was_typed_in_also_where_that_is_odd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "[ab]").mkdir()
    (tmp_path / "a").mkdir()
    for folder in ("[ab]", "a"):
        (tmp_path / folder / "one.txt").write_text(TEXT if folder == "[ab]" else TEXT[::-1])
    monkeypatch.chdir(tmp_path / "[ab]")
    task = statewise.Text(source="*.txt", sequence_length=8, embedding=3, orders=2, gap=10, **TINY)
    statewise.train(task, run=tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    assert statewise.evaluate("run").metrics == statewise.inspect("run")["best"]


def test_what_is_no_path_of_a_file_is_left_as_it_was_typed(tmp_path: Path) -> None:
    assert located(["gone.txt", "https://example.org/a", "a\nb"]) == {}
    assert found_again("a", {"a": "corpus:a"}) == "corpus:a"
    assert found_again("a", {"a": "/nowhere/a"}) == "/nowhere/a"
    (tmp_path / "a").touch()
    assert found_again("a", {"a": "/nowhere/a"}) == "a"


def test_a_search_goes_on_from_any_folder_and_not_with_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("optuna")
    from statewise.tuning.search import Search

    text_in(tmp_path)
    asked = ["tune", "text", "book.txt", "--run", str(tmp_path / "s"), "--search", "hidden_size=3,4", "--trials", "1"]
    sizes = "--batch-size 3 --sequence-length 8 --updates 2 --orders 2 --gap 10 --quiet"
    asked += sizes.split()
    assert run(asked) == 0
    best = yaml.safe_load((tmp_path / "s" / "best.yaml").read_text())
    assert best["source"] == [str(tmp_path / "book.txt")]
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert Search.read(tmp_path / "s").trial(1) == 1
    assert [trial.state for trial in Search.read(tmp_path / "s").trials()] == ["complete", "complete"]
    text_in(tmp_path / "elsewhere")
    assert run(asked) == 2
    assert "holds a search with other settings" in capsys.readouterr().err
