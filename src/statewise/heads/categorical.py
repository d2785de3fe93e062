"""One of a fixed set of choices: a character, a word, a class."""

from typing import ClassVar, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from statewise.errors import UsageError
from statewise.heads.head import Head, Loss, Over, check_targets, check_temperature

NOT_IGNORED = -(2**63)
"PyTorch scores one number, -100, as nothing; with this one in its place every other that is not a choice is an error."


@final
class Categorical(Head[Tensor]):
    r"""A softmax over `choices`. By its name a task makes it, as any head of choices, as `Head(features, choices)`.

        y = softmax(W_y s + b)        loss = -log y[target]

    Its parameters are the logits `W_y s + b`. Shapes: features `[..., H]`, logits `[..., V]`, targets `[...]`.

    >>> head = Categorical(features=4, choices=3)
    >>> logits = head(torch.zeros(7, 2, 4))
    >>> logits.shape, head.loss(logits, torch.zeros(7, 2, dtype=torch.long)).places
    (torch.Size([7, 2, 3]), tensor(14))
    """

    over: ClassVar[Over] = "choice"

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
        check_targets(params.shape[:-1], targets, mask)
        params, targets = params.reshape(-1, self.choices), targets.flatten()
        if mask is None:
            return Loss(code_nats(params, targets, reduction="sum"), torch.tensor(targets.numel()))
        nats = code_nats(params, targets, reduction="none")
        return Loss(nats[mask.flatten()].sum(), mask.sum())

    def nats(self, params: Tensor, targets: Tensor) -> Tensor:
        """Return minus the log-probability of each target."""
        check_targets(params.shape[:-1], targets)
        nats = code_nats(params.reshape(-1, self.choices), targets.flatten(), reduction="none")
        return nats.reshape(targets.shape)

    def sample(self, params: Tensor, *, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        """Draw one choice at each place, from `softmax(logits / temperature)`; temperature 0 gives the likeliest.

        Raises `UsageError` for a temperature below 0 or infinite.

        >>> Categorical(1, 3).sample(torch.tensor([[0.0, 9.0, 1.0]]), temperature=0)
        tensor([1])
        """
        uniforms = torch.rand(params.shape[:-1], dtype=torch.double, device=params.device, generator=generator)
        return self.choose(params, uniforms, temperature=temperature)

    @staticmethod
    def choose(logits: Tensor, uniforms: Tensor, *, temperature: float = 1.0) -> Tensor:
        """Return the first choice whose share, added to those before it, is beyond a number from 0 to below 1.

        Shapes: logits `[..., V]`, uniforms `[...]`. Raises `UsageError` for a temperature below 0 or infinite, and for
        odds that are not numbers.

        >>> Categorical.choose(torch.tensor([0.2, 0.3, 0.5]).log(), torch.tensor(0.4))
        tensor(1)
        """
        check_temperature(temperature)
        if temperature == 0:
            return logits.argmax(dim=-1)
        shifted = (logits - logits.amax(dim=-1, keepdim=True)).double() / temperature
        reached = shifted.exp().cumsum(dim=-1)
        total = reached[..., -1:]
        if not bool(total.isfinite().all()):
            raise UsageError("the odds are not numbers, so nothing can be chosen: the model's weights are damaged")
        found = torch.searchsorted(reached, uniforms.double().unsqueeze(-1) * total, right=True)
        last = (reached < total).sum(dim=-1, keepdim=True)  # rounding may take the number up to the whole
        return torch.minimum(found, last).squeeze(-1)


def code_nats(logits: Tensor, targets: Tensor, reduction: str = "none") -> Tensor:
    """Return minus the log-probability of each target, or their sum. Raises `IndexError` for one that is not a choice.

    Shapes: logits `[N, V]`, targets `[N]`.
    """
    return functional.cross_entropy(logits, targets, reduction=reduction, ignore_index=NOT_IGNORED)
