"""The textbook's gradient is autograd's, cut to length or whole; and the learner's is that of a larger batch."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from statewise.bptt import (
    Trace,
    Weights,
    accumulate,
    backward,
    clip_norm,
    clip_value,
    contributions,
    forward,
    loss,
    norm,
)
from statewise.cells import Elman
from statewise.data.window import Window
from statewise.errors import UsageError
from statewise.heads import Categorical
from statewise.learning import optimizers
from statewise.learning.learner import Learner
from statewise.model import Model
from statewise.run.recipe import Recipe
from statewise.state import detach

T, B, D, H, V, M = 7, 3, 5, 4, 6, 2
EMPTY = np.zeros(0)


def close(found: Any, expected: Any, tolerance: float = 1e-12) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def example(rows: int = B, seed: int = 0) -> tuple[Weights, Any, Any, Any]:
    draw = np.random.default_rng(seed).normal
    weights = Weights(*(np.random.default_rng(9).normal(size=shape) for shape in ((H, D), (H, H), (V, H))))
    targets = np.random.default_rng(seed).integers(0, V, (T, rows))
    return weights, draw(size=(T, rows, D)), draw(size=(rows, H)), targets


def tensors(weights: Weights) -> list[Tensor]:
    return [torch.from_numpy(part.copy()).requires_grad_() for part in weights]


def read(x: Tensor, s: Tensor, input_weights: Tensor, recurrent_weights: Tensor) -> Tensor:
    return torch.tanh(x @ input_weights.T + s @ recurrent_weights.T)


def autograd(steps_back: int | None, weights: Weights, xs: Any, state: Any, targets: Any) -> list[Tensor]:
    """Each error's gradient on its own, from a forward pass whose state is detached `steps_back` steps before it."""
    given = tensors(weights)
    inputs, codes = torch.from_numpy(xs), torch.from_numpy(targets)
    total = torch.zeros((), dtype=torch.float64)
    for t in range(T):
        s = torch.from_numpy(state)
        for j in range(t + 1):
            if steps_back is not None and j == t - steps_back:
                s = s.detach()
            s = read(inputs[j], s, given[0], given[1])
        total = total + cross_entropy(s @ given[2].T, codes[t])
    return list(torch.autograd.grad(total, given, allow_unused=True))


def test_the_forward_pass_is_that_of_the_elman_cell() -> None:
    weights, xs, state, targets = example()
    cell = Elman(D, H).double()
    cell.input_weights.data, cell.recurrent_weights.data = (tensor.data for tensor in tensors(weights)[:2])
    given = torch.from_numpy(xs), type(cell.initial(B))(torch.from_numpy(state))
    ys, last = cell.scan(*given)
    trace = forward(weights, xs, state)
    close([trace.states[1:], trace.states[-1]], [ys.detach(), last.hidden.detach()])
    logits = ys.detach() @ torch.from_numpy(weights.output).T
    close([trace.ys], [logits.softmax(-1)])
    nats = cross_entropy(logits.reshape(-1, V), torch.from_numpy(targets).flatten(), reduction="sum")
    assert loss(trace, targets) == pytest.approx(float(nats) / B, rel=1e-12)


@pytest.mark.parametrize("steps_back", [None, 0, 2])
def test_the_gradient_of_a_linear_output_is_autograds(steps_back: int | None) -> None:
    weights, xs, state, _ = example()
    wanted = np.random.default_rng(4).normal(size=(T, B, V))
    trace = forward(weights, xs, state, linear=True)
    given = tensors(weights)
    total = torch.zeros((), dtype=torch.float64)
    for t in range(T):
        s = torch.from_numpy(state)
        for j in range(t + 1):
            s = s.detach() if steps_back is not None and j == t - steps_back else s
            s = read(torch.from_numpy(xs[j]), s, given[0], given[1])
        total = total + ((s @ given[2].T - torch.from_numpy(wanted[t])) ** 2).sum() / 2 / B
    assert loss(trace, wanted) == pytest.approx(total.item(), rel=1e-12)
    close(backward(weights, xs, wanted, trace, steps_back), torch.autograd.grad(total, given))
    with pytest.raises(UsageError, match="were given for linear outputs"):
        loss(trace, wanted[:, :, :-1])


