"""Weights move to and from PyTorch's modules, and the same weights compute the same."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from statewise.cells import GRU, LSTM, Chain, Elman, ProjectedLSTM, Recurrent
from statewise.errors import UsageError
from statewise.exchange import from_torch, load_torch, to_torch
from statewise.state import leaves, map_leaves, paths

T, B, D, H = 7, 3, 5, 4
PAIRS: dict[str, tuple[Callable[[], Recurrent[Any]], Callable[[], nn.RNNBase]]] = {
    "elman": (lambda: Elman(D, H), lambda: nn.RNN(D, H)),
    "elman-relu": (lambda: Elman(D, H, activation="relu"), lambda: nn.RNN(D, H, nonlinearity="relu")),
    "lstm": (lambda: LSTM(D, H), lambda: nn.LSTM(D, H)),
    "gru": (lambda: GRU(D, H), lambda: nn.GRU(D, H)),
    "projected-lstm": (lambda: ProjectedLSTM(D, H, memory_units=6), lambda: nn.LSTM(D, 6, proj_size=H)),
    "chain-of-projected": (
        lambda: Chain(ProjectedLSTM(D, H, memory_units=6), ProjectedLSTM(H, H, memory_units=6)),
        lambda: nn.LSTM(D, 6, proj_size=H, num_layers=2),
    ),
    "chain-of-lstm": (lambda: Chain(LSTM(D, H), LSTM(H, H)), lambda: nn.LSTM(D, H, num_layers=2)),
    "chain-of-gru": (lambda: Chain(GRU(D, H), GRU(H, H)), lambda: nn.GRU(D, H, num_layers=2)),
    "chain-of-elman": (lambda: Chain(Elman(D, H), Elman(H, H)), lambda: nn.RNN(D, H, num_layers=2)),
}


@pytest.fixture(params=PAIRS)
def pair(request: pytest.FixtureRequest) -> tuple[Recurrent[Any], nn.RNNBase]:
    torch.manual_seed(0)
    ours, theirs = PAIRS[request.param]
    return ours().double(), theirs().double()


def snapshot(recurrent: Recurrent[Any]) -> dict[str, Tensor]:
    return {name: weights.detach().clone() for name, weights in recurrent.named_parameters()}


def as_torch_state(recurrent: Recurrent[Any], state: Any) -> Any:
    """Lay a state out as PyTorch does: layers on axis 0, and for the LSTM hidden and cell apart."""
    layers = state if isinstance(recurrent, Chain) else (state,)
    parts = tuple(torch.stack(same) for same in zip(*map(leaves, layers), strict=True))
    return parts if len(parts) > 1 else parts[0]


def as_our_gradients(recurrent: Recurrent[Any], theirs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Name the gradients of PyTorch's weights as ours are; each of its two biases has the gradient of our one."""
    cells = list(recurrent) if isinstance(recurrent, Chain) else [recurrent]
    grads = {}
    for layer, cell in enumerate(cells):
        prefix = f"parts.{layer}." if isinstance(recurrent, Chain) else ""
        grads[f"{prefix}input_weights"] = theirs[f"weight_ih_l{layer}"]
        grads[f"{prefix}recurrent_weights"] = theirs[f"weight_hh_l{layer}"]
        grads[f"{prefix}bias"] = theirs[f"bias_ih_l{layer}"]
        if isinstance(cell, ProjectedLSTM):
            grads[f"{prefix}projection"] = theirs[f"weight_hr_l{layer}"]
        if isinstance(cell, GRU):
            grads[f"{prefix}candidate_bias"] = theirs[f"bias_hh_l{layer}"][2 * H :]
    return grads


def gradients(ys: Tensor, last: Any, wanted: dict[str, Tensor]) -> dict[str, Tensor]:
    """Pull at every output and at every part of the last state, each place with its own strength."""
    ends = [ys, *leaves(last)]
    pulls = [torch.linspace(-1, 1, end.numel(), dtype=end.dtype).reshape(end.shape) for end in ends]
    return dict(zip(wanted, torch.autograd.grad(ends, list(wanted.values()), pulls), strict=True))


def assert_close(found: object, expected: object) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_the_same_weights_give_the_same_outputs_and_gradients(pair: tuple[Recurrent[Any], nn.RNNBase]) -> None:
    ours, theirs = pair
    load_torch(ours, theirs.state_dict())
    xs = torch.randn(T, B, D, dtype=torch.float64, requires_grad=True)
    state = map_leaves(lambda leaf: torch.randn_like(leaf).requires_grad_(), ours.initial(B))
    ys, last = ours.scan(xs, state)
    last = as_torch_state(ours, last)
    expected, end = theirs(xs, as_torch_state(ours, state))
    assert_close(ys, expected)
    assert_close(last, end)
    given = {"xs": xs, **{f"state {path}": leaf for path, leaf in paths(state)}}
    assert_close(gradients(ys, last, given), gradients(expected, end, given))
    expected, end = theirs(xs, as_torch_state(ours, state))
    wanted = gradients(expected, end, dict(theirs.named_parameters()))
    ys, last = ours.scan(xs, state)
    found = gradients(ys, as_torch_state(ours, last), dict(ours.named_parameters()))
    assert_close(found, as_our_gradients(ours, wanted))


