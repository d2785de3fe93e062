"""How each layer learns: the norm of its gradient, and the relative change of its weights in an update."""

from collections.abc import Iterable

from torch import Tensor, nn

from statewise.learning.sparse_gradients import numbers

LOOK_EVERY = 16
"Every so many updates; the first one too. More often would cost more than a hundredth of a small network's time."

Layers = dict[str, tuple[float, float]]
"By layer: the norm of its gradient before clipping, and the norm of its update over that of its weights."


def layers_of(model: nn.Module, kept: list[tuple[Tensor, Tensor]], scale: float) -> Layers:
    """Return how each layer learned in an update, from its gradient, the weights before, and the weights now.

    A layer is the module that owns the weights. `kept` are the weights after and before it, in their order. `scale` is
    the norm of the whole gradient before clipping over that after it. Of a table that is read in places, only the rows
    that were touched count.
    """
    named = [(name, weight.grad) for name, weight in model.named_parameters()]
    gradients = _norms((name, numbers(gradient).detach()) for name, gradient in named if gradient is not None)
    changes = _norms((name, now - was) for (name, _), (now, was) in zip(named, kept, strict=True))
    sizes = _norms((name, was) for (name, _), (_, was) in zip(named, kept, strict=True))
    return {
        name: (scale * gradients.get(name, 0.0), changes[name] / sizes[name] if sizes[name] else 0.0) for name in sizes
    }


def _norms(tensors: Iterable[tuple[str, Tensor]]) -> dict[str, float]:
    by_layer: dict[str, list[Tensor]] = {}
    for name, tensor in tensors:
        by_layer.setdefault(name.rpartition(".")[0], []).append(tensor)
    return {layer: float(nn.utils.get_total_norm(parts)) for layer, parts in by_layer.items()}
