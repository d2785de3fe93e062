"""What heads over the items of a catalogue have in common: a score for each, of which the highest is recommended."""

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from statewise.errors import UsageError
from statewise.heads.categorical import Categorical
from statewise.heads.head import Head, Over


class ItemHead(Head[Tensor]):
    """A distribution over items, by scores: its parameters are queries `[..., D]`, from which scores follow.

    By its name a task makes it as `Head(features, supports, table=..., **settings)`: how often each item occurred in
    training, `[V]`, the table of items that the model reads, or None, and the settings of `Ranking`.
    """

    over: ClassVar[Over] = "item"

    @abstractmethod
    def scores(self, queries: Tensor, start: int = 0, stop: int | None = None) -> Tensor:
        """Return the scores `[..., V]` of all items, or of those from `start` to `stop`."""

    def rows(self, start: int = 0, stop: int | None = None) -> tuple[Tensor, Tensor]:
        """Return the vectors and biases of items, where a score is their inner product with the query.

        Raises `UsageError` where it is not.
        """
        raise UsageError(f"the scores of a {type(self).__name__} are not inner products: leave out --approximate")

    def logits(self, params: Tensor) -> Tensor:
        """Return the scores `[..., V]` of all items."""
        return self.scores(params)

    def sample(self, params: Tensor, *, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        """Draw one item at each place from `softmax(scores / temperature)`; temperature 0 gives the highest score."""
        uniforms = torch.rand(params.shape[:-1], dtype=torch.double, device=params.device, generator=generator)
        return Categorical.choose(self.scores(params), uniforms, temperature=temperature)
