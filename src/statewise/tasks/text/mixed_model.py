"""A model that mixes the odds of a network with those of n-grams: what they remember is part of its state."""

import hashlib
from typing import Any, NamedTuple, final

import torch
from torch import Tensor, nn

from statewise.cells.recurrent import Cell, Recurrent
from statewise.encoders.encoder import Encoder, step_input
from statewise.heads import Categorical, Head, Loss
from statewise.model import Model
from statewise.tasks.text.mixture import NgramMixture

NOTHING = -1
"Stands in a history where no code was read yet."


class MixedState(NamedTuple):
    """The state of the network, and the last codes that were read, `[B, order - 1]`."""

    part: Any
    history: Tensor


@final
class CodesKept(Encoder):
    """An encoder of codes that writes the code itself next to what it makes of it."""

    def __init__(self, part: nn.Module, features: int) -> None:
        super().__init__()
        self.part, self.features, self.codes = part, features + 1, step_input(part, features).codes

    def forward(self, inputs: Tensor) -> Tensor:
        """Return features `[..., D + 1]` of codes `[...]`."""
        made: Tensor = self.part(inputs)
        return torch.cat([made, inputs.unsqueeze(-1).to(made.dtype)], dim=-1)


@final
class CountedNext(Cell[MixedState]):
    """A recurrence that writes, next to its output, the log-odds of n-grams and their share of the odds.

    The share is 0 where nothing was read, so that the network is alone.
    """

    def __init__(self, part: Recurrent[Any], mixture: NgramMixture) -> None:
        super().__init__()
        self.features, self.units = part.features + 1, part.units + mixture.ngrams.choices + 1
        self.part, self.mixture = part, mixture
        words = hashlib.sha256(mixture.digest + mixture.shares.tobytes()).digest()
        self.register_buffer("digest", torch.frombuffer(bytearray(words), dtype=torch.uint8))

    def initial(self, rows: int) -> MixedState:
        """Return the part's initial state, and no history."""
        return MixedState(self.part.initial(rows), torch.full((rows, self.mixture.order - 1), NOTHING))

    def step(self, x: Tensor, state: MixedState) -> tuple[Tensor, MixedState]:
        """Read one input `[B, D + 1]`, the last of which is the code."""
        y, part = self.part.step(x[:, :-1], state.part)
        read = torch.cat([state.history, x[:, -1:].round().long()], dim=1)
        history = read[:, read.shape[1] - self.mixture.order + 1 :]
        counted = torch.stack([self._counted(row) for row in history.tolist()]).to(y)
        return torch.cat([y, counted], dim=1), MixedState(part, history)

    def _counted(self, row: list[int]) -> Tensor:
        known = list[int]()
        for code in reversed(row):
            if not 0 <= code < self.mixture.ngrams.choices:
                break
            known.append(code)
        odds, seen = self.mixture.ngrams.foresee(known[::-1], self.mixture.order)
        return torch.cat([torch.from_numpy(odds).log(), torch.tensor([1 - self.mixture.shares[seen]])])


@final
class MixedChoices(Head[Tensor]):
    """A softmax whose odds are mixed with others: `log((1 - g) softmax(W s + b) + g p)` with `p` and `g` given."""

    over = "choice"

    def __init__(self, part: Categorical) -> None:
        super().__init__()
        self.part, self.choices, self.features = part, part.choices, part.features + part.choices + 1

    def forward(self, features: Tensor) -> Tensor:
        """Return log-probabilities `[..., V]`."""
        own, counted, share = torch.split(features, [self.part.features, self.choices, 1], dim=-1)
        network = self.part(own).log_softmax(dim=-1)
        return torch.logaddexp(network + torch.log1p(-share), counted + share.log())

    def loss(self, params: Tensor, targets: Tensor, mask: Tensor | None = None) -> Loss:
        """Return minus the log-probability of the targets, summed over the places where `mask` is true."""
        return self.part.loss(params, targets, mask)

    def nats(self, params: Tensor, targets: Tensor) -> Tensor:
        """Return minus the log-probability of each target."""
        return self.part.nats(params, targets)

    def sample(self, params: Tensor, *, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        """Draw one choice at each place; temperature 0 gives the likeliest."""
        return self.part.sample(params, temperature=temperature, generator=generator)


def mixed_model(model: Model[Any], mixture: NgramMixture) -> Model[Any]:
    """Return a model of the same weights whose odds are mixed with n-grams."""
    assert isinstance(model.head, Categorical)
    encoder = CodesKept(model.encoder, model.core.features)
    mixed = Model(encoder, CountedNext(model.core, mixture), MixedChoices(model.head))
    return mixed.train(model.training)
