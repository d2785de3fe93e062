"""What does a very long sequence cost in time and in memory, forward and backward, whole and in segments?"""

import ctypes
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from statewise.cells import Recurrent
from statewise.kernels.native_tensors import give_back
from statewise.state import detach
from statewise_lab.benchmarking.gauges import Floor, Products
from statewise_lab.benchmarking.measure import Absent, Local
from statewise_lab.benchmarking.networks import (
    TORCH,
    Shape,
    inputs,
    kernel,
    matrix_flops,
    network,
    ours,
    weight_arrays,
    weight_gradients,
)
from statewise_lab.benchmarking.question import Question, Settings, Ways, compare
from statewise_lab.benchmarking.row import Row
from statewise_lab.benchmarking.training import BACKWARD_AND_FORWARD, our_update, torch_update

UNITS, SEGMENT = 64, 1000
STEPS, QUICK_STEPS, QUICK_SEGMENT = (1_000, 10_000, 100_000), (40, 80), 20
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
WHOLE, SEGMENTS = "whole", "in segments"


def rows(settings: Settings) -> Iterator[Row]:
    """Yield two rows for each length: gradients through all of it, and cut between segments."""
    products, segment = Products(), QUICK_SEGMENT if settings.quick else SEGMENT
    for steps in QUICK_STEPS if settings.quick else STEPS:
        shape = Shape(steps, 1, UNITS, 1)
        floor = Floor(BACKWARD_AND_FORWARD * matrix_flops("lstm", shape), products)
        for name, ways in ((WHOLE, whole_ways(shape, settings)), (SEGMENTS, segment_ways(shape, segment))):
            peaks = {way: peak_megabytes(found.call) for way, found in ways.items() if isinstance(found, Local)}
            extra = {f"MB, {way}": peak for way, peak in peaks.items() if peak is not None}
            case = {**shape.named("lstm"), "gradient": name}
            yield compare(
                case,
                ways,
                settings,
                floor=floor,
                extra={**extra, "kernel": kernel(ours(network("lstm", shape)), inputs(shape))},
            )


def whole_ways(shape: Shape, settings: Settings) -> Ways:
    """Return the ways to keep every step until the backward pass."""
    module, xs, gradient = network("lstm", shape), inputs(shape), torch.randn(shape.steps, shape.rows, shape.units)
    sent = {**weight_arrays(module), "xs": xs.numpy(), "ys_gradient": gradient.numpy()}
    return {
        "statewise": Local(our_update(ours(module), xs, gradient)),
        TORCH: Local(torch_update(module, xs, gradient)),
        "JAX": settings.peers.way("jax", "training", {"cell": "lstm", "layers": shape.layers}, sent),
    }


def segment_ways(shape: Shape, segment: int) -> Ways:
    """Return the ways to go back segment by segment, the state carried on and its gradient cut."""
    module, xs, gradient = network("lstm", shape), inputs(shape), torch.randn(shape.steps, shape.rows, shape.units)
    pieces = list(zip(torch.split(xs, segment), torch.split(gradient, segment), strict=True))
    return {
        "statewise": Local(our_segments(ours(module), pieces)),
        TORCH: Local(torch_segments(module, pieces)),
        "JAX": Absent("has no loop over segments here"),
    }


def our_segments(recurrent: Recurrent[Any], pieces: list[tuple[Tensor, Tensor]]) -> Callable[[], dict[str, Tensor]]:
    """Return our forward and backward pass in segments; gradients of weights add up."""

    def update() -> dict[str, Tensor]:
        recurrent.zero_grad()
        state, last = recurrent.initial(pieces[0][0].shape[1]), pieces[0][0]
        for xs, gradient in pieces:
            last, state = recurrent.scan(xs, detach(state))
            last.backward(gradient)  # type: ignore[no-untyped-call]
        return {"last": last, **weight_gradients(recurrent)}

    return update


def torch_segments(module: nn.RNNBase, pieces: list[tuple[Tensor, Tensor]]) -> Callable[[], dict[str, Tensor]]:
    """Return the same of PyTorch's module."""

    def update() -> dict[str, Tensor]:
        module.zero_grad()
        state, last = None, pieces[0][0]
        for xs, gradient in pieces:
            last, state = module(xs, None if state is None else detach(state))
            last.backward(gradient)
        weights = {name: weight.grad for name, weight in module.named_parameters() if name.startswith("weight")}
        return {"last": last, **{name: grad for name, grad in weights.items() if grad is not None}}

    return update


def peak_megabytes(call: Callable[[], object]) -> float | None:
    """Return how much more memory a call held at its peak than before it, or None where the system does not say."""
    if not CLEAR.exists():
        return None
    call()
    _give_back()
    before = _status_megabytes("VmRSS")
    CLEAR.write_text("5")  # resets the system's peak count
    call()
    return max(0.0, round(_status_megabytes("VmHWM") - before, 1))


def _give_back() -> None:
    """Return to the system what was freed, where the C library can; kept, it would hide the next call's need."""
    give_back()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _status_megabytes(name: str) -> float:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) / 1024


QUESTION = Question("long_sequences", "What does a very long sequence cost, forward and backward?", 2, rows)
