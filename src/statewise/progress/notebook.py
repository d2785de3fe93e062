"""The same in a notebook: one place beneath the cell that is written again and again, as HTML."""

import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from statewise.learning.events import Event, Finished, Scoring, Updated
from statewise.progress.pace import LargeGradients, Pace
from statewise.progress.view import Show, told
from statewise.shown import in_html

if TYPE_CHECKING:
    from statewise.task import Task

REFRESHES_PER_SECOND = 4
KEPT_LINES = 20
"So many things that were told stay on the screen, the last ones."


def in_notebook() -> bool:
    """Say whether this is a notebook, which shows HTML; IPython in a terminal is none, and nothing is imported."""
    shell: Any = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


@contextmanager
def notebook_view(task: "Task") -> Iterator[Show]:
    """Give a function that shows an event beneath the cell: a bar, and above it what was told."""
    display: Any = import_module("IPython.display")
    pace, large = Pace(), LargeGradients()
    lines: deque[str] = deque(maxlen=KEPT_LINES)
    handle = display.display(display.HTML(_page(lines, "reading", 0.0, "")), display_id=True)
    bar, drawn = ("reading", 0.0, ""), [time.monotonic()]

    def draw(*, at_once: bool) -> None:
        if at_once or time.monotonic() - drawn[0] >= 1 / REFRESHES_PER_SECOND:
            drawn[0] = time.monotonic()
            handle.update(display.HTML(_page(lines, *bar)))

    def show(event: Event) -> None:
        nonlocal bar
        words = [told(event, task)]
        if isinstance(event, Updated):
            pace.note(event)
            words.append(large.note(event))
            bar = "training", event.fraction, "  ".join(part for part in (pace.left, pace.words(task)) if part)
        if isinstance(event, Scoring):
            bar = "scoring", event.fraction, event.what
        if isinstance(event, Finished):
            bar = "", 1.0, ""
        lines.extend(filter(None, words))
        draw(at_once=any(words) or isinstance(event, Finished))

    try:
        yield show
    finally:
        lines.extend(filter(None, [large.words()]))
        draw(at_once=True)


def _page(lines: deque[str], stage: str, fraction: float, words: str) -> str:
    above = "".join(f"<pre>{in_html(line)}</pre>" for line in lines)
    if not stage:
        return above
    return (
        f'{above}<p>{stage} <progress max="1" value="{fraction:.4f}"></progress> {fraction:.0%}  {in_html(words)}</p>'
    )
