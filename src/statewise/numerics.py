"""What the bits of a training depend on besides its settings and data: the machine, and what is installed there."""

import hashlib
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from statewise.cells import LSTM
from statewise.cells.description import kernels_at_work
from statewise.kernels import extension, kernels_of, using
from statewise.versions import versions

STEPS, ROWS, FEATURES, UNITS = 5, 3, 37, 19
DIGITS = 12
ARITHMETIC = "arithmetic"
NAMES = {"vectors.statewise": "vectors of native kernels", "vectors.torch": "vectors of PyTorch"}


def numerics_of(core: nn.Module, processes: int) -> dict[str, Any]:
    """Return what the bits of a training of this core depend on here; `changed` tells two of them apart."""
    return {
        "processor": processor(),
        "vectors": vectors(),
        "threads": torch.get_num_threads(),
        "processes": processes,
        "kernels": kernels_at_work(core) or ["reference"],
        "versions": versions(),
        ARITHMETIC: arithmetic(),
    }


def processor() -> str:
    """Return the processor's name, as far as the system knows one."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def vectors() -> dict[str, str]:
    """Return which vector instructions native kernels and PyTorch use: what there is, or what a limit leaves of it.

    >>> sorted(vectors())
    ['statewise', 'torch']
    """
    return {
        "statewise": extension.instructions() or extension.NONE,
        "torch": torch.backends.cpu.get_cpu_capability().lower(),
    }


def devices() -> list[str]:
    """Return the devices of this machine that a training can be on.

    >>> devices()[0]
    'cpu'
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return ["cpu", *(name for name, is_there in there.items() if is_there)]


def arithmetic() -> str:
    """Return a digest of the bits that come of fixed numbers here, through every kernel of an LSTM and back.

    It sees what no name tells: another build of the same version, or a switch of a library within PyTorch.

    >>> arithmetic() == arithmetic()
    True
    """
    seen = hashlib.sha256()
    with _one_thread(), torch.enable_grad(), torch.random.fork_rng(devices=[]):
        cell = LSTM(FEATURES, UNITS)
        for weight in cell.parameters():
            weight.data.copy_(_numbers(*weight.shape))
        for kernel in kernels_of(cell.recurrence):
            with using(kernel):
                ys, _ = cell.scan(_numbers(STEPS, ROWS, FEATURES), cell.initial(ROWS))
            gradients = torch.autograd.grad(ys.log_softmax(-1).exp().std(-1).sum(), list(cell.parameters()))
            for tensor in (ys, *gradients):
                seen.update(tensor.detach().numpy().tobytes())
    return seen.hexdigest()[:DIGITS]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Within this block compute on one thread: how many there are is told by itself, and so little is soon done."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _numbers(*shape: int) -> Tensor:
    count = torch.arange(torch.Size(shape).numel())
    return ((count * 7919) % 1009 / 1009 - 0.5).view(shape)


def changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Name in one line what differs and what it was; nothing where all is equal.

    >>> changed({"threads": 2, "versions": {"torch": "2.6"}}, {"threads": 1, "versions": {"torch": "2.7"}})
    'threads 1 (before: 2), torch 2.7 (before: 2.6)'
    """
    were, are = named(before), named(now)
    differing = [name for name, value in are.items() if were.get(name, value) != value]
    if len(differing) > 1 and ARITHMETIC in differing:
        differing.remove(ARITHMETIC)  # the others tell why
    return ", ".join(f"{name} {are[name]} (before: {were[name]})" for name in differing)


def named(numerics: Mapping[str, Any]) -> dict[str, str]:
    """Return numerics as one level of names, as a reader knows them.

    >>> named({"threads": 2, "vectors": {"torch": "avx2"}})
    {'threads': '2', 'vectors of PyTorch': 'avx2'}
    """
    found: dict[str, str] = {}
    for name, value in numerics.items():
        if isinstance(value, Mapping):
            found |= {NAMES.get(f"{name}.{of}", str(of)): str(one) for of, one in value.items()}
        else:
            found[name] = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return found
