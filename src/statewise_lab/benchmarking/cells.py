"""What does a cell cost that no library fuses, compared with the same cell run step by step?"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from statewise.cells import (
    GRU,
    LSTM,
    Chain,
    CoupledLSTM,
    LayerNormGRU,
    LayerNormLSTM,
    PeepholeLSTM,
    ProjectedLSTM,
    Recurrent,
    Zoneout,
)
from statewise.kernels import using
from statewise_lab.benchmarking.measure import Local
from statewise_lab.benchmarking.networks import Shape, inputs
from statewise_lab.benchmarking.question import Question, Settings, compare
from statewise_lab.benchmarking.row import Row
from statewise_lab.benchmarking.training import our_update

SHAPES = (Shape(100, 32, 256, 2), Shape(256, 8, 64, 1))
QUICK_SHAPES = (Shape(10, 3, 16, 2),)
ZONEOUT = 0.1
CHECKED = 40
"So many steps are held to each other: over more, a layer-norm LSTM of random weights magnifies what rounding leaves."
PLAIN = "statewise, plain cell"


def _zoneout_lstm(features: int, units: int) -> Recurrent[Any]:
    return Zoneout(LSTM(features, units), ZONEOUT)


Make = Callable[[int, int], Recurrent[Any]]
VARIANTS: dict[str, tuple[Make, Make]] = {
    "layer_norm_lstm": (LayerNormLSTM, LSTM),
    "peephole_lstm": (PeepholeLSTM, LSTM),
    "coupled_lstm": (CoupledLSTM, LSTM),
    "projected_lstm": (ProjectedLSTM, LSTM),
    "zoneout lstm": (_zoneout_lstm, LSTM),
    "layer_norm_gru": (LayerNormGRU, GRU),
}
"Each with the plain cell that its cost is measured by."


def rows(settings: Settings) -> Iterator[Row]:
    """Yield a row for each shape and cell."""
    for shape in QUICK_SHAPES if settings.quick else SHAPES:
        for name, (make, plain) in VARIANTS.items():
            torch.manual_seed(0)
            variant, stepped = chain(make, shape), chain(plain, shape)
            xs, gradient = inputs(shape), torch.randn(shape.steps, shape.rows, shape.units)
            update = our_update(variant, xs, gradient, gradients=own_gradients)
            short = our_update(variant, xs[:CHECKED], gradient[:CHECKED], gradients=own_gradients)
            ways = {
                "statewise": Local(update, check=short),
                "step by step": Local(update, check=short, around=lambda: using("reference")),
                PLAIN: Local(our_update(stepped, xs, gradient), check=dict),
            }
            row = compare(shape.named(name), ways, settings)
            timed = "statewise" in row.seconds  # else its outputs differed, which the row says
            yield replace(row, extra={**row.extra, "x plain": row.ratio(PLAIN, "statewise")}) if timed else row


def chain(make: Make, shape: Shape) -> Recurrent[Any]:
    """Return as many cells of a kind as a shape has layers."""
    parts = [make(shape.units, shape.units) for _ in range(shape.layers)]
    return parts[0] if len(parts) == 1 else Chain(*parts)


def own_gradients(recurrent: Recurrent[Any]) -> dict[str, Tensor]:
    """Return the gradient of every weight that has one, by our own names."""
    return {name: weight.grad for name, weight in recurrent.named_parameters() if weight.grad is not None}


QUESTION = Question("cells", "What do cells cost that no library fuses, forward and backward?", 3, rows)
