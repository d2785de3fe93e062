"""How each layer learns: the length of its gradient, and how much of its weights an update changes."""

from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from statewise.learning.gradients import Before, numbers

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
    gradients = ((name, weight.grad) for name, weight in model.named_parameters())
    return _norms((name, numbers(gradient).detach()) for name, gradient in gradients if gradient is not None)


def layers_of(model: nn.Module, gradients: Mapping[str, float], scale: float, unchanged: Before) -> Layers:
    """Return how each layer learned in an update, from its gradient, scaled down by `scale`, and the weights before.

    Of a table that is read in places, only the rows that were touched count.
    """
    names = [name for name, _ in model.named_parameters()]
    kept = [(now.detach() if rows is None else now.detach()[rows], was) for now, rows, was in unchanged.weights]
    changes = _norms((name, now - was) for name, (now, was) in zip(names, kept, strict=True))
    sizes = _norms((name, was) for name, (_, was) in zip(names, kept, strict=True))
    return {
        name: (gradients.get(name, 0.0) / scale, changes[name] / sizes[name] if sizes[name] else 0.0) for name in sizes
    }


def _norms(tensors: Iterable[tuple[str, Tensor]]) -> dict[str, float]:
    by_layer: dict[str, list[Tensor]] = {}
    for name, tensor in tensors:
        by_layer.setdefault(name.rpartition(".")[0], []).append(tensor)
    return {layer: float(nn.utils.get_total_norm(parts)) for layer, parts in by_layer.items()}
