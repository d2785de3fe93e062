"""A compiled model: its weights are packed, packed again after they change, and run in one native call."""

import threading
from array import array
from collections.abc import Callable
from typing import Any, TypeVar, final
from weakref import WeakKeyDictionary, ref

import torch
from torch import Tensor, nn

from statewise.bounds import code
from statewise.cells import Recurrent
from statewise.encoders.encoder import as_numbers
from statewise.errors import UsageError
from statewise.kernels import allowed, native
from statewise.model import Model
from statewise.program.freshness import WHOLE, watch
from statewise.program.packed import Packed, StaleError
from statewise.program.plan import ABSENT, STORAGES
from statewise.program.state_layout import PackedState
from statewise.registry import unknown
from statewise.sampling import WORD, SamplingRule, check_writing

Compilable = Model[Any] | Recurrent[Any]
Result = TypeVar("Result")


class Declined(UsageError):
    """The model has changed so that the program cannot run it; the model itself can."""


def compile(model: Compilable, storage: str = "float32") -> "Program":
    """Return a model as a step program, its weights kept as `float32`, `bfloat16` or `int8`.

    A model has an embedding, a linear map or nothing as its encoder, plain cells in chains, with residuals and dropout
    as they like, and a categorical head; a bare recurrence gives its outputs. Weights as `bfloat16` take half of the
    memory, as `int8`, with a scale for each row, a quarter; sums are made in float32, or exactly.

    Raises `UsageError` that says which part native code does not know.

    >>> from statewise.cells import LSTM
    >>> from statewise.heads import Categorical
    >>> model = Model(nn.Embedding(10, 5), LSTM(5, 4), Categorical(4, 10)).eval()
    >>> logits, state = compile(model, "int8").step(torch.tensor([3, 1]), model.begin(rows=2))
    >>> logits.shape, state.cell.shape
    (torch.Size([2, 10]), torch.Size([2, 4]))
    """
    return Program(model, storage)


_made: "WeakKeyDictionary[nn.Module, dict[str, Program]]" = WeakKeyDictionary()


def program_of(model: Model[Any], storage: str = "float32") -> "Program | None":
    """Return a model's program, made once and kept as long as the model, or None where there can be none here."""
    if storage not in STORAGES:
        raise UsageError(unknown("storage", storage, STORAGES))
    if native.Program is None or not allowed("native"):
        return None
    programs = _made.setdefault(model, {})
    if storage not in programs:
        programs[storage] = Program._of(ref(model), storage)
    program = programs[storage]
    return program if program._packed is not None or program.applies() else None


