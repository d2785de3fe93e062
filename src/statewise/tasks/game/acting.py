"""Acting fast: a policy laid out for steps, in which cells run as a step program and the head in two products."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from statewise.cells import Recurrent
from statewise.cells.ensemble import Ensemble
from statewise.cells.passing import Passing, PassingState
from statewise.errors import UsageError
from statewise.model import Model
from statewise.program import Program
from statewise.tasks.game.policy import PolicyParams, as_policy
from statewise.tasks.game.sight import FARTHEST, Sight
from statewise.tasks.game.spaces import Numbers

Step = Callable[[Tensor, Any], tuple[Tensor, Any]]


class Actor:
    """Steps a policy with the weights that it has when `refresh` is called, in evaluation; no gradient is kept.

    What comes out is that of `model.step`, up to the last digits. Where native code does not know the cells, or the
    numbers are not float32 on a processor, the parts do what they do themselves.
    """

    def __init__(self, model: Model[Any]) -> None:
        self.model, self.head = model, as_policy(model)
        sight = model.encoder
        assert isinstance(sight, Sight)
        self.sight, self.core = sight, stepped(model.core)
        self.like = next(model.parameters())
        self.is_plain = self.like.device.type == "cpu" and self.like.dtype == torch.float32
        self.refresh()

    def refresh(self) -> None:
        """Take the weights as they are now."""
        sight, head = self.sight, self.head
        self.mean, self.scale = (part.detach().cpu().numpy().copy() for part in (sight.mean, sight.scale))
        with torch.no_grad():
            inner = [head.actor, head.critic]
            self.inner_bias = torch.cat([layer.bias for layer in inner])
            if head.apart:
                self.inner_weight = _apart(inner)
            else:
                self.inner_weight = torch.cat([layer.weight for layer in inner])
            outer = [head.chosen, head.worth]
            self.outer_weight = _apart(outer)
            self.outer_bias = torch.cat([layer.bias for layer in outer])

    def step(self, seen: Numbers, state: Any) -> tuple[PolicyParams, Any]:
        """Read the observations `[E, D]` of one step."""
        with torch.no_grad():
            if not self.is_plain:
                return self.model.step(torch.from_numpy(seen).to(self.like.device, self.like.dtype), state)
            ys, state = self.core(self._seen(seen), state)
            return self._said(ys), state

    def _seen(self, seen: Numbers) -> Tensor:
        sight = self.sight
        if not sight.is_plain:
            features: Tensor = sight(torch.from_numpy(seen))
            return features
        read = sight.observed.seen
        near = (seen[:, :read] - self.mean) * self.scale
        np.maximum(np.minimum(near, FARTHEST, out=near), -FARTHEST, out=near)
        features = functional.linear(torch.from_numpy(near), sight.linear.weight, sight.linear.bias).tanh_()
        return torch.cat([features, torch.from_numpy(seen[:, read:])], dim=-1) if sight.observed.legal else features

    def _said(self, ys: Tensor) -> PolicyParams:
        head = self.head
        own = ys[:, : ys.shape[1] - head.legal] if head.legal else ys
        inner = functional.linear(own, self.inner_weight, self.inner_bias).tanh_()
        outer = functional.linear(inner, self.outer_weight, self.outer_bias)
        return PolicyParams(head.said(outer[:, :-1], ys), outer[:, -1])


def _apart(layers: Sequence[nn.Linear]) -> Tensor:
    """Return the weights of layers that read one thing each as those of one that reads all."""
    one, other = (layer.weight.detach() for layer in layers)
    both = one.new_zeros(len(one) + len(other), one.shape[1] + other.shape[1])
    both[: len(one), : one.shape[1]], both[len(one) :, one.shape[1] :] = one, other
    return both


def stepped(core: Recurrent[Any]) -> Step:
    """Return what steps a recurrence: native code for all of its parts that it knows."""
    if type(core) is Passing:
        inner, width = stepped(core.part), core.width

        def passed(x: Tensor, state: Any) -> tuple[Tensor, Any]:
            y, part = inner(x, state.part)
            return torch.cat([y, x[:, -width:]], dim=-1), PassingState(part)

        return passed
    if type(core) is Ensemble:
        steps = [stepped(part) for part in core]

        def joined(x: Tensor, state: Any) -> tuple[Tensor, Any]:
            ys, after = zip(*(step(x, part) for step, part in zip(steps, state, strict=True)), strict=True)
            return torch.cat(ys, dim=-1), after

        return joined
    try:
        return Program(core).step
    except UsageError:
        return core.step
