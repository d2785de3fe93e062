"""A memory limit for building a model: it follows the size of the checkpoint, not what a settings file claims.

The settings of a run may come from a stranger. A width of 60,000 would take gigabytes, and three million layers would
never end, long before the result could be compared with the weights that were saved.
"""

import math
from pathlib import Path
from typing import Any, NamedTuple, Self

from torch.utils._python_dispatch import TorchDispatchMode

from statewise.disk.reading import open_file
from statewise.errors import DataError, RunError
from statewise.learning.checkpoint import saved_checkpoints
from statewise.learning.snapshot import WEIGHTS
from statewise.state import read_header
from statewise.state.tensors import LARGEST_HEADER_BYTES, PREFIX_BYTES

BYTES_A_NUMBER, SHORT = 4, "BF16"
"What a weight takes in single precision, and what a header says of one that takes half of that."
TIMES, SPARE_NUMBERS = 4, 1 << 20
"Initialisers of ours make at most 1.5 numbers for each that is kept; a stranger's cell may make some more."
CALLS_A_TENSOR, SPARE_CALLS = 100, 2_000
"They take at most 19 calls for each tensor that is kept."
VIEWS = ("expand", "view", "_unsafe_view", "reshape", "as_strided")


class Allowance(NamedTuple):
    """The maximum of numbers, and of calls that allocate, while a model is built."""

    numbers: int
    calls: int

    @classmethod
    def of(cls, weights: bytes, size: int | None = None) -> Self:
        """Return what is allowed for such weights; where they are only the beginning of a file, give its `size`."""
        header = read_header(weights, WEIGHTS)
        is_short = any(entry.get("dtype") == SHORT for entry in header.values())
        numbers = (len(weights) if size is None else size) // (BYTES_A_NUMBER // 2 if is_short else BYTES_A_NUMBER)
        return cls(TIMES * numbers + SPARE_NUMBERS, CALLS_A_TENSOR * len(header) + SPARE_CALLS)


class Allowing(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Within its block more than is allowed raises `RunError`, before any memory is taken for it."""

    def __init__(self, allowance: Allowance, run: Path) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        (self.numbers, self.calls), self.run = allowance, run

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        """Count a call of PyTorch and what it makes, then let it be."""
        kwargs = kwargs or {}
        self.calls -= 1
        self.numbers -= _made(func, args, kwargs)
        if min(self.calls, self.numbers) < 0:
            raise RunError(f"{self.run} describes a larger model than its checkpoint holds: the run is damaged")
        return func(*args, **kwargs)


def _made(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """Return how many numbers a call makes out of sizes alone."""
    name = func.__name__.split(".")[0]
    given: dict[str, Any] = (
        dict(zip((argument.name for argument in func._schema.arguments), args, strict=False)) | kwargs
    )
    if name == "eye":
        return int(given["n"]) * int(given.get("m", given["n"]))
    if name == "repeat":
        return int(math.prod(given["repeats"])) * int(given["self"].numel())
    if name in ("arange", "linspace", "logspace"):
        return int(given.get("steps", given.get("end", 0)))
    return int(math.prod(given["size"])) if "size" in given and name not in VIEWS else 0


def allowance_at(folder: Path) -> Allowance | None:
    """Return what the checkpoints in a folder allow: as much as the largest of them; None where there is none yet."""
    found = []
    for checkpoint in saved_checkpoints(folder):
        try:
            with open_file(checkpoint / WEIGHTS) as file:
                size = file.seek(0, 2)
                file.seek(0)
                found.append(Allowance.of(file.read(PREFIX_BYTES + LARGEST_HEADER_BYTES), size))
        except (RunError, DataError):  # a damaged one allows nothing, and is named when it is read
            continue
    return max(found, default=None)
