"""What is said while a model is trained, without a terminal to say it in."""

import io
import math
import sys

import pytest
from rich.console import Console

from statewise.cli.bar import Bar
from statewise.cli.progress import told, view
from statewise.learning.events import Sampled, Updated
from statewise.tasks.text import Text


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


def test_a_sample_cannot_clear_the_screen_nor_become_a_picture() -> None:
    words = told(Sampled(3, 1.0, ":heart: [bold]\r\n\x1b[2J\t\x07\x9b2K\n"), Text(source="book.txt"))
    assert words == "--- after 1 s, 3 updates ---\n:heart: [bold]\n�[2J\t��2K\n"
