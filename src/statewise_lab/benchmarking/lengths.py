"""What do rows of different lengths cost, forward and backward, and what does their padding?"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

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
    without_onednn,
)
from statewise_lab.benchmarking.question import Question, Settings, Ways, compare
from statewise_lab.benchmarking.row import Row
from statewise_lab.benchmarking.training import BACKWARD_AND_FORWARD, our_update, torch_update

SHAPES = (Shape(100, 32, 256, 2),)
QUICK_SHAPES = (Shape(12, 5, 16, 2), Shape(20, 4, 8, 1))
MEAN_SHARE = 0.3


def rows(settings: Settings) -> Iterator[Row]:
    """Yield a row for each shape and cell."""
    products = Products()
    for shape in QUICK_SHAPES if settings.quick else SHAPES:
        lengths = drawn_lengths(shape)
        read = Shape(int(lengths.sum()), 1, shape.units, shape.layers)  # no padded step is needed
        for cell in CELLS:
            case = {**shape.named(cell), "mean length": f"{float(lengths.float().mean()) / shape.steps:.0%}"}
            floor = Floor(BACKWARD_AND_FORWARD * matrix_flops(cell, read), products)
            extra = {"kernel": kernel(ours(network(cell, shape)), inputs(shape), read_mask(shape, lengths))}
            yield compare(case, masked_ways(cell, shape, lengths, settings), settings, floor=floor, extra=extra)


def drawn_lengths(shape: Shape) -> Tensor:
    """Return a length for each row: one is the longest, most are short, their mean close to the share wanted.

    >>> drawn_lengths(Shape(steps=100, rows=32, units=4, layers=1)).max()
    tensor(100)
    """
    drawn = torch.empty(shape.rows).exponential_(generator=torch.Generator().manual_seed(4))
    drawn = drawn.sort(descending=True).values
    for _ in range(20):  # scaling changes which rows are cut, so the mean is approached
        drawn = (drawn * (MEAN_SHARE * shape.steps / drawn.clamp(1, shape.steps).mean())).clamp(max=shape.steps)
    lengths = drawn.round().long().clamp(1, shape.steps)
    lengths[0] = shape.steps
    return lengths[torch.randperm(shape.rows, generator=torch.Generator().manual_seed(5))]


def read_mask(shape: Shape, lengths: Tensor) -> Tensor:
    """Return where a row has a step, `[T, B]`."""
    return torch.arange(shape.steps).unsqueeze(-1) < lengths


def masked_ways(cell: str, shape: Shape, lengths: Tensor, settings: Settings) -> Ways:
    """Return everyone's way to read padded rows; what lies after a row's end is compared nowhere."""
    module, xs = network(cell, shape), inputs(shape)
    mask = read_mask(shape, lengths)
    gradient = torch.randn(shape.steps, shape.rows, shape.units) * mask.unsqueeze(-1)
    own = our_update(ours(module), xs, gradient, mask)
    padded, packed = torch_update(module, xs, gradient), torch_update(module, xs, gradient, packing(module, lengths))
    sent = {**weight_arrays(module), "xs": xs.numpy(), "ys_gradient": gradient.numpy()}
    return {
        "statewise": Local(own, check=awake_only(own, mask)),
        f"{TORCH}, padded": Local(padded, check=awake_only(padded, mask)),
        f"{TORCH_WITHOUT}, padded": Local(padded, check=awake_only(padded, mask), around=without_onednn),
        f"{TORCH}, packed": Local(packed, check=awake_only(packed, mask)),
        "JAX, padded": settings.peers.way(
            "jax", "training", {"cell": cell, "layers": shape.layers, "mask": mask.tolist()}, sent
        ),
    }


def packing(module: nn.RNNBase, lengths: Tensor) -> Callable[[Tensor], Tensor]:
    """Return PyTorch's way to skip padded steps."""

    def read(xs: Tensor) -> Tensor:
        packed, _ = module(pack_padded_sequence(xs, lengths, enforce_sorted=False))
        return pad_packed_sequence(packed, total_length=len(xs))[0]

    return read


def awake_only(update: Callable[[], dict[str, Tensor]], mask: Tensor) -> Callable[[], dict[str, Tensor]]:
    """Return the same with zeros where a row has ended."""

    def check() -> dict[str, Tensor]:
        found = update()
        return {**found, "ys": found["ys"] * mask.unsqueeze(-1)}

    return check


QUESTION = Question("lengths", "What do rows of a mean length of 30 % cost, forward and backward?", 2, rows)
