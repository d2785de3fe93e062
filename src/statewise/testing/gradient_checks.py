"""The laws that compare gradients: with finite differences, and of each kernel with the reference."""

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd import gradcheck

from statewise.kernels import using
from statewise.state import leaves, map_leaves, paths
from statewise.testing.laws import same
from statewise.testing.recurrence_trial import RecurrenceTrial

Places = tuple[Tensor | None, Tensor | None]


def gradients_are_those_of_finite_differences(trial: RecurrenceTrial) -> None:
    """Law 8, of inputs, first state and weights; plainly and with rows that reset or sleep."""
    weights = dict(trial.recurrent.named_parameters())
    states = [leaf for leaf in leaves(trial.state) if leaf.is_floating_point()]
    given = [tensor.detach().requires_grad_() for tensor in (trial.xs, *states, *weights.values())]

    def read(places: Places, xs: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        floats, named = iter(others[: len(states)]), dict(zip(weights, others[len(states) :], strict=True))
        state = map_leaves(lambda leaf: next(floats).clone() if leaf.is_floating_point() else leaf, trial.state)
        torch.manual_seed(1)
        ys, last = torch.func.functional_call(trial.recurrent, named, (xs.clone(), state, *places))
        return (ys, *(leaf for leaf in leaves(last) if leaf.is_floating_point()))

    for what, places in {
        "plainly": (None, None),
        "with resets": (trial.reset, None),
        "with resets and sleep": (trial.reset, trial.mask),
    }.items():
        try:
            gradcheck(partial(read, places), given, fast_mode=True, nondet_tol=1e-12)
        except RuntimeError as error:
            raise AssertionError(f"reading {what}, {' '.join(str(error).split())[:240]}") from error


def kernel_equals_reference(trial: RecurrenceTrial) -> None:
    """Law 9: outputs and last state with and without gradients, and every gradient."""
    nothing, everything = torch.zeros_like(trial.reset), torch.ones_like(trial.mask)
    at_first = nothing.clone()
    at_first[0] = True
    for what, places in {
        "plainly": (None, None),
        "with a reset": (trial.reset & trial.mask, None),
        "with resets of all at first and none asleep": (at_first, everything),
        "with sleep": (None, trial.mask),
        "with resets and sleep": (trial.reset, trial.mask),
    }.items():
        with using("reference"):
            expected = _results(trial, places)
        for name, found in _results(trial, places).items():
            same(f"reading {what}, {name}", found, expected[name])


def _results(trial: RecurrenceTrial, places: Places) -> dict[str, Any]:
    with torch.no_grad():
        ys, last = trial.scan(trial.xs, trial.state, *places)
    results = {"the output without gradients": ys, "the last state without gradients": last}
    xs, state = trial.xs.clone().requires_grad_(), map_leaves(torch.clone, trial.state)
    for leaf in leaves(state):
        leaf.requires_grad_(leaf.is_floating_point())
    ys, last = trial.scan(xs, state, *places)
    results |= {"the output": ys.detach(), "the last state": map_leaves(Tensor.detach, last)}
    weights = dict(trial.recurrent.named_parameters())
    wanted = {"the input": xs, **{f"the state {path}": leaf for path, leaf in paths(state)}, **weights}
    wanted = {name: tensor for name, tensor in wanted.items() if tensor.requires_grad}
    ends = [end for end in (ys, *leaves(last)) if end.requires_grad]
    pulls = [torch.linspace(-1, 1, end.numel(), dtype=end.dtype).reshape(end.shape) for end in ends]
    grads = torch.autograd.grad(ends, list(wanted.values()), pulls, allow_unused=True)
    for (name, tensor), grad in zip(wanted.items(), grads, strict=True):
        results[f"the gradient of {name}"] = torch.zeros_like(tensor) if grad is None else grad
    return results
