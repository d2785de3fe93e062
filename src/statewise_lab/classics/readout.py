"""What the outputs of an experiment's network mean, and how they are held against targets."""

import math
from enum import Enum
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from statewise.heads import Categorical, Head, Loss
from statewise.heads.head import check_temperature


class Meaning(Enum):
    """What outputs mean.

    `CHOICE`: odds of one of them. `BITS`: each the odds of a one. `NUMBERS`: numbers as they stand.
    """

    CHOICE = "choice"
    BITS = "bits"
    NUMBERS = "numbers"

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each place `[N]`: cross entropies in nats, or squared errors, as means over outputs."""
        if self is Meaning.CHOICE:
            return functional.cross_entropy(outputs, targets, reduction="none")
        if self is Meaning.BITS:
            return functional.binary_cross_entropy_with_logits(outputs, targets, reduction="none").mean(dim=-1)
        return (outputs - targets).square().mean(dim=-1)

    def values(self, outputs: Tensor) -> Tensor:
        """Return what is held against targets: probabilities, or the numbers."""
        if self is Meaning.CHOICE:
            return outputs.softmax(dim=-1)
        return outputs.sigmoid() if self is Meaning.BITS else outputs

    def usual(self, targets: Tensor, outputs: int) -> Tensor:
        """Return the outputs `[O]` that say of targets `[N, ...]` how they usually are: their frequencies, or mean.

        >>> Meaning.CHOICE.usual(torch.tensor([1, 1, 1, 0]), 2).softmax(dim=0)
        tensor([0.3000, 0.7000])
        """
        if self is Meaning.CHOICE:
            return (torch.bincount(targets, minlength=outputs) + 0.5).log()
        mean = targets.mean(dim=0)
        return mean.logit(0.01) if self is Meaning.BITS else mean

    def errors(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return how far each output `[N, O]` is from where it should be, as an absolute difference.

        >>> Meaning.CHOICE.errors(torch.zeros(1, 2), torch.tensor([1]))
        tensor([[0.5000, 0.5000]])
        """
        if self is Meaning.CHOICE:
            targets = functional.one_hot(targets, outputs.shape[-1])
        return (self.values(outputs) - targets).abs()


@final
class Readout(Head[Tensor]):
    """A linear readout of so many outputs, whose loss is that of their meaning: a mean over the outputs of a place.

    Shapes: features `[..., H]`, outputs `[..., O]`; targets `[...]` of choices, else `[..., O]`.

    >>> head = Readout(4, 2, Meaning.BITS)
    >>> head.loss(head(torch.zeros(7, 3, 4)), torch.zeros(7, 3, 2)).places
    tensor(21)
    """

    def __init__(self, features: int, outputs: int, meaning: Meaning) -> None:
        super().__init__()
        self.features, self.meaning = features, meaning
        self.choices = outputs if meaning is Meaning.CHOICE else 0
        self.is_likelihood = meaning is Meaning.CHOICE
        self.linear = nn.Linear(features, outputs)

    def forward(self, features: Tensor) -> Tensor:
        """Return the outputs `[..., O]`."""
        outputs: Tensor = self.linear(features)
        return outputs

    def nats(self, params: Tensor, targets: Any) -> Tensor:
        """Return the loss of each row `[N]`."""
        return self.meaning.losses(params, targets)

    def loss(self, params: Tensor, targets: Tensor, mask: Tensor | None = None) -> Loss:
        """Return the loss summed over the places where `mask` is true."""
        if mask is None:
            mask = torch.ones(params.shape[:-1], dtype=torch.bool, device=params.device)
        return Loss(self.nats(params[mask], targets[mask]).sum(), mask.sum())

    def sample(self, params: Tensor, *, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        """Draw a target: a choice, bits, or numbers around the outputs with a variance of a half."""
        check_temperature(temperature)
        if self.meaning is Meaning.CHOICE:
            uniforms = torch.rand(params.shape[:-1], dtype=torch.double, device=params.device, generator=generator)
            return Categorical.choose(params, uniforms, temperature=temperature)
        noise = torch.empty_like(params)
        if self.meaning is Meaning.NUMBERS:
            return params + noise.normal_(generator=generator) * (temperature * math.sqrt(0.5))
        if temperature == 0:
            return (params > 0).to(params.dtype)
        return (noise.uniform_(generator=generator) < (params / temperature).sigmoid()).to(params.dtype)
