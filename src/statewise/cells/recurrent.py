"""What a recurrence is: it maps `(x, state)` to `(y, state)`, and reads a sequence exactly as repeated steps would."""

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar, cast, final

import torch
from torch import Tensor, nn

from statewise.cells.validation import check_kind, check_places, check_state, check_type, first_of_numbers
from statewise.errors import UsageError
from statewise.kernels import ScanInputs, choose
from statewise.state import count_rows, leaves, map_leaves, rebuild, where_rows

State = TypeVar("State")

STEP_AXES, SCAN_AXES = 2, 3


def awake(xs: Tensor, mask: Tensor | None) -> Tensor:
    """Return a sequence with zeros where a row sleeps: what lies there may be anything, even not a number.

    Shapes: `xs` `[T, B, ...]`, `mask` `[T, B]` of bool, or None where no row sleeps.

    >>> awake(torch.tensor([[1.0, torch.nan]]), torch.tensor([[True, False]]))
    tensor([[1., 0.]])
    """
    if mask is None:
        return xs
    return torch.where(mask.reshape(*mask.shape, *[1] * (xs.dim() - mask.dim())), xs, 0)


def harmless(state: State, wakes: Tensor) -> State:
    """Return a state with zeros in the rows that sleep, `wakes` `[B]` being false there.

    What is computed of them is thrown away; were their own numbers not finite, its gradient would be none either.
    """
    return map_leaves(lambda leaf: awake(leaf, wakes) if leaf.is_floating_point() else leaf, state)


class Recurrent(nn.Module, ABC, Generic[State]):
    """A recurrence as a value: its state is given and returned, never kept.

    `features` is the width of an input and `units` the width of an output.
    """

    features: int
    units: int

    recurrence: str | None = None
    "The name under which `statewise.kernels` knows this recurrence, or None."

    gate_names: tuple[str, ...] = ()
    """The names of its sigmoids, in the order in which `step` computes them: how `statewise.insight` calls its gates.

    "" stands for a sigmoid that is not a gate. Without names gates are numbered.
    """

    takes_context: bool = False
    "Whether `initial` is written to make the first state from a `context` as well."

    @abstractmethod
    def initial(self, rows: int) -> State:
        """Return the state before anything has been seen, for `rows` rows."""

    @abstractmethod
    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Read one input. Shapes: `x` `[B, D]`; returns `y` `[B, H]` and the next state."""

    @abstractmethod
    def scan(
        self, xs: Tensor, state: State, *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Read a sequence, exactly as repeated steps would.

        Shapes: `xs` `[T, B, D]`; `reset`, `mask` `[T, B]` of bool; returns `ys` `[T, B, H]` and the last state.
        Where `reset` is true the row resets before that input; where `mask` is false the row sleeps: its
        state stays and its output is zero, and a reset there is not heeded. Where `initial` draws random numbers, a
        scan with `reset` draws the same once, and one without draws none: so it does not matter what is around it.
        """

    def forward(
        self, xs: Tensor, state: State, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Read a sequence: `scan` under the name by which PyTorch calls a module."""
        return self.scan(xs, state, reset=reset, mask=mask)

    def check(
        self, xs: Tensor, state: State, reset: Tensor | None = None, mask: Tensor | None = None, *, kind: type = object
    ) -> None:
        """Raise `UsageError`, saying what is wrong, where what is to be read does not fit this recurrence.

        `kind` is the class of this recurrence's states, where it has one of its own.
        """
        name = type(self).__name__
        if xs.dim() != SCAN_AXES or xs.shape[-1] != self.features:
            raise UsageError(f"{name} reads sequences [T, B, {self.features}] but was given {list(xs.shape)}")
        check_type(name, self, xs)
        check_kind(name, state, kind)
        given = count_rows(state)
        if leaves(state) and given != xs.shape[1]:
            hint = " (time comes first: [T, B, D], not [B, T, D])" if given == xs.shape[0] else ""
            raise UsageError(f"{name} was given {xs.shape[1]} rows to read but a state of {given}{hint}")
        check_places(name, "reset", reset, xs)
        check_places(name, "mask", mask, xs)

    def blank(self, *shape: int) -> Tensor:
        """Return zeros with the type and device of this recurrence's weights or buffers: the usual first state."""
        like = first_of_numbers(self)
        return torch.zeros(shape) if like is None else like.new_zeros(shape)


def begin(recurrent: Recurrent[State], rows: int, context: Any = None) -> State:
    """Return a recurrence's first state, made from a context where the recurrence, or a part of it, reads one."""
    if context is None or not reads_context(recurrent):
        return recurrent.initial(rows)
    return cast(State, cast(Any, recurrent).initial(rows, context=context))


def reads_context(recurrent: Recurrent[Any]) -> bool:
    """Tell whether a recurrence, or a part of it, makes its first state from a context."""
    return any(isinstance(part, Recurrent) and part.takes_context for part in recurrent.modules())


class Cell(Recurrent[State], ABC):
    """One step of a recurrence, from which reading a whole sequence follows.

    An author writes `initial` and `step`. Where a kernel computes the same recurrence faster, `recurrence` names it
    and `weights` gives it what it needs; the loop over `step` stays the specification.
    """

    loses_candidates: bool = False
    "Whether `step` takes as `kept` by what its candidate, what a step may add to its memory, is multiplied."

    def weights(self) -> tuple[Tensor, ...]:
        """Return the weights in the order in which the kernel takes them."""
        return ()

    @final
    def scan(
        self, xs: Tensor, state: State, *, reset: Tensor | None = None, mask: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Read a sequence `[T, B, D]`: by the fastest kernel that takes these tensors, else step by step."""
        self.check(xs, state, reset, mask)
        fresh = self.initial(0 if reset is None else xs.shape[1])
        check_state(type(self).__name__, state, fresh)
        fresh = state if reset is None else fresh
        if self.recurrence is not None:
            given = ScanInputs(xs, leaves(state), leaves(fresh), self.weights(), reset, mask)
            op = choose(self.recurrence, given)
            if op is not None:
                ys, last = op.run(given)
                return ys, rebuild(state, last)
        return self._loop(xs, state, fresh, reset, mask)

    @property
    def kernel(self) -> str:
        """The kernel that reads a sequence of the type of this cell's weights, where no row sleeps."""
        if self.recurrence is None:
            return "reference"
        with torch.random.fork_rng(devices=[]):  # a state may be drawn, and a training goes on with the same numbers
            state = leaves(self.initial(1))
        given = ScanInputs(self.blank(1, 1, self.features), state, state, self.weights(), None, None)
        op = choose(self.recurrence, given)
        return op.kernel if op else "reference"

    def _loop(
        self, xs: Tensor, state: State, fresh: State, reset: Tensor | None, mask: Tensor | None
    ) -> tuple[Tensor, State]:
        xs = awake(xs, mask)
        ys = []
        for t, x in enumerate(xs):
            begun = state if reset is None else where_rows(reset[t], fresh, state)
            if mask is None:
                y, state = self.step(x, begun)
            else:
                y, new = self.step(x, harmless(begun, mask[t]))
                y, state = awake(y, mask[t]), where_rows(mask[t], new, state)
            ys.append(y)
        return (torch.stack(ys) if ys else xs.new_zeros(0, xs.shape[1], self.units)), state
