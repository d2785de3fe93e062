"""Work under way: a generator that yields how far it is, and returns what it found."""

from collections.abc import Callable, Generator
from typing import TypeVar

Far = TypeVar("Far")
Found = TypeVar("Found")
Told = TypeVar("Told")


def told(work: Generator[Far, None, Found], tell: Callable[[Far], Told]) -> Generator[Told, None, Found]:
    """Do some work, yielding what `tell` makes of how far it is, and return what it found.

    >>> def counting():
    ...     yield 0.5
    ...     return 3
    >>> found = told(counting(), "{:.0%}".format)
    >>> list(found)
    ['50%']
    """
    while True:
        try:
            far = next(work)
        except StopIteration as done:
            found: Found = done.value
            return found
        yield tell(far)


def returned(work: Generator[Far, None, Found]) -> Found:
    """Do some work to its end and return what it found.

    >>> def counting():
    ...     yield 0.5
    ...     return 3
    >>> returned(counting())
    3
    """
    while True:
        try:
            next(work)
        except StopIteration as done:
            found: Found = done.value
            return found
