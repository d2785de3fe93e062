"""On which device and in which number format training computes."""

from typing import Any, Final, NamedTuple

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import DoublePrecision, MixedPrecision
from torch.amp import GradScaler

from statewise.errors import UsageError
from statewise.run.recipe import Recipe

SINGLE: Final = "32-true"
HALF: Final = "16-mixed"
FIRST_SCALE = 2.0**16
GROWS_AFTER = 2000


class _WholeDouble(DoublePrecision):
    """Double precision throughout: Fabric's own rounds the outputs, and so the carried state, to single."""

    def convert_output(self, data: Any) -> Any:
        """Return the outputs as they are."""
        return data


class LossScale(NamedTuple):
    """What a loss is multiplied by before its gradient is taken, and that divided by, so that half precision holds it.

    Halved where a gradient overflows, doubled after 2,000 updates in which none did. At any other precision it is 1.
    Source: Micikevicius et al. 2018, section 3.2.

    >>> LossScale(4.0, 1999).grown().halved()
    LossScale(factor=4.0, updates=0)
    """

    factor: float = 1.0
    updates: int = 0

    @classmethod
    def of(cls, recipe: Recipe) -> "LossScale":
        """Return where training begins."""
        return cls(FIRST_SCALE if recipe.precision == HALF else 1.0)

    def grown(self) -> "LossScale":
        """Return the scale after an update whose gradient did not overflow."""
        is_due = self.updates + 1 == GROWS_AFTER
        return LossScale(self.factor * 2, 0) if is_due else LossScale(self.factor, self.updates + 1)

    def halved(self) -> "LossScale":
        """Return the scale after a gradient that did."""
        return LossScale(self.factor / 2, 0)


def make_fabric(recipe: Recipe, index: int | None = None) -> Fabric:
    """Return what moves and casts for a recipe, on the device of that index where there are several.

    Raises `UsageError` for a device that cannot be used here.
    """
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    how: dict[str, Any] = {"precision": recipe.precision}
    if recipe.precision == "64-true":
        how = {"plugins": _WholeDouble()}
    elif recipe.precision != SINGLE:
        # As a plugin: by its name Fabric announces it, and takes bfloat16 for float16 on a processor. Without a scaler,
        # since one that an interrupt leaves half way through an update cannot be put back.
        scaler = GradScaler(recipe.device, enabled=False) if recipe.precision == HALF else None
        how = {"plugins": MixedPrecision(recipe.precision, recipe.device, scaler)}
    try:
        return Fabric(accelerator=recipe.device, devices=1 if index is None else [index], **how)
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"device '{recipe.device}' cannot be used here ({reason}): give --device cpu") from None
    except Exception as error:
        if type(error).__name__ != "MisconfigurationException":
            raise
        raise UsageError(f"device '{recipe.device}' cannot be used here ({error}): give --device cpu") from None
