"""Backpropagation through time written out in NumPy, line by line as the lecture notes derive it.

Training does not use it: PyTorch's autograd computes the same, and `tests/test_bptt.py` holds the two together. It is
here to be read, and to be asked about one gradient at a time.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from statewise.errors import UsageError

Array = NDArray[np.float64]
Codes = NDArray[np.int64]


class Weights(NamedTuple):
    """W_x `[H, D]`, W_s `[H, H]` and W_y `[V, H]` of an Elman network, or the gradient of each."""

    input: Array
    recurrent: Array
    output: Array


class Trace(NamedTuple):
    """What a forward pass leaves for the backward pass: states `[T + 1, B, H]`, s_0 first, and ys `[T, B, V]`."""

    states: Array
    ys: Array
    is_linear: bool = False


def forward(weights: Weights, xs: Array, state: Array, *, linear: bool = False) -> Trace:
    r"""Read a sequence from a state.

        s_t = tanh(W_x x_t + W_s s_{t-1})        y_t = softmax(W_y s_t)

    With `linear` the output is plain, `y_t = W_y s_t`, as for a number that is to be predicted.

    Shapes: `xs` `[T, B, D]`, `state` `[B, H]`; `trace.states[-1]` is the state to go on from.
    Raises `UsageError` where they do not fit the weights. Source: Elman 1990.

    >>> weights = Weights(np.zeros((4, 5)), np.zeros((4, 4)), np.zeros((2, 4)))
    >>> forward(weights, np.zeros((7, 3, 5)), np.zeros((3, 4))).ys[6, 0]
    array([0.5, 0.5])
    """
    units, features = weights.input.shape
    if xs.ndim != 3 or xs.shape[2] != features or state.shape != (xs.shape[1], units):
        raise UsageError(
            f"weights for {features} features and {units} units were given xs {list(xs.shape)} and a state "
            f"{list(state.shape)}: give xs [T, B, {features}] and a state [B, {units}]"
        )
    states = [state]
    for x in xs:
        states.append(np.tanh(x @ weights.input.T + states[-1] @ weights.recurrent.T))
    logits = np.stack(states)[1:] @ weights.output.T
    if linear:
        return Trace(np.stack(states), logits, is_linear=True)
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))  # the same softmax, safe from overflow
    return Trace(np.stack(states), odds / odds.sum(axis=-1, keepdims=True))


def loss(trace: Trace, targets: Codes | Array) -> float:
    r"""Return the cross-entropy in nats, or half the squared error: the sum over the steps, and the mean over the rows.

        E = sum over t of E_t        E_t = mean over the rows of -log y_t[target_t]
                                     of a linear output:  mean over the rows of ||y_t - target_t||^2 / 2

    Shapes: `targets` `[T, B]`, each from 0 to V - 1, and of a linear output `[T, B, V]`. Raises `UsageError` for
    others.

    >>> trace = Trace(np.zeros((2, 3, 4)), np.full((1, 3, 2), 0.5))
    >>> round(loss(trace, np.zeros((1, 3), np.int64)), 4)
    0.6931
    """
    _check_targets(targets, trace)
    if trace.is_linear:
        return float(((trace.ys - targets) ** 2).sum(axis=2).mean(axis=1).sum() / 2)
    chosen = np.take_along_axis(trace.ys, np.asarray(targets, np.int64)[..., np.newaxis], axis=-1)
    return float(-np.log(chosen).mean(axis=1).sum())


def backward(
    weights: Weights, xs: Array, targets: Codes | Array, trace: Trace, steps_back: int | None = None
) -> Weights:
    r"""Return the gradient of `loss`, each error sent back through time.

        e_t = y_t - target_t            dE_t/dW_y = e_t s_t^T            dE_t/ds_t = W_y^T e_t
        dE_t/dW_s = sum over j <= t of  diag(1 - s_j^2) dE_t/ds_j  s_{j-1}^T
        dE_t/dW_x = sum over j <= t of  diag(1 - s_j^2) dE_t/ds_j  x_j^T
        dE_t/ds_{j-1} = W_s^T diag(1 - s_j^2) dE_t/ds_j

    Under a softmax `target_t` is one at the right choice and zero elsewhere; `e_t` is the same for both outputs.

    `steps_back` k cuts the sum to j >= t - k (0 keeps the direct effect alone); None sends every error back to the
    first step. Raises `UsageError` for a negative one. Source: Werbos 1990; truncation: Williams & Peng 1990.

    >>> weights = Weights(np.ones((1, 1)), np.ones((1, 1)), np.ones((2, 1)))
    >>> trace = forward(weights, np.ones((7, 1, 1)), np.zeros((1, 1)))
    >>> backward(weights, np.ones((7, 1, 1)), np.zeros((7, 1), np.int64), trace, steps_back=2).recurrent.shape
    (1, 1)
    """
    if steps_back is not None and steps_back < 0:
        raise UsageError(f"errors cannot go back {steps_back} steps: give 0 or more, or None for all")
    _check_targets(targets, trace)
    gradient = Weights(*map(np.zeros_like, weights))
    for t in range(len(xs)):
        gradient.output[...] += _error(trace, targets, t).T @ trace.states[t + 1]  # s_0 lies first
        earliest = 0 if steps_back is None else max(0, t - steps_back)
        for j, inner in _sent_back(weights, trace, targets, t, earliest):
            gradient.input[...] += inner.T @ xs[j]
            gradient.recurrent[...] += inner.T @ trace.states[j]
    return gradient


def contributions(weights: Weights, targets: Codes | Array, trace: Trace, t: int) -> list[Array]:
    """Return what each step adds to `dE_t/dW_s`, the first step first: the `t + 1` terms of the sum in `backward`.

    Shapes: each `[H, H]`; steps are counted from 0, so that `t = 0` has one term. Raises `UsageError` for a step that
    is not there.

    >>> weights = Weights(np.ones((1, 1)), np.ones((1, 1)), np.ones((2, 1)))
    >>> trace = forward(weights, np.ones((7, 1, 1)), np.zeros((1, 1)))
    >>> len(contributions(weights, np.zeros((7, 1), np.int64), trace, t=4))
    5
    """
    if not 0 <= t < len(trace.ys):
        raise UsageError(f"step {t} is not among the {len(trace.ys)} that were read: give one from 0")
    _check_targets(targets, trace)
    return [inner.T @ trace.states[j] for j, inner in _sent_back(weights, trace, targets, t, 0)][::-1]


def _error(trace: Trace, targets: Codes | Array, t: int) -> Array:
    """Return `dE_t / d(W_y s_t)`, `[B, V]`."""
    wanted: Array = targets[t] if trace.is_linear else np.eye(trace.ys.shape[2])[targets[t]]
    error: Array = (trace.ys[t] - wanted) / len(trace.ys[t])
    return error


def _sent_back(
    weights: Weights, trace: Trace, targets: Codes | Array, t: int, earliest: int
) -> Iterator[tuple[int, Array]]:
    """Yield `diag(1 - s_j^2) dE_t/ds_j` `[B, H]` for each step j from t back to the earliest one."""
    owed = _error(trace, targets, t) @ weights.output  # dE_t/ds_t, and then dE_t/ds_j for every j further back
    for j in range(t, earliest - 1, -1):
        inner = owed * (1 - trace.states[j + 1] ** 2)  # through the tanh
        yield j, inner
        owed = inner @ weights.recurrent


def accumulate(gradients: Sequence[Weights]) -> Weights:
    r"""Return the gradient of a mini-batch from those of its M windows, read one after another.

        g = (g_1 + ... + g_M) / M

    Of windows of equal rows it is the gradient of one window with M times the rows. Raises `UsageError` for none.

    >>> one = Weights(np.ones((1, 1)), np.ones((1, 1)), np.ones((2, 1)))
    >>> accumulate([one, Weights(*(3 * part for part in one))]).input
    array([[2.]])
    """
    if not gradients:
        raise UsageError("no gradient was given to accumulate: give those of one window or more")
    return Weights(*(np.sum(parts, axis=0) / len(gradients) for parts in zip(*gradients, strict=True)))


def norm(gradient: Weights) -> float:
    """Return the length of a gradient, all its weights together as one vector.

    >>> norm(Weights(np.full((1, 1), 3.0), np.full((1, 1), 4.0), np.zeros((2, 1))))
    5.0
    """
    return float(np.sqrt(sum((part**2).sum() for part in gradient)))


def clip_norm(gradient: Weights, threshold: float) -> Weights:
    r"""Return the gradient, scaled down to the threshold where it is longer; its direction stays.

        if ||g|| >= threshold:  g <- threshold / ||g|| * g

    Raises `UsageError` for a threshold of 0 or less. Source: Pascanu, Mikolov & Bengio 2013, algorithm 1.

    >>> long = Weights(np.full((1, 1), 3.0), np.full((1, 1), 4.0), np.zeros((2, 1)))
    >>> norm(clip_norm(long, 1.0))
    1.0
    """
    _check_positive(threshold)
    length = norm(gradient)
    return Weights(*(threshold / length * part for part in gradient)) if length >= threshold else gradient


def clip_value(gradient: Weights, threshold: float) -> Weights:
    r"""Return the gradient with every number bounded by the threshold; its direction may change.

        g_i <- min(max(g_i, -threshold), threshold)

    Raises `UsageError` for a threshold of 0 or less. Source: Mikolov 2012.

    >>> clip_value(Weights(np.full((1, 1), 3.0), np.full((1, 1), -4.0), np.zeros((2, 1))), 1.0).recurrent
    array([[-1.]])
    """
    _check_positive(threshold)
    return Weights(*(np.clip(part, -threshold, threshold) for part in gradient))


def _check_targets(targets: Codes | Array, trace: Trace) -> None:
    choices = trace.ys.shape[2]
    if trace.is_linear:
        if targets.shape != trace.ys.shape:
            raise UsageError(f"targets {list(targets.shape)} were given for linear outputs {list(trace.ys.shape)}")
        return
    if targets.shape != trace.ys.shape[:2]:
        raise UsageError(f"targets {list(targets.shape)} were given for {list(trace.ys.shape[:2])} outputs [T, B]")
    if targets.size and not 0 <= targets.min() <= targets.max() < choices:
        raise UsageError(f"targets from {targets.min()} to {targets.max()} were given: make them 0 to {choices - 1}")


def _check_positive(threshold: float) -> None:
    if not threshold > 0:
        raise UsageError(f"a gradient cannot be clipped to {threshold:g}: give a threshold above 0")
