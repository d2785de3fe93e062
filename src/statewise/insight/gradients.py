"""How much a loss depends on the past: the norm of its gradient in the input, and the state, k steps back."""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from statewise.insight.probed_network import ProbedNetwork
from statewise.insight.probes import ProbeTrace, step_at
from statewise.state import leaves, map_leaves

Array = NDArray[np.floating[Any]]


class Lengths(NamedTuple):
    """Logarithms of gradient norms, a row a probe, `[N, K + 1]`; NaN where a sequence does not reach so far back.

    `inputs` in the input k steps back, `state` in the state that the step reads with that input, k from 0, the probed
    step itself, to K. Logarithms, since what has passed hundreds of steps may be too small for a number.
    """

    inputs: Array
    state: Array


def send_back(network: ProbedNetwork, trace: ProbeTrace, dice: torch.Generator) -> Lengths:
    r"""Send each row's loss at the last step back through its stretch, once, and measure its gradient on the way.

        inputs:  || d loss_t / d x_{t-k} ||        state:  || d loss_t / d s_{t-k-1} ||

    A state's norm is over all of its floating tensors together. After each step back a row's error is brought to
    length one and its length kept as a logarithm, so that nothing vanishes in rounding however far it goes.
    """
    batch, rows = trace.batch, len(trace.output)
    scale = torch.zeros(rows, dtype=torch.float64)
    states, inputs = [], []
    owed: list[Tensor] = []
    for t in reversed(range(len(batch.xs))):
        x = batch.xs[t].detach().requires_grad_()
        before = map_leaves(_leaf, trace.befores[t])
        with torch.enable_grad():
            y, after = step_at(network, batch, t, x, before)
            ends = [leaf for leaf in leaves(after) if leaf.is_floating_point()]
            if t == len(batch.xs) - 1:
                ends, owed = [network.summed(y, batch.targets, dice)], [torch.tensor(1.0).to(y)]
        of_x, *of_state = _gradients(ends, owed, [x, *(leaf for leaf in leaves(before) if leaf.requires_grad)])
        inputs.append(scale + _log_norms([of_x], rows))
        length = _log_norms(of_state, rows)
        states.append(scale + length)
        scale = states[-1]
        shrink = torch.where(length.isfinite(), (-length).exp(), 0)
        owed = [_scaled(gradient, shrink) for gradient in of_state]
    return Lengths(_present(inputs, batch.seen), _present(states, batch.remembered))


def _leaf(tensor: Tensor) -> Tensor:
    tensor = tensor.detach()
    return tensor.requires_grad_() if tensor.is_floating_point() else tensor


def _gradients(ends: list[Tensor], owed: list[Tensor], to: list[Tensor]) -> list[Tensor]:
    joined = [(end, error) for end, error in zip(ends, owed, strict=True) if end.requires_grad]
    if not joined:
        return [torch.zeros_like(tensor) for tensor in to]
    found = torch.autograd.grad([end for end, _ in joined], to, [error for _, error in joined], allow_unused=True)
    return [torch.zeros_like(tensor) if part is None else part for tensor, part in zip(to, found, strict=True)]


def _log_norms(parts: list[Tensor], rows: int) -> Tensor:
    squares = torch.zeros(rows, dtype=torch.float64)
    for part in parts:
        squares = (
            squares + torch.linalg.vector_norm(part.detach().flatten(1), dim=1, dtype=torch.float64).square().cpu()
        )
    return 0.5 * squares.log()


def _scaled(gradient: Tensor, factors: Tensor) -> Tensor:
    return gradient * factors.to(gradient).reshape(-1, *[1] * (gradient.dim() - 1))


def _present(logs: list[Tensor], places: Tensor) -> Array:
    """Return what was found, newest first, `[N, K]`, with NaN where nothing was there to be heard of."""
    found = torch.stack(logs).numpy().T
    return np.where(places.flip(0).cpu().numpy().T, found, np.nan)
