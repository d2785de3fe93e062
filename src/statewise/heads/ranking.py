"""Which item of a large catalogue comes next: scores by inner product, learned against a few of the others."""

from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from statewise.errors import UsageError
from statewise.heads.alias_table import AliasTable
from statewise.heads.categorical import code_nats
from statewise.heads.featured_items import FeaturedItems
from statewise.heads.head import Loss, check_targets
from statewise.heads.items import ItemHead
from statewise.heads.ranking_losses import LOSSES, ranked
from statewise.heads.samples import rank
from statewise.kernels.native_ranking import Sample
from statewise.registry import unknown

Table = nn.Embedding | FeaturedItems
BLOCK_SCORES = 1 << 22
"How many scores are in memory at once where all items are scored: 16 MB."


@final
class Ranking(ItemHead):
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
    its gradient is sparse, of those rows alone that were scored. It may have more rows than there are `supports`, of
    items that are never trained on. Shapes: features `[..., B, H]`, queries `[..., B, D]`.
    Source: Hidasi et al. 2016; Hidasi & Karatzoglou 2018; correction: Bengio & Senecal 2008.

    >>> head = Ranking(features=4, supports=torch.tensor([3.0, 1.0, 0.0]))
    >>> queries = head(torch.zeros(7, 2, 4))
    >>> head.scores(queries).shape, head.loss(queries, torch.zeros(7, 2, dtype=torch.long)).places
    (torch.Size([7, 2, 3]), tensor(14))
    """

    supports: Tensor
    odds: Tensor

    def __init__(
        self,
        features: int,
        supports: Tensor,
        *,
        table: Table | None = None,
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
        self._lowered_for, self._lowered = (0, supports.device), supports
        self._drawn_by: AliasTable | None = None
        self.register_buffer("supports", shares.float(), persistent=False)
        self.register_buffer("odds", (odds / odds.sum()).float(), persistent=False)

    @property
    def is_sampled(self) -> bool:
        """Whether training compares with some of the items only."""
        return self.negatives > 0

    @property
    def table(self) -> Table:
        """The items, whose rows are compared with a query."""
        lent = self._lent[0]
        return self.own_table if lent is None else lent

    def forward(self, features: Tensor) -> Tensor:
        """Return queries `[..., D]`."""
        return features if self.projection is None else self.projection(features)

    def rows(self, start: int = 0, stop: int | None = None) -> tuple[Tensor, Tensor]:
        """Return the vectors and the biases of items; of one after `choices`, never trained on, the bias is 0."""
        stop = self.choices if stop is None else stop
        table, biases = self.table, self.bias.weight[start:stop, 0]
        vectors = table.weight[start:stop] if isinstance(table, nn.Embedding) else table.rows(start, stop)
        return vectors, nn.functional.pad(biases, (0, len(vectors) - len(biases)))

    def scores(self, queries: Tensor, start: int = 0, stop: int | None = None) -> Tensor:
        """Return the scores `[..., V]` of all items, or of those from `start` to `stop`."""
        return linear(queries, *self.rows(start, stop))

    def nats(self, params: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each target among all items: in evaluation minus its log-probability."""
        check_targets(params.shape[:-1], targets)
        among = self._among_all if self.training else self._in_blocks
        return among(params.flatten(0, -2), targets.flatten()).view_as(targets)

    def loss(self, params: Tensor, targets: Tensor, mask: Tensor | None = None) -> Loss:
        """Return the ranking loss summed over the places where `mask` is true."""
        check_targets(params.shape[:-1], targets, mask)
        places = torch.tensor(targets.numel()) if mask is None else mask.sum()
        if mask is not None:
            params = torch.where(mask.unsqueeze(-1), params, 0)
        if self.training and self.is_sampled:
            return Loss(rank(self._sample(params, targets, mask), self.loss_name, self.regularization), places)
        nats = self.nats(params, targets)
        return Loss((nats if mask is None else torch.where(mask, nats, 0)).sum(), places)

    def draw(self) -> Tensor:
        """Draw the negatives of a window, `[N]`, from PyTorch's own random numbers."""
        if self._drawn_by is None or self._drawn_by.kept.device != self.odds.device:
            self._drawn_by = AliasTable.of(self.odds)
        return self._drawn_by.draw(self.negatives)

    def expected(self, rows: int) -> Tensor:
        """Return how often each item is expected among the negatives of a place, with so many rows side by side."""
        in_batch = (rows - 1) * self.supports if self.in_batch else 0.0
        return in_batch + self.negatives * self.odds

    def _lowering(self, rows: int) -> Tensor:
        """Return by how much an item's score is lowered among the negatives: the same at every update."""
        if self._lowered_for != (rows, self.odds.device):
            self._lowered_for, self._lowered = (rows, self.odds.device), self.expected(rows).log()
        return self._lowered

    def _among_all(self, queries: Tensor, targets: Tensor) -> Tensor:
        scores = self.scores(queries)
        if self.loss_name == "cross_entropy":
            return code_nats(scores, targets)
        counted = torch.ones_like(scores, dtype=torch.bool).scatter_(-1, targets.unsqueeze(-1), False)
        wanted = scores.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
        return ranked(self.loss_name, wanted, scores, counted, self.regularization)

    def _in_blocks(self, queries: Tensor, targets: Tensor) -> Tensor:
        at_once = max(1, BLOCK_SCORES // self.choices)
        blocks = ((queries[i : i + at_once], targets[i : i + at_once]) for i in range(0, len(targets), at_once))
        return torch.cat([code_nats(self.scores(q), t) for q, t in blocks])

    def _sample(self, queries: Tensor, targets: Tensor, mask: Tensor | None) -> Sample:
        """Return what a window's targets are ranked among."""
        rows, width = queries.shape[-2:]
        items = torch.cat([targets.flatten(), self.draw()])  # at once, so that there is one gradient to add up
        vectors, biases = self.table(items), self.bias(items).squeeze(-1)
        lowering = self._lowering(rows)[items] if self.corrected else None
        mask = None if mask is None else mask.reshape(-1, rows)
        return Sample(queries.reshape(-1, rows, width), items, vectors, biases, lowering, mask, self.in_batch)


def item_table(choices: int, width: int, *, sparse: bool) -> nn.Embedding:
    """Return an embedding of items whose rows are about as long as a query begins: normal with deviation `D^-1/2`."""
    table = nn.Embedding(choices, width, sparse=sparse)
    nn.init.normal_(table.weight, std=width**-0.5)
    return table
