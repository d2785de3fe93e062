"""Which item of a large catalogue comes next: scores by inner product, learned against a few of the others."""

from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from statewise.errors import UsageError
from statewise.heads.categorical import Categorical
from statewise.heads.head import Head, Loss
from statewise.heads.ranking_losses import LOSSES, bpr_max
from statewise.registry import unknown

BLOCK_SCORES = 1 << 22
"How many scores are in memory at once where all items are scored: 16 MB."


@final
class Ranking(Head[Tensor]):
    r"""Scores over the items of a catalogue, which only training against all of them ever computes at once.

        q = P s + p        r_j = E_j . q + b_j

    Its parameters are the query `q`, so that what a stream carries does not grow with the catalogue; `scores` and `top`
    say what they mean. In training each target is ranked among the targets of the other rows at the same step
    (`in_batch`) and `negatives` more, which all places of a window share, drawn with odds `support ^ alpha`. With 0
    negatives, or as many as there are items, it is ranked among all items. Items that a row itself wants never count
    against it. In evaluation the loss is always the cross-entropy over all items.

    Against a sample, cross-entropy is by default `corrected`: each negative's score is lowered by the log of how often
    that item is expected among them, which makes the sum over the sample that over the catalogue, on average.

    `table` is the embedding `E`, lent where it is also what the model reads (tied), else a new one; with `negatives`
    its gradient is sparse, of those rows alone that were scored. Shapes: features `[..., B, H]`, queries `[..., B, D]`.
    Source: Hidasi et al. 2016; Hidasi & Karatzoglou 2018; correction: Bengio & Senecal 2008.

    >>> head = Ranking(features=4, supports=torch.tensor([3.0, 1.0, 0.0]))
    >>> queries = head(torch.zeros(7, 2, 4))
    >>> head.scores(queries).shape, head.loss(queries, torch.zeros(7, 2, dtype=torch.long)).places
    (torch.Size([7, 2, 3]), tensor(14))
    """

    supports: Tensor
    odds: Tensor
    reached: Tensor

    def __init__(
        self,
        features: int,
        supports: Tensor,
        *,
        table: nn.Embedding | None = None,
        loss: str = "cross_entropy",
        negatives: int = 0,
        in_batch: bool = True,
        alpha: float = 0.5,
        corrected: bool = True,
        regularization: float = 1.0,
    ) -> None:
        super().__init__()
        if loss not in LOSSES:
            raise UsageError(unknown("ranking loss", loss, LOSSES))
        self.features, self.choices = features, len(supports)
        self.loss_name, self.regularization = loss, regularization
        self.negatives = negatives if negatives < self.choices else 0
        self.in_batch, self.corrected = in_batch, corrected and loss == "cross_entropy"
        width = features if table is None else table.embedding_dim
        self.projection = nn.Linear(features, width) if width != features else None
        self.bias = nn.Embedding(self.choices, 1, sparse=self.is_sampled)
        nn.init.zeros_(self.bias.weight)
        if table is None:
            self.own_table = item_table(self.choices, width, sparse=self.is_sampled)
        # In a tuple PyTorch does not see it, so that a lent table is stored once, by the encoder that owns it.
        self._lent = (table,)
        shares = supports.double() / supports.sum().clamp(min=1)
        odds = supports.double() ** alpha
        self.register_buffer("supports", shares.float(), persistent=False)
        self.register_buffer("odds", (odds / odds.sum()).float(), persistent=False)
        self.register_buffer("reached", (odds / odds.sum()).cumsum(0), persistent=False)

    @property
    def is_sampled(self) -> bool:
        """Whether training compares with some of the items only."""
        return self.negatives > 0

    @property
    def table(self) -> nn.Embedding:
        """The embedding whose rows are compared with a query."""
        lent = self._lent[0]
        return self.own_table if lent is None else lent

    def forward(self, features: Tensor) -> Tensor:
        """Return queries `[..., D]`."""
        return features if self.projection is None else self.projection(features)

    def scores(self, queries: Tensor, start: int = 0, stop: int | None = None) -> Tensor:
        """Return the scores `[..., V]` of all items, or of those from `start` to `stop`."""
        return linear(queries, self.table.weight[start:stop], self.bias.weight[start:stop, 0])

    def loss(self, params: Tensor, targets: Tensor, mask: Tensor | None = None) -> Loss:
        """Return the ranking loss summed over the places where `mask` is true."""
        places = torch.tensor(targets.numel()) if mask is None else mask.sum()
        if mask is not None:
            params = torch.where(mask.unsqueeze(-1), params, 0)
        if not self.training:
            nats = self._in_blocks(params.flatten(0, -2), targets.flatten()).view_as(targets)
        elif self.is_sampled:
            nats = self._among_some(params, targets, mask)
        else:
            nats = self._among_all(params.flatten(0, -2), targets.flatten()).view_as(targets)
        return Loss((nats if mask is None else torch.where(mask, nats, 0)).sum(), places)

    def sample(self, params: Tensor, *, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        """Draw one item at each place from `softmax(scores / temperature)`; temperature 0 gives the highest score."""
        uniforms = torch.rand(params.shape[:-1], dtype=torch.double, device=params.device, generator=generator)
        return Categorical.choose(self.scores(params), uniforms, temperature=temperature)

    def draw(self) -> Tensor:
        """Draw the negatives of a window, `[N]`, from PyTorch's own random numbers."""
        uniforms = torch.rand(self.negatives, dtype=self.reached.dtype, device=self.reached.device)
        return torch.searchsorted(self.reached, uniforms, right=True).clamp_(max=self.choices - 1)

    def expected(self, items: Tensor, rows: int) -> Tensor:
        """Return how often items are expected among the negatives of a place, with so many rows side by side."""
        in_batch = (rows - 1) * self.supports[items] if self.in_batch else 0.0
        return in_batch + self.negatives * self.odds[items]

    def _among_all(self, queries: Tensor, targets: Tensor) -> Tensor:
        scores = self.scores(queries)
        if self.loss_name == "cross_entropy":
            return nn.functional.cross_entropy(scores, targets, reduction="none")
        counted = torch.ones_like(scores, dtype=torch.bool).scatter_(-1, targets.unsqueeze(-1), False)
        return self._ranked(scores.gather(-1, targets.unsqueeze(-1)).squeeze(-1), scores, counted)

    def _in_blocks(self, queries: Tensor, targets: Tensor) -> Tensor:
        at_once = max(1, BLOCK_SCORES // self.choices)
        blocks = ((queries[i : i + at_once], targets[i : i + at_once]) for i in range(0, len(targets), at_once))
        return torch.cat([nn.functional.cross_entropy(self.scores(q), t, reduction="none") for q, t in blocks])

    def _among_some(self, queries: Tensor, targets: Tensor, mask: Tensor | None) -> Tensor:
        """Rank each target among those of the other rows and the window's negatives; shapes `[..., B]`."""
        rows, width = queries.shape[-2:]
        queries, targets = queries.reshape(-1, rows, width), targets.reshape(-1, rows)
        own, own_bias = self.table(targets), self.bias(targets).squeeze(-1)
        others, counted = [], []
        if self.in_batch:
            beside = torch.baddbmm(own_bias.unsqueeze(1), queries, own.transpose(1, 2))
            wanted = beside.diagonal(dim1=1, dim2=2)
            others.append(self._correct(beside, targets, rows).flatten(0, 1))
            unlike = targets.unsqueeze(1) != targets.unsqueeze(2)
            counted.append((unlike if mask is None else unlike & mask.view_as(targets).unsqueeze(1)).flatten(0, 1))
        else:
            wanted = (queries * own).sum(dim=-1) + own_bias
        drawn = self.draw()
        drawn_scores = torch.addmm(self.bias(drawn).T, queries.flatten(0, 1), self.table(drawn).T)
        others.append(self._correct(drawn_scores, drawn, rows))
        counted.append(drawn.int() != targets.flatten().int().unsqueeze(1))
        return self._ranked(wanted.flatten(), torch.cat(others, dim=1), torch.cat(counted, dim=1)).view_as(targets)

    def _correct(self, scores: Tensor, items: Tensor, rows: int) -> Tensor:
        if not self.corrected:
            return scores
        return scores - self.expected(items, rows).log().to(scores.dtype).unsqueeze(-2)

    def _ranked(self, wanted: Tensor, others: Tensor, counted: Tensor) -> Tensor:
        if self.loss_name == "bpr_max":
            return bpr_max(wanted, others, counted, regularization=self.regularization)
        return LOSSES[self.loss_name](wanted, others, counted)


def item_table(choices: int, width: int, *, sparse: bool) -> nn.Embedding:
    """Return an embedding of items whose rows are about as long as a query begins: normal with deviation `D^-1/2`."""
    table = nn.Embedding(choices, width, sparse=sparse)
    nn.init.normal_(table.weight, std=width**-0.5)
    return table
