"""Wanted items ranked among a sample of the others: in native code where that is to be had, else as it reads here."""

import numpy as np
import torch
from torch import Tensor

from statewise.heads.ranking_losses import log_sum_exp, lowest, ranked
from statewise.kernels import native_ranking
from statewise.kernels.native_ranking import Sample


def rank(given: Sample, loss: str, regularization: float) -> Tensor:
    """Return the sum of the losses of all places that are awake."""
    if native_ranking.takes(given, loss):
        return native_ranking.rank(given, loss, regularization)
    nats = losses(given, loss, regularization)
    return (nats if given.mask is None else torch.where(given.mask, nats, 0)).sum()


def losses(given: Sample, loss: str, regularization: float) -> Tensor:
    """Return the loss of each place, `[T, B]`; of one that sleeps it may be anything."""
    rows, places = given.queries.shape[1], given.queries[..., 0].numel()
    queries, wanted_items, drawn = given.queries.flatten(0, 1), given.items[:places], given.items[places:]
    own, vectors = given.vectors[:places], given.vectors[places:]
    lowered = given.biases if given.lowering is None else given.biases - given.lowering
    wanted = (queries * own).sum(dim=-1) + given.biases[:places]
    among_drawn = torch.addmm(lowered[places:], queries, vectors.T)
    others, same = [among_drawn], _places_of(wanted_items, drawn)
    unlike_pairs: list[Tensor] = []
    if given.in_batch:
        among_rows = torch.baddbmm(lowered[:places].view(-1, 1, rows), given.queries, own.view_as(given.queries).mT)
        others.append(among_rows.flatten(0, 1))
        unlike_pairs.append(_unlike(wanted_items.view(-1, rows), given.mask).flatten(0, 1))
    if loss == "cross_entropy":
        return _entropy(wanted, others, same, unlike_pairs).view(-1, rows)
    counted = torch.ones_like(among_drawn, dtype=torch.bool).index_put_(same, torch.tensor(False))
    both = torch.cat(others, dim=1), torch.cat([counted, *unlike_pairs], dim=1)
    return ranked(loss, wanted, *both, regularization).view(-1, rows)


def _entropy(wanted: Tensor, others: list[Tensor], same: tuple[Tensor, Tensor], unlike_pairs: list[Tensor]) -> Tensor:
    """Return the cross-entropy among scores in two pieces, of which the large one is neither copied nor masked."""
    lowest_score = lowest(wanted)
    with torch.no_grad():  # what is so low has no share, and so no gradient, anyway
        others[0].index_put_(same, wanted.new_tensor(lowest_score))
    pieces = [others[0]]
    pieces += [
        scores.masked_fill(~counted, lowest_score) for scores, counted in zip(others[1:], unlike_pairs, strict=True)
    ]
    total = wanted
    for piece in pieces:
        total = torch.logaddexp(total, log_sum_exp(piece))
    return total - wanted


def _unlike(targets: Tensor, mask: Tensor | None) -> Tensor:
    """Say which other rows count at each place, `[T, B, B]`: those that are awake and want something else."""
    unlike = targets.unsqueeze(1) != targets.unsqueeze(2)
    return unlike if mask is None else unlike & mask.unsqueeze(1)


def _places_of(wanted: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    """Return where the wanted items are among those drawn: which of the wanted, which of the drawn.

    >>> _places_of(torch.tensor([7, 4]), torch.tensor([4, 7, 4, 9]))
    (tensor([0, 1, 1]), tensor([1, 0, 2]))
    """
    asked, offered = wanted.cpu().numpy(), drawn.cpu().numpy()  # whose operations on a few numbers cost less
    order = np.argsort(offered, kind="stable")
    first, last = (np.searchsorted(offered[order], asked, side=side) for side in ("left", "right"))
    counts = last - first
    which = np.repeat(np.arange(len(asked)), counts)
    offsets = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts - first, counts)
    places = torch.from_numpy(which), torch.from_numpy(order[offsets])
    return places[0].to(wanted.device), places[1].to(wanted.device)