@final
class Program:
    """A model in one native object; states go in and come out as the model's own. See `compile`.

    What comes out for one row depends on no other row, to the last bit. It computes what the model does in evaluation,
    and no gradients. Every call looks at the model first: where weights or parts have changed they are packed again
    (`statewise.program.freshness` says what is seen when), and where it is no longer known `Declined`, a `UsageError`,
    is raised. Threads may share it.
    """

    def __init__(self, model: Compilable, storage: str = "float32") -> None:
        self._begin(lambda: model, storage)
        self._look()

    @classmethod
    def _of(cls, model: Callable[[], Compilable | None], storage: str) -> "Program":
        """Return a program that does not keep its model, and may have none of its parts known yet."""
        program = cls.__new__(cls)
        program._begin(model, storage)
        return program

    def _begin(self, model: Callable[[], Compilable | None], storage: str) -> None:
        if storage not in STORAGES:
            raise UsageError(unknown("storage", storage, STORAGES))
        if native.Program is None:
            raise UsageError(ABSENT)
        self.storage, self._model, self._lock = storage, model, threading.RLock()
        self._packed: Packed | None = None
        self._refused: tuple[Any, str] | None = None

    @property
    def choices(self) -> int:
        """How many numbers it reads; 0 where it reads vectors."""
        return self._known().choices

    @property
    def inputs(self) -> int:
        """How wide the vectors are that it reads."""
        return self._known().inputs

    @property
    def outputs(self) -> int:
        """How many logits, or outputs, it gives for each row."""
        return self._known().outputs

    @property
    def packed(self) -> object:
        """What stands for the weights as they were last packed: another object where they were packed again."""
        return self._packed

    @property
    def writes(self) -> bool:
        """Whether it can make choices: where the model, as it was last seen, reads numbers."""
        return self._packed is not None and self._packed.choices > 0

    @property
    def bytes(self) -> int:
        """How many bytes the packed weights take."""
        return int(self._known().native.bytes)

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Read one input for each row and return the logits `[B, V]` and the next state.

        Shapes: `x` `[B]` of whole numbers or `[B, D]`. Raises `UsageError` for what the model cannot read.
        """
        return self._run(lambda packed, look: packed.step(x, state, look=look))

    def score(self, inputs: Tensor, targets: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Read a sequence and return what each target cost in nats `[T]`, and the last state, of one row.

        Shapes: `inputs` `[T]` of whole numbers or `[T, D]`, `targets` `[T]`. Raises `UsageError` for what does not fit.
        """
        if targets.shape != inputs.shape[:1] or targets.dtype != torch.int64:
            raise UsageError(
                f"{inputs.shape[0]} inputs need as many targets, of int64: {list(targets.shape)} were given"
            )
        targets, outputs = targets.cpu().contiguous(), self.outputs
        if targets.numel() and not 0 <= int(targets.min()) <= int(targets.max()) < outputs:
            raise UsageError(f"a target is not one of the {outputs} choices: give numbers from 0 to {outputs - 1}")
        place = self.place(state)
        _, nats, place = self._run(lambda packed, look: packed.read(inputs, place, targets, look=look))
        assert nats is not None
        return nats, place.state

    def sample(
        self, logits: Tensor, state: Any, steps: int, rule: SamplingRule | None = None, *, seed: int, first: int = 0
    ) -> tuple[Tensor, Tensor, Any]:
        """Choose from logits `[V]`, read the choice, and so on; choices `[steps]`, the last logits and state.

        Choice n takes number `first + n` of the seed's stream, as `decode.sample` does. Raises `UsageError` where the
        choices are not what the model reads, or odds are not numbers.
        """
        choices, logits, place = self.write(logits, self.place(state), steps, rule or SamplingRule(), seed, first)
        return torch.tensor(choices, dtype=torch.int64), logits, place.state

    def place(self, state: Any) -> PackedState:
        """Lay a state of one row out for `push`, `read` and `write`. Raises `UsageError` for another model's state."""
        return self._look().layout.place(state)

    def state(self, place: PackedState) -> Any:
        """Return the state at a place."""
        return place.state

    def push(self, x: Any, place: PackedState) -> tuple[Tensor, PackedState]:
        """Read one input, a number or a vector `[D]`: the logits `[V]`, and the place after it."""
        packed = self._packed or self._look()
        if not packed.choices:
            vector = as_numbers(x)
            return packed.push_vector(vector, place) or self.read(vector.unsqueeze(0), place)
        number = x if type(x) is int and 0 <= x < packed.choices else code(x, self._look().choices)
        try:
            return packed.push(number, place)
        except StaleError:
            return self._look(WHOLE).push(number, place, look=False)
        except UsageError:
            if packed is self._look(WHOLE):
                raise
            return self.push(number, place)

    def read(self, xs: Tensor, place: PackedState) -> tuple[Tensor, PackedState]:
        """Read inputs `[T]` or `[T, D]`, at least one: the logits `[V]` after the last, and the place there."""
        outputs, _, place = self._run(lambda packed, look: packed.read(xs, place, look=look))
        return outputs, place

    def write(
        self, logits: Tensor, place: PackedState, steps: int, rule: SamplingRule, seed: int, first: int
    ) -> tuple["array[int]", Tensor, PackedState]:
        """Do what `sample` does, from a place."""
        check_writing(steps, seed, first)
        return self._run(lambda packed, look: packed.write(logits, place, steps, rule, seed & WORD, first, look=look))

    def applies(self, *, whole: bool = False) -> bool:
        """Tell whether it computes what the model does now, with its weights as they are now.

        With `whole`, all of the weights are read for that, and not only a part of them.
        """
        try:
            self._look(WHOLE if whole else 1)
        except Declined:
            return False
        return True

    def _known(self) -> Packed:
        return self._packed or self._look()

    def _run(self, call: Callable[[Packed, bool], Result]) -> Result:
        packed = self._packed or self._look()
        try:
            return call(packed, True)
        except StaleError:
            return call(self._look(WHOLE), False)
        except UsageError:
            if packed is self._look(WHOLE):  # else what was given may be right for the model as it is now
                raise
            return self._run(call)

    def _look(self, parts: int = 1) -> Packed:
        """Return the model as it is now, packed. Raises `Declined` where that cannot be."""
        with self._lock:
            packed = self._packed
            found = native.CHANGED if packed is None else packed.watch.look(parts)
            if packed is None or found == native.CHANGED:
                packed = self._packed = self._pack()
                found = packed.watch.look(0)
            if found != native.NOT_NOW:
                return packed
        if any(part.training for part in packed.plan.noisy):
            raise Declined("a step program computes evaluation, but the model is in training: call model.eval()")
        raise Declined("a step program computes in float32, but autocast is on here: use model.step")

    def _pack(self) -> Packed:
        if self._refused is not None and self._refused[0].look(0) != native.CHANGED:
            raise Declined(self._refused[1])
        model, layout = self._model(), self._packed.layout if self._packed else None
        if model is None:
            raise Declined("the model is gone that this program was made of: keep it")
        self._packed = self._refused = None
        try:
            return Packed(model, self.storage, layout)
        except UsageError as error:
            self._refused = watch(model, None), str(error)
            raise Declined(str(error)) from None
