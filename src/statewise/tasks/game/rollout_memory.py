"""A rollout while it is played, step by step, and the windows that are learned from it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from statewise.data.window import LazyWindows, Window
from statewise.tasks.game.policy import Policy
from statewise.tasks.game.seats import Seats, Stepped


@dataclass(frozen=True)
class RolloutSettings:
    """How a rollout is played and learned from.

    `steps` of each environment are cut into sequences of `sequence_length`; a window has `batch_size` of them, and each
    is learned from in `passes` windows; none further once an update finds the odds changed by more than `target_kl`
    nats, if that is not 0.
    """

    steps: int
    sequence_length: int
    batch_size: int
    passes: int
    discount: float
    decay: float
    normalizes_observations: bool
    normalizes_rewards: bool
    noise_correlation: float
    target_kl: float = 0.0


class Minibatches(LazyWindows):
    """The windows of a rollout: each pass has all of its sequences once, in an order of its own."""

    def __init__(self, whole: Window, batch_size: int, passes: int, draw: np.random.Generator) -> None:
        self.whole = whole
        orders = [torch.from_numpy(draw.permutation(whole.rows)) for _ in range(passes)]
        self.batches = [rows for order in orders for rows in order.reshape(-1, batch_size)]

    def __len__(self) -> int:
        return len(self.batches)

    def at(self, index: int) -> Window:
        """Return a window; what no row of it needs is left out."""
        window = self.whole.of_rows(self.batches[index])
        is_reset = window.reset is not None and bool(window.reset.any())
        is_masked = window.mask is not None and not bool(window.mask.all())
        return window._replace(reset=window.reset if is_reset else None, mask=window.mask if is_masked else None)


class RolloutMemory:
    """What is written down while a rollout is played, step by step `[T, E, ...]`."""

    def __init__(self, steps: int, seats: Seats, head: Policy) -> None:
        size, width = seats.observations.shape
        choices = head.numbers or len(head.each)
        shape = (steps, size) if head.is_single else (steps, size, choices)
        self.inputs = np.empty((steps, size, width), np.float32)
        self.actions = np.empty(shape, np.float32 if head.numbers else np.int64)
        self.rewards, self.final_values = np.empty((steps, size)), np.zeros((steps, size))
        flags = (np.zeros((steps, size), np.bool_) for _ in range(5))
        self.terminated, self.truncated, self.begun, self.real, self.over = flags
        self.real[:] = True
        self.params: list[Any] = []

    def note(self, step: int, stepped: Stepped) -> None:
        """Write down what a step gave."""
        self.rewards[step] = stepped.rewards
        self.terminated[step], self.truncated[step] = stepped.terminated, stepped.truncated
        self.over[step] = stepped.began_again
        if stepped.real is not None:
            self.real[step] = stepped.real
