"""Keras on JAX: its own layers, compiled as a whole."""

from collections.abc import Callable
from typing import Any

import jax
import keras
import numpy as np

Prepared = tuple[Callable[[], Any], Callable[[], dict[str, Any]]]
VERSIONS = ("keras", "jax", "jaxlib", "numpy")
LAYERS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "elman": keras.layers.SimpleRNN}
ORDER = {"lstm": (0, 1, 2, 3), "gru": (1, 0, 2), "elman": (0,)}
"Which of PyTorch's gates stands at each place; the order is its own inverse."


def prepare(work: str, settings: dict[str, Any], arrays: dict[str, Any]) -> Prepared:
    """Return a call to be timed, and its outputs."""
    return {"training": training, "inference": inference}[work](settings, arrays)


def reordered(array: Any, order: tuple[int, ...], axis: int) -> Any:
    """Return the gates that lie along an axis in another order."""
    gates = np.split(array, len(order), axis=axis)
    return np.concatenate([gates[place] for place in order], axis=axis)


def built(settings: dict[str, Any], arrays: dict[str, Any]) -> Any:
    """Return the model with the given weights; rows come first, as Keras has it."""
    cell, layers, units = settings["cell"], settings["layers"], arrays["weight_hh_l0"].shape[1]
    how = {"return_sequences": True}
    parts = [LAYERS[cell](units, **how) for _ in range(layers)]
    model = keras.Sequential([keras.Input((None, arrays["xs"].shape[-1])), *parts])
    order = ORDER[cell]
    for number, part in enumerate(parts):
        kernels = [reordered(arrays[f"weight_{name}_l{number}"].T, order, 1) for name in ("ih", "hh")]
        first, second = (reordered(arrays[f"bias_{name}_l{number}"], order, 0) for name in ("ih", "hh"))
        part.set_weights([*kernels, np.stack([first, second]) if cell == "gru" else first + second])
    return model


def rows_first(array: Any) -> Any:
    """Return a sequence as Keras reads it, `[B, T, D]`."""
    return jax.numpy.asarray(np.ascontiguousarray(array.swapaxes(0, 1)))


def values(variables: Any) -> list[Any]:
    """Return what variables hold now."""
    return [variable.value for variable in variables]


def training(settings: dict[str, Any], arrays: dict[str, Any]) -> Prepared:
    """Forward and backward: gradients of weights and inputs."""
    model = built(settings, arrays)
    xs, gradient = rows_first(arrays["xs"]), rows_first(arrays["ys_gradient"])
    weights, others = values(model.trainable_variables), values(model.non_trainable_variables)

    def update(weights: Any, others: Any, xs: Any, gradient: Any) -> Any:
        def read(weights: Any, xs: Any) -> Any:
            return model.stateless_call(weights, others, xs, training=True)[0]

        ys, back = jax.vjp(read, weights, xs)
        return ys, back(gradient)

    compiled = jax.jit(update)

    def call() -> Any:
        return jax.block_until_ready(compiled(weights, others, xs, gradient))

    def outputs() -> dict[str, Any]:
        ys, (of_weights, of_xs) = call()
        found = {"ys": np.swapaxes(ys, 0, 1), "xs_gradient": np.swapaxes(of_xs, 0, 1)}
        for layer in range(settings["layers"]):
            for place, name in enumerate(("ih", "hh")):
                kernel = np.asarray(of_weights[3 * layer + place])
                found[f"weight_{name}_l{layer}"] = reordered(kernel, ORDER[settings["cell"]], 1).T
        return found

    return call, outputs


def inference(settings: dict[str, Any], arrays: dict[str, Any]) -> Prepared:
    """Read a whole sequence from the layers' own first state, which is zero."""
    model, xs = built(settings, arrays), rows_first(arrays["xs"])
    weights, others = values(model.trainable_variables), values(model.non_trainable_variables)

    def read(weights: Any, others: Any, xs: Any) -> Any:
        return model.stateless_call(weights, others, xs, training=False)[0]

    compiled = jax.jit(read)

    def call() -> Any:
        return jax.block_until_ready(compiled(weights, others, xs))

    return call, lambda: {"ys": np.swapaxes(call(), 0, 1)}
