"""A model compiled: its weights packed once, and every way to run it in one native call."""

from typing import Any, final
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from statewise.cells import Recurrent
from statewise.cells.checks import check_state
from statewise.choosing import WORD, Rule
from statewise.errors import UsageError
from statewise.kernels import allowed, native
from statewise.model import Model
from statewise.program.place import Layout, Place
from statewise.program.plan import ABSENT, STORAGES, Leaf, Plan, addresses_of
from statewise.registry import unknown
from statewise.state import detach, leaves

UNKNOWN_ODDS = -2


def compile(model: Model[Any] | Recurrent[Any], storage: str = "float32") -> "Program":
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
    if storage not in programs or not programs[storage].is_whole(model):
        try:
            programs[storage] = Program(model, storage)
        except UsageError:
            return None
    return programs[storage]


@final
class Program:
    """A model in one native object; states go in and come out as the model's own. See `compile`.

    What comes out for one row depends on no other row, to the last bit. Where weights have changed they are packed
    again at the next call. It computes what the model does in evaluation, and no gradients.
    """

    def __init__(self, model: Model[Any] | Recurrent[Any], storage: str = "float32") -> None:
        if storage not in STORAGES:
            raise UsageError(unknown("storage", storage, STORAGES))
        if native.Program is None:
            raise UsageError(ABSENT)
        self.storage, self._plan = storage, Plan(model)
        plan, encoder, head = self._plan, self._plan.encoder, self._plan.head
        self.choices = encoder.num_embeddings if isinstance(encoder, nn.Embedding) else 0
        self.inputs = encoder.in_features if isinstance(encoder, nn.Linear) else plan.features
        self.outputs = head.choices if head else plan.core.units
        with torch.no_grad():
            self._like = detach(plan.core.initial(0))
        own = [leaf for leaf, kind in zip(leaves(self._like), plan.leaves, strict=True) if kind is Leaf.OWN]
        self._layout = Layout(plan.leaves, [leaf.shape[1] for leaf in own])
        self._pack()

    @property
    def bytes(self) -> int:
        """How many bytes the packed weights take."""
        return int(self._program.bytes)

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Read one input for each row and return the logits `[B, V]` and the next state.

        Shapes: `x` `[B]` of whole numbers or `[B, D]`. Raises `UsageError` for what the model cannot read.
        """
        x = self._inputs(x)
        check_state("this program", state, self._like)
        program, rows, before = self._ready(), x.shape[0], self._layout.own(state)
        if any(leaf.shape[0] != rows or leaf.dtype != torch.float32 for leaf in before):
            raise UsageError(f"a state of other rows than the {rows} to be read was given: begin(rows={rows})")
        after = [torch.empty_like(leaf) for leaf in before]
        outputs = torch.empty(rows, self.outputs)
        addresses = [leaf.data_ptr() for leaf in before], [leaf.data_ptr() for leaf in after], outputs.data_ptr()
        self._check(program.step(rows, x.data_ptr(), *addresses, torch.get_num_threads()), x)
        return outputs, self._layout.put(state, after, 1)

    def score(self, inputs: Tensor, targets: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Read a sequence and return what each target cost in nats `[T]`, and the last state, of one row.

        Shapes: `inputs` `[T]` of whole numbers or `[T, D]`, `targets` `[T]`. Raises `UsageError` for what does not fit.
        """
        targets = targets.contiguous()
        if targets.shape != inputs.shape[:1] or targets.dtype != torch.int64:
            raise UsageError(
                f"{inputs.shape[0]} inputs need as many targets, of int64: {list(targets.shape)} were given"
            )
        if targets.numel() and not 0 <= int(targets.min()) <= int(targets.max()) < self.outputs:
            raise UsageError(
                f"a target is none of the {self.outputs} choices: give numbers from 0 to {self.outputs - 1}"
            )
        nats = torch.empty(targets.shape[0])
        _, place = self._read(inputs, self.place(state), targets.data_ptr(), nats.data_ptr())
        return nats, self.state(place)

    def sample(
        self, logits: Tensor, state: Any, steps: int, rule: Rule | None = None, *, seed: int, first: int = 0
    ) -> tuple[Tensor, Tensor, Any]:
        """Choose from logits `[V]`, read the choice, and so on; choices `[steps]`, the last logits and state.

        Choice n takes number `first + n` of the seed's stream, as `decode.sample` does. Raises `UsageError` where the
        choices are not what the model reads, or odds are not numbers.
        """
        choices, logits, place = self.write(logits, self.place(state), steps, rule or Rule(), seed, first)
        return choices, logits, self.state(place)

    def place(self, state: Any) -> Place:
        """Lay a state of one row out for `push`, `read` and `write`. Raises `UsageError` for another model's state."""
        check_state("this program", state, self._like)
        if any(leaf.shape[0] != 1 for leaf in leaves(state)):
            raise UsageError("one sequence has a state of one row, but one of more was given: use step for many")
        return self._layout.place(state)

    def state(self, place: Place) -> Any:
        """Return the state at a place."""
        return self._layout.state(place)

    def push(self, x: Any, place: Place) -> tuple[Tensor, Place]:
        """Read one input, a number or a vector `[D]`: the logits `[V]`, and the place behind it."""
        if not self.choices:
            return self.read(torch.as_tensor(x, dtype=torch.float32).unsqueeze(0), place)
        program = self._ready()
        before, after, outputs = place.numbers, torch.empty(self._layout.total), torch.empty(self.outputs)
        old, new = before.data_ptr(), after.data_ptr()
        starts = self._layout.bytes
        number = x if type(x) is int else int(torch.as_tensor(x))
        if program.push(number, [old + at for at in starts], [new + at for at in starts], outputs.data_ptr()) >= 0:
            raise UsageError(self._unknown(number))
        return outputs, Place(after, place.beside, place.steps + 1)

    def read(self, xs: Tensor, place: Place) -> tuple[Tensor, Place]:
        """Read inputs `[T]` or `[T, D]`, at least one: the logits `[V]` behind the last, and the place there."""
        return self._read(xs, place, 0, 0)

    def write(
        self, logits: Tensor, place: Place, steps: int, rule: Rule, seed: int, first: int
    ) -> tuple[Tensor, Tensor, Place]:
        """Do what `sample` does, from a place."""
        if not self.choices or self.outputs > self.choices:
            raise UsageError("what this model gives is not what it reads: choices cannot be read on")
        program, layout = self._ready(), self._layout
        choices, after = torch.empty(steps, dtype=torch.int64), torch.empty(layout.total)
        odds, outputs = logits.contiguous(), torch.empty(self.outputs)
        found = program.sample(
            steps,
            odds.data_ptr(),
            rule.temperature,
            rule.top_k or 0,
            1.0 if rule.top_p is None else rule.top_p,
            rule.never,
            seed & WORD,
            first,
            choices.data_ptr(),
            [place.numbers.data_ptr() + at for at in layout.bytes],
            [after.data_ptr() + at for at in layout.bytes],
            outputs.data_ptr(),
        )
        if found == UNKNOWN_ODDS:
            raise UsageError("the odds are not numbers, so nothing can be chosen: the model's weights are damaged")
        return choices, outputs if steps else logits, Place(after, place.beside, place.steps + steps)

    def applies(self) -> bool:
        """Tell whether it computes what the model does now: no part is in training that would do something else."""
        return self._plan.evaluates

    def is_whole(self, model: Model[Any]) -> bool:
        """Tell whether a model still consists of the parts that this was made from."""
        plan = self._plan
        return model.encoder is plan.encoder and model.core is plan.core and model.head is plan.head

    def _read(self, xs: Tensor, place: Place, targets: int, nats: int) -> tuple[Tensor, Place]:
        xs = self._inputs(xs)
        program, layout, steps = self._ready(), self._layout, xs.shape[0]
        after, outputs = torch.empty(layout.total), torch.empty(self.outputs)
        before_at = [place.numbers.data_ptr() + at for at in layout.bytes]
        after_at = [after.data_ptr() + at for at in layout.bytes]
        self._check(program.read(steps, xs.data_ptr(), targets, before_at, after_at, outputs.data_ptr(), nats), xs)
        return outputs, Place(after, place.beside, place.steps + steps)

    def _ready(self) -> Any:
        for owner, name, tensor, version, address in self._weights:
            if owner[name] is not tensor or tensor._version != version or tensor.data_ptr() != address:
                self._pack()
                break
        if not self._plan.evaluates:
            raise UsageError("a step program computes evaluation, but the model is in training: call model.eval()")
        return self._program

    def _pack(self) -> None:
        self._weights = self._plan.weights()
        encoder, head, parts, _held = addresses_of(self._plan)
        sizes = [STORAGES.index(self.storage), self.choices, self.inputs, self._plan.features, self.outputs]
        assert native.Program is not None
        self._program = native.Program(sizes, encoder, head, parts)

    def _inputs(self, x: Tensor) -> Tensor:
        if self.choices:
            if x.dim() != 1 or x.is_floating_point():
                raise UsageError(f"whole numbers [B] are read but {list(x.shape)} of {x.dtype} were given")
            return x.to(torch.int64).contiguous()
        if x.dim() != 2 or x.shape[1] != self.inputs:
            raise UsageError(f"vectors [B, {self.inputs}] are read but {list(x.shape)} were given")
        return x.detach().to(torch.float32).contiguous()

    def _check(self, place: int, x: Tensor) -> None:
        if place >= 0:
            raise UsageError(self._unknown(int(x[place])))

    def _unknown(self, number: int) -> str:
        return f"the model reads numbers from 0 to {self.choices - 1} but was given {number}"
