"""A network that writes texts as one native object, which writes many of them to their ends in one call."""

from typing import Any, NamedTuple, Self, final
from weakref import WeakKeyDictionary, ref

import torch
from torch import Tensor, nn

from statewise.cells import LSTM, AttentionCell, Cell, ConcatSkip, GaussianWindow, PeepholeLSTM, Recurrent
from statewise.errors import UsageError
from statewise.heads import Strokes
from statewise.heads.strokes import LARGEST_CORRELATION, LARGEST_LOG, PenRule
from statewise.kernels import allowed, native
from statewise.kernels.extension import ABILITIES, _native
from statewise.kernels.native_tensors import addresses, whole
from statewise.model import Model
from statewise.program.compiled import Declined
from statewise.program.freshness import WHOLE, watch
from statewise.program.packed import room
from statewise.program.pen import DONE, NO_ODDS
from statewise.program.plan import ABSENT, STORAGES, Shape, check_own, check_weight
from statewise.registry import unknown
from statewise.state import leaves

STEP = 5
"Numbers of a step of a pen with three states."
MOST_NUMBERS = 2**27
"So many heights of windows can be told in one call."
LSTMS = (LSTM, PeepholeLSTM)
"The cells of which a network that writes may be: one kind in all layers."
OWN, MEMORY = (0, 1, 5, 4), 2
"Of the leaves of the first cell's state: what native code reads and writes, in its order; and where the memory stands."


class TextLimits(NamedTuple):
    """How far each text may go: `limits` `[B]` points; `patience` points at its end; so many strokes in all."""

    limits: Tensor
    patience: int
    strokes: int


class Writings(NamedTuple):
    """What was written of some texts.

    `points` `[B, most, 5]`, of which the first `lengths` `[B]` are a row's. Each point and the end cost `nats`
    `[B, most + 1]`, and `heights` `[B, most + 1, S]` is how much of each letter the window read before it; the first
    `costs` `[B]` of both are a row's. `ended` `[B]` says whether the pen ended it.
    """

    points: Tensor
    nats: Tensor
    heights: Tensor
    lengths: Tensor
    costs: Tensor
    ended: Tensor

    @classmethod
    def of(cls, rows: int, most: int, places: int) -> Self:
        """Return room for so many rows. Raises `UsageError` where one call writes fewer."""
        if rows * (most + 1) * max(places, STEP) > MOST_NUMBERS:
            raise UsageError(f"{rows} texts of {most} points are more than one call writes: ask for fewer")
        kinds = torch.int64, torch.int64, torch.bool
        return cls(
            room(rows, most, STEP),
            room(rows, most + 1, dtype=torch.double),
            room(rows, most + 1, places),
            *(room(rows, dtype=kind) for kind in kinds),
        )


class WriterParts:
    """The parts of a network that writes. Raises `UsageError` that says which one native code does not know."""

    noisy: tuple[nn.Module, ...] = ()

    def __init__(self, model: Model[Any]) -> None:
        self.cell, self.above = _cells(model.core)
        if type(model.head) is not Strokes or model.head.states != STEP - 2 or type(model.encoder) is not nn.Identity:
            raise UsageError(
                "a program that writes reads what a head of strokes with three states draws: use model.step"
            )
        self.head, self.window = model.head, self.cell.attention
        check_own(model)
        own: Any = self.cell.cell
        self.layers: list[Cell[Any]] = [own, *self.above]
        self.weights: list[Tensor] = []
        names = {id(tensor): name for name, tensor in model.named_parameters(remove_duplicate=False)}
        if model.core.features != STEP:
            raise UsageError(f"a pen draws {STEP} numbers, but {model.core.features} are read: use model.step")
        for tensor, shape in self._shapes():
            if id(tensor) not in names or type(tensor) is not nn.Parameter:
                raise UsageError("a weight is made out of others, as by weight_norm or prune: use model.step")
            check_weight(names[id(tensor)], tensor, shape)
            self.weights.append(tensor)

    def _shapes(self) -> list[tuple[Tensor, Shape]]:
        units, glimpse, asked = self.cell.cell.units, self.window.units, 3 * self.window.hills
        own: str = self.cell.cell.recurrence
        found: list[tuple[Tensor, Shape]] = []
        for number, layer in enumerate(self.layers):
            features = STEP + glimpse + (units if number else 0) + (self.layers[number - 1].units if number > 1 else 0)
            shapes = native.weight_shapes(own, features, layer.units, layer.units)
            found += zip(layer.weights(), shapes, strict=True)
        seen = glimpse + sum(layer.units for layer in self.layers)
        sums = 6 * self.head.components + self.head.states
        found += [(self.window.query_weights, (asked, units)), (self.window.bias, (asked,))]
        return [*found, (self.head.linear.weight, (sums, seen)), (self.head.linear.bias, (sums,))]

    def pack(self, storage: str) -> Any:
        """Return them packed in native code, weights kept as `storage` says."""
        held = [tensor.detach().contiguous() for tensor in self.weights]
        given = addresses(held, len(held))
        each = len(self.layers[0].weights())
        layers = [
            (layer.units, [*given[each * n : each * (n + 1)], *[0] * (4 - each)]) for n, layer in enumerate(self.layers)
        ]
        kinds = STORAGES.index(storage), native.CELLS.index(self.layers[0].recurrence or "")
        sizes = *kinds, self.window.units, self.window.hills, 6 * self.head.components + self.head.states
        return _native.Writer(sizes, given[-4:-2], given[-2:], layers)


