"""Training and scoring from Python show a bar in a terminal and in a notebook, and nothing where they should not."""

import io
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import statewise
from statewise.errors import UsageError
from statewise.learning.events import Checked, Finished, Sampled, Scoring, Started, Updated
from statewise.progress.notebook import notebook_view
from statewise.tasks.shared.kneser_ney import KneserNey
from statewise.tasks.text.task import Text

TINY: dict[str, Any] = {
    "hidden_size": 8,
    "embedding": 4,
    "batch_size": 4,
    "sequence_length": 16,
    "orders": 2,
    "threads": 1,
    "updates": 3,
}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@contextmanager
def terminal() -> Iterator[Terminal]:
    """Within this block standard error is a terminal; not as a fixture, since pytest puts its own in place."""
    with pytest.MonkeyPatch.context() as patch:
        found = Terminal()
        patch.setenv("TERM", "xterm")
        patch.setenv("COLUMNS", "100")
        patch.delenv("NO_COLOR", raising=False)
        patch.setattr(sys, "stderr", found)
        yield found


def cursor_is_back(said: str) -> bool:
    return said.count("\x1b[?25l") == said.count("\x1b[?25h") > 0


class Notebook:
    """IPython's side of it: what is shown beneath a cell, as often as that changes."""

    def __init__(self) -> None:
        self.pages: list[str] = []

    def get_ipython(self) -> Any:
        return SimpleNamespace(kernel=self)

    def HTML(self, page: str) -> str:  # noqa: N802
        return page

    def display(self, page: str, *, display_id: bool) -> Any:
        assert display_id
        self.pages.append(page)
        return SimpleNamespace(update=self.pages.append)


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    found = Notebook()
    monkeypatch.setitem(sys.modules, "IPython", found)
    monkeypatch.setitem(sys.modules, "IPython.display", found)
    return found


@pytest.mark.parametrize("verb", ["train", "resume", "evaluate"])
def test_in_a_terminal_each_verb_shows_a_bar(book: Path, verb: str) -> None:
    if verb != "train":
        statewise.train(Text(source="book.txt", **TINY), run="r")
    with terminal() as screen:
        match verb:
            case "train":
                statewise.train(Text(source="book.txt", **TINY), run="r")
            case "resume":
                statewise.resume("r")
            case _:
                statewise.evaluate("r")
    said = screen.getvalue()
    assert "\N{BOX DRAWINGS HEAVY HORIZONTAL}" in said
    assert ("r trains:" in said) == (verb == "train")
    assert cursor_is_back(said)


def test_quiet_and_without_a_terminal_nothing_is_said(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with terminal() as screen, pytest.MonkeyPatch.context() as patch:
        statewise.train(Text(source="book.txt", **TINY), run="r", quiet=True)
        statewise.resume("r", quiet=True)
        statewise.evaluate("r", quiet=True)
        patch.setenv("RANK", "1")  # the second of several processes
        statewise.evaluate("r")
    assert screen.getvalue() == ""
    statewise.evaluate("r")
    assert capsys.readouterr() == ("", "")


def test_a_bar_is_drawn_in_a_thread_and_gone_where_training_fails(book: Path) -> None:
    with terminal() as screen:
        thread = threading.Thread(target=lambda: statewise.train(Text(source="book.txt", **TINY), run="r"))
        thread.start()
        thread.join()
        assert Path("r/report.md").is_file()
        assert cursor_is_back(screen.getvalue())
        with pytest.raises(UsageError):
            statewise.train(Text(source="nowhere.txt", **TINY), run="other")
    assert cursor_is_back(screen.getvalue())


def test_in_a_notebook_a_page_is_written_again_and_again_and_the_bar_goes_at_last(
    book: Path, notebook: Notebook, capsys: pytest.CaptureFixture[str]
) -> None:
    statewise.train(Text(source="book.txt", **TINY), run="runs/r")
    assert "<progress" in notebook.pages[0]
    assert "runs/r trains: " in notebook.pages[-1]
    assert "<progress" not in notebook.pages[-1]
    assert capsys.readouterr() == ("", "")


def test_what_a_notebook_is_shown_is_escaped_and_what_was_told_stays(notebook: Notebook) -> None:
    large = Updated(2, 0, 0.5, 2.0, 1.0, norm=50.0, rate=0.1, places=5, usual=1.0, is_exploding=True)
    with notebook_view(Text(source="book.txt")) as show:
        show(Started("<i>run</i>", 0, 1000, {"training": 5, "held_out": 2, "unit": "character", "choices": 3}))
        show(Updated(1, 0, 0.25, 1.0, 1.0, norm=1.0, rate=0.1, places=5))
        show(Sampled(1, 1.0, "<b>To be\x1b[2J"))
        show(large)
        show(large._replace(update=3, norm=60.0))
        show(Checked(1, 1.0, {"bits_per_character": 2.5}, 2.5))
        show(Scoring(0.5, "the baselines"))
        assert 'training <progress max="1" value="0.2500"></progress> 25%' in notebook.pages[2]
        assert "the baselines" not in notebook.pages[-1]  # it is written a few times a second, not at every event
        show(Finished(3, 3.0, {}))
    last = notebook.pages[-1]
    assert "&lt;i&gt;run&lt;/i&gt; trains: 1,000 parameters" in last
    assert "&lt;b&gt;To be�[2J" in last
    assert "<b>" not in last
    assert "update 2 has a gradient of norm 50 where 1 is usual" in last
    assert "1 more update, the last of them 3," in last
    assert "check, after 1 s: 2.500 bits per character" in last


def test_n_grams_are_counted_once_for_a_text_and_shown_while_they_are(
    book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []
    fitting = KneserNey.fitting

    def noted(*given: Any) -> Any:
        counted.append(1)
        return (yield from fitting(*given))

    monkeypatch.setattr(KneserNey, "fitting", noted)
    first = statewise.train(Text(source="book.txt", **TINY), run="runs/a").report
    assert statewise.evaluate("runs/a").baselines == first.baselines
    assert statewise.train(Text(source="book.txt", **{**TINY, "hidden_size": 6}), run="runs/b").report.baselines == (
        first.baselines
    )
    assert len(counted) == 1
    kept = next(Path("runs/.data").glob("baselines-*.json"))
    kept.write_text(kept.read_text()[:-5])
    assert statewise.evaluate("runs/a").baselines == first.baselines
    assert len(counted) == 2
    Path("other.txt").write_text("It was the age of foolishness, " * 20)
    assert statewise.evaluate("runs/a", "other.txt").baselines != first.baselines
    assert statewise.train(Text(source="book.txt", **{**TINY, "orders": 3}), run="runs/c").report.baselines != (
        first.baselines
    )
    assert len(counted) == 4
    events = statewise.training(Text(source="book.txt", **{**TINY, "orders": 1}), run="runs/d")
    fractions = [event.fraction for event in events if isinstance(event, Scoring) and event.what == "the baselines"]
    assert fractions == [0.5, 1.0]


def test_simple_recommenders_are_counted_once_for_a_log(by_recommender: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = statewise.evaluate("run").baselines
    monkeypatch.setattr("statewise.tasks.recommend.data.fit_baselines", None)
    assert statewise.evaluate("run").baselines == first
