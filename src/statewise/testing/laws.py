"""What a law is, how a thing is put to it, and how two results are compared."""

from collections.abc import Callable, Iterable, Mapping
from typing import Generic, NamedTuple, TypeVar

import torch
from torch import Tensor

from statewise.errors import UsageError
from statewise.state import paths

Trial = TypeVar("Trial")


class Law(NamedTuple, Generic[Trial]):
    """One sentence that is to hold of everything of a kind, and a check that raises where it does not."""

    statement: str
    check: Callable[[Trial], None]


class LawResult(NamedTuple):
    """What came of one law: `failure` is empty where it holds, `trials` zero where there was nothing to try."""

    statement: str
    failure: str = ""
    cause: Exception | None = None
    trials: int = 1

    @property
    def holds(self) -> bool:
        """Whether nothing was found against the law."""
        return not self.failure


def judge(number: int, law: Law[Trial], trials: Iterable[tuple[str, Callable[[], Trial]]]) -> LawResult:
    """Put every trial, each with the words for what is tried, to one law; the first failure decides."""
    count = 0
    for whose, trial in trials:
        count += 1
        try:
            with torch.random.fork_rng(devices=[]):
                law.check(trial())
        except Exception as error:
            found = str(error) if isinstance(error, AssertionError) else f"it raised {type(error).__name__}: {error}"
            return LawResult(law.statement, f"law {number} is broken by {whose}: {law.statement}; but {found}", error)
    return LawResult(law.statement, trials=count)


def pronounce(verdicts: Mapping[int, LawResult]) -> None:
    """Raise `AssertionError` with one line for each law that was broken."""
    failures = [verdict for verdict in verdicts.values() if not verdict.holds]
    if failures:
        raise AssertionError("\n".join(verdict.failure for verdict in failures)) from failures[0].cause


def chosen(laws: Mapping[int, Law[Trial]], numbers: Iterable[int] | None) -> dict[int, Law[Trial]]:
    """Return the laws of these numbers, or all of them."""
    wanted = list(laws if numbers is None else numbers)
    for number in wanted:
        if number not in laws:
            raise UsageError(f"there is no law {number}: laws are numbered {min(laws)} to {max(laws)}")
    return {number: laws[number] for number in wanted}


def short(dtype: torch.dtype) -> str:
    """Return a type's name without its module.

    >>> short(torch.float64)
    'float64'
    """
    return str(dtype).removeprefix("torch.")


def same(what: str, got: object, expected: object, *, exact: bool = False) -> None:
    """Raise `AssertionError`, saying where and by how much, where two states or tensors are not equal to rounding."""
    one, other = dict(paths(got)), dict(paths(expected))
    if one.keys() != other.keys():
        raise AssertionError(f"{what} has the parts {list(one)} where {list(other)} are wanted")
    for path, tensor in one.items():
        _same_tensor(f"{what} ({path})" if path else what, tensor, other[path], exact)


def _same_tensor(what: str, got: Tensor, expected: Tensor, exact: bool) -> None:
    if got.shape != expected.shape or got.dtype != expected.dtype:
        shown = [f"{list(tensor.shape)} {short(tensor.dtype)}" for tensor in (got, expected)]
        raise AssertionError(f"{what} is {shown[0]} where {shown[1]} is wanted")
    if exact or not got.is_floating_point():
        close = (got == expected) | (got.isnan() & expected.isnan())
    else:
        tolerance = torch.finfo(got.dtype).eps ** (2 / 3)
        close = (got - expected).abs() <= tolerance * (1 + expected.abs())
    if not bool(close.all()):
        place = (~close).nonzero()[0].tolist()
        here = tuple(place)
        raise AssertionError(f"{what} at {place} is {got[here].item():.6g} where {expected[here].item():.6g} is wanted")