def test_what_each_step_adds_to_the_recurrent_weights_sums_to_the_gradient_of_the_error() -> None:
    weights, xs, state, targets = example()
    trace = forward(weights, xs, state)
    total = np.zeros((H, H))
    for t in range(T):
        terms = contributions(weights, targets, trace, t)
        assert len(terms) == t + 1
        total += np.sum(terms, axis=0)
        cut = [np.sum(terms[t - k :], axis=0) for k in range(t + 1)]
        one = Trace(trace.states[: t + 2], trace.ys[: t + 1])
        before = one._replace(states=one.states[:-1], ys=one.ys[:-1])
        for k in range(t + 1):  # the error of step t alone: with it, less those before it
            whole = backward(weights, xs[: t + 1], targets[: t + 1], one, k).recurrent
            others = backward(weights, xs[:t], targets[:t], before, k).recurrent if t else 0
            close([cut[k]], [whole - others])
    close([total], [backward(weights, xs, targets, trace).recurrent])
    for t in (-1, T):
        with pytest.raises(UsageError, match=f"step {t} is not among the {T} that were read"):
            contributions(weights, targets, trace, t)


def test_the_whole_gradient_is_autograds() -> None:
    weights, xs, state, targets = example()
    found = backward(weights, xs, targets, forward(weights, xs, state))
    close(found, autograd(None, weights, xs, state, targets))


@pytest.mark.parametrize("steps_back", [0, 1, 3, T - 1, 20])
def test_a_truncated_gradient_is_autograds_with_the_state_detached_before_it(steps_back: int) -> None:
    weights, xs, state, targets = example()
    found = backward(weights, xs, targets, forward(weights, xs, state), steps_back)
    close(found, autograd(steps_back, weights, xs, state, targets))


@pytest.mark.parametrize("steps_back", [0, 2, T - 2])
def test_a_truncated_gradient_is_the_whole_without_what_lies_further_back(steps_back: int) -> None:
    weights, xs, state, targets = example()
    trace = forward(weights, xs, state)
    whole = backward(weights, xs, targets, trace)
    copies = [tensors(weights) for _ in range(T)]  # one copy of the weights for each step, as the network unrolled
    states = [torch.from_numpy(state)]
    for j in range(T):
        states.append(read(torch.from_numpy(xs[j]), states[-1], *copies[j][:2]))
    beyond = [torch.zeros_like(tensor) for tensor in copies[0][:2]]
    for t in range(T):
        error = cross_entropy(states[t + 1] @ copies[t][2].T, torch.from_numpy(targets[t]))
        for j in range(t - steps_back):
            further = torch.autograd.grad(error, copies[j][:2], retain_graph=True)
            beyond = [one + other for one, other in zip(beyond, further, strict=True)]
    assert float(beyond[1].norm()) > 1e-4
    found = backward(weights, xs, targets, trace, steps_back)
    close(found[:2], [whole.input - beyond[0].numpy(), whole.recurrent - beyond[1].numpy()])
    close([found.output], [whole.output])


def test_accumulating_windows_is_one_window_of_all_their_rows() -> None:
    parts = [example(seed=seed) for seed in range(M)]
    weights = parts[0][0]
    mean = accumulate([backward(weights, xs, targets, forward(weights, xs, s)) for _, xs, s, targets in parts])
    xs, targets = (np.concatenate([part[index] for part in parts], axis=1) for index in (1, 3))
    whole = backward(weights, xs, targets, forward(weights, xs, np.concatenate([part[2] for part in parts])))
    close(mean, whole)


def test_an_output_far_from_nought_is_still_a_number() -> None:
    weights, xs, state, _ = example()
    far = weights._replace(output=1e5 * weights.output)
    assert np.isfinite(forward(far, xs, state).ys).all()


@pytest.mark.parametrize("threshold", [1e-3, 1.0, 1e6])
def test_clipping_by_norm_is_algorithm_1(threshold: float) -> None:
    weights, xs, state, targets = example()
    gradient = backward(weights, xs, targets, forward(weights, xs, state))
    length = math.sqrt(sum(float(number) ** 2 for part in gradient for number in part.flat))
    assert norm(gradient) == pytest.approx(length, rel=1e-14)
    expected = [part * threshold / length for part in gradient] if length >= threshold else list(gradient)
    close(clip_norm(gradient, threshold), expected)


def test_clipping_by_value_bounds_each_number_alone() -> None:
    gradient = Weights(np.array([[0.5, -0.3]]), np.array([[-7.0]]), np.array([[2.0], [1.0]]))
    close(clip_value(gradient, 1.0), [[[0.5, -0.3]], [[-1.0]], [[1.0], [1.0]]])


def model() -> Model[Tensor]:
    torch.manual_seed(0)
    return Model(nn.Embedding(V, D), Elman(D, H), Categorical(H, V)).double()


