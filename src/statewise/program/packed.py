"""A model's weights, packed once, and the native calls that run them."""

from array import array
from typing import Any, final

import torch
from torch import Tensor, nn

from statewise.cells import Recurrent
from statewise.errors import UsageError
from statewise.kernels import native
from statewise.kernels.native_tensors import floats
from statewise.model import Model
from statewise.program.freshness import watch
from statewise.program.plan import STORAGES, Plan, addresses_of
from statewise.program.state_layout import PackedState, StateLayout
from statewise.sampling import SamplingRule, check_never
from statewise.state import detach

DONE, UNKNOWN_ODDS = -1, -2
CPU = torch.device("cpu")


class StaleError(Exception):
    """The model has changed since its weights were packed."""


def room(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return memory for native code to write to, whatever tensors PyTorch makes here if it is not told."""
    return torch.empty(shape, dtype=dtype, device=CPU)


@final
class Packed:
    """A model as it was at one moment. Every call looks first whether it still is so, unless `look` is false.

    Raises `StaleError` where it is not. What the methods do is said where they are offered, in `Program`.
    """

    def __init__(self, model: Model[Any] | Recurrent[Any], storage: str, before: StateLayout | None = None) -> None:
        plan = Plan(model)
        encoder, head = plan.encoder, plan.head
        self.choices = encoder.num_embeddings if isinstance(encoder, nn.Embedding) else 0
        self.inputs = encoder.in_features if isinstance(encoder, nn.Linear) else plan.features
        self.outputs = head.choices if head else plan.core.units
        self.plan = plan
        with torch.no_grad():
            layout = StateLayout(plan.leaves, detach(plan.core.initial(0)))
        self.layout = before if before is not None and before.is_as(layout) else layout
        self.total = layout.total
        self.watch = watch(model, plan)  # before they are packed: what changes in between is seen
        of_encoder, of_head, of_parts, _held = addresses_of(plan)
        sizes = [STORAGES.index(storage), self.choices, self.inputs, plan.features, self.outputs]
        assert native.Program is not None
        self.native = native.Program(self.watch, sizes, of_encoder, of_head, of_parts, self.layout.bytes)

    def step(self, x: Tensor, state: Any, *, look: bool = True) -> tuple[Tensor, Any]:
        """Read one input for each row."""
        x = self._inputs(x)
        rows = x.shape[0]
        before = self.layout.own(state, rows)
        after, outputs = [room(*leaf.shape) for leaf in before], room(rows, self.outputs)
        old, new = [leaf.data_ptr() for leaf in before], [leaf.data_ptr() for leaf in after]
        parts, threads = rows if look else 0, torch.get_num_threads()
        found = self.native.step(parts, rows, x.data_ptr(), old, new, outputs.data_ptr(), threads)
        if found != DONE:
            raise self._wrong(found, x)
        return outputs, self.layout.put(state, after, 1)

    def push(self, number: int, place: PackedState, *, look: bool = True) -> tuple[Tensor, PackedState]:
        """Read one number."""
        if place.layout is not self.layout:
            place = self.layout.place(place.state)
        before = place.numbers
        after, outputs = before.new_empty(self.total), before.new_empty(self.outputs)  # takes less time than `room`
        found = self.native.push(look, number, before.data_ptr(), after.data_ptr(), outputs.data_ptr())
        if found != DONE:
            raise self._wrong(found, [number])
        return outputs, PackedState(after, place.others, place.steps + 1, self.layout)

    def push_vector(self, x: Tensor, place: PackedState) -> tuple[Tensor, PackedState] | None:
        """Read one vector as `read` does, sooner; None where it is not plain, or the model has changed."""
        if x.dtype != torch.float32 or x.shape != (self.inputs,) or not x.is_contiguous() or x.device != CPU:
            return None
        if place.layout is not self.layout:
            place = self.layout.place(place.state)
        before = place.numbers
        after, outputs = before.new_empty(self.total), before.new_empty(self.outputs)
        found = self.native.read(1, 1, x.data_ptr(), 0, before.data_ptr(), after.data_ptr(), outputs.data_ptr(), 0)
        return (outputs, PackedState(after, place.others, place.steps + 1, self.layout)) if found == DONE else None

    def read(
        self, xs: Tensor, place: PackedState, targets: Tensor | None = None, *, look: bool = True
    ) -> tuple[Tensor, Tensor | None, PackedState]:
        """Read a sequence; what its targets cost, too, where there are some."""
        if place.layout is not self.layout:
            place = self.layout.place(place.state)
        xs = self._inputs(xs)
        steps = xs.shape[0]
        if not steps:
            raise UsageError("nothing was given to read: give at least one input")
        nats = None if targets is None else room(steps)
        after, outputs = room(self.total), room(self.outputs)
        of_targets = (0, 0) if targets is None or nats is None else (targets.data_ptr(), nats.data_ptr())
        found = self.native.read(
            steps if look else 0,
            steps,
            xs.data_ptr(),
            of_targets[0],
            place.numbers.data_ptr(),
            after.data_ptr(),
            outputs.data_ptr(),
            of_targets[1],
        )
        if found != DONE:
            raise self._wrong(found, xs)
        return outputs, nats, PackedState(after, place.others, place.steps + steps, self.layout)

    def write(
        self,
        logits: Tensor,
        place: PackedState,
        steps: int,
        rule: SamplingRule,
        seed: int,
        first: int,
        *,
        look: bool = True,
    ) -> tuple["array[int]", Tensor, PackedState]:
        """Choose, read the choice, and so on."""
        if place.layout is not self.layout:
            place = self.layout.place(place.state)
        odds = self._odds(logits, rule)
        choices = array("q", (0,)) * steps  # a tensor of one number takes five times as long to make
        after, outputs = odds.new_empty(self.total), odds.new_empty(self.outputs)
        found = self.native.sample(
            steps if look else 0,
            steps,
            odds.data_ptr(),
            float(rule.temperature),
            int(rule.top_k or 0),
            1.0 if rule.top_p is None else float(rule.top_p),
            rule.never,
            seed,
            first,
            choices.buffer_info()[0],
            place.numbers.data_ptr(),
            after.data_ptr(),
            outputs.data_ptr(),
        )
        if found == UNKNOWN_ODDS:
            raise UsageError("the odds are not numbers, so nothing can be chosen: the model's weights are damaged")
        if found != DONE:
            raise self._wrong(found, choices)
        return choices, outputs if steps else logits, PackedState(after, place.others, place.steps + steps, self.layout)

    def _odds(self, logits: Tensor, rule: SamplingRule) -> Tensor:
        if not self.choices or self.outputs > self.choices:
            raise UsageError("what this model gives is not what it reads: choices cannot be read on")
        if logits.shape != (self.outputs,) or not logits.is_floating_point():
            raise UsageError(f"odds of {self.outputs} choices are wanted, not {list(logits.shape)} of {logits.dtype}")
        check_never(rule.never, self.outputs)
        return floats(logits)

    def _inputs(self, x: Tensor) -> Tensor:
        if self.choices:
            if x.dim() != 1 or x.is_floating_point() or x.is_complex() or x.dtype == torch.bool:
                raise UsageError(f"whole numbers [B] are read but {list(x.shape)} of {x.dtype} were given")
            return x.to(CPU, torch.int64).contiguous()
        if x.dim() != 2 or x.shape[1] != self.inputs or x.is_complex():
            raise UsageError(f"vectors [B, {self.inputs}] are read but {list(x.shape)} of {x.dtype} were given")
        return floats(x)

    def _wrong(self, found: int, x: Any) -> Exception:
        if found in (native.CHANGED, native.NOT_NOW):
            return StaleError()
        return UsageError(f"the model reads numbers from 0 to {self.choices - 1} but was given {int(x[found])}")
