"""What is said while a model is trained, without a terminal to say it in."""

import io
import math
import sys

import pytest
from rich.console import Console

from statewise.learning.events import Sampled, Scoring, Updated
from statewise.progress.bar import Bar
from statewise.progress.view import told, view
from statewise.tasks.text.task import Text


def drawn(bar: Bar, columns: int) -> list[str]:
    console = Console(file=io.StringIO(), width=columns, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(bar)
    return capture.get().splitlines()


@pytest.mark.parametrize("columns", [20, 40, 79, 80, 120])
def test_a_bar_leaves_two_columns_free_and_says_everything_that_fits(columns: int) -> None:
    bar = Bar("reading")
    bar.show("training", 0.42, "12:34 left", "1.234 bits per character  56,789/s")
    lines = drawn(bar, columns)
    assert max(map(len, lines)) <= columns - 2
    assert len(lines) == (1 if columns >= 79 else 2)
    parts = ["42%", "1.234 bits", *(["training ━", "12:34 left", "56,789/s"] if columns >= 40 else ["…"])]
    assert [part for part in parts if part not in "\n".join(lines)] == []


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_plain_lines_tell_how_training_goes(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    with view(Text(source="book.txt"), quiet=False) as show:
        for number, seconds in ((1, 1.0), (2, 6.0), (3, 11.0), (4, 12.0)):
            show(Updated(number, 0, number / 40, seconds, nats=math.log(2) * 3, norm=1.0, rate=0.1, places=500))
    assert terminal.getvalue() == "update 3  8%  3.000 bits per character  100/s  3:05 left\n"


@pytest.mark.parametrize(("large", "more"), [(1, ""), (2, "1 more update, "), (80, "79 more updates, ")])
def test_large_gradients_that_come_one_after_another_are_told_in_one_line(
    large: int, more: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    with view(Text(source="book.txt"), quiet=False) as show:
        for n in range(1, large + 1):
            show(Updated(n, 0, 0.5, 1.0, 1.0, norm=100.0 + n, rate=0.1, places=5, usual=2.0, is_exploding=True))
            show(Updated(n, 0, 0.5, 1.0, 1.0, norm=1.0, rate=0.1, places=5, usual=2.0))
    first, *gathered = stderr.getvalue().splitlines()
    assert first == "update 1 has a gradient of norm 101 where 2 is usual"
    assert len(gathered) == bool(more)
    if more:
        assert gathered[0].startswith(f"{more}the last of them {large}, had a gradient ten times what is usual")
        assert f"of norm {100 + large} at most" in gathered[0]


def test_a_scoring_that_takes_long_says_what_is_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr, clock = io.StringIO(), iter([0.0, 1.0, 11.0, 11.0, 12.0, 25.0, 25.0])
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setattr("statewise.progress.view.time.monotonic", lambda: next(clock))
    with view(Text(source="book.txt"), quiet=False) as show:
        for scoring in (Scoring(0.1), Scoring(0.2), Scoring(0.3), Scoring(0.5, "the baselines")):
            show(scoring)
    assert stderr.getvalue() == "scoring  20%  the held-out part\nscoring  50%  the baselines\n"


def test_a_sample_cannot_clear_the_screen_nor_become_a_picture() -> None:
    words = told(Sampled(3, 1.0, ":heart: [bold]\r\n\x1b[2J\t\x07\x9b2K\n"), Text(source="book.txt"))
    assert words == "--- after 1 s, 3 updates ---\n:heart: [bold]\n�[2J\t��2K\n"
