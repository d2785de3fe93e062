"""What a person sees while a model is trained: a live bar in a terminal, plain lines elsewhere, on standard error."""

import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from statewise.learning.events import Checked, Event, Finished, Sampled, Saved, Scoring, Started, Updated

if TYPE_CHECKING:
    from statewise.task import Task

RECENT = 50
LINE_SECONDS = 10.0

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
        """Say all of it."""
        left = int(self.seconds_left)
        return f"{task.gauge(self.nats)}  {self.places_per_second:,.0f}/s  {left // 60}:{left % 60:02d} left"


@contextmanager
def view(task: "Task", *, quiet: bool) -> Iterator[Show]:
    """Give a function that shows an event: nothing if `quiet`, a bar in a terminal, lines elsewhere."""
    if quiet:
        yield lambda event: None
    elif sys.stderr.isatty():
        with _bar(task) as show:
            yield show
    else:
        yield _lines(task)


def _lines(task: "Task") -> Show:
    pace, said = Pace(), [0.0]

    def show(event: Event) -> None:
        if isinstance(event, Updated):
            pace.note(event)
            if event.seconds - said[0] >= LINE_SECONDS:
                said[0] = event.seconds
                _say(f"update {event.update:,}  {event.fraction:.0%}  {pace.words(task)}")
        elif words := told(event, task):
            _say(words)

    return show


@contextmanager
def _bar(task: "Task") -> Iterator[Show]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    pace = Pace()
    console = Console(stderr=True, highlight=False)
    columns = TextColumn("{task.fields[stage]}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[words]}")
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=1.0, stage="reading", words="")

        def show(event: Event) -> None:
            if isinstance(event, Updated):
                pace.note(event)
                progress.update(bar, completed=event.fraction, stage="training", words=pace.words(task))
            elif isinstance(event, Scoring):
                progress.update(bar, completed=event.fraction, stage="scoring", words="the held-out part")
            elif words := told(event, task):
                console.print(escape(words))

        yield show


def told(event: Event, task: "Task") -> str:
    """Return what is worth saying of an event in either view."""
    match event:
        case Started():
            begun = "trains" if event.update == 0 else f"goes on from update {event.update:,}"
            notice = f"\n{event.notice}" if event.notice else ""
            return f"{event.run} {begun}: {event.parameters:,} parameters, {_size(event)}{notice}"
        case Sampled():
            return f"--- after {event.seconds:.0f} s, {event.update:,} updates ---\n{event.sample.strip()}\n"
        case Checked():
            name, value = next(iter(event.metrics.items()))
            return f"held out, after {event.seconds:.0f} s: {value:.3f} {name.replace('_', ' ')}"
        case Saved() | Scoring() | Finished() | Updated():
            return ""


def _size(started: Started) -> str:
    data = started.data
    return f"{data['training']:,} {data['unit']}s to learn, {data['held_out']:,} held out, {data['choices']} choices"


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)
