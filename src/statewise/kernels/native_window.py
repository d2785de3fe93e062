"""An LSTM that reads the glimpse of a Gaussian window, and the window that it moves, over a sequence in native code."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from statewise.kernels.extension import ABILITIES, _native
from statewise.kernels.native import CELLS, are_places, weight_shapes
from statewise.kernels.native_tensors import address, addresses, is_readable, padded, room, rows_first, whole
from statewise.kernels.op import Leaves, Op, ScanInputs

GATES, HILL_NUMBERS = 4, 3
"Of a unit, and of a hill: its height, its width and its move."
LEAVES, OWN, QUERY = 6, 4, 2
"Tensors of a state, those of them that a step makes itself, and weights of a query."
MOST_CELL_WEIGHTS = 4
CELLS_WITH_WINDOW = ("lstm", "peephole_lstm")
"The recurrences whose window native code moves."
MOST = 2**26
"No width may be larger: native code numbers what lies in a row by 32 bits."


class WindowState(NamedTuple):
    """A state in the order of its leaves: that of the LSTM, the memory, the window's position, the last glimpse."""

    hidden: Tensor
    cell: Tensor
    values: Tensor
    mask: Tensor
    position: Tensor
    glimpse: Tensor

    @property
    def own(self) -> tuple[Tensor, ...]:
        """What a step makes itself, in the order of native code."""
        return self.hidden, self.cell, self.glimpse, self.position


class WindowSizes(NamedTuple):
    """Numbers of an input, of a hidden value and of a glimpse; hills; and vectors of the memory."""

    inputs: int
    units: int
    glimpse: int
    hills: int
    places: int

    @classmethod
    def of(cls, given: ScanInputs) -> Self:
        """Return the sizes that the inputs and the state have."""
        hidden, _, values, _, position, _ = given.state
        return cls(given.xs.shape[2], hidden.shape[1], values.shape[2], position.shape[1], values.shape[1])

    def states(self, rows: int) -> list[tuple[int, ...]]:
        """Return the shapes of a state's leaves."""
        cell, memory = (rows, self.units), (rows, self.places)
        return [cell, cell, (*memory, self.glimpse), memory, (rows, self.hills), (rows, self.glimpse)]

    def weights(self, cell: str) -> list[tuple[int, ...]]:
        """Return the shapes of the weights of such a cell and of its query, in the order of `Cell.weights`."""
        asked = HILL_NUMBERS * self.hills
        own = weight_shapes(cell, self.inputs + self.glimpse, self.units, self.units)
        return [*own, (asked, self.units), (asked,)]


class NativeWindow(NamedTuple):
    """One cell with a window."""

    cell: str
    kernel: str = "native"

    def takes(self, given: ScanInputs) -> bool:
        """Take float32 on a CPU, of the shapes that it reads, where there is anything to compute.

        A row that begins again within the sequence has a memory of one vector of zeros.
        """
        if len(given.state) != LEAVES or len(given.fresh) != LEAVES:
            return False
        tensors = (given.xs, *given.state, *given.fresh, *given.weights)
        masks = WindowState(*given.state).mask, WindowState(*given.fresh).mask
        kinds = [torch.bool if any(tensor is mask for mask in masks) else torch.float32 for tensor in tensors]
        plain = all(
            tensor.dtype is kind and tensor.device.type == "cpu" for tensor, kind in zip(tensors, kinds, strict=True)
        )
        some = all(tensor.numel() for tensor in (given.xs, *given.state))
        return plain and some and is_readable(tensors) and self._fits(given)

    def _fits(self, given: ScanInputs) -> bool:
        """Tell whether every tensor is as large as native code will believe."""
        if [leaf.dim() for leaf in given.state] != [2, 2, 3, 2, 2, 2]:
            return False
        (steps, rows, _), sizes = given.xs.shape, WindowSizes.of(given)
        state, weights = ([tuple(one.shape) for one in of] for of in (given.state, given.weights))
        if state != sizes.states(rows) or weights != sizes.weights(self.cell) or max(sizes) > MOST:
            return False
        fresh = [tuple(leaf.shape) for leaf in given.fresh]
        blank = fresh == sizes._replace(places=1).states(rows) and not bool(WindowState(*given.fresh).values.any())
        return (given.reset is None or blank) and are_places(given, steps, rows)

    def run(self, given: ScanInputs) -> tuple[Tensor, Leaves]:
        """Return the outputs `[T, B, H + G]` and the last state."""
        call, state = WindowScan(self.cell, given), WindowState(*given.state)
        fresh = () if given.reset is None else WindowState(*given.fresh).own
        tensors = [whole(one) for one in (state.values, *state.own, *fresh, *given.weights)]
        if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (given.xs, *tensors)):
            ys, *last = _Window.apply(call, given.xs, *tensors)  # type: ignore[no-untyped-call]
        else:
            ys, *last = call.forward(rows_first(given.xs), tensors, WindowRecord.of(call, kept=False))
        hidden, cell, glimpse, position = last
        return ys, WindowState(hidden, cell, *_memory_after(given), position, glimpse)


def _memory_after(given: ScanInputs) -> tuple[Tensor, Tensor]:
    """Return the memory of the last state: that of the first one, but of rows that began again."""
    state, fresh = WindowState(*given.state), WindowState(*given.fresh)
    if given.reset is None:
        return state.values, state.mask
    heeded = given.reset if given.mask is None else given.reset & given.mask
    begun = heeded.any(dim=0)
    if not bool(begun.any()):
        return state.values, state.mask
    mask = pad(fresh.mask, (0, state.mask.shape[1] - 1))
    return state.values.masked_fill(begun[:, None, None], 0.0), torch.where(begun[:, None], mask, state.mask)


