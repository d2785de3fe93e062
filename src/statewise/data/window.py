"""The one training datum: some steps of some rows, with what is to be predicted at each."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Self, final, overload

import torch
from torch import Tensor

from statewise.errors import UsageError

UNCUT = "a label sequence of its own length belongs to a whole window, which cannot be cut in time"


class Padded(NamedTuple):
    """Sequences of unequal lengths, one a row: `values` `[B, S, ...]`, and `mask` `[B, S]` of bool, true where one is.

    Among targets it belongs to whole rows, as the labels of CTC do, and has no steps. As a context it is what a
    reader reads. What lies where the mask is false is zero.
    """

    values: Tensor
    mask: Tensor

    @property
    def any_length(self) -> bool:
        """Two of them may differ in S."""
        return True

    @property
    def lengths(self) -> Tensor:
        """How long each sequence is, `[B]`."""
        return self.mask.sum(dim=1)

    @classmethod
    def of(cls, sequences: Sequence[Tensor]) -> Self:
        """Return sequences `[S_b, ...]` side by side, the shorter ones padded with zeros at their ends.

        >>> Padded.of([torch.tensor([5, 6, 7]), torch.tensor([8])])
        Padded(values=tensor([[5, 6, 7],
                [8, 0, 0]]), mask=tensor([[ True,  True,  True],
                [ True, False, False]]))

        Raises `UsageError` where there is none.
        """
        if not sequences:
            raise UsageError("no sequence was given to be padded: give one or more, of any lengths")
        lengths = torch.tensor([len(sequence) for sequence in sequences])
        values = torch.nn.utils.rnn.pad_sequence(list(sequences), batch_first=True)
        return cls(values, torch.arange(values.shape[1]) < lengths.unsqueeze(1))


class Window(NamedTuple):
    """A stretch of `T` steps of `B` rows.

    `inputs` are `[T, B, ...]`. `targets` are a tensor `[T, B, ...]`, or a tuple of such tensors where a head has
    several; a `Padded` among them, `[B, S]`, holds a label sequence for each whole row. Where `mask` `[T, B]` is
    false the row sleeps: nothing is read or predicted. Where `scored` `[T, B]` is false the step is read but its
    prediction is not scored. Where `reset` `[T, B]` is true the row begins before that step: from what the model's
    reader makes of `context`, a tensor or tuple of tensors `[B, ...]`, where there is one. `state` is the state before
    the first step, for rows that go on from somewhere else than the window before.

    None stands for: no row sleeps, every step that is read is scored, no row begins, no context, the state is
    carried on. A context without `reset` begins every row before the first step; where no row begins leave it
    out, since reading it takes time.
    """

    inputs: Tensor
    targets: Any
    mask: Tensor | None = None
    reset: Tensor | None = None
    context: Any = None
    scored: Tensor | None = None
    state: Any = None

    @property
    def steps(self) -> int:
        """How many steps, T."""
        return self.inputs.shape[0]

    @property
    def rows(self) -> int:
        """How many rows, B."""
        return self.inputs.shape[1]

    @property
    def places(self) -> Tensor | None:
        """Where predictions are scored, `[T, B]`, or None for everywhere."""
        if self.mask is None or self.scored is None:
            return self.mask if self.scored is None else self.scored
        return self.mask & self.scored

    @property
    def is_labelled(self) -> bool:
        """Whether some targets are label sequences of whole rows, so that the window cannot be cut in time."""
        return _is_labelled(self.targets)

    @property
    def begins(self) -> Tensor:
        """Which rows begin at each step, `[T, B]`: where a row sleeps none does."""
        begins = self.reset
        if begins is None:
            begins = torch.zeros(self.steps, self.rows, dtype=torch.bool, device=self.inputs.device)
            begins[:1] = self.context is not None
        return begins if self.mask is None else begins & self.mask

    def cut(self, start: int, stop: int) -> "Window":
        """Return the steps from `start` to before `stop`. Raises `UsageError` where targets belong to whole rows.

        >>> Window(torch.zeros(7, 3), torch.zeros(7, 3)).cut(2, 9).steps
        5
        """
        if start <= 0 and stop >= self.steps:
            return self
        whole = self if self.context is None else self._replace(reset=self.begins)
        parts = {name: part[start:stop] for name in STEPPED if (part := getattr(whole, name)) is not None}
        targets = map_targets(lambda part: part[start:stop], _refuse_labels, self.targets)
        piece = whole._replace(**parts, targets=targets, state=self.state if start == 0 else None)
        # a reader is costly; the first piece keeps its context, so that every process opens it in the same windows
        return piece if start == 0 or bool(piece.begins.any()) else piece._replace(context=None)

    def of_rows(self, rows: slice | Tensor) -> "Window":
        """Return some rows of all steps."""
        own = {name: part[:, rows].contiguous() for name in STEPPED if (part := getattr(self, name)) is not None}
        targets = map_targets(lambda part: part[:, rows].contiguous(), lambda part: part[rows], self.targets)
        kept = {name: _each(lambda part: part[rows].contiguous(), getattr(self, name)) for name in ("context", "state")}
        return self._replace(**own, **kept, targets=targets)

    def numbers(self) -> list[Tensor]:
        """Return every tensor of the window that holds numbers to learn from: inputs, targets and context."""
        return [*_tensors((self.inputs, self.targets, self.context))]

    def like(self, weights: Tensor) -> "Window":
        """Return the window on the device of a model's weights, its real numbers in their number format."""

        def moved(part: Tensor) -> Tensor:
            return part.to(weights.device, weights.dtype if part.is_floating_point() else part.dtype)

        return Window(*(_each(moved, part) for part in self))

    def restarted(self) -> "Window":
        """Return the window with every row beginning before its first step."""
        reset = torch.zeros(self.steps, self.rows, dtype=torch.bool) if self.reset is None else self.reset.clone()
        reset[0] = True
        return self._replace(reset=reset)


