"""The native kernels: one call for the forward pass over a whole sequence, and one for the backward pass.

They compute float32 on a CPU. Rows that sleep cost nothing: only the pairs of a row and a step at which it is awake are
laid out and computed. The bits of a row's result depend neither on the other rows nor on the number of threads.
"""

from collections.abc import Sequence as Several
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from statewise.kernels.extension import _native
from statewise.kernels.native_tensors import address, addresses, is_readable, padded, room, rows_first, whole
from statewise.kernels.op import Leaves, Op, ScanInputs

Program = None if _native is None else _native.Program
"A whole model in native code, or None where that is not installed; `statewise.program` makes them."
Watch = None if _native is None else _native.Watch
"What sees that a model is no longer as it was when a program was made of it."
CHANGED, NOT_NOW = (0, 0) if _native is None else (_native.CHANGED, _native.NOT_NOW)
"What a watch finds: another model, or one that computes something else for the moment."

CELLS = [
    *("elman_tanh", "elman_relu", "lstm", "peephole_lstm", "coupled_lstm", "lstm_1997", "gru"),
    *("gru_reset_before", "layer_norm_lstm", "layer_norm_gru", "projected_lstm"),
    *("zoneout_lstm", "zoneout_coupled_lstm", "zoneout_gru"),
]
"The recurrences that native code knows, in the order of its own list."


MOST_PLACES = 2**31 - 1
"Places and states of a sequence are numbered by 32 bits."


def multiply_adds(times: int) -> float:
    """Multiply and add in registers so many times, and return how many floating-point operations that were."""
    return float(_native.multiply_adds(times))


def product(left: Tensor, right: Tensor, out: Tensor) -> None:
    """Put `left` `[M, K]` times the transpose of `right` `[N, K]` into `out` `[M, N]`: as kernels multiply."""
    addresses = left.data_ptr(), right.data_ptr(), out.data_ptr()
    rows, columns = out.shape
    if left.shape != (rows, left.shape[1]) or right.shape != (columns, left.shape[1]):
        raise ValueError(f"{list(left.shape)} by {list(right.shape)} is not a product of {list(out.shape)}")
    _native.product(*addresses, rows, columns, left.shape[1], torch.get_num_threads())


def note_step(*_: object) -> None:
    """Let every watch know that an optimizer took a step; PyTorch calls it after each."""
    _native.note_step()


def weight_shapes(recurrence: str, features: int, units: int, memory_units: int) -> list[tuple[int, ...]]:
    """Return the shapes of a recurrence's weights, in the order in which `Cell.weights` gives them.

    >>> weight_shapes("lstm", features=5, units=4, memory_units=4)
    [(16, 5), (16, 4), (16,)]
    """
    gates, *_, extra = _native.form(CELLS.index(recurrence))
    sums = gates * memory_units
    shapes: list[tuple[int, ...]] = [(sums, features), (sums, units), (sums,)]
    if recurrence == "projected_lstm":
        return [*shapes, (units, memory_units)]
    return [*shapes, (extra * units,)] if extra else shapes


def are_places(given: ScanInputs, steps: int, rows: int) -> bool:
    """Tell whether resets and mask are of so many steps and rows, and no more than native code can number."""
    of = [places for places in (given.reset, given.mask) if places is not None]
    fit = all(tuple(places.shape) == (steps, rows) for places in of)
    plain = all(places.dtype == torch.bool and places.device.type == "cpu" for places in of)
    return fit and plain and (steps + 2) * rows < MOST_PLACES


class NativeOp(NamedTuple):
    """One recurrence in native code."""

    cell: int
    kernel: str = "native"

    def takes(self, given: ScanInputs) -> bool:
        """Take float32 on a CPU, of the shapes that it reads, where there is anything to compute."""
        tensors = (given.xs, *given.state, *given.fresh, *given.weights)
        plain = all(tensor.dtype == torch.float32 and tensor.device.type == "cpu" for tensor in tensors)
        some = given.xs.numel() > 0 and all(leaf.numel() for leaf in given.state)
        return plain and some and self._fits(given) and is_readable(tensors)

    def _fits(self, given: ScanInputs) -> bool:
        """Tell whether every tensor is as large as native code will believe."""
        (steps, rows, features), form = given.xs.shape, _native.form(self.cell)
        if any(leaf.dim() != 2 for leaf in (*given.state, *given.fresh)) or len(given.state) != 1 + form[1]:
            return False
        units, memory_units = given.state[0].shape[1], given.state[-1].shape[1]
        states = [(rows, units), (rows, memory_units)][: len(given.state)]
        shapes = weight_shapes(CELLS[self.cell], features, units, memory_units)
        found = [[tuple(tensor.shape) for tensor in tensors] for tensors in (given.state, given.fresh, given.weights)]
        return found == [states, states, shapes] and are_places(given, steps, rows)

    def run(self, given: ScanInputs) -> tuple[Tensor, Leaves]:
        """Return the outputs `[T, B, H]` and the last state."""
        return CellScan(self.cell, given).run(given)


class _Record:
    """What a forward pass lays down, and whether a backward pass will come for it."""

    hidden: Tensor
    memory: Tensor | None = None
    gates: Tensor | None = None
    inner: Tensor | None = None

    def __init__(self, *, kept: bool = False) -> None:
        self.kept = kept

    def tensors(self) -> tuple[Tensor | None, ...]:
        """Return what was laid down, in the order in which native code takes it."""
        return self.hidden, self.memory, self.gates, self.inner