class WindowRecord(NamedTuple):
    """What a forward pass lays down, as native code says, and whether a backward pass will come for it."""

    kept: bool
    tensors: tuple[Tensor, ...]

    @classmethod
    def of(cls, call: "WindowScan", *, kept: bool) -> Self:
        """Return room for a run."""
        sizes, rows = call.sizes, call.rows
        pairs = call.when.pairs if kept else rows
        states, units = 2 * rows + (pairs if kept else 0), padded(sizes.units)
        widths = (units, units, padded(sizes.glimpse), padded(sizes.hills))
        lines = GATES * units + _native.PANEL, padded(sizes.inputs + sizes.glimpse), HILL_NUMBERS * padded(sizes.hills)
        return cls(kept, (*(room(states, width) for width in widths), *(room(pairs, width) for width in lines)))


class WindowScan:
    """One run over one sequence: which rows are awake at which step, what they look at, and all sizes."""

    def __init__(self, cell: str, given: ScanInputs) -> None:
        self.cell, self.weights = CELLS.index(cell), len(given.weights)
        self.steps, self.rows, _ = given.xs.shape
        self.sizes = WindowSizes.of(given)
        self.there = whole(WindowState(*given.state).mask)
        self.fresh = 0 if given.reset is None else OWN
        places = [None if of is None else of.contiguous() for of in (given.reset, given.mask)]
        self.when = _native.Schedule(self.steps, self.rows, *(address(of) for of in places))
        self.everywhere = self.when.pairs == self.steps * self.rows

    def _given(self, tensors: Sequence[Tensor]) -> list[int]:
        """Return the addresses of the weights and the memory."""
        return [*self._weights(tensors), tensors[0].data_ptr(), self.there.data_ptr()]

    def _weights(self, tensors: Sequence[Tensor]) -> list[int]:
        """Return the addresses of the cell's weights, of which it may have fewer, and the query's."""
        weights = tensors[len(tensors) - self.weights :]
        return [*addresses(weights[:-QUERY], MOST_CELL_WEIGHTS), *addresses(weights[-QUERY:], QUERY)]

    def forward(self, xs: Tensor, tensors: Sequence[Tensor], record: WindowRecord) -> tuple[Tensor, ...]:
        """Read the sequence; returns outputs and what of the last state is new."""
        shape = self.steps, self.rows, self.sizes.units + self.sizes.glimpse
        ys = room(*shape) if self.everywhere else xs.new_zeros(shape)
        states = addresses(tensors[1 : 1 + OWN + self.fresh], 2 * OWN)
        into = addresses(record.tensors, len(record.tensors))
        threads = torch.get_num_threads()
        sizes, of = (self.cell, *self.sizes), self._given(tensors)
        given, to = (xs.data_ptr(), xs.stride(1), states), ys.data_ptr()
        _native.window_forward(sizes, of, self.when, *given, into, record.kept, to, threads)
        return ys, *self._last(record)

    def _last(self, record: WindowRecord) -> list[Tensor]:
        sizes, last = self.sizes, []
        widths = sizes.units, sizes.units, sizes.glimpse, sizes.hills
        for states, width in zip(record.tensors[:OWN], widths, strict=True):
            last.append(states.new_empty(self.rows, width))
            _native.last(self.when, width, states.data_ptr(), record.kept, last[-1].data_ptr())
        return last

    def backward(
        self,
        record: Sequence[Tensor],
        tensors: Sequence[Tensor],
        grads: Sequence[Tensor | None],
        *,
        of_xs: bool,
        of_values: bool,
    ) -> tuple[Tensor | None, ...]:
        """Return the gradients of the inputs, the memory, the first and fresh states, and the weights."""
        width = self.sizes.units + self.sizes.glimpse
        outputs = tensors[0].new_zeros(1, 1, width).expand(1, 1, -1) if grads[0] is None else rows_first(grads[0])
        stride = 0 if grads[0] is None else outputs.stride(1)
        last = [None if grad is None else whole(grad) for grad in grads[1:]]
        shape = self.steps, self.rows, self.sizes.inputs
        to_xs = None if not of_xs else room(*shape) if self.everywhere else outputs.new_zeros(shape)
        to = [torch.empty_like(tensor) for tensor in tensors[1:]]
        to_values = torch.empty_like(tensors[0]) if of_values else None
        to_states = addresses(to[: OWN + self.fresh], 2 * OWN)
        _native.window_backward(
            (self.cell, *self.sizes),
            self._given(tensors),
            self.when,
            addresses(record, len(record)),
            outputs.data_ptr(),
            stride,
            addresses(last, OWN),
            [address(to_xs), *self._weights(to), address(to_values), *to_states],
            torch.get_num_threads(),
        )
        return to_xs, to_values, *to


class _Window(torch.autograd.Function):
    """Native code under PyTorch's differentiation."""

    @staticmethod
    def forward(ctx: Any, call: WindowScan, xs: Tensor, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Read the sequence and keep what the backward pass needs."""
        record = WindowRecord.of(call, kept=True)
        results = call.forward(rows_first(xs), tensors, record)
        ctx.call, ctx.given = call, len(tensors)
        ctx.save_for_backward(*tensors, *record.tensors)
        ctx.set_materialize_grads(False)
        return results

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        """Bring the gradients of outputs and last state back to everything that was given."""
        tensors, record = ctx.saved_tensors[: ctx.given], ctx.saved_tensors[ctx.given :]
        _, of_xs, of_values = ctx.needs_input_grad[:3]
        return None, *ctx.call.backward(record, tensors, grads, of_xs=of_xs, of_values=of_values)


OPS: dict[str, list[Op]] = {}
if "windowed_lstm" in ABILITIES:
    OPS = {f"windowed_{cell}": [NativeWindow(cell)] for cell in CELLS_WITH_WINDOW}
