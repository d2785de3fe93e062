"""Initializers of weights."""

from collections.abc import Callable, Mapping

import torch
from torch import nn

from statewise.errors import UsageError
from statewise.registry import unknown


def glorot(gates: int, units: int, features: int) -> nn.Parameter:
    """Return input weights `[gates * H, D]`, each gate uniform within sqrt(6 / (D + H)).

    Source: Glorot & Bengio 2010, eq. 16.
    """
    return nn.Parameter(torch.cat([nn.init.xavier_uniform_(torch.empty(units, features)) for _ in range(gates)]))


def orthogonal(gates: int, units: int) -> nn.Parameter:
    """Return recurrent weights `[gates * H, H]`, each gate orthogonal, so that a state keeps its length at first.

    Half of the draws are rotations, the others reflections. Source: Saxe, McClelland & Ganguli 2014.

    >>> weights = orthogonal(1, 4)
    >>> bool(torch.allclose(weights @ weights.T, torch.eye(4), atol=1e-5))
    True
    """
    return _orthogonal(gates, units, units)


def zeros(*shape: int) -> nn.Parameter:
    """Return weights that begin at zero."""
    return nn.Parameter(torch.zeros(*shape))


def identity(gates: int, units: int, features: int) -> nn.Parameter:
    """Return weights `[gates * H, D]`, each gate the identity, so that what is read is at first passed on unchanged.

    Where D is not H, what is left over is zeros. Source: Le, Jaitly & Hinton 2015.

    >>> identity(1, 2, 3)
    Parameter containing:
    tensor([[1., 0., 0.],
            [0., 1., 0.]], requires_grad=True)
    """
    return nn.Parameter(torch.eye(units, features).repeat(gates, 1))


def _orthogonal(gates: int, units: int, features: int) -> nn.Parameter:
    return nn.Parameter(torch.cat([nn.init.orthogonal_(torch.empty(units, features)) for _ in range(gates)]))


def _zeros(gates: int, units: int, features: int) -> nn.Parameter:
    return zeros(gates * units, features)


INITIALIZERS: Mapping[str, Callable[[int, int, int], nn.Parameter]] = {
    "glorot": glorot,
    "identity": identity,
    "orthogonal": _orthogonal,
    "zeros": _zeros,
}
"How weights `[gates * H, D]` may begin, by name; each takes the gates, H and D."


def initialize(name: str, gates: int, units: int, features: int) -> nn.Parameter:
    """Return weights `[gates * H, D]` that begin as the name says.

    Raises `UsageError`, with the nearest known name, where there is none such.

    >>> initialize("zeros", 1, 2, 3)
    Parameter containing:
    tensor([[0., 0., 0.],
            [0., 0., 0.]], requires_grad=True)
    """
    if name not in INITIALIZERS:
        raise UsageError(unknown("initializer", name, sorted(INITIALIZERS)))
    return INITIALIZERS[name](gates, units, features)
