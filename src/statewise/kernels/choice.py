"""The one place where the code that runs a recurrence is chosen.

The readable loop over `Cell.step` is the specification and is called `reference`. An operation may take its place
where it computes the same; law 9 holds every one of them to it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from statewise.errors import UsageError
from statewise.kernels import native, native_drawn, native_hyper, native_scan, native_window, torch_fused
from statewise.kernels.op import Op, ScanInputs
from statewise.registry import unknown

OPS: dict[str, list[Op]] = {}
for kernels in (
    native,
    native_scan,
    native_drawn,
    native_hyper,
    native_window,
    torch_fused,
):  # the preferred ones first
    for name, ops in kernels.OPS.items():
        OPS.setdefault(name, []).extend(ops)

_only: ContextVar[str | None] = ContextVar("only", default=None)


@contextmanager
def using(kernel: str) -> Iterator[None]:
    """Within this block use one kernel only, such as `reference`; what it does not take runs on the reference.

    >>> with using("reference"):
    ...     print(kernels_of("lstm"))
    ['reference']
    """
    known = sorted({"reference", *(op.kernel for ops in OPS.values() for op in ops)})
    if kernel not in known:
        raise UsageError(unknown("kernel", kernel, known))
    token = _only.set(kernel)
    try:
        yield
    finally:
        _only.reset(token)


def kernels_of(recurrence: str | None) -> list[str]:
    """Name the kernels that a recurrence has here, the preferred one first.

    >>> kernels_of("lstm")[-2:], kernels_of(None)
    (['torch', 'reference'], ['reference'])
    """
    return [*(op.kernel for op in _allowed(recurrence)), "reference"]


def choose(recurrence: str | None, given: ScanInputs) -> Op | None:
    """Return the operation to run on these tensors, or None for the reference."""
    return next((op for op in _allowed(recurrence) if op.takes(given)), None)


def allowed(kernel: str) -> bool:
    """Tell whether a kernel may be used here: everywhere but within `using` another.

    >>> with using("reference"):
    ...     print(allowed("native"))
    False
    """
    return _only.get() in (None, kernel)


def _allowed(recurrence: str | None) -> list[Op]:
    ops = OPS.get(recurrence, []) if recurrence else []
    only = _only.get()
    return [op for op in ops if only in (None, op.kernel)]
