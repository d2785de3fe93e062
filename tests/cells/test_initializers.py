"""Weights begin as the name says, each gate by itself."""

from typing import Any

import pytest
import torch

from statewise.cells import (
    GRU,
    INITIALIZERS,
    LSTM,
    LSTM1997,
    Clockwork,
    CoupledLSTM,
    Elman,
    LayerNormGRU,
    LayerNormLSTM,
    PeepholeLSTM,
    initialize,
)
from statewise.errors import UsageError

GATES, H, D = 3, 4, 5
CELLS = [Elman, LSTM, LSTM1997, PeepholeLSTM, CoupledLSTM, LayerNormLSTM, GRU, LayerNormGRU, Clockwork]


@pytest.mark.parametrize("name", INITIALIZERS)
def test_weights_of_every_name_have_the_same_shape_and_train(name: str) -> None:
    weights = initialize(name, GATES, H, D)
    assert weights.shape == (GATES * H, D)
    assert weights.requires_grad


def test_half_of_the_orthogonal_draws_are_reflections() -> None:
    torch.manual_seed(0)
    signs = [float(torch.linalg.det(gate)) for gate in initialize("orthogonal", 400, H, H).detach().chunk(400)]
    assert {round(abs(sign), 4) for sign in signs} == {1.0}
    assert 160 < sum(sign < 0 for sign in signs) < 240  # four deviations around half of them


def test_each_name_means_what_it_says() -> None:
    for gate in initialize("orthogonal", GATES, H, D).chunk(GATES):
        torch.testing.assert_close(gate @ gate.T, torch.eye(H))
    for gate in initialize("identity", GATES, H, D).chunk(GATES):
        assert torch.equal(gate, torch.eye(H, D))
    assert not initialize("zeros", GATES, H, D).any()
    glorot = initialize("glorot", 200, H, D).detach()
    assert (6 / (D + H)) ** 0.5 * 0.95 < float(glorot.abs().max()) <= (6 / (D + H)) ** 0.5


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown initializer 'orthogonol': did you mean 'orthogonal'"):
        initialize("orthogonol", GATES, H, D)


@pytest.mark.parametrize("cell", CELLS)
def test_the_weights_of_a_cell_begin_as_the_names_say(cell: Any) -> None:
    made = cell(D, H, input_initializer="zeros", recurrent_initializer="identity")
    gates = made.input_weights.shape[0] // H
    assert not made.input_weights.any()
    assert torch.equal(made.recurrent_weights, torch.eye(H).repeat(gates, 1))


@pytest.mark.parametrize("cell", CELLS)
def test_the_weights_of_a_cell_begin_glorot_and_orthogonal_where_no_name_is_given(cell: Any) -> None:
    torch.manual_seed(0)
    plain = cell(D, H)
    torch.manual_seed(0)
    named = cell(D, H, input_initializer="glorot", recurrent_initializer="orthogonal")
    assert torch.equal(plain.input_weights, named.input_weights)
    assert 0 < plain.input_weights.abs().max() <= (6 / (D + H)) ** 0.5
    for gate in plain.recurrent_weights.chunk(plain.recurrent_weights.shape[0] // H):
        torch.testing.assert_close(gate @ gate.T, torch.eye(H))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("of", ["input_initializer", "recurrent_initializer"])
def test_a_cell_refuses_an_unknown_name_with_the_nearest(cell: Any, of: str) -> None:
    with pytest.raises(UsageError, match="unknown initializer 'identiti': did you mean 'identity'"):
        cell(D, H, **{of: "identiti"})
