"""Heads by name, of our own and of other packages: those alone that suit a task."""

from collections.abc import Sequence
from typing import Any

from statewise import registry
from statewise.errors import StatewiseError, UsageError
from statewise.heads.head import Over


def head_named(name: str, *over: Over, likelihood: bool = False) -> Any:
    """Return what makes a head of that name, over one of these kinds of targets, and with a likelihood where asked.

    Raises `UsageError`, with the names that suit, where there is none of that name or it is over something else.

    >>> head_named("gaussian", "number", "count").__name__
    'Gaussian'
    """
    suitable = heads_over(*over, likelihood=likelihood)
    if name not in registry.names("heads"):
        raise UsageError(registry.unknown("head", name, suitable))
    found = registry.find("heads", name)
    if name not in suitable:
        wanted = f"{' or '.join(over)} as its target{' and a likelihood' if likelihood else ''}"
        raise UsageError(f"head {name} does not have a {wanted}: give one of {', '.join(suitable)}")
    return found


def heads_over(*over: Over, likelihood: bool = False) -> list[str]:
    """Return the names of heads whose targets are of one of these kinds, and with a likelihood where asked.

    >>> heads_over("count")
    ['negative_binomial']
    """
    return [name for name in registry.names("heads") if _suits(name, over, likelihood)]


def _suits(name: str, over: Sequence[Over], likelihood: bool) -> bool:
    try:
        found = registry.find("heads", name)
    except StatewiseError:  # of a package that is broken: it is refused where it is asked for
        return False
    return getattr(found, "over", "") in over and (not likelihood or getattr(found, "is_likelihood", True))
