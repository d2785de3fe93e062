"""Random numbers that live in the state, so that a step, a scan, a fork and a resumed run all draw the same.

Each row has its own stream: a seed and a number of draws. The numbers are a hash of the two, by whole numbers alone,
so they do not depend on the other rows, on the machine, or on the order in which anything is computed.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from statewise.errors import UsageError

GOLDEN = 0x9E3779B97F4A7C15 - 2**64  # 2**64 divided by the golden ratio, as a signed number
FIRST = 0xBF58476D1CE4E5B9 - 2**64
SECOND = 0x94D049BB133111EB - 2**64
BITS = 24  # as many as a float32 holds exactly


class Noise(NamedTuple):
    """A stream of random numbers for each row: its seed and how many draws were taken from it, both `[B]` of int64."""

    seed: Tensor
    draws: Tensor

    def advanced(self) -> "Noise":
        """Return the stream after the next draw."""
        return Noise(self.seed, self.draws + 1)

    def keeps(self, width: int, rate: float) -> Tensor:
        """Return the next draw: `[B, width]` of bool, true with probability 1 - `rate`.

        >>> kept = Noise(torch.tensor([3, 4]), torch.tensor([0, 0])).keeps(10_000, 0.25)
        >>> kept.shape, round(kept.float().mean().item(), 2)
        (torch.Size([2, 10000]), 0.75)
        """
        key = _mix(self.seed + GOLDEN * self.draws).unsqueeze(-1)
        places = torch.arange(1, width + 1, device=key.device)
        uniform: Tensor = (_mix(key + GOLDEN * places) >> (64 - BITS)) & (2**BITS - 1)
        return torch.ge(uniform, round(rate * 2**BITS))

    def over(self, fresh: "Noise", steps: int, reset: Tensor | None, mask: Tensor | None) -> tuple["Noise", "Noise"]:
        """Return the streams before each of several steps, `[T, B]`, and the one after the last.

        A row draws where it is awake, and goes on with its `fresh` stream where it resets.
        """
        shape = steps, self.seed.shape[0]
        awake = torch.ones(shape, dtype=torch.bool, device=self.seed.device) if mask is None else mask
        drawn = awake.cumsum(0)
        heeded = torch.zeros_like(awake) if reset is None else reset & awake
        # what was drawn before a row last reset does not count; what the given state had drawn does
        discount = torch.where(heeded, drawn - 1, -self.draws).cummax(0).values if steps else drawn
        seeds = torch.where(heeded.cumsum(0) > 0, fresh.seed, self.seed)
        before = Noise(seeds, drawn - awake.long() - discount)
        if not steps:
            return before, self
        return before, Noise(seeds[-1], drawn[-1] - discount[-1])


def begin_noise(rows: int, like: Tensor, *, training: bool) -> Noise:
    """Return new streams on a tensor's device, seeded from PyTorch's generator; in evaluation nothing is drawn from it.

    >>> begin_noise(2, torch.zeros(1), training=False)
    Noise(seed=tensor([0, 0]), draws=tensor([0, 0]))
    """
    zeros = torch.zeros(rows, dtype=torch.int64, device=like.device)
    return Noise(torch.randint(2**62, (rows,)).to(like.device) if training else zeros, zeros)


def check_rate(name: str, rate: float) -> float:
    """Return a rate of dropping. Raises `UsageError` where it is not at least 0 and below 1."""
    if not 0 <= rate < 1:
        raise UsageError(f"{name} was given the rate {rate} where at least 0 and below 1 is wanted: give 0 for none")
    return rate


def _mix(key: Tensor) -> Tensor:
    """Scatter 64 bits over 64 bits, as SplitMix64 does at its end (Steele, Lea & Flood 2014); shifts bring zeros."""
    key = (key ^ ((key >> 30) & (2**34 - 1))) * FIRST
    key = (key ^ ((key >> 27) & (2**37 - 1))) * SECOND
    return key ^ ((key >> 31) & (2**33 - 1))
