"""Weights to and from `torch.nn.RNN`, `LSTM` and `GRU`, so that a trained network can move in either direction."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from statewise.cells.chain import Chain
from statewise.cells.elman import Elman
from statewise.cells.gru import GRU
from statewise.cells.lstm import LSTM
from statewise.cells.projected_lstm import ProjectedLSTM
from statewise.cells.recurrent import Recurrent
from statewise.errors import UsageError

Standard = Elman | LSTM | ProjectedLSTM | GRU


def to_torch(recurrent: Recurrent[Any]) -> dict[str, Tensor]:
    """Return the weights of a cell, or of a chain of equal cells, as the `state_dict` of PyTorch's module.

    PyTorch has two biases where one is enough; the second is zero, but for the GRU's candidate.
    Raises `UsageError` for a recurrence that PyTorch does not have.

    >>> module = nn.LSTM(5, 4)
    >>> module.load_state_dict(to_torch(LSTM(5, 4)))
    <All keys matched successfully>
    """
    weights: dict[str, Tensor] = {}
    for layer, cell in enumerate(_layers(recurrent)):
        second = torch.zeros_like(cell.bias)
        if isinstance(cell, GRU):
            second[2 * cell.units :] = cell.candidate_bias
        weights[f"weight_ih_l{layer}"] = cell.input_weights.detach().clone()
        weights[f"weight_hh_l{layer}"] = cell.recurrent_weights.detach().clone()
        weights[f"bias_ih_l{layer}"] = cell.bias.detach().clone()
        weights[f"bias_hh_l{layer}"] = second.detach()
        if isinstance(cell, ProjectedLSTM):
            weights[f"weight_hr_l{layer}"] = cell.projection.detach().clone()
    return weights


def load_torch(recurrent: Recurrent[Any], state_dict: Mapping[str, Tensor]) -> None:
    """Put the `state_dict` of PyTorch's module into a cell, or into a chain of as many cells as it has layers.

    Raises `UsageError` where a name is missing or left over, or where a shape does not fit; nothing is changed then.

    >>> cell = GRU(5, 4)
    >>> load_torch(cell, nn.GRU(5, 4).state_dict())
    """
    cells = list(_layers(recurrent))
    expected = {name: tuple(tensor.shape) for name, tensor in to_torch(recurrent).items()}
    biased = any("bias" in name for name in state_dict)  # a module made with bias=False has none at all
    biases = {} if biased else {name: torch.zeros(shape) for name, shape in expected.items() if "bias" in name}
    given = {**biases, **state_dict}
    found = {name: tuple(tensor.shape) for name, tensor in given.items()}
    wrong = sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name))
    if wrong:
        name = wrong[0]
        raise UsageError(
            f"PyTorch's weights do not fit {type(recurrent).__name__}: {name} is {found.get(name, 'missing')} "
            f"where {expected.get(name, 'nothing')} is wanted"
        )
    with torch.no_grad():
        for layer, cell in enumerate(cells):
            first, second = given[f"bias_ih_l{layer}"], given[f"bias_hh_l{layer}"]
            cell.input_weights.copy_(given[f"weight_ih_l{layer}"])
            cell.recurrent_weights.copy_(given[f"weight_hh_l{layer}"])
            if isinstance(cell, GRU):
                gates = 2 * cell.units
                cell.bias.copy_(torch.cat([first[:gates] + second[:gates], first[gates:]]))
                cell.candidate_bias.copy_(second[gates:])
            else:
                cell.bias.copy_(first + second)
            if isinstance(cell, ProjectedLSTM):
                cell.projection.copy_(given[f"weight_hr_l{layer}"])


def from_torch(module: nn.RNNBase) -> Recurrent[Any]:
    """Return a recurrence that computes what a `torch.nn.RNN`, `LSTM` or `GRU` computes, time first.

    One layer gives a cell, several a `Chain`. Raises `UsageError` for two directions or other modules.

    >>> from_torch(nn.GRU(5, 4, num_layers=2)).units
    4
    """
    if not isinstance(module, nn.RNNBase):
        raise UsageError(f"{type(module).__name__} is not torch.nn.RNN, LSTM or GRU: give one of these")
    if module.bidirectional:
        raise UsageError("a bidirectional PyTorch module has no cell here: give one of one direction")
    widths = [module.input_size, *[module.proj_size or module.hidden_size] * (module.num_layers - 1)]
    parts = [_cell_like(module, features) for features in widths]
    recurrent = parts[0] if len(parts) == 1 else Chain(*parts)
    load_torch(recurrent, module.state_dict())
    return recurrent


def _cell_like(module: nn.RNNBase, features: int) -> Standard:
    dtype = next(module.parameters()).dtype
    if module.proj_size:
        return ProjectedLSTM(features, module.proj_size, memory_units=module.hidden_size).to(dtype)
    if isinstance(module, nn.LSTM):
        return LSTM(features, module.hidden_size).to(dtype)
    if isinstance(module, nn.GRU):
        return GRU(features, module.hidden_size).to(dtype)
    if isinstance(module, nn.RNN):
        return Elman(features, module.hidden_size, activation="relu" if module.mode == "RNN_RELU" else "tanh").to(dtype)
    raise UsageError(f"{type(module).__name__} is not torch.nn.RNN, LSTM or GRU: give one of these")


def _layers(recurrent: Recurrent[Any]) -> Iterator[Standard]:
    parts = list(recurrent) if isinstance(recurrent, Chain) else [recurrent]
    kinds = {type(part) for part in parts}
    if len(kinds) != 1 or not kinds <= {Elman, LSTM, ProjectedLSTM, GRU}:
        shown = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise UsageError(
            f"PyTorch has no module like {shown}: give Elman, LSTM, ProjectedLSTM or GRU, or a Chain of one of them"
        )
    layers = [part for part in parts if isinstance(part, Standard)]
    if any(isinstance(layer, GRU) and not layer.reset_after for layer in layers):
        raise UsageError("PyTorch has no GRU whose reset gate acts before the product: give one with reset_after=True")
    alike = {_form(layer) for layer in layers}
    if len(alike) != 1:
        shown = " and ".join(sorted(alike))
        raise UsageError(f"PyTorch has no module of layers that differ ({shown}): give a Chain of equal cells")
    yield from layers


def _form(layer: Standard) -> str:
    if isinstance(layer, ProjectedLSTM):
        return f"projected lstm of {layer.units} units and {layer.memory_units} of memory"
    return f"{layer.recurrence} of {layer.units} units"
