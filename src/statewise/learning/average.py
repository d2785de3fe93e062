"""A moving average of the weights during training, which often predicts better than the last weights."""

import copy
from typing import Generic, TypeVar, final

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


@final
class Average(Generic[Network]):
    """A second model whose weights are a moving average of the weights of the first.

        m <- m + max(1 - keep, 1 / n) (w - m)        at the n-th update that it follows

    With `keep` 1 it is the plain mean of averaged SGD, below 1 the exponential moving average, without the pull to
    where it began. Source: Polyak & Juditsky 1992; Ruppert 1988.

    >>> from statewise.cells import LSTM
    >>> from statewise.heads import Categorical
    >>> from statewise.model import Model
    >>> model = Model(torch.nn.Embedding(3, 2), LSTM(2, 4), Categorical(4, 3))
    >>> average = Average(model, keep=1.0)
    >>> _ = torch.nn.init.constant_(model.head.bias, 2.0), average.follow(model)
    >>> _ = torch.nn.init.constant_(model.head.bias, 3.0), average.follow(model)
    >>> average.model.head.bias
    Parameter containing:
    tensor([2.5000, 2.5000, 2.5000], requires_grad=True)
    """

    def __init__(self, model: Network, keep: float) -> None:
        self.model, self.keep, self.count = copy.deepcopy(model), keep, 0

    def follow(self, model: Network) -> None:
        """Update the average with the model's present weights; buffers are copied."""
        self.count += 1
        share = max(1 - self.keep, 1 / self.count)
        with torch.no_grad():
            for mean, now in zip(self.model.parameters(), model.parameters(), strict=True):
                mean.lerp_(now, share)
            for kept, given in zip(self.model.buffers(), model.buffers(), strict=True):
                kept.copy_(given)
