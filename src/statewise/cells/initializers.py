"""How weights begin."""

import torch
from torch import nn


def glorot(gates: int, units: int, features: int) -> nn.Parameter:
    """Return input weights `[gates * H, D]`, each gate uniform within sqrt(6 / (D + H)).

    Source: Glorot & Bengio 2010, eq. 16.
    """
    return nn.Parameter(torch.cat([nn.init.xavier_uniform_(torch.empty(units, features)) for _ in range(gates)]))


def orthogonal(gates: int, units: int) -> nn.Parameter:
    """Return recurrent weights `[gates * H, H]`, each gate a rotation, so that a state keeps its length at first.

    Source: Saxe, McClelland & Ganguli 2014.

    >>> weights = orthogonal(1, 4)
    >>> bool(torch.allclose(weights @ weights.T, torch.eye(4), atol=1e-5))
    True
    """
    return nn.Parameter(torch.cat([nn.init.orthogonal_(torch.empty(units, units)) for _ in range(gates)]))


def zeros(*shape: int) -> nn.Parameter:
    """Return weights that begin at zero."""
    return nn.Parameter(torch.zeros(*shape))
