"""On which device and in which number format training computes."""

from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import DoublePrecision

from statewise.errors import UsageError
from statewise.run.recipe import Recipe

SINGLE = "32-true"


class _WholeDouble(DoublePrecision):
    """Double precision throughout: Fabric's own rounds the outputs, and so the carried state, to single."""

    def convert_output(self, data: Any) -> Any:
        """Return the outputs as they are."""
        return data


def make_fabric(recipe: Recipe, index: int | None = None) -> Fabric:
    """Return what moves and casts for a recipe, on the device of that index where there are several.

    Raises `UsageError` for a device that cannot be used here.
    """
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    double = recipe.precision == "64-true"
    how: dict[str, Any] = {"plugins": _WholeDouble()} if double else {"precision": recipe.precision}
    try:
        return Fabric(accelerator=recipe.device, devices=1 if index is None else [index], **how)
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"device '{recipe.device}' cannot be used here ({reason}): give --device cpu") from None
    except Exception as error:
        if type(error).__name__ != "MisconfigurationException":
            raise
        raise UsageError(f"device '{recipe.device}' cannot be used here ({error}): give --device cpu") from None
