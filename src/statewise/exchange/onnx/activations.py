"""The activation functions that an ONNX node may name, with their alpha and beta."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from statewise.errors import UsageError
from statewise.registry import unknown

FORMULAS: dict[str, Callable[[Tensor, float, float], Tensor]] = {
    "Relu": lambda x, alpha, beta: x.relu(),
    "Tanh": lambda x, alpha, beta: x.tanh(),
    "Sigmoid": lambda x, alpha, beta: x.sigmoid(),
    "Affine": lambda x, alpha, beta: alpha * x + beta,
    "LeakyRelu": lambda x, alpha, beta: functional.leaky_relu(x, alpha),
    "ThresholdedRelu": lambda x, alpha, beta: torch.where(x >= alpha, x, 0),
    "ScaledTanh": lambda x, alpha, beta: alpha * torch.tanh(beta * x),
    "HardSigmoid": lambda x, alpha, beta: (alpha * x + beta).clamp(0, 1),
    "Elu": lambda x, alpha, beta: functional.elu(x, alpha),
    "Softsign": lambda x, alpha, beta: x / (1 + x.abs()),
    "Softplus": lambda x, alpha, beta: torch.logaddexp(x, torch.zeros_like(x)),
}

# Which activations take an alpha or a beta, and its default: that of the ONNX operator of the same name. Affine
# and ScaledTanh are operators no longer, so theirs must be given.
ALPHAS: dict[str, float | None] = {
    "Affine": None,
    "LeakyRelu": 0.01,
    "ThresholdedRelu": 1.0,
    "ScaledTanh": None,
    "HardSigmoid": 0.2,
    "Elu": 1.0,
}
BETAS: dict[str, float | None] = {"Affine": None, "ScaledTanh": None, "HardSigmoid": 0.5}

_SPELLED = {name.lower(): name for name in FORMULAS}


class Activation(NamedTuple):
    """One function with its numbers; where it takes none they are 0.

    >>> Activation("HardSigmoid", alpha=0.2, beta=0.5)(torch.tensor([-9.0, 0.0, 9.0]))
    tensor([0.0000, 0.5000, 1.0000])
    """

    name: str
    alpha: float = 0.0
    beta: float = 0.0

    def __call__(self, x: Tensor) -> Tensor:
        """Return the function of each number."""
        return FORMULAS[self.name](x, self.alpha, self.beta)


def read_activations(
    names: Sequence[str], alphas: Sequence[float] = (), betas: Sequence[float] = ()
) -> tuple[Activation, ...]:
    """Return the functions that a node names; each that takes an alpha or a beta takes the next one given, in order.

    Upper and lower case are alike. Raises `UsageError` for an unknown name, for numbers that none takes, and where
    Affine or ScaledTanh, which have no default, are given none.

    >>> read_activations(["Sigmoid", "Elu"], alphas=[0.3])[1]
    Activation(name='Elu', alpha=0.3, beta=0.0)
    """
    for name in names:
        if name.lower() not in _SPELLED:
            raise UsageError(unknown("activation", name, list(FORMULAS)))
    spelled = [_SPELLED[name.lower()] for name in names]
    first = _hand_out("activation_alpha", alphas, spelled, ALPHAS)
    second = _hand_out("activation_beta", betas, spelled, BETAS)
    return tuple(Activation(*parts) for parts in zip(spelled, first, second, strict=True))


def _hand_out(
    attribute: str, given: Sequence[float], names: Sequence[str], defaults: Mapping[str, float | None]
) -> list[float]:
    takers = [place for place, name in enumerate(names) if name in defaults]
    if len(given) == len(names) and list(given[: len(takers)]) == [given[place] for place in takers]:
        given = given[: len(takers)]  # one for each function, and those that take none may ignore theirs
    if len(given) > len(takers):
        raise UsageError(
            f"{attribute} has {len(given)} values but {len(takers)} of the activations {', '.join(names)} take one: "
            "give one for each that does"
        )
    found = [0.0] * len(names)
    for turn, place in enumerate(takers):
        value = given[turn] if turn < len(given) else defaults[names[place]]
        if value is None:
            raise UsageError(f"activation {names[place]} has no default: give it a value in {attribute}")
        found[place] = value
    return found
