"""What a person sees while a model is trained or scored: a live bar in a terminal, plain lines elsewhere, on stderr."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from statewise.learning.events import (
    Checked,
    Event,
    Finished,
    RolledBack,
    Sampled,
    Saved,
    Scoring,
    Started,
    Stopped,
    Updated,
)
from statewise.progress.holding import held_back
from statewise.progress.pace import LargeGradients, Pace
from statewise.progress.terminal import beneath
from statewise.run.history import metric_words
from statewise.shown import counted, in_block, sample_in_block

if TYPE_CHECKING:
    from statewise.task import Task

LINE_SECONDS = 10.0
REFRESHES_PER_SECOND = 10

Show = Callable[[Event], None]


@contextmanager
def view(task: "Task", *, quiet: bool) -> Iterator[Show]:
    """Give a function that shows an event: nothing if `quiet`, a bar in a terminal, lines elsewhere."""
    if quiet:
        yield lambda event: None
    elif draws():
        with _bar(task) as show:
            yield show
    else:
        with _lines(task) as show:
            yield show


def draws() -> bool:
    """Say whether escape codes may be written: a bar is drawn with them even where it has no colours."""
    from rich.console import Console

    console = Console(stderr=True)
    return sys.stderr.isatty() and not console.is_dumb_terminal and not console.no_color


@contextmanager
def _lines(task: "Task") -> Iterator[Show]:
    pace, large, said, scored = Pace(), LargeGradients(), [0.0], [time.monotonic()]

    def show(event: Event) -> None:
        if isinstance(event, Updated):
            pace.note(event)
            _say(large.note(event))
            if event.seconds - said[0] >= LINE_SECONDS:
                said[0] = event.seconds
                _say(f"update {event.update:,}  {event.fraction:.0%}  {pace.words(task)}  {pace.left}".rstrip())
        if isinstance(event, Scoring) and time.monotonic() - scored[0] >= LINE_SECONDS:
            scored[0] = time.monotonic()
            _say(f"scoring  {event.fraction:.0%}  {event.what}")
        _say(told(event, task))

    try:
        yield show
    finally:
        _say(large.words())


@contextmanager
def _bar(task: "Task") -> Iterator[Show]:
    from rich.console import Console
    from rich.live import Live

    from statewise.progress.bar import Bar

    pace, large, bar = Pace(), LargeGradients(), Bar("reading")
    console = Console(file=beneath(sys.stderr), highlight=False)
    live = Live(bar, console=console, refresh_per_second=REFRESHES_PER_SECOND, transient=True)

    def say(words: str) -> None:
        if words:  # a sample is shown as it is: no :name: becomes a picture, no [word] a colour
            console.print(in_block(words), markup=False, emoji=False)

    def show(event: Event) -> None:
        if isinstance(event, Updated):
            pace.note(event)
            say(large.note(event))
            bar.show("training", event.fraction, pace.left, pace.words(task))
        if isinstance(event, Scoring):
            bar.show("scoring", event.fraction, "", event.what)
        say(told(event, task))

    try:  # not `with live`: interrupted on its way in, it would leave the bar on the screen and no cursor
        with held_back():
            live.start(refresh=True)
        yield show
    finally:
        live.stop()
        say(large.words())


def told(event: Event, task: "Task") -> str:
    """Return what is worth saying of an event in every view."""
    match event:
        case Started():
            begun = "trains" if event.update == 0 else f"goes on from update {event.update:,}"
            notice = f"\n{event.notice}" if event.notice else ""
            return f"{event.run} {begun}: {event.parameters:,} parameters, {task.size(event.data)}{notice}"
        case Sampled():
            since = f"after {event.seconds:.0f} s, {counted(event.update, 'update')}"
            return f"--- {since} ---\n{sample_in_block(event.sample)}\n"
        case Checked():
            return f"check, after {event.seconds:.0f} s: {metric_words(event.metrics)}"
        case RolledBack():
            notice = f"\n{event.notice}" if event.notice else ""
            return f"{event.reason}; goes back to update {event.update:,}, the rate times {event.scale:g}{notice}"
        case Stopped():
            return f"stops early, at update {event.update:,}: no better score in {event.checks} checks"
        case Saved() | Scoring() | Finished() | Updated():
            return ""


def _say(words: str) -> None:
    if words:
        print(words, file=sys.stderr, flush=True)
