"""How much one call may ask of a model, so that what is allowed can be done within its deadline."""

import time
from collections.abc import Hashable
from typing import Any

import torch
from torch import Tensor, nn

from statewise.batcher import Reading, Stepper
from statewise.errors import StatewiseError

TRIES, INPUTS = 3, 16
SHARE = 0.5
"A call that nothing disturbs takes at most this share of its deadline."


def feasible_inputs(stepper: Stepper, how: Hashable, deadline_seconds: float) -> int | None:
    """Return how many inputs one session can read in its share of a deadline, by trying; None where that is unknown."""
    x = _example(stepper.stream.model)
    try:
        reading = Reading(stepper.fresh(), [stepper.check(x)] * INPUTS, how)
        seconds = min(_seconds(stepper, reading) for _ in range(TRIES))
    except StatewiseError:  # an encoder that reads something else
        return None
    return max(1, int(SHARE * deadline_seconds / seconds * INPUTS))


def _seconds(stepper: Stepper, reading: Reading) -> float:
    began = time.perf_counter()
    stepper.read([reading])
    return time.perf_counter() - began


def _example(model: Any) -> Tensor:
    encoder = model.encoder
    if isinstance(encoder, nn.Embedding):
        return torch.tensor(0)
    return torch.zeros(encoder.in_features if isinstance(encoder, nn.Linear) else model.core.features)