def test_weights_go_to_pytorch_and_come_back_unchanged(pair: tuple[Recurrent[Any], nn.RNNBase]) -> None:
    ours, theirs = pair
    with torch.no_grad():
        for weights in ours.parameters():
            weights.add_(torch.randn_like(weights))
    before = snapshot(ours)
    theirs.load_state_dict(to_torch(ours))
    xs = torch.randn(T, B, D, dtype=torch.float64)
    assert_close(theirs(xs)[0], ours.scan(xs, ours.initial(B))[0])
    back = from_torch(theirs)
    torch.testing.assert_close(snapshot(back), before, rtol=0, atol=0)
    assert type(back) is type(ours)


def test_a_cell_made_from_a_module_computes_what_it_does(pair: tuple[Recurrent[Any], nn.RNNBase]) -> None:
    _, theirs = pair
    made = from_torch(theirs)
    xs = torch.randn(T, B, D, dtype=torch.float64)
    assert_close(made.scan(xs, made.initial(B))[0], theirs(xs)[0])


@pytest.mark.parametrize("module", [nn.LSTM, nn.GRU, nn.RNN])
def test_a_module_without_biases_gives_biases_of_nought(module: Callable[..., nn.RNNBase]) -> None:
    theirs = module(D, H, bias=False)
    made = from_torch(theirs)
    xs = torch.randn(T, B, D)
    torch.testing.assert_close(made.scan(xs, made.initial(B))[0], theirs(xs)[0])


def test_what_is_given_to_pytorch_is_a_copy() -> None:
    cell = LSTM(D, H)
    weights = to_torch(cell)
    weights["weight_ih_l0"].zero_()
    assert cell.input_weights.any()
    assert not any(tensor.requires_grad for tensor in weights.values())


@pytest.mark.parametrize(
    ("state_dict", "said"),
    [
        (nn.LSTM(6, H).state_dict(), r"LSTM: weight_ih_l0 is \(16, 6\) where \(16, 5\) is wanted"),
        (nn.LSTM(D, H, num_layers=2).state_dict(), r"LSTM: bias_hh_l1 is \(16,\) where nothing is wanted"),
        (nn.GRU(D, H).state_dict(), r"LSTM: bias_hh_l0 is \(12,\) where \(16,\) is wanted"),
        ({}, r"LSTM: weight_hh_l0 is missing where \(16, 4\) is wanted"),
        (
            {name: tensor for name, tensor in nn.LSTM(D, H).state_dict().items() if name != "bias_hh_l0"},
            r"LSTM: bias_hh_l0 is missing where \(16,\) is wanted",
        ),
    ],
)
def test_weights_that_do_not_fit_are_named_and_nothing_is_changed(state_dict: dict[str, Tensor], said: str) -> None:
    cell = LSTM(D, H)
    before = snapshot(cell)
    with pytest.raises(UsageError, match=f"PyTorch's weights do not fit {said}"):
        load_torch(cell, state_dict)
    torch.testing.assert_close(snapshot(cell), before, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("recurrent", "said"),
    [
        (Chain(LSTM(D, H), GRU(H, H)), "no module like GRU, LSTM: give Elman, LSTM, ProjectedLSTM or GRU, or a Chain"),
        (Chain(Chain(LSTM(D, H))), "no module like Chain"),
        (GRU(D, H, reset_after=False), "no GRU whose reset gate acts before the product: give one with reset_after"),
        (Chain(GRU(D, H), GRU(H, H, reset_after=False)), "no GRU whose reset gate acts before the product"),
        (Chain(LSTM(D, H), LSTM(H, 6)), r"no module of layers that differ \(lstm of 4 units and lstm of 6 units\)"),
        (Chain(Elman(D, H), Elman(H, H, activation="relu")), r"differ \(elman_relu of 4 .* elman_tanh of 4 units\)"),
        (
            Chain(ProjectedLSTM(D, H, memory_units=6), ProjectedLSTM(H, H)),
            r"differ \(projected lstm of 4 units and 6 of memory and projected lstm of 4 units and 8 of memory\)",
        ),
    ],
)
def test_a_recurrence_that_pytorch_does_not_have_is_refused(recurrent: Recurrent[Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        to_torch(recurrent)
    with pytest.raises(UsageError, match=said):
        load_torch(recurrent, {})


def test_a_module_that_cannot_step_is_refused() -> None:
    with pytest.raises(UsageError, match="a bidirectional PyTorch module has no cell here: give one of one direction"):
        from_torch(nn.LSTM(D, H, bidirectional=True))


def test_a_module_that_is_no_recurrence_is_refused_by_name() -> None:
    module: Any = nn.Linear(D, H)
    with pytest.raises(UsageError, match=r"Linear is not torch\.nn\.RNN, LSTM or GRU"):
        from_torch(module)
