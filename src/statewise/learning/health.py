"""How each layer learns: the length of its gradient, and how much of its weights an update changes."""

from collections.abc import Iterable, Mapping

from torch import Tensor, nn

LOOK_EVERY = 16
"Every so many updates; the first one too. More often would cost more than a hundredth of a small network's time."

Layers = dict[str, tuple[float, float]]
"By layer: the norm of its gradient before clipping, and the norm of its update over that of its weights."


def gradient_norms(model: nn.Module) -> dict[str, float]:
    """Return the norm of each layer's gradient, a layer being the module that owns the weights.

    >>> layer = nn.Sequential(nn.Linear(1, 1, bias=False))
    >>> layer[0].weight.grad = layer[0].weight.new_full((1, 1), -3.0)
    >>> gradient_norms(layer)
    {'0': 3.0}
    """
    return _norms((name, weight.grad) for name, weight in model.named_parameters() if weight.grad is not None)


def layers_of(model: nn.Module, gradients: Mapping[str, float], scale: float, before: Mapping[str, Tensor]) -> Layers:
    """Return how each layer learned in an update, from its gradient, scaled down by `scale`, and the weights before."""
    weights = dict(model.named_parameters())
    changes = _norms((name, weight.detach() - before[name]) for name, weight in weights.items())
    sizes = _norms((name, before[name]) for name in weights)
    return {
        name: (gradients.get(name, 0.0) / scale, changes[name] / sizes[name] if sizes[name] else 0.0) for name in sizes
    }


def _norms(tensors: Iterable[tuple[str, Tensor]]) -> dict[str, float]:
    by_layer: dict[str, list[Tensor]] = {}
    for name, tensor in tensors:
        by_layer.setdefault(name.rpartition(".")[0], []).append(tensor)
    return {layer: float(nn.utils.get_total_norm(parts)) for layer, parts in by_layer.items()}
