"""What training goes on from, as files: each is read and held against the model before any of it is used."""

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from statewise.errors import RunError
from statewise.learning.arithmetic import LossScale
from statewise.learning.guard import Usual
from statewise.learning.progress import Progress
from statewise.model import Model
from statewise.state import read_json, read_tensors

WEIGHTS = "weights.safetensors"
AVERAGE = "average.safetensors"
BEST = "best.safetensors"
OPTIMIZER = "optimizer.safetensors"
STATE = "state.safetensors"
RANDOM = "random.safetensors"
PLACE = "place.json"
KNOWN = {WEIGHTS, AVERAGE, BEST, OPTIMIZER, STATE, RANDOM, PLACE}
PARTS: dict[str, Any] = {"progress": Progress, "usual": Usual, "loss_scale": LossScale}
MOST = 1 << 53
OTHER_VERSION = "the checkpoint lacks what training goes on from: it was made by another version"


class Place(NamedTuple):
    """Where a training stands, as far as it is numbers."""

    update: int
    window: int
    seconds: float
    averaged: int = 0
    progress: Progress = Progress()
    usual: Usual = Usual()
    loss_scale: LossScale = LossScale()

    def write(self) -> bytes:
        """Return the place as JSON."""
        return json.dumps({**self._asdict(), **{name: getattr(self, name)._asdict() for name in PARTS}}).encode()

    @classmethod
    def read(cls, files: Mapping[str, bytes]) -> "Place":
        """Return the place that some files tell. Raises `RunError` where anything is missing, unknown or no number."""
        try:
            told = read_json(files[PLACE])
            place = cls(**{**told, **{name: part(**told[name]) for name, part in PARTS.items()}})
        except (KeyError, ValueError, TypeError):
            raise RunError(OTHER_VERSION) from None
        if set(told) != set(cls._fields) or any(set(told[name]) != set(part._fields) for name, part in PARTS.items()):
            raise RunError(OTHER_VERSION)
        progress, usual = place.progress, place.usual
        counts = (
            place.update,
            place.window,
            place.averaged,
            progress.checks,
            progress.waited,
            progress.tries,
            usual.seen,
            place.loss_scale.updates,
        )
        scales = (place.seconds, progress.scale, usual.norm, place.loss_scale.factor)
        if not all(type(n) is int and 0 <= n <= MOST for n in counts):
            raise RunError(OTHER_VERSION)
        if not all(_is_number(n) and n >= 0 for n in scales) or not (
            progress.best is None or _is_number(progress.best)
        ):
            raise RunError(OTHER_VERSION)
        return place


def _is_number(told: Any) -> bool:
    return type(told) in (int, float) and abs(told) < math.inf


def refuse_unknown(files: Mapping[str, bytes]) -> None:
    """Raise `RunError` where a checkpoint holds a file that this version would leave unread."""
    if unknown := sorted(files.keys() - KNOWN):
        raise RunError(f"the checkpoint holds a file {unknown[0]!r} that is not known: it was made by another version")


def read_weights(model: Model[Any], files: Mapping[str, bytes], name: str = WEIGHTS) -> dict[str, Tensor]:
    """Return a model's weights out of one of the files. Raises `RunError` where they are not this model's."""
    weights, _ = read_tensors(files.get(name, b""), name)
    expected: dict[str, Tensor] = model.state_dict()
    found, wanted = _forms(weights), _forms(expected)
    wrong = sorted(place for place in {*found, *wanted} if found.get(place) != wanted.get(place))
    if wrong:
        raise RunError(f"{name} does not fit this model at '{wrong[0]}': it is of another model")
    return weights


def load_weights(model: Model[Any], files: Mapping[str, bytes]) -> None:
    """Put the weights to use into a model, all or none: the best ones, their mean, or the last, as training was told.

    Raises `RunError` where they are not this model's.
    """
    refuse_unknown(files)
    model.load_state_dict(
        read_weights(model, files, next((name for name in (BEST, AVERAGE) if name in files), WEIGHTS))
    )


def read_random(files: Mapping[str, bytes]) -> Tensor:
    """Return the state of the random numbers. Raises `RunError` where it is none."""
    tensors, _ = read_tensors(files.get(RANDOM, b""), RANDOM)
    generator, told = torch.Generator(), tensors.get("cpu")
    try:
        if told is not None:
            generator.set_state(told)
    except (RuntimeError, TypeError):
        told = None
    if told is None or len(tensors) > 1 or not torch.equal(generator.get_state(), told):  # it leaves some bits unread
        raise RunError(f"{RANDOM} holds no state of random numbers: it was made by another version")
    return told


def _forms(tensors: Mapping[str, Tensor]) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}
