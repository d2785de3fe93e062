"""PyTorch's own ways to draw one symbol after another: a scripted loop, and its module called step by step."""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from statewise_lab.benchmarking.networks import GATES


def scripted(
    cell: str, embedding: Tensor, module: nn.RNNBase, head: nn.Linear, uniforms: Tensor
) -> tuple[Callable[[], Any], Callable[[list[int]], Tensor]]:
    """Return a call that draws as many symbols as there are uniforms, and one that reads a prompt; both compiled."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # scripting is old, and still PyTorch's fastest loop here
        generate = torch.jit.script(_generate)
    named = dict(module.named_parameters())
    layers, gates = module.num_layers, GATES[cell]
    parts = [[named[f"{name}_l{n}"].detach() for n in range(layers)] for name in NAMES]
    weights: tuple[Any, ...] = (embedding, *parts, head.weight.detach(), head.bias.detach())
    zeros = torch.zeros(2 * layers, 1, module.hidden_size)

    def read(prompt: list[int]) -> Tensor:
        logits, state = torch.empty(0), zeros
        for token in prompt:
            logits, state = generate(gates, torch.tensor([token]), state, uniforms[:1], *weights)[1:]
        return logits[0]

    return lambda: generate(gates, torch.ones(1, dtype=torch.long), zeros, uniforms, *weights), read


NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def _step(
    gates: int, x: Tensor, h: Tensor, c: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor
) -> tuple[Tensor, Tensor]:
    if gates == 1:
        return torch.rnn_tanh_cell(x, h, w_ih, w_hh, b_ih, b_hh), c
    if gates == 3:
        return torch.gru_cell(x, h, w_ih, w_hh, b_ih, b_hh), c
    h, c = torch.lstm_cell(x, [h, c], w_ih, w_hh, b_ih, b_hh)
    return h, c


def _generate(
    gates: int,
    token: Tensor,
    state: Tensor,
    uniforms: Tensor,
    embedding: Tensor,
    w_ih: list[Tensor],
    w_hh: list[Tensor],
    b_ih: list[Tensor],
    b_hh: list[Tensor],
    head_weight: Tensor,
    head_bias: Tensor,
) -> tuple[list[Tensor], Tensor, Tensor]:
    """Return the symbols drawn, the last logits and the state after them: outputs and memories, layer by layer."""
    leaves = list(state.unbind(0))
    layers = len(w_ih)
    tokens: list[Tensor] = []
    logits = head_bias
    for number in range(uniforms.shape[0]):
        x = embedding[token]
        after: list[Tensor] = []
        for n in range(layers):
            x, c = _step(gates, x, leaves[2 * n], leaves[2 * n + 1], w_ih[n], w_hh[n], b_ih[n], b_hh[n])
            after.append(x)
            after.append(c)
        leaves = after
        logits = linear(x, head_weight, head_bias)
        below = logits.softmax(-1).cumsum(-1) < uniforms[number]
        token = below.sum(-1).clamp_max(head_bias.shape[0] - 1)
        tokens.append(token)
    return tokens, logits, torch.stack(leaves)


def called(
    embedding: Tensor, module: nn.RNNBase, head: nn.Linear, uniforms: Tensor
) -> tuple[Callable[[], Any], Callable[[list[int]], Tensor]]:
    """Return the same two calls with PyTorch's module called once a symbol, from Python."""
    draws = uniforms.tolist()

    def step(token: Tensor, state: Any) -> tuple[Tensor, Any]:
        ys, state = module(embedding[token].unsqueeze(0), state)
        return head(ys[0]), state

    def generate() -> Tensor:
        token, state = torch.ones(1, dtype=torch.long), None
        for uniform in draws:
            logits, state = step(token, state)
            token = (logits.softmax(-1).cumsum(-1) < uniform).sum(-1).clamp_max(logits.shape[-1] - 1)
        return token

    def read(prompt: list[int]) -> Tensor:
        logits, state = torch.empty(0), None
        for symbol in prompt:
            logits, state = step(torch.tensor([symbol]), state)
        return logits[0]

    return generate, read
