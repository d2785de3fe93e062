"""One call reads inputs of many sessions, whatever each has to read, and returns where each then is."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from statewise.errors import UsageError
from statewise.model import as_input
from statewise.program import Declined, Program, program_of
from statewise.state import check_rows, leaves, map_leaves
from statewise.stream import Stream

Tell = Callable[[Any, Sequence[Hashable]], Sequence[Any]]
"What is told of each row of a distribution, given how each wants it told."


class StepInputs(NamedTuple):
    """What one session reads: from its bytes, inputs that `check` has passed, and how the outcome is to be told.

    With `each`, what follows every input is told, else what follows the last.
    """

    row: bytes
    inputs: Sequence[Tensor]
    how: Hashable = None
    each: bool = False


class StepResult(NamedTuple):
    """A session after what it read, and what was told."""

    row: bytes
    told: list[Any]


def rows_of(params: Any, hows: Sequence[Hashable]) -> Sequence[Any]:
    """Tell the distribution itself, one row of it for each."""
    return [map_leaves(lambda leaf, at=at: leaf[at], params) for at in range(len(hows))]


@final
class Stepper:
    """Steps many sessions of one model at once.

    Where the model is a step program, a session's result is the same to the last bit alone and in a batch with any
    others. Where it is not, its sessions are stepped one after another, which promises the same; with `rounding` they
    are stepped together all the same, and a result may depend on its company in its last digits.

    >>> from statewise.cells import LSTM
    >>> from statewise.heads import Categorical
    >>> from statewise.model import Model
    >>> stepper = Stepper(Stream(Model(torch.nn.Embedding(10, 5), LSTM(5, 4), Categorical(4, 10)).eval()))
    >>> fresh, x = stepper.fresh(), stepper.check(3)
    >>> one, other = stepper.read([StepInputs(fresh, [x]), StepInputs(fresh, [x, x])])
    >>> stepper.read([StepInputs(one.row, [x])])[0].row == other.row
    True
    """

    def __init__(self, stream: Stream[Any], *, tell: Tell = rows_of, rounding: bool = False) -> None:
        self.stream, self.packing, self._tell, self.rounding = stream, stream.packing(), tell, rounding
        self._model = stream.model

    @property
    def exact(self) -> bool:
        """Whether a session's bits are the same in any company."""
        return not self.rounding or self._program() is not None

    @property
    def together(self) -> bool:
        """Whether sessions are stepped in one call."""
        return self.rounding or self._program() is not None

    def fresh(self) -> bytes:
        """Return a session at its beginning."""
        return self.stream.save()

    def check(self, x: Any) -> Tensor:
        """Return an input as the model reads it. Raises `UsageError` for one that it cannot read."""
        encoded = as_input(self._model, self.stream.encode(x))
        if self._model.step_input.codes:
            return encoded
        encoded = encoded.to(next(self._model.parameters(), torch.empty(0)).dtype)
        if not bool(encoded.isfinite().all()):
            raise UsageError("the input holds what is not a finite number: give numbers")
        self._try(encoded, self._model.core.features)
        return encoded

    def _try(self, encoded: Tensor, features: int) -> None:
        try:
            with torch.no_grad():
                read = self._model.encoder(encoded.unsqueeze(0))
        except (RuntimeError, TypeError, ValueError, IndexError) as error:
            raise UsageError(f"the input cannot be read ({' '.join(str(error).split())})") from None
        if read.shape != (1, features):
            raise UsageError(f"the input is of shape {list(encoded.shape)}, which the model does not read")

    def read(self, readings: Sequence[StepInputs]) -> list[StepResult]:
        """Read what each session has to read, side by side; each needs at least one input.

        Raises `DataError` where the bytes of a session do not hold one row of this model's state.
        """
        program = self._program()
        try:
            if program is not None or self.rounding:
                return self._read(readings, program)
        except Declined:  # the model has changed since
            pass
        return [self._read([reading], None)[0] for reading in readings]

    def _read(self, readings: Sequence[StepInputs], program: Program | None) -> list[StepResult]:
        order = sorted(range(len(readings)), key=lambda at: -len(readings[at].inputs))
        sorted_ = [readings[at] for at in order]
        state, params = self.packing.unpack([reading.row for reading in sorted_])
        check_rows((state, params), len(sorted_), "what the sessions hold together")
        told: list[list[Any]] = [[] for _ in sorted_]
        rows: list[bytes] = [b""] * len(sorted_)
        for step in range(len(sorted_[0].inputs)):
            active = sum(len(reading.inputs) > step for reading in sorted_)
            x = torch.stack([reading.inputs[step] for reading in sorted_[:active]])
            params, state = self._step(x, state, program)
            left = sum(len(reading.inputs) > step + 1 for reading in sorted_)
            self._note(told, sorted_, params, step)
            if left < active:
                rows[left:active] = self.packing.pack(_rows((state, params), left, active))
                state = _rows(state, 0, left)
        outcome = [StepResult(b"", [])] * len(sorted_)
        for at, row, words in zip(order, rows, told, strict=True):
            outcome[at] = StepResult(row, words)
        return outcome

    def _note(self, told: list[list[Any]], readings: Sequence[StepInputs], params: Any, step: int) -> None:
        """Write the output of this step for the requests that want it."""
        asking = [at for at, reading in enumerate(readings) if step < len(reading.inputs) and _tells(reading, step)]
        if not asking:
            return
        whole = len(asking) == leaves(params)[0].shape[0]
        chosen = params if whole else map_leaves(lambda leaf: leaf[torch.tensor(asking)], params)
        for at, words in zip(asking, self._tell(chosen, [readings[at].how for at in asking]), strict=True):
            told[at].append(words)

    def _step(self, x: Tensor, state: Any, program: Program | None) -> tuple[Any, Any]:
        if program is not None:
            return program.step(x, state)
        with torch.no_grad():
            return self._model.step(x, state)

    def _program(self) -> Program | None:
        program = program_of(self._model)
        return program if program is not None and program.applies() else None


def _tells(reading: StepInputs, step: int) -> bool:
    left = len(reading.inputs) - 1 - step
    return left == 0 or (reading.each and left > 0)


def _rows(state: Any, start: int, end: int) -> Any:
    return map_leaves(lambda leaf: leaf[start:end], state)
