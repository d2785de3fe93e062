"""PyTorch's own recurrent operations: fused on a CPU for the LSTM, and on CUDA for the GRU and Elman too."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from statewise.kernels.op import Leaves, Op, ScanInputs

Run = Callable[[Tensor, Leaves, Leaves], tuple[Tensor, Leaves]]


class TorchOp(NamedTuple):
    """One of PyTorch's recurrences; it knows no resets, so a sequence is cut where a row resets."""

    whole: Run
    gates: int
    kernel: str = "torch"

    def takes(self, given: ScanInputs) -> bool:
        """Take every dense sequence where no row sleeps and nothing is empty; none in half precision on a processor."""
        awake = given.mask is None or bool(given.mask.all())
        some = awake and given.xs.numel() > 0 and given.state[0].numel() > 0
        return some and given.xs.layout is torch.strided and self._fits(given) and not _is_half_on_cpu(given.xs)

    def _fits(self, given: ScanInputs) -> bool:
        """Tell whether weights and states are of the shapes that PyTorch reads, which it does not look at itself."""
        _, rows, features = given.xs.shape
        units = given.state[0].shape[-1]
        sums = self.gates * units
        shapes = [(sums, features), (sums, units), (sums,), (units,)][: len(given.weights)]
        found = [tuple(weights.shape) for weights in given.weights]
        return found == shapes and all(tuple(leaf.shape) == (rows, units) for leaf in given.state)

    def run(self, given: ScanInputs) -> tuple[Tensor, Leaves]:
        """Run each stretch between two resets in one call."""
        steps = given.xs.shape[0]
        starts = [] if given.reset is None else given.reset.any(dim=1).nonzero().flatten().tolist()
        state, ys = given.state, []
        for start, end in zip([0, *starts], [*starts, steps], strict=True):
            if start in starts and given.reset is not None and end > start:
                begins = given.reset[start].unsqueeze(-1)
                state = tuple(torch.where(begins, new, old) for new, old in zip(given.fresh, state, strict=True))
            if end > start:
                y, state = self.whole(given.xs[start:end], state, given.weights)
                ys.append(y)
        return (ys[0] if len(ys) == 1 else torch.cat(ys)), state


def _is_half_on_cpu(xs: Tensor) -> bool:
    """Say whether PyTorch would ask oneDNN for a recurrence in float16, which most processors do not have."""
    cast = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else xs.dtype
    return xs.device.type == "cpu" and torch.float16 in (cast, xs.dtype)


def _lstm(xs: Tensor, state: Leaves, weights: Leaves) -> tuple[Tensor, Leaves]:
    input_weights, recurrent_weights, bias = weights
    parameters = [input_weights, recurrent_weights, bias, torch.zeros_like(bias)]
    hidden_and_cell = [leaf.unsqueeze(0) for leaf in state]
    ys, hidden, cell = torch.lstm(xs, hidden_and_cell, parameters, True, 1, 0.0, torch.is_grad_enabled(), False, False)
    return ys, (hidden[0], cell[0])


def _gru(xs: Tensor, state: Leaves, weights: Leaves) -> tuple[Tensor, Leaves]:
    input_weights, recurrent_weights, bias, candidate_bias = weights
    recurrent_bias = torch.cat([torch.zeros_like(candidate_bias), torch.zeros_like(candidate_bias), candidate_bias])
    parameters = [input_weights, recurrent_weights, bias, recurrent_bias]
    training = torch.is_grad_enabled()
    ys, hidden = torch.gru(xs, state[0].unsqueeze(0), parameters, True, 1, 0.0, training, False, False)
    return ys, (hidden[0],)


def _elman(recurrence: Callable[..., tuple[Tensor, Tensor]]) -> Run:
    def run(xs: Tensor, state: Leaves, weights: Leaves) -> tuple[Tensor, Leaves]:
        input_weights, recurrent_weights, bias = weights
        parameters = [input_weights, recurrent_weights, bias, torch.zeros_like(bias)]
        training = torch.is_grad_enabled()
        ys, hidden = recurrence(xs, state[0].unsqueeze(0), parameters, True, 1, 0.0, training, False, False)
        return ys, (hidden[0],)

    return run


OPS: dict[str, list[Op]] = {
    "lstm": [TorchOp(_lstm, 4)],
    "gru": [TorchOp(_gru, 3)],
    "elman_tanh": [TorchOp(_elman(torch.rnn_tanh), 1)],
    "elman_relu": [TorchOp(_elman(torch.rnn_relu), 1)],
}