STEPPED = ("inputs", "mask", "reset", "scored")
"The parts of a window, besides the targets, that have steps on axis 0 and rows on axis 1."


def map_targets(of_steps: Callable[[Tensor], Any], of_rows: Callable[[Tensor], Any], targets: Any) -> Any:
    """Apply a function to each tensor `[T, B, ...]` of some targets, and another to each `[B, ...]` of a `Padded`."""
    if isinstance(targets, Padded):
        return Padded(*map(of_rows, targets))
    if isinstance(targets, Tensor):
        return of_steps(targets)
    parts = [map_targets(of_steps, of_rows, part) for part in targets]
    return type(targets)(*parts) if hasattr(targets, "_fields") else tuple(parts)


def joined(windows: Sequence[Window]) -> Window:
    """Return windows that continue each other as one. Raises `UsageError` where targets belong to whole rows.

    >>> piece = Window(torch.zeros(7, 3), torch.zeros(7, 3))
    >>> joined([piece, piece]).steps
    14
    """
    if len(windows) == 1:
        return windows[0]

    def joined_flags(name: str, otherwise: bool) -> Tensor | None:
        parts = [getattr(window, name) for window in windows]
        if all(part is None for part in parts):
            return None
        shapes = [(window.steps, window.rows) for window in windows]
        return torch.cat([torch.full(s, otherwise) if p is None else p for p, s in zip(parts, shapes, strict=True)])

    flags = {"mask": True, "reset": False, "scored": True}
    first = windows[0]
    return Window(
        torch.cat([window.inputs for window in windows]),
        _joined_targets([window.targets for window in windows]),
        context=first.context,
        state=first.state,
        **{name: joined_flags(name, otherwise) for name, otherwise in flags.items()},
    )


def _joined_targets(parts: Sequence[Any]) -> Any:
    first = parts[0]
    if isinstance(first, Tensor):
        return torch.cat(list(parts))
    if isinstance(first, Padded):
        raise UsageError(UNCUT)
    joined_parts = [_joined_targets(of_one) for of_one in zip(*parts, strict=True)]
    return type(first)(*joined_parts) if hasattr(first, "_fields") else tuple(joined_parts)


def _is_labelled(targets: Any) -> bool:
    if isinstance(targets, Padded | Tensor):
        return isinstance(targets, Padded)
    return any(_is_labelled(part) for part in targets)


def _refuse_labels(part: Tensor) -> Tensor:
    raise UsageError(UNCUT)


def _each(function: Callable[[Tensor], Tensor], nest: Any) -> Any:
    """Apply a function to each tensor of a nest, in which None may stand for nothing."""
    if nest is None or isinstance(nest, Tensor):
        return nest if nest is None else function(nest)
    parts = [_each(function, part) for part in nest]
    return type(nest)(*parts) if hasattr(nest, "_fields") else tuple(parts)


def _tensors(nest: Any) -> Iterator[Tensor]:
    """Yield each tensor of a nest, in which None may stand for nothing."""
    if isinstance(nest, Tensor):
        yield nest
    elif nest is not None:
        for part in nest:
            yield from _tensors(part)


class LazyWindows(Sequence[Window], ABC):
    """A sequence of windows that are made when they are read: a subclass gives their number and makes each by index."""

    @abstractmethod
    def at(self, index: int) -> Window:
        """Return a window by its number, from 0 to below how many there are."""

    @overload
    def __getitem__(self, index: int) -> Window: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Window]: ...
    @final
    def __getitem__(self, index: int | slice) -> Window | Sequence[Window]:
        if isinstance(index, slice):
            return [self.at(i) for i in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        return self.at(index)


class Epochs(LazyWindows, ABC):
    """Windows that every epoch has in an order of its own; as a plain sequence they are those of epoch 0."""

    @abstractmethod
    def in_epoch(self, epoch: int, index: int) -> Window:
        """Return a window of an epoch by its number there."""

    @final
    def at(self, index: int) -> Window:
        """Return a window of the first epoch."""
        return self.in_epoch(0, index)
