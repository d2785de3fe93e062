"""The device and the number format of training; imported only by training, since the import takes two seconds."""

import os
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import DoublePrecision, MixedPrecision
from torch.amp import GradScaler

from statewise.bounds import MOST_THREADS, check_whole
from statewise.errors import UsageError
from statewise.learning.precision import DOUBLE, HALF, SINGLE
from statewise.numerics import devices
from statewise.run.recipe import Recipe

FEW, PER_CORE = 64, 8
"So many threads may be asked for on any machine, or for each core: each takes a stack, and a thousand end a process."


class _WholeDouble(DoublePrecision):
    """Double precision throughout: Fabric's own rounds the outputs, and so the carried state, to single."""

    def convert_output(self, data: Any) -> Any:
        """Return the outputs as they are."""
        return data


def make_fabric(recipe: Recipe, index: int | None = None) -> Fabric:
    """Return the `Fabric` of a recipe, which moves and casts tensors, on the device of that index if there are several.

    Raises `UsageError` for a device that cannot be used here.
    """
    if recipe.threads:
        check_whole("--threads", recipe.threads, 1, min(MOST_THREADS, max(FEW, PER_CORE * (os.cpu_count() or 1))))
        torch.set_num_threads(recipe.threads)
    if recipe.device in ("cuda", "mps") and recipe.device not in devices():
        raise UsageError(_refusal(recipe.device, index))
    how: dict[str, Any] = {"precision": recipe.precision}
    if recipe.precision == DOUBLE:
        how = {"plugins": _WholeDouble()}
    elif recipe.precision != SINGLE:
        # As a plugin: by its name Fabric announces it, and takes bfloat16 for float16 on a processor. Without a scaler,
        # since one that an interrupt leaves half way through an update cannot be put back.
        scaler = GradScaler(recipe.device, enabled=False) if recipe.precision == HALF else None
        how = {"plugins": MixedPrecision(recipe.precision, recipe.device, scaler)}
    try:
        return Fabric(accelerator=recipe.device, devices=1 if index is None else [index], **how)
    except Exception as error:
        if not isinstance(error, ValueError | RuntimeError) and type(error).__name__ != "MisconfigurationException":
            raise
        raise UsageError(_refusal(recipe.device, index)) from None


def _refusal(device: str, index: int | None) -> str:
    there = ", ".join(devices())
    which = f"device '{device}'" if index is None or device not in devices() else f"device {index} of '{device}'"
    return f"{which} is not on this machine, which has {there}: give --device cpu"