def windows(masked: bool) -> list[Window]:
    drawn = torch.Generator().manual_seed(3)
    codes = torch.randint(V, (M, 2, T, B), generator=drawn)
    masks = torch.rand((M, T, B), generator=drawn) < torch.tensor([0.9, 0.3]).reshape(M, 1, 1)
    return [Window(inputs, targets, mask if masked else None) for (inputs, targets), mask in zip(codes, masks)]


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
def test_the_learner_accumulates_the_gradient_of_one_larger_batch(masked: bool) -> None:
    given = windows(masked)
    learner = Learner(model(), given, Recipe(accumulate=M, clip=0, precision="64-true", updates=1, optimizer="sgd"))
    learner.update()
    twin, states = model(), [model().begin(B)]
    for window in given[:-1]:
        states.append(detach(twin.loss(window, states[-1])[1]))
    both = Window(
        torch.cat([window.inputs for window in given], dim=1),
        torch.cat([window.targets for window in given], dim=1),
        torch.cat([window.mask for window in given if window.mask is not None], dim=1) if masked else None,
    )
    total, _ = twin.loss(both, type(states[0])(torch.cat([state.hidden for state in states])))
    torch.autograd.backward(total.mean)
    found, expected = ([weights.grad for weights in one.parameters()] for one in (learner.model, twin))
    assert all(grad is not None and grad.any() for grad in expected)
    close(found, expected)


def test_a_learner_in_double_precision_carries_double_and_goes_on_from_its_snapshot() -> None:
    recipe = Recipe(precision="64-true", updates=4)
    learner, other = (Learner(model(), windows(masked=False), recipe) for _ in range(2))
    learner.update()
    assert learner.state.hidden.dtype == torch.float64
    other.restore(learner.snapshot())
    assert other.update()._replace(seconds=0) == learner.update()._replace(seconds=0)


@pytest.mark.parametrize("threshold", [1e-3, 0.1, 1e6])
def test_the_clipping_of_the_learner_is_algorithm_1(threshold: float) -> None:
    one = model()
    total, _ = one.loss(windows(masked=False)[0], one.begin(B))
    torch.autograd.backward(total.mean)
    before = [weights.grad.clone() for weights in one.parameters() if weights.grad is not None]
    gradient = Weights(torch.cat([part.flatten() for part in before]).numpy(), EMPTY, EMPTY)
    assert optimizers.clip_norm(one.parameters(), threshold) == pytest.approx(norm(gradient), rel=1e-12)
    after = torch.cat([weights.grad.flatten() for weights in one.parameters() if weights.grad is not None])
    close([after], [clip_norm(gradient, threshold).input])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"xs": np.zeros((T, B, 6))},
            r"5 features and 4 units were given xs \[7, 3, 6\] and a state \[3, 4\]: give xs",
        ),
        ({"state": np.zeros((2, H))}, r"given xs \[7, 3, 5\] and a state \[2, 4\]: give xs \[T, B, 5\] and a state"),
        ({"targets": np.zeros((B, T), np.int64)}, r"targets \[3, 7\] were given for \[7, 3\] outputs"),
        ({"targets": np.full((T, B), V)}, "targets from 6 to 6 were given: make them 0 to 5"),
        ({"targets": np.full((T, B), -1)}, "targets from -1 to -1 were given: make them 0 to 5"),
        ({"steps_back": -1}, "errors cannot go back -1 steps: give 0 or more"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], said: str) -> None:
    weights, xs, state, targets = example()
    given = {"xs": xs, "state": state, "targets": targets, "steps_back": None, **change}

    def both() -> None:
        trace = forward(weights, given["xs"], given["state"])
        backward(weights, given["xs"], given["targets"], trace, given["steps_back"])

    with pytest.raises(UsageError, match=said):
        both()


def test_a_target_out_of_range_has_no_loss_either() -> None:
    weights, xs, state, _ = example()
    with pytest.raises(UsageError, match="make them 0 to 5"):
        loss(forward(weights, xs, state), np.full((T, B), V))


def test_no_windows_and_no_threshold_are_refused() -> None:
    gradient = Weights(*(np.ones((1, 1)) for _ in range(3)))
    with pytest.raises(UsageError, match="no gradient was given to accumulate"):
        accumulate([])
    for clip in (clip_norm, clip_value):
        for threshold in (0.0, -1.0, float("nan")):
            with pytest.raises(UsageError, match=r"a gradient cannot be clipped to .*: give a threshold above 0"):
                clip(gradient, threshold)
