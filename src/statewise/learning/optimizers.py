"""How a gradient becomes an update: optimisers by name, the rate over time, clipping, and their state as tensors."""

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from statewise.errors import RunError
from statewise.run.recipe import Recipe

LAST_RATE = 0.01


def make_optimizer(model: nn.Module, recipe: Recipe) -> Optimizer:
    """Return the optimiser that a recipe names, over a model's parameters."""
    parameters = list(model.parameters())
    match recipe.optimizer:
        case "adam":
            return Adam(parameters, recipe.rate, fused=True)
        case "adamw":
            return AdamW(parameters, recipe.rate, fused=True)
        case "rmsprop":
            return RMSprop(parameters, recipe.rate, alpha=0.95)
        case "sgd":
            return SGD(parameters, recipe.rate, momentum=0.9, fused=True)


def rate_at(recipe: Recipe, update: int, fraction: float) -> float:
    """Return the learning rate of an update, the first being 0, when `fraction` of the training is done.

    It rises linearly over `warmup` updates; `cosine` then falls along half a cosine to a hundredth of `rate`.

    >>> rate_at(Recipe(rate=1.0, warmup=4), update=1, fraction=0.0), rate_at(Recipe(rate=1.0), 99, fraction=1.0)
    (0.5, 0.01)
    """
    rising = min(1.0, (update + 1) / recipe.warmup) if recipe.warmup else 1.0
    if recipe.schedule == "constant":
        return recipe.rate * rising
    falling = LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * fraction))
    return recipe.rate * rising * falling


def clip_norm(model: nn.Module, largest: float) -> float:
    """Scale a model's gradient down to a norm of at most `largest` and return the norm that it had.

    Where ||g|| > largest: g <- g * largest / ||g||. A `largest` of 0 leaves it as it is.
    Source: Pascanu, Mikolov & Bengio 2013, algorithm 1.
    """
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    norm = float(nn.utils.get_total_norm(gradients))
    if 0 < largest < norm:  # PyTorch's own clipping divides by norm + 1e-6, which is not quite the algorithm
        for gradient in gradients:
            gradient.mul_(largest / norm)
    return norm


def clip_value(model: nn.Module, largest: float) -> None:
    """Bound every number of a model's gradient by `largest`, up and down; its direction may change.

        g_i <- min(max(g_i, -largest), largest)

    A `largest` of 0 leaves it as it is. Source: Mikolov 2012.

    >>> layer = nn.Linear(1, 1)
    >>> layer.weight.grad = layer.weight.new_full((1, 1), -3.0)
    >>> clip_value(layer, 0.5)
    >>> layer.weight.grad
    tensor([[-0.5000]])
    """
    for parameter in model.parameters():
        if parameter.grad is not None and largest > 0:
            parameter.grad.clamp_(-largest, largest)


def optimizer_tensors(model: nn.Module, optimizer: Optimizer) -> dict[str, Tensor]:
    """Return what an optimiser remembers, each tensor under its parameter's name, such as `head.bias/exp_avg`."""
    return {
        f"{name}/{key}": value
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def load_optimizer(model: nn.Module, optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give an optimiser back what it remembered. Raises `RunError` for a parameter that the model does not have."""
    parameters = dict(model.named_parameters())
    state: dict[Tensor, dict[str, Any]] = {}
    for path, tensor in tensors.items():
        name, _, key = path.rpartition("/")
        if name not in parameters:
            raise RunError(f"the optimizer's checkpoint names '{name}', which this model lacks: it is of another model")
        parameter = parameters[name]
        on = tensor if tensor.dim() == 0 else tensor.to(parameter.device)
        state.setdefault(parameter, {})[key] = on
    optimizer.state.clear()
    optimizer.state.update(state)
