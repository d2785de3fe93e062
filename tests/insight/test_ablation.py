"""What of the past is used is measured as how far predictions move, at every lag near the edge."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, log_softmax

from statewise.cells import LSTM, Cell
from statewise.data.window import Window
from statewise.heads import Categorical, Gaussian, Head
from statewise.insight.ablation import NOTICED, _apart
from statewise.insight.memory import Memory, measure_memory
from statewise.insight.probed_network import ProbedNetwork, probed_network
from statewise.model import Model

T, B, H, V = 13, 9, 4, 6


class Delay(Cell[Tensor]):
    """Says now and then what it read some steps back: as a share, by how far back, that falls."""

    def __init__(self, steps: int, fading: float) -> None:
        super().__init__()
        self.features, self.units = 1, 1
        self.steps, self.fading = steps, fading

    def initial(self, rows: int) -> Tensor:
        return torch.zeros(rows, self.steps)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        state = torch.cat([x, state[:, :-1]], dim=1)
        return (state * self.fading ** torch.arange(self.steps)).sum(dim=1, keepdim=True), state


class Opposite(Cell[Tensor]):
    """Says the contrary of what it read one step back: without a past it says neither."""

    features, units = 1, 1

    def initial(self, rows: int) -> Tensor:
        return torch.zeros(rows, 1)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return -state + 0 * x, x


def divergence_of(head: Head[Any], whole: Tensor, ys: Tensor) -> Tensor:
    model: Model[Any] = Model(nn.Identity(), LSTM(2, H), head)
    with torch.no_grad():
        return probed_network(model).divergence_from(whole, None, torch.Generator().manual_seed(0))(ys)


def test_over_choices_the_divergence_is_that_of_kullback_and_leibler() -> None:
    torch.manual_seed(0)
    head, whole, ys = Categorical(H, V), torch.randn(B, H), torch.randn(B, H)
    p, q = log_softmax(head(whole), dim=-1), log_softmax(head(ys), dim=-1)
    expected = nn.functional.kl_div(q, p, log_target=True, reduction="none").sum(dim=-1)
    assert torch.allclose(divergence_of(head, whole, ys).float(), expected, atol=1e-6)
    assert torch.equal(divergence_of(head, whole, whole), torch.zeros(B, dtype=torch.float64))


def test_of_a_density_it_is_estimated_from_draws() -> None:
    torch.manual_seed(0)
    head, whole = Gaussian(H), torch.randn(1, H).repeat(2000, 1)
    ys = whole + 0.2 * torch.randn(1, H)
    with torch.no_grad():
        (mean, scale), (other, wider) = ([part[0] for part in head(features)] for features in (whole, ys))
    expected = (wider / scale).log() + (scale**2 + (mean - other) ** 2) / (2 * wider**2) - 0.5
    found = divergence_of(head, whole, ys)
    assert float(found.mean()) == pytest.approx(float(expected), rel=0.05)
    assert float(found.min()) >= 0


def test_of_a_loss_alone_it_is_half_the_square_of_the_change() -> None:
    torch.manual_seed(0)
    linear, targets = nn.Linear(H, V), torch.randint(V, (4000,))
    with torch.no_grad():
        linear.weight.mul_(0.2)  # so that targets drawn evenly are nearly what is predicted
        linear.bias.zero_()
    whole = torch.randn(4000, H)
    ys = whole + 0.3 * torch.randn(4000, H)

    def losses(ys: Tensor, targets: Tensor) -> Tensor:
        return cross_entropy(linear(ys), targets, reduction="none")

    network = ProbedNetwork(LSTM(2, H), nn.Identity(), losses)
    with torch.no_grad():
        found = network.divergence_from(whole, targets, torch.Generator())(ys)
        p, q = log_softmax(linear(whole), dim=-1), log_softmax(linear(ys), dim=-1)
        exact = (p.exp() * (p - q)).sum(dim=-1)
    assert float(found.mean()) == pytest.approx(float(exact.mean()), rel=0.1)


def test_rows_are_told_apart_by_states_of_one_number_a_row() -> None:
    traced = (torch.tensor([1.0, 2.0, 3.0]), torch.ones(3, 4))
    other = (torch.tensor([1.0, 2.5, 3.0]), torch.ones(3, 4))
    assert _apart(other, traced, torch.arange(3)).tolist() == [False, True, False]


def test_a_past_that_only_does_harm_is_used_all_the_same() -> None:
    torch.manual_seed(0)
    xs = torch.randint(2, (90, B, 1)).float() * 2 - 1
    targets = torch.roll((xs[..., 0] > 0).long(), 1, dims=0)
    head = Categorical(1, 2)
    with torch.no_grad():
        head.weights.copy_(torch.tensor([[-1.0], [1.0]]))
        head.bias.zero_()
    model = Model(nn.Identity(), Opposite(), head)
    windows = [Window(xs[i : i + 9], targets[i : i + 9]) for i in range(0, 90, 9)]
    memory = measure_memory(model, windows, lags=8, probes=72)
    assert memory.loss is not None
    assert memory.loss > math.log(2)  # it would do better without
    assert memory.context.steps.value == pytest.approx(1, abs=0.05)


@pytest.fixture(scope="module")
def fading() -> Memory:
    torch.manual_seed(0)
    return measure_memory(Delay(60, 0.93), torch.randn(600, 40, 1), lags=59, probes=300)


def test_every_lag_near_the_edge_is_measured_and_none_between_is_guessed(fading: Memory) -> None:
    steps, lags = fading.context.steps, fading.cut.curve.lags
    assert steps.high - steps.low > 1
    assert set(range(math.floor(steps.low), math.ceil(steps.high) + 1)) <= set(lags)
    assert len(lags) < 59
    assert lags == sorted(set(lags))


def test_the_edge_is_where_the_curve_falls_below_what_is_noticed(fading: Memory) -> None:
    # what lies further back than k steps has a share 0.93^(2 (k + 1)) of the variance, but for the end of the delay
    exact = math.log(NOTICED) / (2 * math.log(0.93)) - 1
    assert fading.context.steps.low <= exact <= fading.context.steps.high
    moved = dict(zip(fading.cut.curve.lags, fading.cut.curve.means, strict=True))
    assert moved[math.floor(fading.context.steps.value)] >= NOTICED >= moved[math.ceil(fading.context.steps.value)]


def test_probes_of_one_row_are_drawn_together() -> None:
    torch.manual_seed(0)
    xs = torch.randn(120, 10, 1)
    once = measure_memory(Delay(9, 0.7), xs, lags=11, probes=80)
    again = measure_memory(Delay(9, 0.7), torch.cat([xs, xs[12:]]), lags=11, probes=170)
    assert (once.rows, again.rows) == (10, 10)
    width, wider = (memory.cut.curve.high[0] - memory.cut.curve.low[0] for memory in (once, again))
    assert wider == pytest.approx(width, rel=0.2)  # the same stretches twice are no more than once


def test_a_measurement_that_is_repeated_is_the_same_to_the_last_digit() -> None:
    torch.manual_seed(0)
    model: Model[Any] = Model(nn.Identity(), Delay(9, 0.7), Gaussian(1))
    xs = torch.randn(96, B, 1)
    windows = [Window(xs[i : i + 12], xs[i : i + 12, :, 0]) for i in range(0, 96, 12)]
    one, two = (measure_memory(model, windows, lags=11, probes=50) for _ in range(2))
    assert one.cut == two.cut
    assert np.isfinite(one.cut.curve.means).all()
