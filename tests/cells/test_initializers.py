"""Weights begin as the name says, each gate by itself."""

import pytest
import torch

from statewise.cells import INITIALIZERS, initialize
from statewise.errors import UsageError

GATES, H, D = 3, 4, 5


@pytest.mark.parametrize("name", INITIALIZERS)
def test_weights_of_every_name_have_the_same_shape_and_train(name: str) -> None:
    weights = initialize(name, GATES, H, D)
    assert weights.shape == (GATES * H, D)
    assert weights.requires_grad


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
