"""What a person sees while a model is trained: a live bar in a terminal, plain lines elsewhere, on standard error."""

import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from statewise.cli.signals import held_back
from statewise.cli.terminal import beneath
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
from statewise.shown import in_block

if TYPE_CHECKING:
    from statewise.task import Task

RECENT = 50
LINE_SECONDS = 10.0
REFRESHES_PER_SECOND = 10

Show = Callable[[Event], None]


class Pace:
    """How training goes: the loss and the speed over the last updates, and the time left."""

    def __init__(self) -> None:
        self.recent: deque[Updated] = deque(maxlen=RECENT)

    def note(self, updated: Updated) -> None:
        """Take one more update into account."""
        self.recent.append(updated)

    @property
    def nats(self) -> float:
        """Mean loss over the recent updates."""
        places = sum(updated.places for updated in self.recent)
        return sum(updated.nats * updated.places for updated in self.recent) / places

    @property
    def places_per_second(self) -> float:
        """Speed over the recent updates."""
        seconds = self.recent[-1].seconds - self.recent[0].seconds
        return sum(updated.places for updated in list(self.recent)[1:]) / seconds if seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float:
        """Time to the end of training at the recent speed."""
        first, last = self.recent[0], self.recent[-1]
        done = last.fraction - first.fraction
        return (1 - last.fraction) * (last.seconds - first.seconds) / done if done > 0 else 0.0

    def words(self, task: "Task") -> str:
        """Say the loss, and the speed once two updates have shown it."""
        speed = self.places_per_second
        return f"{task.gauge(self.nats)}  {speed:,.0f}/s" if speed else task.gauge(self.nats)

    @property
    def left(self) -> str:
        """Say the time left, or nothing while it is not known."""
        if not self.places_per_second:
            return ""
        minutes, seconds = divmod(int(self.seconds_left), 60)
        return f"{minutes}:{seconds:02d} left"


@contextmanager
def view(task: "Task", *, quiet: bool) -> Iterator[Show]:
    """Give a function that shows an event: nothing if `quiet`, a bar in a terminal, lines elsewhere."""
    if quiet:
        yield lambda event: None
    elif _draws():
        with _bar(task) as show:
            yield show
    else:
        yield _lines(task)


def _draws() -> bool:
    """Say whether escape codes may be written: a bar is drawn with them even where it has no colours."""
    from rich.console import Console

    console = Console(stderr=True)
    return sys.stderr.isatty() and not console.is_dumb_terminal and not console.no_color


def _lines(task: "Task") -> Show:
    pace, said = Pace(), [0.0]

    def show(event: Event) -> None:
        if isinstance(event, Updated):
            pace.note(event)
            if event.seconds - said[0] >= LINE_SECONDS:
                said[0] = event.seconds
                _say(f"update {event.update:,}  {event.fraction:.0%}  {pace.words(task)}  {pace.left}".rstrip())
        if words := told(event, task):
            _say(words)

    return show


@contextmanager
def _bar(task: "Task") -> Iterator[Show]:
    from rich.console import Console
    from rich.live import Live

    from statewise.cli.bar import Bar

    pace, bar = Pace(), Bar("reading")
    console = Console(file=beneath(sys.stderr), highlight=False)
    live = Live(bar, console=console, refresh_per_second=REFRESHES_PER_SECOND, transient=True)

    def show(event: Event) -> None:
        if isinstance(event, Updated):
            pace.note(event)
            bar.show("training", event.fraction, pace.left, pace.words(task))
        if isinstance(event, Scoring):
            bar.show("scoring", event.fraction, "", "the held-out part" if event.fraction < 1 else "the baselines")
        if words := told(event, task):
            # A sample is shown as it is: no :name: becomes a picture, no [word] a colour.
            console.print(in_block(words), markup=False, emoji=False)

    try:  # not `with live`: interrupted on its way in, it would leave the bar and no cursor behind
        with held_back():
            live.start(refresh=True)
        yield show
    finally:
        live.stop()


def told(event: Event, task: "Task") -> str:
    """Return what is worth saying of an event in either view."""
    match event:
        case Started():
            begun = "trains" if event.update == 0 else f"goes on from update {event.update:,}"
            notice = f"\n{event.notice}" if event.notice else ""
            return f"{event.run} {begun}: {event.parameters:,} parameters, {task.size(event.data)}{notice}"
        case Sampled():
            return f"--- after {event.seconds:.0f} s, {event.update:,} updates ---\n{in_block(event.sample).strip()}\n"
        case Checked():
            name, value = next(iter(event.metrics.items()))
            return f"held out, after {event.seconds:.0f} s: {value:.3f} {name.replace('_', ' ')}"
        case RolledBack():
            notice = f"\n{event.notice}" if event.notice else ""
            return f"{event.reason}; goes back to update {event.update:,}, the rate times {event.scale:g}{notice}"
        case Updated(is_exploding=True):
            return f"update {event.update:,} has a gradient of norm {event.norm:.3g} where {event.usual:.3g} is usual"
        case Stopped():
            return f"stops early, at update {event.update:,}: no better score in {event.checks} checks"
        case Saved() | Scoring() | Finished() | Updated():
            return ""


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
