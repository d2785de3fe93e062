"""Gradient checkpointing of a long window: only the states between segments are kept for the backward pass."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import get_device_states, set_device_states

from statewise.data.window import Window
from statewise.heads import Loss, Term
from statewise.state import detach, leaves, rebuild


def read_in_segments(read: nn.Module, window: Window, state: Any, segment: int) -> tuple[Loss, Any]:
    """Read a window as `read` does, `segment` steps at a time, and compute each segment again in the backward pass.

    The gradient is that of the whole window. Where n steps take memory for n activations, segments of k steps take it
    for n / k states and k activations: least near k = sqrt(n). Random numbers are the same both times. Hooks on weights
    hear the gradient of each segment, and then their sum.
    A `segment` of 0, or no shorter than the window, reads it at once. Source: Chen, Xu, Zhang & Guestrin 2016.
    Raises `UsageError` where targets belong to whole rows.
    """
    if not 0 < segment < window.steps:
        loss: Loss
        loss, state = read(window, state)
        return loss, state
    state = state if window.state is None else window.state
    reading = _Reading(read, list(segments(window, segment)), state)
    nats, *rest = _Segments.apply(reading, *leaves(state), *reading.weights)  # type: ignore[no-untyped-call]
    terms = {name: Term(rest.pop(0), count) for name, count in reading.counts.items()}
    return Loss(nats, reading.places, terms), rebuild(reading.last, rest)


def segments(window: Window, steps: int) -> Iterator[Window]:
    """Yield a window so many steps at a time; the last piece may be shorter.

    >>> import torch
    >>> [len(piece.inputs) for piece in segments(Window(torch.zeros(7, 3), torch.zeros(7, 3)), 3)]
    [3, 3, 1]
    """
    for begin in range(0, window.steps, steps):
        yield window.cut(begin, begin + steps)


class _Reading:
    """The pieces of a window, and with what state and random numbers each of them began."""

    def __init__(self, read: nn.Module, pieces: list[Window], state: Any) -> None:
        self.read, self.pieces, self.state = read, pieces, state
        self.weights = [weight for weight in read.parameters() if weight.requires_grad]
        self.places = torch.zeros((), dtype=torch.long)
        self.counts: dict[str, Tensor] = {}
        self.last = state
        # Made at once: small tensors kept between large ones that come and go would leave holes nothing fits into.
        self.kept = [leaf.new_empty(len(pieces), *leaf.shape) for leaf in leaves(state)]
        self.first = list(leaves(detach(state)))
        self.same: list[list[Tensor | None]] = []
        self.random = torch.empty(len(pieces), len(torch.get_rng_state()), dtype=torch.uint8)
        self.device_random: list[Any] = []

    def forward(self) -> list[Tensor]:
        """Read every piece and keep only its first state for the backward pass; return nats, terms, last state."""
        state, total = rebuild(self.state, self.first), None
        for number, piece in enumerate(self.pieces):
            self._keep(number, state)
            loss, state = self.read(piece, state)
            total = loss if total is None else total.plus(loss)
        assert total is not None
        self.places, self.last = total.places, state
        self.counts = {name: term.size for name, term in total.terms.items()}
        return [total.nats, *(term.sum for term in total.terms.values()), *leaves(state)]

    def backward(self, of_outputs: Sequence[Tensor | None]) -> list[Tensor | None]:
        """Read the pieces again, the last one first; return the gradients of first state and weights."""
        of_nats, names = of_outputs[0], list(self.counts)
        of_terms = dict(zip(names, of_outputs[1 : 1 + len(names)], strict=True))
        of_state = list(of_outputs[1 + len(names) :])
        of_weights: list[Tensor | None] = [None] * len(self.weights)
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            for number in reversed(range(len(self.pieces))):
                begun = self._begun(number)
                loss, last = self.read(self.pieces[number], rebuild(self.state, begun))
                ends = [loss.nats, *(term.sum for term in loss.terms.values()), *leaves(last)]
                of_ends = [of_nats, *(of_terms[name] for name in loss.terms), *of_state]
                found = _gradients(ends, of_ends, [*begun, *self.weights])
                of_state, new = found[: len(begun)], found[len(begun) :]
                of_weights = [_added(sum_, one) for sum_, one in zip(of_weights, new, strict=True)]
        return [*of_state, *of_weights]

    def _keep(self, number: int, state: Any) -> None:
        now = list(leaves(state))
        self.random[number] = torch.get_rng_state()
        self.device_random.append(get_device_states(*now))
        self.same.append([])
        for leaf, first, kept in zip(now, self.first, self.kept, strict=True):
            is_new = leaf is not first and leaf.shape == kept.shape[1:]  # what attention reads stays as it was
            self.same[-1].append(None if is_new else leaf)
            if is_new:
                kept[number] = leaf

    def _begun(self, number: int) -> list[Tensor]:
        torch.set_rng_state(self.random[number].clone())
        set_device_states(*self.device_random[number])
        pairs = zip(self.same[number], self.kept, strict=True)
        begun = [kept[number].clone() if same is None else same for same, kept in pairs]
        return [leaf.detach().requires_grad_(leaf.is_floating_point()) for leaf in begun]


class _Segments(torch.autograd.Function):
    """A window read in pieces, under PyTorch's differentiation."""

    @staticmethod
    def forward(ctx: Any, reading: _Reading, *given: Tensor) -> tuple[Tensor, ...]:
        """Read it; `given` is first state and weights, which are only to have a gradient."""
        ctx.reading = reading
        ctx.set_materialize_grads(False)
        return tuple(reading.forward())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *of_outputs: Tensor | None) -> tuple[Tensor | None, ...]:
        """Bring the gradients of nats, terms and last state back to first state and weights."""
        return None, *ctx.reading.backward(of_outputs)


def _gradients(outputs: list[Tensor], of_outputs: list[Tensor | None], inputs: list[Tensor]) -> "list[Tensor | None]":
    pairs = [(y, of) for y, of in zip(outputs, of_outputs, strict=True) if y.requires_grad and of is not None]
    wanted = [x for x in inputs if x.requires_grad]
    if not pairs:
        return [None] * len(inputs)
    ys, of_ys = [y for y, _ in pairs], [of for _, of in pairs]
    found = torch.autograd.grad(ys, wanted, of_ys, allow_unused=True)
    by_input = dict(zip(map(id, wanted), found, strict=True))
    return [by_input.get(id(x)) for x in inputs]


def _added(total: Tensor | None, gradient: Tensor | None) -> Tensor | None:
    if total is None or gradient is None:
        return total if gradient is None else gradient.clone()
    return (total + gradient).coalesce() if gradient.is_sparse else total.add_(gradient)
