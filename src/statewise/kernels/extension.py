"""The native extension, if it was built and is enabled, and the instruction sets that it may use.

`STATEWISE_VECTOR_LEVEL` limits that from outside, so that a machine computes as a lesser one would. It is read once.
"""

import os

from statewise.errors import UsageError
from statewise.registry import unknown

try:
    from statewise.kernels import _native
except ImportError:  # everything runs on the other kernels
    _native = None  # type: ignore[assignment]

INTERFACE = 2
"Another number whenever a call of native code is another."
if _native is not None and getattr(_native, "INTERFACE", 1) != INTERFACE:
    raise ImportError("the native kernels were built from other sources: run `pip install --editable .` again")

__all__ = [
    "ABILITIES",
    "ABSENT",
    "LEVELS",
    "LIMIT",
    "NONE",
    "NOT_BUILT",
    "VARIABLE",
    "_native",
    "instructions",
    "levels_within",
    "use",
]

VARIABLE = "STATEWISE_VECTOR_LEVEL"
"The environment variable that says how wide vectors may be."
LEVELS = ["avx512vnni", "avx512", "avx2", "baseline"]
"The instruction sets that native code was compiled for, the highest first."
NONE = "none"
"The level at which no native kernel is used."
NOT_BUILT = "none: installed without a compiler, or with STATEWISE_NATIVE=0; reinstall with GCC or Clang to have them"
"What is said where there are no native kernels."
NOT_WANTED = f"none: {VARIABLE} says so"


def levels_within(limit: str) -> list[str]:
    """Return the instruction sets that a limit leaves, the highest first; all of them where it is empty.

    >>> levels_within("avx2"), levels_within("none")
    (['avx2', 'baseline'], [])

    Raises `UsageError` where no such level is known.
    """
    known = [*LEVELS, NONE]
    if limit and limit not in known:
        raise UsageError(unknown(VARIABLE, limit, known))
    return LEVELS[known.index(limit) :] if limit else LEVELS


LIMIT = os.environ.get(VARIABLE, "")
"The highest level that may be used, or nothing where all may."
_within = levels_within(LIMIT)
ABSENT = NOT_BUILT if _native is None else "" if _within else NOT_WANTED
"Why there is no native code here; empty where there is."
if ABSENT:
    _native = None  # type: ignore[assignment]
ABILITIES: frozenset[str] = frozenset(getattr(_native, "ABILITIES", ()))
"What native code can do that it could not when its interface was last another: what it cannot, PyTorch does."


def use(name: str) -> None:
    """Let native kernels use this instruction set from now on, or the `best` within the limit: for tests.

    Raises `ValueError` where the processor has no such set or the limit forbids it.
    """
    within = levels_within(LIMIT)
    for level in within if name == "best" else [name]:
        if level in within and _is_taken(level):
            return
    raise ValueError(f"this processor has no {name}, or {VARIABLE} forbids it")


def _is_taken(level: str) -> bool:
    try:
        _native.use(level)
    except ValueError:  # the processor has no such instructions
        return False
    return True


def instructions() -> str | None:
    """Return the instruction set that native kernels use here, or None where there are none.

    >>> instructions() in (None, "baseline", "avx2", "avx512", "avx512vnni")
    True
    """
    return None if _native is None else _native.instructions()


if _native is not None:
    use("best")
