"""Every head keeps every law: a new head adds a line to `HEADS` and nothing else."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from statewise.heads import Categorical, Gaussian, GaussianMixture, Head, NegativeBinomial, Quantiles, StudentT
from statewise.testing import HEAD_LAWS, check_head

T, B, H, V = 7, 3, 4, 6
NUMBERS, COUNTS = torch.linspace(-3, 4, T * B).reshape(T, B), torch.arange(T * B).reshape(T, B).float()
HEADS: dict[str, tuple[Callable[[], Head[Any]], Tensor]] = {
    "categorical": (lambda: Categorical(H, V), torch.arange(T * B).reshape(T, B) % V),
    "categorical-of-two": (lambda: Categorical(H, 2), torch.arange(T * B).reshape(T, B) % 2),
    "gaussian": (lambda: Gaussian(H), NUMBERS),
    "student_t": (lambda: StudentT(H), NUMBERS),
    "negative_binomial": (lambda: NegativeBinomial(H), COUNTS),
    "negative_binomial-of-sizes": (lambda: NegativeBinomial(H, exposure=True), COUNTS),
    "gaussian_mixture": (lambda: GaussianMixture(H, components=V), NUMBERS),
    "quantiles": (lambda: Quantiles(H), NUMBERS),
    "quantiles-of-two": (lambda: Quantiles(H, levels=(0.2, 0.7)), NUMBERS),
}


@pytest.mark.parametrize("law", HEAD_LAWS)
@pytest.mark.parametrize("head", HEADS)
def test_a_head_keeps_the_law(head: str, law: int) -> None:
    make, targets = HEADS[head]
    assert check_head(make, targets, laws=[law])[law].holds
