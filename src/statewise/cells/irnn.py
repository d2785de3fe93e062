"""The simple network of rectifiers whose recurrent weights begin as the identity."""

import torch
from torch import nn

from statewise.cells.elman import Elman


def irnn(features: int, units: int, *, scale: float = 1.0, deviation: float = 0.001) -> Elman:
    r"""Elman network of rectifiers whose recurrent weights begin at the identity: at first it remembers everything.

        s' = relu(W_x x + W_s s + b)        y = s'        W_s = scale * I, W_x ~ N(0, deviation^2), b = 0

    At first a state is kept as it is and what is read is added to it, so errors cross hundreds of steps unchanged. A
    `scale` below one makes it forget, as a smaller forget gate does.

    Source: Le, Jaitly & Hinton 2015.

    >>> cell = irnn(5, 4)
    >>> ys, state = cell.scan(torch.zeros(7, 3, 5), cell.initial(3))
    >>> ys.shape, state.hidden.shape
    (torch.Size([7, 3, 4]), torch.Size([3, 4]))
    """
    cell = Elman(features, units, activation="relu", recurrent_initializer="identity")
    with torch.no_grad():
        cell.recurrent_weights.mul_(scale)
        nn.init.normal_(cell.input_weights, std=deviation)
    return cell
