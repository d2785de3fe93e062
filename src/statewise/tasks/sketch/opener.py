"""Where a drawing begins: from a class, from latent numbers, or from both."""

from typing import Any, NamedTuple, final

import torch
from torch import Tensor, nn

from statewise.errors import UsageError
from statewise.latent import Latent
from statewise.model import Opening

CLASS_NUMBERS = 32
"So many numbers stand for a class."


class Given(NamedTuple):
    """What a drawing begins from: the `drawing` that is read, its class, or latent numbers `z` in place of it.

    Shapes: `drawing` a `Padded` `[B, S, 5]`, `label` `[B]` of whole numbers, `z` `[B, Z]`.
    """

    drawing: Any = None
    label: Any = None
    z: Any = None


@final
class Opener(nn.Module):
    """Maps what is given to the context that a decoder begins from.

    With `optional` a drawing may have no class: the number after those of the classes then stands for it.
    """

    def __init__(self, latent: Latent | None, classes: int, *, optional: bool = False) -> None:
        super().__init__()
        self.latent: Latent | None = latent
        self.untold = classes if optional else None
        self.labels: nn.Embedding | None = nn.Embedding(classes + optional, CLASS_NUMBERS) if classes else None
        self.features = (latent.latent if latent else 0) + (CLASS_NUMBERS if classes else 0)

    def forward(self, given: Given) -> Opening:
        """Return the context, and the divergence of what z was drawn from where a drawing was read."""
        parts: list[Tensor] = []
        opening = Opening(None)
        if self.latent is not None:
            if given.z is None and given.drawing is None:
                raise UsageError("this model begins from a drawing or from latent numbers: give one of them")
            opening = self.latent(given.drawing) if given.z is None else Opening(given.z)
            parts.append(opening.context)
        if self.labels is not None:
            parts.append(self.labels(given.label))
        return Opening(torch.cat(parts, dim=-1), opening.terms)
