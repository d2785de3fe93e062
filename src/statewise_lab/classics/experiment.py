"""What an experiment is: sequences, a network for each contender, a criterion, and what the paper reports."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from torch import Tensor

from statewise_lab.classics.network import Network
from statewise_lab.classics.readout import Meaning

Dice = np.random.Generator


class Batch(NamedTuple):
    """Sequences side by side.

    `inputs` `[T, B]` of symbols or `[T, B, D]` of numbers; `targets` `[T, B, ...]`, heeded where `places` `[T, B]` is
    true. A shorter sequence is filled up after its end, where there are no places.
    """

    inputs: Tensor
    targets: Tensor
    places: Tensor


class Verdict(NamedTuple):
    """Whether the criterion is met, on sequences that were not learned from, and the numbers it was decided by."""

    is_met: bool
    measures: dict[str, float]


class Judge(Protocol):
    """Decides by sequences of its own drawing whether a network has learned it."""

    def __call__(self, network: Network, dice: Dice, *, to_the_end: bool = False) -> Verdict:
        """Return the verdict; `to_the_end` asks for all final numbers, also of a network that has failed already."""


Draw = Callable[[Dice, int], Batch]
"Draws so many sequences."
Look = Callable[[Network, Dice], dict[str, Any]]
"Returns what else there is to tell of a network at the end, and to draw, as JSON."


class Material(NamedTuple):
    """What one seed of an experiment consists of: what is learned from, how it is judged, and what is looked at."""

    draw: Draw
    judge: Judge
    look: Look | None = None


def every_seed(draw: Draw, judge: Judge, look: Look | None = None) -> Callable[[int], Material]:
    """Return what makes the same for every seed."""
    return lambda seed: Material(draw, judge, look)


class Paper(NamedTuple):
    """Where an experiment comes from, and what was reached there: in words, and after how many sequences."""

    source: str
    reached: str
    sequences: int | None = None


@dataclass(frozen=True)
class Contender:
    """A network and how it is trained: a registered cell of so many units, one layer, and a linear readout.

    Training ends when the criterion is met, or after `most` sequences. What is judged is a moving average of the
    weights that keeps so much of itself at each update; with 0 it is the last weights. The cell has a learning rate of
    its own where `cell_rate` is given. `spread`, `longest` and `recurrent_radius` say how a `Network` begins; `options`
    go to the cell.
    """

    cell: str
    units: int
    most: int
    name: str = ""
    rows: int = 20
    rate: float = 0.01
    cell_rate: float | None = None
    clip: float = 1.0
    optimizer: Literal["adam", "sgd"] = "adam"
    options: Mapping[str, Any] = field(default_factory=dict)
    average: float = 0.0
    spread: float = 0.2
    longest: int | None = None
    recurrent_radius: float | None = None

    @property
    def label(self) -> str:
        """What it is called in tables."""
        return self.name or self.cell

    def as_json(self) -> dict[str, Any]:
        """Return every setting, by which a finished trial is known again."""
        return {**asdict(self), "options": dict(self.options)}


@dataclass(frozen=True)
class Experiment:
    """A task out of a paper: sequences, criterion, and the networks that try it.

    `material` makes what a seed learns from and is judged by. `symbols` is how many input symbols there are; where it
    is None an input is `features` numbers. `outputs` numbers come out and mean what `meaning` says. The criterion is
    asked every `every` sequences. `unit` is what the paper counts, and a sequence drawn here has `size` of them.
    `seeds` are tried unless another number is asked for; `is_quick` says that it takes seconds.
    """

    name: str
    title: str
    paper: Paper
    criterion: str
    material: Callable[[int], Material]
    meaning: Meaning
    outputs: int
    contenders: tuple[Contender, ...]
    features: int = 0
    symbols: int | None = None
    every: int = 1000
    unit: str = "sequences"
    size: int = 1
    seeds: int = 3
    is_quick: bool = False

    def contender(self, label: str) -> Contender:
        """Return the contender of that name."""
        return next(one for one in self.contenders if one.label == label)
