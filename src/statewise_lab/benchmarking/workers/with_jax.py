"""JAX: a scan over time compiled as a whole, the product with the inputs taken out of it."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Prepared = tuple[Callable[[], Any], Callable[[], dict[str, Any]]]
VERSIONS = ("jax", "jaxlib", "numpy")


def prepare(work: str, settings: dict[str, Any], arrays: dict[str, Any]) -> Prepared:
    """Return a call to be timed, and its outputs."""
    return {"training": training, "inference": inference, "streaming": streaming}[work](settings, arrays)


def step_of(cell: str, weights: Any, bias: Any) -> Any:
    """Return one step given the product with the input; gates lie as PyTorch has them."""

    def elman(state: Any, gates: Any) -> Any:
        (h,) = state
        h = jnp.tanh(gates + h @ weights.T + bias)
        return (h,), h

    def gru(state: Any, gates: Any) -> Any:
        (h,) = state
        units = h.shape[-1]
        product = h @ weights.T + bias
        both = jax.nn.sigmoid(gates[..., : 2 * units] + product[..., : 2 * units])
        r, z = jnp.split(both, 2, axis=-1)
        n = jnp.tanh(gates[..., 2 * units :] + r * product[..., 2 * units :])
        h = (1 - z) * n + z * h
        return (h,), h

    def lstm(state: Any, gates: Any) -> Any:
        h, c = state
        i, f, g, o = jnp.split(gates + h @ weights.T + bias, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    return {"elman": elman, "gru": gru, "lstm": lstm}[cell]


def network(cell: str, layers: int, weights: dict[str, Any], xs: Any, states: Any) -> tuple[Any, list[Any]]:
    """Return the outputs of all layers' last and each layer's last state."""
    last = []
    for layer in range(layers):
        gates = xs @ weights[f"weight_ih_l{layer}"].T + weights[f"bias_ih_l{layer}"]
        step = step_of(cell, weights[f"weight_hh_l{layer}"], weights[f"bias_hh_l{layer}"])
        state, xs = lax.scan(step, states[layer], gates)
        last.append(state)
    return xs, last


def names(arrays: dict[str, Any]) -> list[str]:
    """Return the names of the recurrent weights and biases."""
    return [name for name in arrays if name.startswith(("weight_", "bias_"))]


def states_of(cell: str, layers: int, hidden: Any, memory: Any) -> list[Any]:
    """Return each layer's state out of `[layers, B, H]`."""
    return [(hidden[n], memory[n]) if cell == "lstm" else (hidden[n],) for n in range(layers)]


def training(settings: dict[str, Any], arrays: dict[str, Any]) -> Prepared:
    """Forward and backward: gradients of weights and inputs."""
    cell, layers = settings["cell"], settings["layers"]
    arrays = {name: jnp.asarray(array) for name, array in arrays.items()}
    weights = {name: arrays[name] for name in names(arrays)}
    xs, gradient = arrays["xs"], arrays["ys_gradient"]

    def update(weights: Any, xs: Any, gradient: Any) -> Any:
        rows, units = xs.shape[1], gradient.shape[-1]
        zeros = jnp.zeros((layers, rows, units))

        def read(weights: Any, xs: Any) -> Any:
            return network(cell, layers, weights, xs, states_of(cell, layers, zeros, zeros))[0]

        ys, back = jax.vjp(read, weights, xs)
        return ys, back(gradient)

    compiled = jax.jit(update)

    def call() -> Any:
        return jax.block_until_ready(compiled(weights, xs, gradient))

    def outputs() -> dict[str, Any]:
        ys, (of_weights, of_xs) = call()
        kept = {name: grad for name, grad in of_weights.items() if name.startswith("weight")}
        if "mask" in settings:  # what lies after a row's end is compared nowhere
            ys = ys * np.array(settings["mask"])[..., None]
        return {"ys": ys, "xs_gradient": of_xs, **kept}

    return call, outputs


def inference(settings: dict[str, Any], arrays: dict[str, Any]) -> Prepared:
    """Read a whole sequence from a given state."""
    cell, layers = settings["cell"], settings["layers"]
    arrays = {name: jnp.asarray(array) for name, array in arrays.items()}
    weights = {name: arrays[name] for name in names(arrays)}
    states = states_of(cell, layers, arrays["hidden"], arrays.get("memory"))

    def read(weights: Any, xs: Any, states: Any) -> Any:
        return network(cell, layers, weights, xs, states)

    compiled = jax.jit(read)

    def call() -> Any:
        return jax.block_until_ready(compiled(weights, arrays["xs"], states))

    return call, lambda: {"ys": call()[0]}


def streaming(settings: dict[str, Any], arrays: dict[str, Any]) -> Prepared:
    """Draw symbols one after another, each read before the next, in one compiled loop."""
    cell, layers, tokens = settings["cell"], settings["layers"], settings["tokens"]
    weights = {name: jnp.asarray(array) for name, array in arrays.items() if name not in ("uniforms", "prompt")}
    units = arrays["weight_hh_l0"].shape[1]
    zeros = jnp.zeros((layers, units))

    def step(weights: Any, token: Any, states: Any) -> Any:
        x, after = weights["embedding"][token], []
        for layer in range(layers):
            gates = weights[f"weight_ih_l{layer}"] @ x + weights[f"bias_ih_l{layer}"]
            own = step_of(cell, weights[f"weight_hh_l{layer}"], weights[f"bias_hh_l{layer}"])
            state, x = own(states[layer], gates)
            after.append(state)
        return weights["head_weight"] @ x + weights["head_bias"], after

    def generate(weights: Any, uniforms: Any, states: Any) -> Any:
        def one(carried: Any, uniform: Any) -> Any:
            token, states = carried
            logits, states = step(weights, token, states)
            token = jnp.sum(jnp.cumsum(jax.nn.softmax(logits)) < uniform)
            return (jnp.minimum(token, logits.shape[0] - 1), states), token

        return lax.scan(one, (1, states), uniforms)

    compiled = jax.jit(generate)

    uniforms, states = jnp.asarray(np.resize(arrays["uniforms"], tokens)), states_of(cell, layers, zeros, zeros)

    def outputs() -> dict[str, Any]:
        now = states
        for token in arrays["prompt"]:
            logits, now = step(weights, int(token), now)
        return {"logits": logits}

    return lambda: jax.block_until_ready(compiled(weights, uniforms, states)), outputs
