"""Windows that are made by acting: a collector uses the present weights, and what it saw is learned from."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from statewise.data.window import LazyWindows, Window
from statewise.distributed import Ranks
from statewise.errors import RunError, StatewiseError, UsageError
from statewise.model import Model, evaluating
from statewise.run.recipe import Recipe
from statewise.state import read_tensors, write_tensors

ROLLOUTS = "rollouts.safetensors"
ACTED, ORDERED = 3, 4
"What the two kinds of draws of a rollout are numbered by; `learning.reading` has 1 and 2."
OTHER_ROLLOUTS = f"{ROLLOUTS} does not hold the rollouts of this training: it was made with other processes or settings"


class Collector(LazyWindows, ABC):
    """Acts in environments with a model, and turns what happened into windows; as a sequence it is its last rollout's.

    The learner asks for a rollout, reads all of its windows, and asks for the next. A window brings the `state` that
    its rows were in, or resets them. Draws come from the generators that are given, so that a resumed training acts as
    the other would have; whatever else the next rollout depends on is in `save`.
    """

    rows: int
    "How many rows each window has."
    size: int = 1
    "How many windows a rollout gives."

    _made: Sequence[Window] = ()

    def __len__(self) -> int:
        return self.size

    @abstractmethod
    def collect(self, model: Model[Any], draw: torch.Generator) -> dict[str, Tensor]:
        """Act with a model, which is in evaluation and gathers no gradient, and return what happened, by name."""

    @abstractmethod
    def windows(self, rollout: Mapping[str, Tensor], draw: np.random.Generator) -> Sequence[Window]:
        """Return a rollout as windows, in the order in which they are learned from."""

    def ready(self, model: Model[Any], rollout: Mapping[str, Tensor]) -> None:
        """Put into a model what it is to have besides its weights while a rollout is learned from; here nothing.

        Called before each window is read: an update that is undone takes back what it had.
        """

    def hear(self, terms: Mapping[str, float]) -> None:  # most learn all that they collect
        """Hear the mean terms of the loss of an update that learned from this rollout."""

    @property
    def is_learned(self) -> bool:
        """Whether enough was learned from this rollout: the updates that are left change nothing."""
        return False

    @abstractmethod
    def save(self) -> dict[str, Tensor]:
        """Return where the environments are, as tensors by name."""

    @abstractmethod
    def load(self, saved: Mapping[str, Tensor]) -> None:
        """Go back to where `save` was called. Raises `RunError` where that is not possible."""

    def at(self, index: int) -> Window:
        """Return a window of the last rollout."""
        if not self._made:
            raise IndexError("nothing was collected yet: a learner collects as it reads")
        return self._made[index]


class Rollouts:
    """The windows of a collector, numbered through all rollouts of a training.

    Window `n` is number `n % len(collector)` of rollout `n // len(collector)`, which is collected when its first window
    is read. Of several processes each has a collector of its own, so there are as many times its rows.

    Raises `UsageError` for settings by which an update would read windows of two rollouts.
    """

    def __init__(self, collector: Collector, model: Model[Any], recipe: Recipe, ranks: Ranks) -> None:
        if recipe.stride or len(collector) % recipe.accumulate:
            raise UsageError(
                f"an update reads windows of one rollout, which has {len(collector)}: give no stride, and for "
                f"accumulate a divisor of {len(collector)}"
            )
        self.collector, self.model, self.seed, self.ranks = collector, model, recipe.seed, ranks
        self.number, self.rollout = -1, dict[str, Tensor]()

    def __getitem__(self, number: int) -> Window:
        rollout, index = divmod(number, len(self.collector))
        if rollout != self.number:
            self._collect(rollout)
        self.collector.ready(self.model, self.rollout)
        return self.collector.at(index)

    def rate_scale(self, first: int, count: int) -> float:
        """Return what the learning rate is multiplied by for some windows: 0 once enough was learned from a rollout."""
        is_new = first // len(self.collector) != self.number
        return 1.0 if is_new or not self.collector.is_learned else 0.0

    def hear(self, terms: Mapping[str, float]) -> None:
        """Tell the collector the mean terms of the loss of an update."""
        self.collector.hear(terms)

    def _collect(self, number: int) -> None:
        acting = torch.Generator().manual_seed(int(self._seeded(number, ACTED).integers(2**63)))
        before = self.collector.save()
        try:
            with evaluating(self.model), torch.no_grad():
                self.rollout = self.collector.collect(self.model, acting)
        except BaseException:  # an interrupt in the middle leaves the environments as they were
            self.collector.load(before)
            raise
        self._take(number)

    def _take(self, number: int) -> None:
        self.number = number
        self.collector._made = self.collector.windows(self.rollout, self._seeded(number, ORDERED))

    def _seeded(self, number: int, kind: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, number, kind, self.ranks.rank])

    def snapshot(self) -> bytes:
        """Return the rollout that is being read and where the environments are, of all processes, as one file."""
        own = {f"rollout.{name}": part for name, part in self.rollout.items()}
        own |= {f"environment.{name}": part for name, part in self.collector.save().items()}
        own["number"] = torch.tensor(self.number)
        gathered = self.ranks.gather(write_tensors(own))
        return write_tensors({str(rank): _as_tensor(content) for rank, content in enumerate(gathered)})

    def restore(self, content: bytes) -> None:
        """Go back to where a snapshot was taken, or change nothing.

        Raises `RunError` where it does not fit, `DataError` where damaged.
        """
        told, _ = read_tensors(content, ROLLOUTS)
        if set(told) != {str(rank) for rank in range(self.ranks.count)}:
            raise RunError(OTHER_ROLLOUTS)
        own, _ = read_tensors(told[str(self.ranks.rank)].numpy().tobytes(), ROLLOUTS)
        if "number" not in own or own["number"].shape or own["number"].dtype != torch.int64:
            raise RunError(OTHER_ROLLOUTS)
        environments = self.collector.save()
        before = self.number, self.rollout, self.collector._made
        try:
            self.collector.load(_named(own, "environment."))
            self.rollout, self.number = _named(own, "rollout."), int(own["number"])
            if self.number >= 0:
                self._take(self.number)
        except BaseException as error:
            self.collector.load(environments)
            self.number, self.rollout, self.collector._made = before
            if isinstance(error, StatewiseError) or not isinstance(error, KeyError | ValueError | RuntimeError):
                raise
            raise RunError(OTHER_ROLLOUTS) from error


def _named(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): part for name, part in tensors.items() if name.startswith(prefix)}


def _as_tensor(content: bytes) -> Tensor:
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)
