"""How long does it take to read a whole sequence, without gradients?"""

from collections.abc import Iterator
from contextlib import ExitStack
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
    first_state,
    inputs,
    kernel,
    matrix_flops,
    network,
    our_state,
    ours,
    state_arrays,
    weight_arrays,
    without_onednn,
)
from statewise_lab.benchmarking.question import Question, Settings, Ways, compare
from statewise_lab.benchmarking.row import Row

SHAPES = (Shape(1000, 32, 256, 2),)
QUICK_SHAPES = (Shape(20, 3, 32, 2), Shape(30, 2, 16, 1))


def rows(settings: Settings) -> Iterator[Row]:
    """Yield a row for each shape and cell."""
    products = Products()
    for shape in QUICK_SHAPES if settings.quick else SHAPES:
        for cell in CELLS:
            floor = Floor(matrix_flops(cell, shape), products)
            ways = {**reading_ways(cell, shape, settings, zero=True), **narrow_ways(cell, shape, settings)}
            with torch.inference_mode():
                extra = {"kernel": kernel(ours(network(cell, shape)), inputs(shape))}
            yield compare(shape.named(cell), ways, settings, floor=floor, extra=extra)


def reading_ways(cell: str, shape: Shape, settings: Settings, *, zero: bool) -> Ways:
    """Return everyone's way to read a sequence from a state; Keras has none that begins elsewhere than at zero."""
    module, xs, state = network(cell, shape), inputs(shape), first_state(cell, shape, zero=zero)
    recurrent = ours(module)
    own = our_state(recurrent, state)
    sent, told = _sent(module, xs, state), {"cell": cell, "layers": shape.layers, "weights": "float32"}
    keras = {"Keras": settings.peers.way("keras", "inference", told, sent)} if zero else {}
    return {
        "statewise": Local(lambda: read(recurrent, xs, own), around=torch.inference_mode),
        TORCH: Local(lambda: {"ys": module(xs, state)[0]}, around=torch.inference_mode),
        TORCH_WITHOUT: Local(lambda: {"ys": module(xs, state)[0]}, around=plainly),
        "JAX": settings.peers.way("jax", "inference", told, sent),
        **keras,
        "ONNX Runtime": settings.peers.way("onnxruntime", "inference", told, sent),
    }


def narrow_ways(cell: str, shape: Shape, settings: Settings) -> Ways:
    """Return the ways with smaller weights."""
    module, xs, state = network(cell, shape), inputs(shape), first_state(cell, shape, zero=True)
    told = {"cell": cell, "layers": shape.layers, "weights": "int8"}
    return {"ONNX Runtime int8": settings.peers.way("onnxruntime", "inference", told, _sent(module, xs, state))}


def read(recurrent: Recurrent[Any], xs: Tensor, state: Any) -> dict[str, Tensor]:
    """Return our outputs."""
    return {"ys": recurrent.scan(xs, state)[0]}


def plainly() -> Any:
    """Return a context without gradients and without oneDNN."""
    stack = ExitStack()
    stack.enter_context(torch.inference_mode())
    stack.enter_context(without_onednn())
    return stack


def _sent(module: nn.RNNBase, xs: Tensor, state: Any) -> dict[str, Any]:
    return {**weight_arrays(module), **state_arrays(state), "xs": xs.numpy()}


QUESTION = Question("inference", "How long does it take to read a whole sequence, without gradients?", 3, rows)