class CellScan:
    """One run over one sequence: which rows are awake at which step, and all sizes."""

    rate = 0.0
    changes: Tensor | None = None
    "Of a cell that loses something at random: how much, and what is not lost, if that was drawn."

    def __init__(self, cell: int, given: ScanInputs) -> None:
        self.steps, self.rows, features = given.xs.shape
        self.units = given.state[0].shape[1]
        self.memory_units = given.state[-1].shape[1]
        self.sizes = (cell, features, self.units, self.memory_units)
        self.gates, self.memories, inner, moments, _ = _native.form(cell)
        self.width, self.memory_width = padded(self.units), padded(self.memory_units)
        self.inner = inner * self.memory_width + moments
        self.states, self.fresh = len(given.state), 0 if given.reset is None else len(given.fresh)
        places = [None if of is None else of.contiguous() for of in (given.reset, given.mask)]
        self.when = _native.Schedule(self.steps, self.rows, *(address(of) for of in places))
        self.everywhere = self.when.pairs == self.steps * self.rows

    def run(self, given: ScanInputs) -> tuple[Tensor, Leaves]:
        """Return the outputs and the last state, with gradients where they are needed."""
        tensors = [whole(tensor) for tensor in (*given.state, *given.fresh[: self.fresh], *given.weights)]
        if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (given.xs, *tensors)):
            ys, *last = _Recurrence.apply(self, given.xs, *tensors)  # type: ignore[no-untyped-call]
        else:
            ys, *last = self.forward(rows_first(given.xs), tensors, _Record())
        return ys, tuple(last)

    def split(self, tensors: Several[Tensor]) -> tuple[list[int], list[int]]:
        """Return the addresses of the first and fresh states, hidden before memory, and of the weights."""
        first, fresh = tensors[: self.states], tensors[self.states : self.states + self.fresh]
        weights = tensors[self.states + self.fresh :]
        return [*addresses(first, 2), *addresses(fresh, 2)], addresses(weights, 4)

    def forward(self, xs: Tensor, tensors: Several[Tensor], record: _Record) -> tuple[Tensor, ...]:
        """Read the sequence; returns outputs and the last state."""
        numbers, pairs = 2 * self.rows + self.when.pairs, self.when.pairs
        record.hidden = room(numbers, self.width)
        if self.memories:
            record.memory = room(numbers if record.kept else 2 * self.rows, self.memory_width)
        if record.kept:
            record.gates = room(pairs, self.gates * self.memory_width + _native.PANEL)
            record.inner = room(pairs, self.inner) if self.inner else None
        states, weights = self.split(tensors)
        into = addresses(record.tensors(), 4)
        threads = torch.get_num_threads()
        _native.forward(
            self.sizes, weights, self.when, xs.data_ptr(), xs.stride(1), states, into, self._drawn(), threads
        )
        return self._outputs(record.hidden), *self._last(record)

    def _drawn(self) -> tuple[float, int]:
        return self.rate, address(self.changes)

    def _outputs(self, hidden: Tensor) -> Tensor:
        if self.everywhere:
            outputs = hidden[2 * self.rows :].view(self.steps, self.rows, self.width)
            return outputs if self.width == self.units else outputs[..., : self.units]
        ys = hidden.new_zeros(self.steps, self.rows, self.units)
        _native.spread(self.when, self.units, hidden.data_ptr(), ys.data_ptr())
        return ys

    def _last(self, record: _Record) -> list[Tensor]:
        last = []
        whole = (record.hidden, self.units, True), (record.memory, self.memory_units, record.kept)
        for states, units, numbered in whole:
            if states is not None:
                last.append(states.new_empty(self.rows, units))
                _native.last(self.when, units, states.data_ptr(), numbered, last[-1].data_ptr())
        return last

    def backward(
        self, saved: Several[Tensor | None], tensors: Several[Tensor], grads: Several[Tensor | None], *, of_xs: bool
    ) -> tuple[Tensor | None, ...]:
        """Return the gradients of the input, the first and fresh states and the weights."""
        xs, *record = saved
        assert xs is not None
        outputs = xs.new_zeros(1, 1, self.units).expand(1, 1, -1) if grads[0] is None else rows_first(grads[0])
        stride = 0 if grads[0] is None else outputs.stride(1)
        last = [None if grad is None else whole(grad) for grad in grads[1:]]
        to_xs = None if not of_xs else room(*xs.shape) if self.everywhere else xs.new_zeros(xs.shape)
        to = [room(*tensor.shape) if self.when.pairs else torch.zeros_like(tensor) for tensor in tensors]
        to_states, to_weights = self.split(to)
        _, weights = self.split(tensors)
        _native.backward(
            self.sizes,
            weights,
            self.when,
            xs.data_ptr(),
            xs.stride(1),
            addresses(record, 4),
            outputs.data_ptr(),
            stride,
            addresses(last, 2),
            address(to_xs),
            to_weights,
            to_states,
            self._drawn(),
            torch.get_num_threads(),
        )
        return to_xs, *to


class _Recurrence(torch.autograd.Function):
    """Native code under PyTorch's differentiation."""

    @staticmethod
    def forward(ctx: Any, call: CellScan, xs: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Read the sequence and keep what the backward pass needs."""
        record = _Record(kept=True)
        xs = rows_first(xs)
        results = call.forward(xs, tensors, record)
        ctx.call = call
        ctx.save_for_backward(xs, *record.tensors(), *tensors)
        ctx.set_materialize_grads(False)
        return results

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        """Bring the gradients of outputs and last state back to everything that was given."""
        xs, hidden, memory, gates, inner, *tensors = ctx.saved_tensors
        of_xs = ctx.needs_input_grad[1]
        return None, *ctx.call.backward((xs, hidden, memory, gates, inner), tensors, grads, of_xs=of_xs)


OPS: dict[str, list[Op]] = {}
if _native is not None:
    OPS = {name: [NativeOp(number)] for number, name in enumerate(CELLS) if not name.startswith("zoneout_")}
