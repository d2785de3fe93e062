"""How badly a wanted item was ranked among others: one function a loss, each on bare scores.

All take the score `r_i` of the wanted item, `[n]`, the scores `r_j` of the others, `[n, C]`, and which of these count,
`[n, C]` of bool or None for all; all return one loss a place, `[n]`. A place with nothing to compare with costs 0.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import logsigmoid

Ranked = Callable[[Tensor, Tensor, Tensor | None], Tensor]


def cross_entropy(wanted: Tensor, others: Tensor, counted: Tensor | None = None) -> Tensor:
    r"""Return minus the log-probability of the wanted item in a softmax over it and the others.

        L = -log( exp(r_i) / (exp(r_i) + sum_j exp(r_j)) )

    Source: Hidasi & Karatzoglou 2018, eq. 1.

    >>> cross_entropy(torch.tensor([0.0]), torch.tensor([[0.0, 0.0, 0.0]])).exp()
    tensor([4.])
    """
    return torch.logaddexp(wanted, log_sum_exp(_left_out(others, counted))) - wanted


def bpr(wanted: Tensor, others: Tensor, counted: Tensor | None = None) -> Tensor:
    r"""Return the loss of Bayesian personalised ranking: how often, and how clearly, the others are ahead.

        L = -1/C sum_j log sigmoid(r_i - r_j)

    Source: Rendle et al. 2009; Hidasi et al. 2016, section 3.2.

    >>> bpr(torch.tensor([1.0]), torch.tensor([[1.0, 1.0]])).exp()
    tensor([2.])
    """
    return _mean(-logsigmoid(wanted.unsqueeze(-1) - others), counted)


def top1(wanted: Tensor, others: Tensor, counted: Tensor | None = None) -> Tensor:
    r"""Return a smooth share of the others that are ahead, and a pull of their scores towards 0.

        L = 1/C sum_j ( sigmoid(r_j - r_i) + sigmoid(r_j^2) )

    Source: Hidasi et al. 2016, section 3.2.

    >>> top1(torch.tensor([0.0]), torch.tensor([[0.0, 0.0]]))
    tensor([1.])
    """
    return _mean(_ahead(wanted, others), counted)


def bpr_max(wanted: Tensor, others: Tensor, counted: Tensor | None = None, *, regularization: float = 1.0) -> Tensor:
    r"""Return the BPR loss against the highest of the others, softly: each counts by its softmax among them.

        L = -log sum_j s_j sigmoid(r_i - r_j) + regularization sum_j s_j r_j^2,    s = softmax over the others

    Source: Hidasi & Karatzoglou 2018, eq. 9 and 10.

    >>> bpr_max(torch.tensor([0.0]), torch.tensor([[0.0, 0.0]])).exp()
    tensor([2.])
    """
    left = _left_out(others, counted)
    whole = left.logsumexp(dim=-1, keepdim=True)
    ahead = whole.squeeze(-1) - (left + logsigmoid(wanted.unsqueeze(-1) - left)).logsumexp(dim=-1)
    if not regularization:
        return ahead
    shares = _only((left - whole).exp(), counted)
    return ahead + regularization * (shares * others.square()).sum(dim=-1)


def top1_max(wanted: Tensor, others: Tensor, counted: Tensor | None = None) -> Tensor:
    r"""Return the TOP1 loss in which each of the others counts by its softmax among them.

        L = sum_j s_j ( sigmoid(r_j - r_i) + sigmoid(r_j^2) ),    s = softmax over the others

    Source: Hidasi & Karatzoglou 2018, eq. 8.

    >>> top1_max(torch.tensor([0.0]), torch.tensor([[0.0, 0.0]]))
    tensor([1.])
    """
    shares = _only(_left_out(others, counted).softmax(dim=-1), counted)
    return (shares * _ahead(wanted, others)).sum(dim=-1)


LOSSES: dict[str, Ranked] = {
    "cross_entropy": cross_entropy,
    "bpr": bpr,
    "top1": top1,
    "bpr_max": bpr_max,
    "top1_max": top1_max,
}

LOOKED_AT = 8


def ranked(loss: str, wanted: Tensor, others: Tensor, counted: Tensor | None, regularization: float) -> Tensor:
    """Return the loss of that name."""
    if loss == "bpr_max":
        return bpr_max(wanted, others, counted, regularization=regularization)
    return LOSSES[loss](wanted, others, counted)


def log_sum_exp(scores: Tensor) -> Tensor:
    """Return `torch.logsumexp` over the last axis; the way back costs two passes over the scores instead of three.

    >>> log_sum_exp(torch.tensor([[0.0, 0.0, 0.0, 0.0]])).exp()
    tensor([4.])
    """
    return _LogSumExp.apply(scores)  # type: ignore[no-any-return, no-untyped-call]


class _LogSumExp(torch.autograd.Function):
    """PyTorch's own is made of separate passes; this one keeps the result of its fused log-softmax."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor) -> Tensor:
        """Return the logarithm of the sum, `[n]`."""
        if scores.shape[-1] == 0:
            ctx.save_for_backward(scores)
            return scores.new_full(scores.shape[:-1], lowest(scores))
        shares = scores.log_softmax(dim=-1)
        ctx.save_for_backward(shares)
        # What a score and its log-share differ by; of any score that is not left out, so a few are looked at first.
        for some in (scores[..., :LOOKED_AT], scores):
            highest, where = some.max(dim=-1, keepdim=True)
            if bool((highest > lowest(scores) / 2).all()):
                break
        return (highest - shares.gather(-1, where)).squeeze(-1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        """Return the softmax, times what came back."""
        (shares,) = ctx.saved_tensors
        return shares.exp().mul_(grad.unsqueeze(-1))  # type: ignore[no-any-return]


def _ahead(wanted: Tensor, others: Tensor) -> Tensor:
    return torch.sigmoid(others - wanted.unsqueeze(-1)) + torch.sigmoid(others.square())


def _left_out(others: Tensor, counted: Tensor | None) -> Tensor:
    # The lowest finite number, not minus infinity: where nothing counts, differences stay numbers and gradients 0.
    return others if counted is None else others.masked_fill(~counted, lowest(others))


def lowest(scores: Tensor) -> float:
    """Return the lowest number that scores of this type can have."""
    return float(torch.finfo(scores.dtype).min)


def _only(values: Tensor, counted: Tensor | None) -> Tensor:
    return values if counted is None else torch.where(counted, values, 0)


def _mean(values: Tensor, counted: Tensor | None) -> Tensor:
    if counted is None:
        return values.mean(dim=-1)
    return _only(values, counted).sum(dim=-1) / counted.sum(dim=-1).clamp(min=1)
