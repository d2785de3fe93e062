"""Heads by name, of our own and of other packages: those alone that suit a task."""

from typing import Any

from statewise import registry
from statewise.heads.head import Over


def head_named(name: str, *over: Over, likelihood: bool = False) -> Any:
    """Return what makes a head of that name, over one of these kinds of targets, and with a likelihood where asked.

    Raises `UsageError`, with the names that suit, where there is none of that name or it is over something else.

    >>> head_named("gaussian", "number", "count").__name__
    'Gaussian'
    """
    wanted = f"have a {' or '.join(over)} as its target{' and a likelihood' if likelihood else ''}"
    return registry.suitable("heads", name, lambda made: _suits(made, over, likelihood), wanted)


def heads_over(*over: Over) -> list[str]:
    """Return the names of heads whose targets are of one of these kinds.

    >>> heads_over("count")
    ['negative_binomial']
    """
    return registry.those("heads", lambda made: _suits(made, over, likelihood=False))


def _suits(made: object, over: tuple[Over, ...], likelihood: bool) -> bool:
    return getattr(made, "over", "") in over and (not likelihood or getattr(made, "is_likelihood", True))