def _cells(core: Recurrent[Any]) -> tuple[Any, list[Cell[Any]]]:
    """Return the cell with the window, and the LSTMs above it."""
    first: Any
    first, *rest = list(core) if type(core) is ConcatSkip else [core]
    above: list[Any] = list(rest[0]) if len(rest) == 1 and type(rest[0]) is ConcatSkip else rest
    known = type(first) is AttentionCell and type(first.cell) in LSTMS and type(first.attention) is GaussianWindow
    if not known or first.shown or len(rest) > 1 or any(type(layer) is not type(first.cell) for layer in above):
        raise UsageError("a program that writes knows an LSTM with a window, and LSTMs above it: use model.step")
    return first, above


@final
class WritingProgram:
    """A model that writes as a native object: an LSTM with a `GaussianWindow`, LSTMs above, and a head of strokes.

    Weights are kept as `float32`, `bfloat16` or `int8`, as of a step program, those of the window always as they are;
    what has changed is packed again at the next call. Raises `UsageError` that says which part native code does not
    know.
    """

    def __init__(self, model: Model[Any], storage: str = "float32") -> None:
        if storage not in STORAGES:
            raise UsageError(unknown("storage", storage, STORAGES))
        if "writer" not in ABILITIES:
            raise UsageError(ABSENT)
        self.storage, self._model = storage, ref(model)
        self._pack(model)

    def write(self, x: Tensor, state: Any, seeds: Tensor, until: TextLimits, rule: PenRule) -> Writings:
        """Write each row on from a step and a state, to its end or its limits, by its own stream of numbers.

        The pen may end a row where its window is at the last letter of its memory, or past it; it must, lifted, past
        that, or after `patience` steps there. A row follows from its seed alone, whatever rows are next to it. Shapes:
        `x` `[B, 5]`, `seeds` `[B]` of int64. Raises `UsageError` for what does not fit, and where odds are no numbers.
        """
        rule.check()
        parts, program = self._look()
        rows, most = len(seeds), int(until.limits.max()) if len(seeds) else 0
        before, values, letters = self._state(parts, state, rows)
        xs, seeds, limits = (
            whole(one.detach()).to("cpu", kind)
            for one, kind in ((x, torch.float32), (seeds, torch.int64), (until.limits, torch.int64))
        )
        if xs.shape != (rows, STEP) or limits.shape != (rows,) or int(limits.min() if rows else 0) < 0:
            raise UsageError(f"{rows} rows need steps [{rows}, {STEP}] and as many limits, of 0 points or more")
        found = Writings.of(rows, most, values.shape[1])
        done = program.write(
            [rows, values.shape[1]],
            [most, until.patience, until.strokes],
            [parts.head.components, int(rule.softened)],
            [LARGEST_LOG, LARGEST_CORRELATION, float(rule.temperature), float(rule.bias)],
            addresses([xs, values, letters, limits, seeds], 5),
            addresses(before, len(before)),
            addresses(found, len(found)),
            torch.get_num_threads(),
        )
        if done != DONE:
            raise UsageError(NO_ODDS)
        return found

    def _state(self, parts: WriterParts, state: Any, rows: int) -> tuple[list[Tensor], Tensor, Tensor]:
        """Return what native code reads of a state, the memory, and how many letters of it are there."""
        given = [whole(leaf.detach()) for leaf in leaves(state)]
        units, window = [layer.units for layer in parts.layers], parts.window
        values, mask = given[MEMORY], given[MEMORY + 1]
        widths = [units[0], units[0], window.units, window.hills, *(width for width in units[1:] for _ in range(2))]
        own = [given[place] for place in OWN] + given[MEMORY + 4 :]
        letters = mask.sum(dim=1)
        fit = [tuple(leaf.shape) for leaf in own] == [(rows, width) for width in widths]
        fit = fit and tuple(values.shape) == (*mask.shape, window.units) and mask.shape[0] == rows
        plain = all(leaf.dtype == torch.float32 and leaf.device.type == "cpu" for leaf in (*own, values))
        told = torch.arange(mask.shape[1]) < letters.unsqueeze(1)
        if not fit or not plain or not bool((letters > 0).all()) or not torch.equal(told, mask.cpu()):
            raise Declined("a program that writes reads states of float32 on a CPU, each with a text: use model.step")
        return own, values, letters

    def _look(self) -> tuple[WriterParts, Any]:
        if self._watch.look(WHOLE) == native.CHANGED:
            model = self._model()
            if model is None:
                raise Declined("the model is gone that this program was made of: keep it")
            self._pack(model)
        if self._watch.look(0) == native.NOT_NOW:
            raise Declined("a program that writes computes in float32, but autocast is on here: use model.step")
        return self._parts, self._native

    def _pack(self, model: Model[Any]) -> None:
        self._parts = WriterParts(model)
        self._watch: Any = watch(model, self._parts)
        self._native = self._parts.pack(self.storage)


_made: "WeakKeyDictionary[nn.Module, WritingProgram | None]" = WeakKeyDictionary()


def writing_program_of(model: Model[Any]) -> WritingProgram | None:
    """Return a model's program that writes, made once and kept as long as the model, or None where there is none."""
    if not allowed("native"):
        return None
    if model not in _made:
        try:
            _made[model] = WritingProgram(model)
        except UsageError:
            _made[model] = None
    return _made[model]
