"""One of a fixed set of choices: a character, a word, a class."""

from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from statewise.errors import UsageError
from statewise.heads.head import Head, Loss


@final
class Categorical(Head[Tensor]):
    r"""A softmax over `choices`.

        y = softmax(W_y s + b)        loss = -log y[target]

    Its parameters are the logits `W_y s + b`. Shapes: features `[..., H]`, logits `[..., V]`, targets `[...]`.

    >>> head = Categorical(features=4, choices=3)
    >>> logits = head(torch.zeros(7, 2, 4))
    >>> logits.shape, head.loss(logits, torch.zeros(7, 2, dtype=torch.long)).places
    (torch.Size([7, 2, 3]), tensor(14))
    """

    def __init__(self, features: int, choices: int) -> None:
        super().__init__()
        self.features, self.choices = features, choices
        self.weights = nn.Parameter(nn.init.xavier_uniform_(torch.empty(choices, features)))
        self.bias = nn.Parameter(torch.zeros(choices))

    def forward(self, features: Tensor) -> Tensor:
        """Return logits `[..., V]`."""
        return nn.functional.linear(features, self.weights, self.bias)

    def loss(self, params: Tensor, targets: Tensor, mask: Tensor | None = None) -> Loss:
        """Return minus the log-probability of the targets, summed over the places where `mask` is true."""
        params, targets = params.reshape(-1, self.choices), targets.flatten()
        if mask is None:
            return Loss(cross_entropy(params, targets, reduction="sum"), torch.tensor(targets.numel()))
        nats = cross_entropy(params, targets, reduction="none")
        return Loss(nats[mask.flatten()].sum(), mask.sum())

    def sample(self, params: Tensor, *, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        """Draw one choice at each place, from `softmax(logits / temperature)`; temperature 0 gives the likeliest.

        Raises `UsageError` for a temperature below 0.

        >>> Categorical(1, 3).sample(torch.tensor([[0.0, 9.0, 1.0]]), temperature=0)
        tensor([1])
        """
        if not temperature >= 0:
            raise UsageError(f"temperature {temperature:g} is below 0: give 0 for the likeliest choice, or more")
        if temperature == 0:
            return params.argmax(dim=-1)
        shifted = (params - params.amax(dim=-1, keepdim=True)).double() / temperature
        weights = shifted.exp().reshape(-1, self.choices)
        drawn = torch.multinomial(weights, 1, generator=generator)
        return drawn.reshape(params.shape[:-1])
