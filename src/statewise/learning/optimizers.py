"""How a gradient becomes an update: optimisers by name, the rate over time, clipping, and their state as tensors."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop

from statewise.errors import RunError, UsageError
from statewise.learning.row_optimizers import MomentumAdagrad, RowAdam
from statewise.learning.sparse_gradients import gradients
from statewise.run.recipe import Recipe

LAST_RATE = 0.01
ADAMW_DECAY = 0.01
MEMORY: dict[type[Optimizer], set[str]] = {
    Adam: {"step", "exp_avg", "exp_avg_sq"},
    AdamW: {"step", "exp_avg", "exp_avg_sq"},
    RMSprop: {"step", "square_avg"},
    SGD: {"momentum_buffer"},
    Adagrad: {"step", "sum"},
    RowAdam: {"step", "exp_avg", "exp_avg_sq"},
    MomentumAdagrad: {"sum", "momentum_buffer"},
}
"What each optimiser remembers of a parameter."
SCALE = "rate_scale"
"Under which name a group of weights has what its rate is multiplied by."
ROW_BY_ROW = ("adam", "momentum_adagrad")
"The optimisers that can leave alone the rows of a table that were not read."


def make_optimizer(model: nn.Module, recipe: Recipe) -> Optimizer:
    """Return the optimiser that a recipe names, over a model's parameters.

    Averaged SGD (Polyak & Juditsky 1992) is plain SGD here; `Average` takes the mean of the weights.
    Raises `UsageError` where tables are read by row and the optimiser would change every row of them.
    """
    parameters = _groups(model, recipe)
    rate, decay = recipe.learning_rate, recipe.weight_decay or 0.0
    is_by_row = any(getattr(part, "sparse", False) for part in model.modules())
    if is_by_row and recipe.optimizer not in ROW_BY_ROW:
        fitting = " or ".join(ROW_BY_ROW)
        raise UsageError(f"{recipe.optimizer} changes every row of a table at each update: give --optimizer {fitting}")
    match recipe.optimizer:
        case "momentum_adagrad":
            return MomentumAdagrad(parameters, rate, momentum=recipe.momentum, weight_decay=decay)
        case "adam" if is_by_row:
            return RowAdam(parameters, rate, weight_decay=decay)
        case "adam":
            return Adam(parameters, rate, weight_decay=decay, fused=True)
        case "adamw":
            decay = ADAMW_DECAY if recipe.weight_decay is None else decay
            return AdamW(parameters, rate, weight_decay=decay, fused=True)
        case "rmsprop":
            return RMSprop(parameters, rate, alpha=0.95, weight_decay=decay)
        case "sgd":
            return SGD(parameters, rate, momentum=recipe.momentum, weight_decay=decay, fused=True)
        case "averaged_sgd":
            return SGD(parameters, rate, weight_decay=decay, fused=True)
        case "adagrad":
            return Adagrad(parameters, rate, weight_decay=decay)


def _groups(model: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """Return the weights that learn, those together whose rate is scaled alike: `set_rate` heeds the scale."""
    groups: dict[float, list[Tensor]] = {}
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            groups.setdefault(recipe.rate_scale(name), []).append(weight)
    return [{"params": weights, SCALE: scale} for scale, weights in groups.items()]


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Let an optimiser take its next step at this learning rate, scaled for weights that have a scale.

    >>> layer = nn.Linear(1, 1)
    >>> optimizer = make_optimizer(layer, Recipe())
    >>> set_rate(optimizer, 0.5)
    >>> [group["lr"] for group in optimizer.param_groups]
    [0.5]
    """
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get(SCALE, 1.0)


def rate_at(recipe: Recipe, update: int, fraction: float) -> float:
    """Return the learning rate of an update, the first being 0, when `fraction` of the training is done.

    It rises linearly over `warmup` updates; `cosine` then falls along half a cosine to a hundredth of `rate`, `step`
    by `factor` at each of `drops` evenly spaced moments. What `plateau` does is in `Progress.scale`.

    >>> recipe = Recipe(learning_rate=1.0, warmup=4)
    >>> rate_at(recipe, update=1, fraction=0.0), rate_at(recipe, update=99, fraction=1.0)
    (0.5, 0.01)
    """
    rate = recipe.learning_rate * (min(1.0, (update + 1) / recipe.warmup) if recipe.warmup else 1.0)
    match recipe.schedule:
        case "cosine":
            return rate * (LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * fraction)))
        case "step":
            return rate * recipe.factor ** min(recipe.drops, int(fraction * (recipe.drops + 1)))
        case "constant" | "plateau":
            return rate


def clip_norm(parameters: Iterable[Tensor], largest: float) -> float:
    """Scale a gradient down to a norm of at most `largest` and return the norm that it had.

    Where ||g|| > largest: g <- g * largest / ||g||. A `largest` of 0 leaves it as it is.
    Source: Pascanu, Mikolov & Bengio 2013, algorithm 1.
    """
    found = gradients(parameters)
    norm = float(nn.utils.get_total_norm(found))
    if 0 < largest < norm < math.inf:  # PyTorch's own clipping divides by norm + 1e-6, which is not quite the algorithm
        for gradient in found:
            gradient.mul_(largest / norm)
    return norm


def clip_value(parameters: Iterable[Tensor], largest: float) -> float:
    """Bound every number of a gradient by `largest`, up and down, and return the norm that it has then.

        g_i <- min(max(g_i, -largest), largest)

    Its direction may change. A `largest` of 0 leaves it as it is. Source: Mikolov 2012.

    >>> layer = nn.Linear(1, 1)
    >>> layer.weight.grad = layer.weight.new_full((1, 1), -3.0)
    >>> clip_value(layer.parameters(), 0.5), layer.weight.grad
    (0.5, tensor([[-0.5000]]))
    """
    found = gradients(parameters)
    for gradient in found if largest > 0 else ():
        gradient.clamp_(-largest, largest)
    return float(nn.utils.get_total_norm(found))


def optimizer_tensors(model: nn.Module, optimizer: Optimizer) -> dict[str, Tensor]:
    """Return what an optimiser remembers, each tensor under its parameter's name, such as `head.bias/exp_avg`."""
    return {
        f"{name}/{key}": value
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
        if isinstance(value, Tensor)
    }


def read_optimizer(
    model: nn.Module, optimizer: Optimizer, tensors: Mapping[str, Tensor]
) -> dict[Tensor, dict[str, Any]]:
    """Return what an optimiser remembered, by parameter, for its `state`; the optimiser stays as it is.

    Raises `RunError` for a parameter that the model does not have, or anything that this optimiser does not remember.
    """
    parameters = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    known = MEMORY[type(optimizer)]
    state: dict[Tensor, dict[str, Any]] = {}
    for path, tensor in tensors.items():
        name, _, key = path.rpartition("/")
        if name not in parameters:
            raise RunError(f"the optimizer's checkpoint names '{name}', which this model lacks: it is of another model")
        parameter = parameters[name]
        shape = torch.Size() if key == "step" else parameter.shape
        if key not in known or tensor.shape != shape or not tensor.is_floating_point():
            raise RunError(f"the optimizer's checkpoint holds a wrong '{path}': it is of another optimizer or model")
        on = tensor if tensor.dim() == 0 else tensor.to(parameter.device)
        state.setdefault(parameter, {})[key] = on
    if any(len(memory) != len(known) for memory in state.values()) or len(state) not in (0, len(parameters)):
        raise RunError("the optimizer's checkpoint lacks part of its memory: it is of another optimizer or model")
    return state
