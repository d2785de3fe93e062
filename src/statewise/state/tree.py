"""Operations on any state, independent of the cell.

A state is a tensor, or a tuple or NamedTuple of states; every tensor has one row per sequence on axis 0. A NamedTuple
whose `any_length` is true holds tensors whose axis 1 is a length, the same in all of them, which differs from state to
state; zeros at its end mean that nothing is there.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

State = TypeVar("State")


def _like(nest: tuple[Any, ...], parts: Iterable[Any]) -> tuple[Any, ...]:
    if hasattr(nest, "_fields"):
        return type(nest)(*parts)
    return tuple(parts)


def _check_nest(part: object) -> None:
    if not isinstance(part, Tensor | tuple):
        raise TypeError(f"a state holds tensors and tuples of them, not {type(part).__name__}")


def map_leaves(function: Callable[..., Tensor], state: State, *others: State) -> State:
    """Apply a function to every tensor of a state, or to the tensors at the same place of several.

    >>> map_leaves(torch.add, (torch.tensor([1.0]), ()), (torch.tensor([2.0]), ()))
    (tensor([3.]), ())
    """
    _check_nest(state)
    if isinstance(state, Tensor):
        return cast(State, function(state, *others))
    nests = cast(Sequence[tuple[Any, ...]], (state, *others))
    return cast(State, _like(nests[0], (map_leaves(function, *parts) for parts in zip(*nests, strict=True))))


def paths(state: object) -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor of a state with its dotted path, such as `0.hidden`, in order.

    >>> [path for path, _ in paths((torch.zeros(1), (torch.zeros(1), torch.zeros(1))))]
    ['0', '1.0', '1.1']
    """
    _check_nest(state)
    if isinstance(state, Tensor):
        yield "", state
        return
    parts = cast(tuple[object, ...], state)
    for name, part in zip(getattr(parts, "_fields", range(len(parts))), parts, strict=True):
        for path, leaf in paths(part):
            yield f"{name}.{path}" if path else str(name), leaf


def lengths(state: object) -> Iterator[set[str]]:
    """Yield the paths of the tensors whose axis 1 is a length that may differ from state to state, one set a length.

    >>> list(lengths((torch.zeros(1), (torch.zeros(1), torch.zeros(1)))))
    []
    """
    if isinstance(state, Tensor):
        return
    if _any_length(state):
        yield {path for path, _ in paths(state)}
        return
    parts = cast(tuple[object, ...], state)
    for name, part in zip(getattr(parts, "_fields", range(len(parts))), parts, strict=True):
        yield from ({f"{name}.{path}" for path in alike} for alike in lengths(part))


def leaves(state: object) -> tuple[Tensor, ...]:
    """Return every tensor of a state, in order."""
    if isinstance(state, Tensor):
        return (state,)
    _check_nest(state)
    found: tuple[Tensor, ...] = ()
    for part in cast(tuple[object, ...], state):
        found += leaves(part)
    return found


def rebuild(like: State, tensors: Iterable[Tensor]) -> State:
    """Put tensors, in the order of `leaves`, into the structure of another state.

    >>> rebuild((torch.zeros(1), (torch.zeros(1),)), [torch.ones(1), torch.ones(1)])
    (tensor([1.]), (tensor([1.]),))
    """
    given = iter(tensors)
    return map_leaves(lambda _: next(given), like)


def same_structure(one: object, other: object) -> bool:
    """Tell whether two states have the same nest, and tensors of the same width and type in the same places.

    >>> same_structure((torch.zeros(3, 2), ()), (torch.zeros(1, 2), ())), same_structure((torch.zeros(3, 2), ()), ())
    (True, False)
    """

    def form(part: object) -> object:
        _check_nest(part)
        if isinstance(part, Tensor):
            return part.shape[1:], part.dtype
        return type(part), [form(inner) for inner in cast(tuple[object, ...], part)]

    return form(one) == form(other)


def detach(state: State) -> State:
    """Return the state cut from the past that made it, so that no gradient flows further back."""
    return map_leaves(Tensor.detach, state)


