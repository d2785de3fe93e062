"""A score is the mean over every place of the held-out part, in one stream, and leaves the model as it was."""

import copy

import pytest
import torch
from torch import Tensor, nn

from statewise.cells import GRU
from statewise.data.window import Window
from statewise.heads import Categorical
from statewise.kernels import native
from statewise.learning.scoring import score, score_compiled, score_dynamically
from statewise.model import Model
from statewise.state import detach

T, B, D, H, V = 7, 3, 5, 4, 6
STEPS = [7, 7, 2]  # the last window is shorter


def make_model() -> Model[Tensor]:
    torch.manual_seed(0)
    return Model(nn.Sequential(nn.Embedding(V, D), nn.Dropout(0.5)), GRU(D, H), Categorical(H, V))


def make_windows() -> list[Window]:
    codes = torch.randint(V, (sum(STEPS) + 1, B), generator=torch.Generator().manual_seed(1))
    mask = torch.rand(sum(STEPS), B, generator=torch.Generator().manual_seed(2)) > 0.3
    starts = [sum(STEPS[:i]) for i in range(len(STEPS))]
    return [Window(codes[a : a + n], codes[a + 1 : a + n + 1], mask[a : a + n]) for a, n in zip(starts, STEPS)]


def test_a_score_is_the_mean_that_one_counts_by_hand() -> None:
    model, windows = make_model().eval(), make_windows()
    nats, places = 0.0, 0
    for row in range(B):
        state = model.begin(1)
        for window in windows:
            assert window.mask is not None
            for x, target, there in zip(window.inputs[:, row], window.targets[:, row], window.mask[:, row]):
                if there:
                    logits, state = model.step(x.reshape(1), state)
                    nats, places = nats - logits.softmax(dim=-1)[0, target].log().item(), places + 1
    (fraction, loss) = list(score(model, windows))[-1]
    assert fraction == 1.0
    assert int(loss.places) == places
    assert float(loss.nats) / places == pytest.approx(nats / places, rel=1e-6)
    assert float(loss.mean) == pytest.approx(nats / places, rel=1e-6)


def test_a_score_grows_window_by_window() -> None:
    windows = make_windows()
    told = list(score(make_model(), windows))
    assert [fraction for fraction, _ in told] == [1 / 3, 2 / 3, 1.0]
    assert [int(loss.places) for _, loss in told] == [
        sum(int(window.mask.sum()) for window in windows[:count] if window.mask is not None) for count in (1, 2, 3)
    ]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("leave", [True, False])
def test_scoring_touches_neither_model_nor_random_numbers(training: bool, leave: bool) -> None:
    model = make_model().train(training)
    weights, dice = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    losses = score(model, make_windows())
    next(losses)
    assert not model.training
    losses.close() if leave else list(losses)  # type: ignore[attr-defined]
    assert model.training == training
    assert torch.equal(torch.get_rng_state(), dice)
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_long_score_is_summed_exactly() -> None:
    windows = make_windows()[:1] * 300
    reset = torch.zeros(T, B, dtype=torch.bool)
    reset[0] = True
    windows = [window._replace(reset=reset) for window in windows]
    losses = [loss for _, loss in score(make_model(), windows)]
    assert losses[-1].nats.dtype == torch.float64
    assert float(losses[-1].nats) == pytest.approx(300 * float(losses[0].nats), rel=1e-12)


def make_still_model() -> Model[Tensor]:
    torch.manual_seed(0)
    return Model(nn.Embedding(V, D), GRU(D, H), Categorical(H, V))


def test_learning_on_scores_each_window_before_it_learns_from_it() -> None:
    model, windows = make_still_model(), make_windows()
    learning = copy.deepcopy(model)
    state, nats = learning.begin(B), 0.0
    for window in windows:
        loss, state = learning.loss(window, state)
        state, nats = detach(state), nats + float(loss.nats.detach())
        gradients = torch.autograd.grad(loss.mean, list(learning.parameters()))
        norm = float(torch.cat([gradient.flatten() for gradient in gradients]).norm())
        with torch.no_grad():
            for weight, gradient in zip(learning.parameters(), gradients):
                weight.sub_(30.0 * gradient * min(1.0, 1.0 / norm))
    told = list(score_dynamically(model, windows, rate=30.0))
    assert [fraction for fraction, _ in told] == [1 / 3, 2 / 3, 1.0]
    assert float(told[-1][1].nats) == pytest.approx(nats, rel=1e-4)
    still = [loss for _, loss in score(model, windows)]
    assert float(told[0][1].nats) == pytest.approx(float(still[0].nats))
    assert float(told[1][1].nats) != pytest.approx(float(still[1].nats))


def test_learning_on_leaves_the_model_as_it_was() -> None:
    model = make_still_model().eval()
    weights = copy.deepcopy(model.state_dict())
    list(score_dynamically(model, make_windows(), rate=1.0))
    assert not model.training
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.skipif(native.Program is None, reason="installed without native kernels")
def test_a_program_scores_what_the_model_scores_also_where_rows_sleep_or_are_reset() -> None:
    torch.manual_seed(0)
    model = Model(nn.Embedding(V, D), GRU(D, H), Categorical(H, V))
    windows = make_windows()
    resets = [torch.rand(window.targets.shape) < 0.2 for window in windows]
    windows = [window._replace(reset=reset) for window, reset in zip(windows, resets, strict=True)]
    wanted, told = list(score(model, windows)), list(score_compiled(model, windows, "float32"))
    for (fraction, loss), (same_fraction, same_loss) in zip(wanted, told, strict=True):
        assert fraction == same_fraction
        assert loss.places == same_loss.places
        torch.testing.assert_close(loss.nats, same_loss.nats, rtol=1e-5, atol=0)
    coarse = list(score_compiled(model, windows, "int8"))[-1][1]
    assert float(coarse.mean) == pytest.approx(float(wanted[-1][1].mean), rel=0.01)
