"""Heads by name, of our own and of other packages: those alone that suit a task."""

from typing import Any

from statewise import registry
from statewise.errors import StatewiseError, UsageError
from statewise.heads.head import Over


def head_named(name: str, *over: Over) -> Any:
    """Return what makes a head of that name, whose targets are of one of these kinds.

    Raises `UsageError`, with the names that suit, where there is none of that name or it is over something else.

    >>> head_named("gaussian", "number", "count").__name__
    'Gaussian'
    """
    suitable = heads_over(*over)
    if name not in registry.names("heads"):
        raise UsageError(registry.unknown("head", name, suitable))
    found = registry.find("heads", name)
    if name not in suitable:
        raise UsageError(f"head {name} has no {' or '.join(over)} as its target: give one of {', '.join(suitable)}")
    return found


def heads_over(*over: Over) -> list[str]:
    """Return the names of heads whose targets are of one of these kinds.

    >>> heads_over("count")
    ['negative_binomial']
    """
    return [name for name in registry.names("heads") if _over(name) in over]


def _over(name: str) -> str | None:
    try:
        return str(getattr(registry.find("heads", name), "over", ""))
    except StatewiseError:  # of a package that is broken: it is refused where it is asked for
        return None
