"""How long does one step take for many sessions at once?"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from statewise import program
from statewise.cells import Recurrent
from statewise.kernels import native
from statewise.state import split
from statewise_lab.benchmarking.gauges import Floor, Products
from statewise_lab.benchmarking.inference import reading_ways
from statewise_lab.benchmarking.measure import Local
from statewise_lab.benchmarking.networks import Shape, first_state, inputs, matrix_flops, network, our_state, ours
from statewise_lab.benchmarking.question import Question, Settings, compare
from statewise_lab.benchmarking.row import Row

SESSIONS = (1, 4, 16, 64, 256, 1024, 4096)
QUICK_SESSIONS = (1, 5)
UNITS, LAYERS = 256, 2


def rows(settings: Settings) -> Iterator[Row]:
    """Yield a row for each number of sessions."""
    products, units = Products(), 16 if settings.quick else UNITS
    for sessions in QUICK_SESSIONS if settings.quick else SESSIONS:
        shape = Shape(1, sessions, units, LAYERS)
        recurrent, x = ours(network("lstm", shape)), inputs(shape)[0]
        state = our_state(recurrent, first_state("lstm", shape))
        own = {
            "statewise": Local(step_at_once(recurrent, x, state), around=torch.inference_mode),
            "statewise, plain step": Local(step_together(recurrent, x, state), around=torch.inference_mode),
            "statewise, one by one": Local(step_one_by_one(recurrent, x, state), around=torch.inference_mode),
        }
        theirs = {n: w for n, w in reading_ways("lstm", shape, settings, zero=False).items() if n not in own}
        case = {"sessions": sessions, "cell": "lstm", "H": units, "layers": LAYERS}
        yield compare(case, {**own, **theirs}, settings, floor=Floor(matrix_flops("lstm", shape), products))


def step_at_once(recurrent: Recurrent[Any], x: Tensor, state: Any) -> Callable[[], dict[str, Tensor]]:
    """Return our way to step every session once: all layers in one native call, or the cells' step without kernels."""
    if native.Program is None:
        return step_together(recurrent, x, state)
    compiled = program.compile(recurrent)
    return lambda: {"ys": compiled.step(x, state)[0].unsqueeze(0)}


def step_together(recurrent: Recurrent[Any], x: Tensor, state: Any) -> Callable[[], dict[str, Tensor]]:
    """Return the same with the cells' own step, a row each."""
    return lambda: {"ys": recurrent.step(x, state)[0].unsqueeze(0)}


def step_one_by_one(recurrent: Recurrent[Any], x: Tensor, state: Any) -> Callable[[], dict[str, Tensor]]:
    """Return our way to do so without a batch: what a server would pay that knows none."""
    pairs = list(zip(torch.split(x, 1), split(state), strict=True))
    return lambda: {"ys": torch.cat([recurrent.step(*pair)[0] for pair in pairs]).unsqueeze(0)}


QUESTION = Question("sessions", "How long does one step of many sessions take, an LSTM of two layers?", 2, rows)
