"""How well gestures of each person are told by a network that never saw that person: each is left out in turn."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from statewise.errors import UsageError
from statewise.learning.events import Finished
from statewise.report import Report
from statewise.tasks.gesture.task import Gesture


class PersonLeftOut(NamedTuple):
    """A person, and the report of a training without that person."""

    person: str
    report: Report


def leave_each_person_out(task: Gesture, folder: Path) -> Iterator[PersonLeftOut]:
    """Train once without each person, and yield how well that person's recordings are told.

    The runs lie in `folder`, one by the name of each person. Raises `UsageError` where fewer than two people are known.
    """
    from statewise.verbs import training

    told = task.prepare(folder / ".data").movement.told
    people = sorted({one.person for one in told if one.person is not None})
    if len(people) < 2:
        raise UsageError(f"{len(people)} people are known in these recordings: give --person, and two or more people")
    for number, person in enumerate(people):
        without = replace(task, held_out_people=(person,))
        for event in training(without, run=folder / f"without-{number}"):
            if isinstance(event, Finished):
                yield PersonLeftOut(person, Report(**event.report))
