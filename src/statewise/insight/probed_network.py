"""The network under analysis: a recurrence, how its inputs become features, and its loss."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from statewise.cells import Recurrent, begin
from statewise.errors import UsageError
from statewise.exchange import from_torch
from statewise.heads import Head
from statewise.model import Model

Network = Model[Any] | Recurrent[Any] | nn.RNNBase
Losses = Callable[[Tensor, Tensor], Tensor]
"Outputs `[B, H]` and targets `[B, ...]` to one loss a row, `[B]`."
Divergence = Callable[[Tensor], Tensor]
"Outputs `[B, H]` to how far what they predict is from what the outputs with a whole past predict, a row, `[B]`."
DRAWS = 8
"From how many draws of a prediction its divergence from another is estimated, where there is no sum over all choices."
MOST_ODDS = 1 << 24
"How many odds are in memory at once where the sum is over all choices: 128 MB."


@dataclass(frozen=True)
class ProbedNetwork:
    """A network as the probes see it.

    `losses` gives one loss a row. Where it is None there is no loss, and a random direction of the output stands for
    its gradient. `head`, where there is one, says what an output predicts, and `first` what a model begins from, having
    read a context.
    """

    core: Recurrent[Any]
    encode: Callable[[Tensor], Tensor]
    losses: Losses | None = None
    head: Head[Any] | None = None
    first: Callable[[int, Any], Any] | None = None

    def summed(self, ys: Tensor, targets: Tensor | None, dice: torch.Generator) -> Tensor:
        """Return what is sent back from outputs `[B, H]`: the sum of the rows' losses, or of random projections."""
        if self.losses is None:
            directions = torch.nn.functional.normalize(torch.randn(ys.shape, generator=dice).to(ys), dim=-1)
            return (ys * directions).sum()
        assert targets is not None
        return self.losses(ys, targets).sum() if self.head is None else self.head.loss(self.head(ys), targets).nats

    def divergence_from(self, whole: Tensor, targets: Tensor | None, dice: torch.Generator) -> Divergence:
        r"""Return what measures how far the prediction of an output is from that of the `whole` one, at each row.

            sum_v p(v) log(p(v) / q(v))        p with the whole past, q without: the Kullback-Leibler divergence

        It is the rise of the loss to be expected if `p` is right, never below 0, and noise of the targets has no part
        in it. Over a head of choices it is exact, unless these are very many. Over another one it is estimated from
        draws of `p`, the same ones for every `q`, as the mean of `q / p - 1 - log(q / p)` (Schulman 2020). Without a
        head it is half the square of how much the loss changes, which comes to the same where the change is small; and
        without a loss the squared distance in shares of the outputs' variance.
        """
        if self.head is not None:
            return _divergence_of(self.head, whole, dice)
        if self.losses is not None:
            assert targets is not None
            losses, full = self.losses, self.losses(whole, targets)
            return lambda ys: (losses(ys, targets) - full).square() / 2
        variance = whole.var(dim=0, correction=0).mean().clamp(min=1e-12)
        return lambda ys: (ys - whole).square().mean(dim=-1) / variance

    def begin(self, rows: int, context: Any = None) -> Any:
        """Return the first state."""
        return begin(self.core, rows, context) if self.first is None else self.first(rows, context)

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return next(self.core.parameters(), torch.empty(0)).device


def probed_network(
    network: Network, *, encoder: nn.Module | None = None, losses: Losses | None = None
) -> ProbedNetwork:
    """Return a network as the probes see it.

    A statewise model brings its encoder and its head's loss; for a recurrence, or a `torch.nn.RNN`, `LSTM` or `GRU`,
    both may be given. Raises `UsageError` for anything else, and for a bidirectional module, which has no one state.

    >>> probed_network(nn.LSTM(5, 4)).core.units
    4
    """
    if isinstance(network, Model):
        if encoder is not None or losses is not None:
            raise UsageError("a Model brings its own encoder and loss: give neither, or give its core alone")
        return _of_model(network)
    if isinstance(network, nn.RNNBase):
        network = from_torch(network)
    if not isinstance(network, Recurrent):
        raise UsageError(
            f"{type(network).__name__} is not a recurrence: give a statewise Model or cell, or a torch.nn.RNN, LSTM or "
            "GRU (of a larger module, its recurrent part, with encoder= and losses=)"
        )
    return ProbedNetwork(network, encoder or nn.Identity(), losses)


def _of_model(model: Model[Any]) -> ProbedNetwork:
    head = model.head
    return ProbedNetwork(model.core, model.encoder, lambda ys, targets: head.nats(head(ys), targets), head, model.begin)


def _divergence_of(head: Head[Any], whole: Tensor, dice: torch.Generator) -> Divergence:
    if 0 < head.choices * len(whole) <= MOST_ODDS:
        log_p = _log_odds(head, whole)
        return lambda ys: (log_p.exp() * (log_p - _log_odds(head, ys))).sum(dim=-1)
    many = whole.repeat(DRAWS, 1)
    drawn = head.sample(head(many), generator=dice)
    full = head.nats(head(many), drawn)

    def divergence(ys: Tensor) -> Tensor:
        rise = (head.nats(head(ys.repeat(DRAWS, 1)), drawn) - full).double()  # log(p / q)
        return (torch.expm1(-rise) + rise).reshape(DRAWS, -1).mean(dim=0)

    return divergence


def _log_odds(head: Head[Any], ys: Tensor) -> Tensor:
    return head.logits(head(ys)).double().log_softmax(dim=-1)


@contextmanager
def undisturbed(*modules: nn.Module) -> Iterator[None]:
    """Look into modules in evaluation, with no gradient kept for a weight, and leave all as it was.

    The state of the random numbers is restored, too.
    """
    parts = [part for module in modules for part in module.modules()]
    weights = [weight for module in modules for weight in module.parameters()]
    training, wanted = [part.training for part in parts], [weight.requires_grad for weight in weights]
    with torch.random.fork_rng(devices=[]):
        try:
            for module in modules:
                module.eval()
            for weight in weights:
                weight.requires_grad_(False)
            yield
        finally:
            for part, was in zip(parts, training, strict=True):
                part.training = was
            for weight, was in zip(weights, wanted, strict=True):
                weight.requires_grad_(was)
