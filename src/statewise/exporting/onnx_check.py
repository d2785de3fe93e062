"""An exported graph in ONNX Runtime, compared with the model it was made from."""

from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from statewise.errors import MissingExtra
from statewise.exporting.onnx_graph import state_names
from statewise.model import Model
from statewise.state import paths, rebuild

LONGEST, MOST_ROWS = 40, 5


class Compared(NamedTuple):
    """How far apart outputs and last states were at most, and how far from zero the largest of them was."""

    sequences: int
    difference: float
    largest: float


def open_onnx(graph: bytes | Path, threads: int = 1) -> Any:
    """Return a graph as an `onnxruntime.InferenceSession`. Raises `MissingExtra` without that package."""
    try:
        runtime = import_module("onnxruntime")
    except ModuleNotFoundError:
        raise MissingExtra("running a graph needs onnxruntime: pip install 'statewise[export]'") from None
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = 3
    given = str(graph) if isinstance(graph, Path) else graph
    return runtime.InferenceSession(given, options, providers=["CPUExecutionProvider"])


@torch.no_grad()
def compare_onnx(model: Model[Any], session: Any, sequences: int, seed: int = 0) -> Compared:
    """Read random sequences, of random lengths and numbers of rows and from random states, with both."""
    draw, difference, largest = torch.Generator().manual_seed(seed), 0.0, 0.0
    names = state_names(model)
    for _ in range(sequences):
        steps, rows = (int(torch.randint(1, most + 1, (1,), generator=draw)) for most in (LONGEST, MOST_ROWS))
        begun = model.begin(rows)
        state = rebuild(begun, [_drawn(leaf, draw) if name in names else leaf for name, leaf in paths(begun)])
        xs = model.step_input.draw(steps, rows, generator=draw)
        given = {"inputs": xs.numpy()} | {f"state.{n}": leaf.numpy() for n, leaf in paths(state) if n in names}
        theirs = session.run(["outputs", *(f"next.{name}" for name in names)], given)
        ys, after = model.core.scan(model.encoder(xs), state)
        last = dict(paths(after))
        for our, their in zip([model.head(ys), *(last[name] for name in names)], theirs, strict=True):
            difference = max(difference, float(np.abs(our.numpy() - their).max()))
            largest = max(largest, float(our.abs().max()))
    return Compared(sequences, difference, largest)


def _drawn(like: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    return torch.empty_like(like).uniform_(-0.9, 0.9, generator=draw)