def count_rows(state: object) -> int:
    """Return how many rows a state has; 0 where it holds no tensor at all."""
    return next((leaf.shape[0] for leaf in leaves(state)), 0)


def where_rows(condition: Tensor, chosen: State, otherwise: State) -> State:
    """Pick, row by row, between two states.

    Shapes: `condition` `[B]` of bool; every tensor of both states `[B, ...]`. What may be of any length is made as long
    as the longer one.

    >>> where_rows(torch.tensor([True, False]), torch.ones(2, 1), torch.zeros(2, 1)).flatten()
    tensor([1., 0.])
    """

    def pick(yes: Tensor, no: Tensor) -> Tensor:
        if yes is no:  # such as a memory, which no step changes
            return yes
        return torch.where(condition.reshape(-1, *[1] * (yes.dim() - 1)), yes, no)

    return map_leaves(pick, *_equally_long((chosen, otherwise)))


def select_rows(state: State, rows: Tensor) -> State:
    """Return the named rows of a state, in that order; a row may be named more than once.

    >>> select_rows(torch.tensor([[5.0], [6.0]]), torch.tensor([1, 1, 0])).flatten()
    tensor([6., 6., 5.])
    """
    return map_leaves(lambda leaf: leaf[rows], state)


def stack(states: Sequence[State]) -> State:
    """Join the rows of several states into one, so that they can be stepped together.

    What may be of any length is made as long as the longest.

    >>> stack([torch.ones(1, 2), torch.zeros(1, 2)]).shape
    torch.Size([2, 2])
    """

    def joined(*rows: Tensor) -> Tensor:
        return torch.cat(rows)

    return map_leaves(joined, *_equally_long(states))


def _equally_long(states: Sequence[State]) -> Sequence[State]:
    """Return states of which what may be of any length is as long as the longest."""
    first = states[0]
    _check_nest(first)
    if isinstance(first, Tensor):
        return states
    if _any_length(first):
        lengths_of = {leaf.shape[1] for state in states for leaf in leaves(state)}
        longest = max(lengths_of)
        if len(lengths_of) == 1:
            return states
        return [map_leaves(lambda leaf: _lengthened(leaf, longest), state) for state in states]
    nests = cast(Sequence[tuple[Any, ...]], states)
    parts = [_equally_long(part) for part in zip(*nests, strict=True)]
    return [cast(State, _like(nest, (part[n] for part in parts))) for n, nest in enumerate(nests)]


def stack_rows(states: Sequence[State]) -> State:
    """Join states of one row each, so that row `i` of the result is state `i`.

    Raises `ValueError` where a tensor of a state has another number of rows: every row after it would be read as the
    row of another sequence.

    >>> stack_rows([torch.ones(1, 2), torch.zeros(2, 2)])
    Traceback (most recent call last):
    ValueError: state 1 holds 2 rows: a state of 1 row is wanted
    """
    for at, state in enumerate(states):
        check_rows(state, 1, f"state {at}")
    return stack(states)


def check_rows(state: object, rows: int, what: str = "the state") -> None:
    """Raise `ValueError` where a tensor of a state has another number of rows.

    >>> check_rows((torch.ones(3, 2), torch.ones(3, 1)), rows=3)
    """
    for leaf in leaves(state):
        if leaf.shape[0] != rows:
            wanted = "1 row" if rows == 1 else f"{rows} rows"
            raise ValueError(f"{what} holds {leaf.shape[0]} rows: a state of {wanted} is wanted")


def _any_length(nest: object) -> bool:
    return bool(getattr(nest, "any_length", False))


def _lengthened(leaf: Tensor, length: int) -> Tensor:
    rows, short, *rest = leaf.shape
    return torch.cat([leaf, leaf.new_zeros(rows, length - short, *rest)], dim=1)


def split(state: State) -> list[State]:
    """Return one state for each row: the inverse of `stack`.

    >>> len(split(torch.zeros(3, 2)))
    3
    """

    def row(index: int) -> State:
        return map_leaves(lambda leaf: leaf[index : index + 1], state)

    return [row(index) for index in range(count_rows(state))]
