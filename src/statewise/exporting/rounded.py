"""Weights as whole numbers from -127 to 127 with a scale for each row."""

import copy
from typing import Any, NamedTuple

import torch
from torch import Tensor

from statewise.model import Model

LARGEST = 127


class Rounded(NamedTuple):
    """A matrix of int8 `[..., R, C]` and what each row is to be multiplied by `[R]`."""

    numbers: Tensor
    scales: Tensor

    @property
    def weights(self) -> Tensor:
        """What the numbers stand for."""
        return self.numbers.float() * self.scales.unsqueeze(-1)


def round_rows(weights: Tensor) -> Rounded:
    """Round a matrix to int8, each row to its own scale.

    >>> round_rows(torch.tensor([[127.0, -63.6], [0.0, 0.0]])).weights
    tensor([[127., -64.],
            [  0.,   0.]])
    """
    largest = weights.detach().abs().amax(dim=-1)
    scales = torch.where(largest > 0, largest / LARGEST, torch.ones_like(largest))
    return Rounded((weights.detach() / scales.unsqueeze(-1)).round().to(torch.int8), scales)


def rounded(model: Model[Any]) -> Model[Any]:
    """Return a copy of a model whose matrices are what their int8 numbers stand for."""
    other = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in other.parameters():
            if parameter.dim() == 2:
                parameter.copy_(round_rows(parameter).weights)
    return other
