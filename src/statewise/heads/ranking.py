"""Which item of a large catalogue comes next: scores by inner product, learned against a few of the others."""

from typing import final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from statewise.errors import UsageError
from statewise.heads.categorical import Categorical
from statewise.heads.featured_items import FeaturedItems
from statewise.heads.head import Head, Loss
from statewise.heads.ranking_losses import LOSSES, bpr_max, log_sum_exp, lowest
from statewise.registry import unknown

Table = nn.Embedding | FeaturedItems
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
    reached: Tensor

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
        self.register_buffer("supports", shares.float(), persistent=False)
        self.register_buffer("odds", (odds / odds.sum()).float(), persistent=False)
        self.register_buffer("reached", (odds / odds.sum()).cumsum(0), persistent=False)

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
        """Return the vectors and the biases of items; of one behind `choices`, never trained on, the bias is 0."""
        stop = self.choices if stop is None else stop
        table, biases = self.table, self.bias.weight[start:stop, 0]
        vectors = table.weight[start:stop] if isinstance(table, nn.Embedding) else table.rows(start, stop)
        return vectors, nn.functional.pad(biases, (0, len(vectors) - len(biases)))

    def scores(self, queries: Tensor, start: int = 0, stop: int | None = None) -> Tensor:
        """Return the scores `[..., V]` of all items, or of those from `start` to `stop`."""
        return linear(queries, *self.rows(start, stop))

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
        shape, queries, targets, drawn = targets.shape, queries.reshape(-1, rows, width), targets.flatten(), self.draw()
        read = torch.cat([targets, drawn])  # at once, so that there is one gradient to add up
        vectors, biases = self.table(read), self.bias(read).squeeze(-1)
        own, own_bias = vectors[: len(targets)].view_as(queries), biases[: len(targets)].view(-1, rows)
        # What corrects a score depends on its item alone, so it goes into the bias and costs nothing.
        lowered = biases - self.expected(read, rows).log() if self.corrected else biases
        wanted = ((queries * own).sum(dim=-1) + own_bias).flatten()
        among_drawn = torch.addmm(lowered[len(targets) :], queries.flatten(0, 1), vectors[len(targets) :].T)
        others, same = [among_drawn], _places_of(targets, drawn)
        beside: list[Tensor] = []
        if self.in_batch:
            beside_bias = lowered[: len(targets)].view(-1, 1, rows)
            others.append(torch.baddbmm(beside_bias, queries, own.transpose(1, 2)).flatten(0, 1))
            beside.append(_unlike(targets.view(-1, rows), mask).flatten(0, 1))
        if self.loss_name == "cross_entropy":
            return self._entropy(wanted, others, same, beside).view(shape)
        counted = torch.ones_like(among_drawn, dtype=torch.bool).index_put_(same, torch.tensor(False))
        return self._ranked(wanted, torch.cat(others, dim=1), torch.cat([counted, *beside], dim=1)).view(shape)

    @staticmethod
    def _entropy(wanted: Tensor, others: list[Tensor], same: tuple[Tensor, Tensor], beside: list[Tensor]) -> Tensor:
        """Return the cross-entropy among scores in two pieces, of which the large one is neither copied nor masked."""
        lowest_score = lowest(wanted)
        with torch.no_grad():  # what is so low has no share, and so no gradient, anyway
            others[0].index_put_(same, wanted.new_tensor(lowest_score))
        pieces = [others[0]]
        pieces += [
            scores.masked_fill(~counted, lowest_score) for scores, counted in zip(others[1:], beside, strict=True)
        ]
        total = wanted
        for piece in pieces:
            total = torch.logaddexp(total, log_sum_exp(piece))
        return total - wanted

    def _ranked(self, wanted: Tensor, others: Tensor, counted: Tensor) -> Tensor:
        if self.loss_name == "bpr_max":
            return bpr_max(wanted, others, counted, regularization=self.regularization)
        return LOSSES[self.loss_name](wanted, others, counted)


def item_table(choices: int, width: int, *, sparse: bool) -> nn.Embedding:
    """Return an embedding of items whose rows are about as long as a query begins: normal with deviation `D^-1/2`."""
    table = nn.Embedding(choices, width, sparse=sparse)
    nn.init.normal_(table.weight, std=width**-0.5)
    return table


def _unlike(targets: Tensor, mask: Tensor | None) -> Tensor:
    """Say which other rows count at each place, `[T, B, B]`: those that are awake and want something else."""
    unlike = targets.unsqueeze(1) != targets.unsqueeze(2)
    return unlike if mask is None else unlike & mask.reshape(targets.shape).unsqueeze(1)


def _places_of(wanted: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    """Return where the wanted items are among those drawn: which of the wanted, which of the drawn.

    >>> _places_of(torch.tensor([7, 4]), torch.tensor([4, 7, 4, 9]))
    (tensor([0, 1, 1]), tensor([1, 0, 2]))
    """
    asked, offered = wanted.cpu().numpy(), drawn.cpu().numpy()  # whose operations on a few numbers cost less
    order = np.argsort(offered, kind="stable")
    first, behind = (np.searchsorted(offered[order], asked, side=side) for side in ("left", "right"))
    counts = behind - first
    which = np.repeat(np.arange(len(asked)), counts)
    offsets = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts - first, counts)
    places = torch.from_numpy(which), torch.from_numpy(order[offsets])
    return places[0].to(wanted.device), places[1].to(wanted.device)
