"""Cells as general as ONNX has them keep the laws, and each activation is the specification's."""

import math

import numpy as np
import pytest
import torch

from statewise.errors import UsageError
from statewise.exchange.onnx.activations import FORMULAS, Activation, read_activations
from statewise.exchange.onnx.cells import OnnxLSTM

D, H = 5, 4

POINTS = (-2.0, -0.5, 0.5, 2.0)
VALUES = {  # at these points, with alpha 0.5 and beta 0.75
    "Relu": [0, 0, 0.5, 2],
    "Tanh": [math.tanh(x) for x in POINTS],
    "Sigmoid": [1 / (1 + math.exp(-x)) for x in POINTS],
    "Affine": [-0.25, 0.5, 1, 1.75],
    "LeakyRelu": [-1, -0.25, 0.5, 2],
    "ThresholdedRelu": [0, 0, 0.5, 2],
    "ScaledTanh": [0.5 * math.tanh(0.75 * x) for x in POINTS],
    "HardSigmoid": [0, 0.5, 1, 1],
    "Elu": [0.5 * (math.exp(-2) - 1), 0.5 * (math.exp(-0.5) - 1), 0.5, 2],
    "Softsign": [-2 / 3, -1 / 3, 1 / 3, 2 / 3],
    "Softplus": [math.log(1 + math.exp(x)) for x in POINTS],
}


@pytest.mark.parametrize("name", VALUES)
def test_every_activation_of_the_specification_is_computed(name: str) -> None:
    found = Activation(name, alpha=0.5, beta=0.75)(torch.tensor(POINTS, dtype=torch.float64))
    np.testing.assert_allclose(found, VALUES[name], rtol=1e-13, atol=1e-15)


def test_no_activation_is_left_out() -> None:
    assert set(VALUES) == set(FORMULAS)


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("LeakyRelu", (0.01, 0.0)),
        ("ThresholdedRelu", (1.0, 0.0)),
        ("HardSigmoid", (0.2, 0.5)),
        ("Elu", (1.0, 0.0)),
        ("softsign", (0.0, 0.0)),
    ],
)
def test_numbers_that_are_not_given_are_those_of_the_operator(name: str, numbers: tuple[float, float]) -> None:
    assert read_activations([name])[0][1:] == numbers


def test_each_function_that_takes_a_number_takes_the_next() -> None:
    names = ["Sigmoid", "Elu", "HardSigmoid", "LeakyRelu"]
    found = read_activations(names, alphas=[0.3, 0.4], betas=[0.6])
    assert [function.alpha for function in found] == [0.0, 0.3, 0.4, 0.01]
    assert [function.beta for function in found] == [0.0, 0.0, 0.6, 0.0]
    assert read_activations(["Elu", "Tanh"], alphas=[0.3, 0.0])[0].alpha == 0.3


def test_numbers_of_activations_that_may_be_meant_in_two_ways_are_refused() -> None:
    with pytest.raises(UsageError, match="activation_alpha has 3 values but 1 of the activations Tanh, Elu, Tanh"):
        read_activations(["Tanh", "Elu", "Tanh"], alphas=[0.0, 0.3, 0.0])


def test_a_wrong_number_of_activations_is_refused_by_the_cell() -> None:
    with pytest.raises(UsageError, match="OnnxLSTM was given 1 activations: give 3"):
        OnnxLSTM(D, H, activations=read_activations(["Tanh"]))
