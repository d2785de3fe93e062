"""How long does one update's forward and backward pass through time take?"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from statewise.cells import Recurrent
from statewise_lab.benchmarking.gauges import Floor, Products
from statewise_lab.benchmarking.measure import Local
from statewise_lab.benchmarking.networks import (
    CELLS,
    TORCH,
    TORCH_WITHOUT,
    Shape,
    inputs,
    kernel,
    matrix_flops,
    network,
    ours,
    weight_arrays,
    weight_gradients,
    without_onednn,
)
from statewise_lab.benchmarking.question import Question, Settings, Ways, compare
from statewise_lab.benchmarking.row import Row

SHAPES = (
    Shape(50, 50, 128, 2),
    Shape(100, 32, 256, 2),
    Shape(64, 64, 512, 2),
    Shape(35, 20, 650, 2),
    Shape(128, 16, 1024, 1),
    Shape(256, 8, 64, 1),
    Shape(1000, 1, 64, 1),
)
QUICK_SHAPES = (Shape(20, 3, 32, 2), Shape(64, 2, 16, 1))
BACKWARD_AND_FORWARD = 3
"The backward pass has two matrix products for each of the forward pass."


def rows(settings: Settings) -> Iterator[Row]:
    """Yield a row for each shape and cell."""
    products = Products()
    for shape in QUICK_SHAPES if settings.quick else SHAPES:
        for cell in CELLS:
            floor = Floor(BACKWARD_AND_FORWARD * matrix_flops(cell, shape), products)
            extra = {"kernel": kernel(ours(network(cell, shape)), inputs(shape))}
            yield compare(shape.named(cell), ways(cell, shape, settings), settings, floor=floor, extra=extra)


def ways(cell: str, shape: Shape, settings: Settings) -> Ways:
    """Return everyone's way to read a sequence and to take the gradients of inputs and weights."""
    module, xs, gradient = network(cell, shape), inputs(shape), torch.randn(shape.steps, shape.rows, shape.units)
    theirs = torch_update(module, xs, gradient)
    sent = {**weight_arrays(module), "xs": xs.numpy(), "ys_gradient": gradient.numpy()}
    told = {"cell": cell, "layers": shape.layers}
    return {
        "statewise": Local(our_update(ours(module), xs, gradient)),
        TORCH: Local(theirs),
        TORCH_WITHOUT: Local(theirs, around=without_onednn),
        "JAX": settings.peers.way("jax", "training", told, sent),
        "Keras": settings.peers.way("keras", "training", told, sent),
    }


def our_update(
    recurrent: Recurrent[Any],
    xs: Tensor,
    gradient: Tensor,
    mask: Tensor | None = None,
    gradients: Callable[[Recurrent[Any]], dict[str, Tensor]] = weight_gradients,
) -> Callable[[], dict[str, Tensor]]:
    """Return our forward and backward pass, as far as an optimizer and the layer below need it."""
    xs = xs.clone().requires_grad_()
    state = recurrent.initial(xs.shape[1])

    def update() -> dict[str, Tensor]:
        recurrent.zero_grad()
        xs.grad = None
        ys, _ = recurrent.scan(xs, state, mask=mask)
        ys.backward(gradient)  # type: ignore[no-untyped-call]
        return {"ys": ys, **found(xs), **gradients(recurrent)}

    return update


def torch_update(
    module: nn.RNNBase, xs: Tensor, gradient: Tensor, read: Callable[[Tensor], Tensor] | None = None
) -> Callable[[], dict[str, Tensor]]:
    """Return PyTorch's forward and backward pass; `read` stands in for a plain call of the module."""
    xs = xs.clone().requires_grad_()

    def update() -> dict[str, Tensor]:
        module.zero_grad()
        xs.grad = None
        ys = module(xs)[0] if read is None else read(xs)
        ys.backward(gradient)
        weights = {name: weight.grad for name, weight in module.named_parameters() if name.startswith("weight")}
        return {"ys": ys, **found(xs), **{name: grad for name, grad in weights.items() if grad is not None}}

    return update


def found(xs: Tensor) -> dict[str, Tensor]:
    """Return the gradient of the inputs under the name that all ways share."""
    assert xs.grad is not None
    return {"xs_gradient": xs.grad}


QUESTION = Question("training", "How long does the forward and backward pass of an update take?", 9, rows)
