"""Facts about a cell: its size, its state, how it reads a sequence, and its kernels."""

from typing import Any, NamedTuple, cast

import torch
from torch import nn

from statewise import registry
from statewise.cells.diagonal import RECURRENCE, kernel_of_scan
from statewise.cells.recurrent import Cell, Recurrent
from statewise.kernels import kernels_of
from statewise.state import paths


class CellDescription(NamedTuple):
    """What `statewise list cells` shows of a cell that reads and writes `width` numbers."""

    title: str
    width: int
    parameters: int
    state: dict[str, list[int]]
    "The shape of each of a row's tensors, by its path."
    steps: bool
    "Whether it can read one input at a time, and so go on for ever."
    parallel: bool
    "Whether a sequence is read in parallel over its steps, not one step after another."
    kernels: list[str]


def describe_cell(name: str, width: int = 128) -> CellDescription:
    """Return what there is to know of a registered cell. Raises `UsageError` for a name that is not known.

    >>> facts = describe_cell("lstm")
    >>> facts.parameters, facts.state, facts.steps, facts.parallel
    (131584, {'hidden': [128], 'cell': [128]}, True, False)
    """
    make = cast(type[Recurrent[Any]], registry.find("cells", name))
    with torch.random.fork_rng(devices=[]):
        cell = make(width, width)  # every registered cell is made of these two
        state = {path: list(leaf.shape[1:]) for path, leaf in paths(cell.initial(1))}
    return CellDescription(
        title=(make.__doc__ or "").strip().splitlines()[0].rstrip("."),
        width=width,
        parameters=sum(weights.numel() for weights in cell.parameters()),
        state=state,
        steps=isinstance(cell, Recurrent),
        parallel=not isinstance(cell, Cell),
        kernels=kernels_of(getattr(cell, "recurrence", None)),
    )


def kernels_at_work(part: nn.Module) -> list[str]:
    """Name the kernels that read sequences in a model; a cell within a cell is stepped by it, and reads none.

    >>> from statewise.cells import LSTM, Chain, Elman, Zoneout
    >>> kernels_at_work(Chain(LSTM(5, 4).double(), Zoneout(Elman(4, 4), 0.1)))
    ['reference', 'torch']
    """
    if isinstance(part, Cell):
        return [part.kernel]
    if isinstance(part, Recurrent) and part.recurrence == RECURRENCE:
        return [kernel_of_scan(part.blank(1))]
    return sorted({kernel for child in part.children() for kernel in kernels_at_work(child)})
