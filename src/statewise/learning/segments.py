"""A long window read in segments, of which only the states between them are kept for the way back."""

from collections.abc import Callable, Iterator
from typing import Any

from torch.utils.checkpoint import checkpoint

from statewise.data.window import Window
from statewise.heads import Loss
from statewise.learning.reading import cut

Reader = Callable[[Window, Any], tuple[Loss, Any]]


def read_in_segments(read: Reader, window: Window, state: Any, segment: int) -> tuple[Loss, Any]:
    """Read a window as `read` does, `segment` steps at a time, computing each segment once more on the way back.

    The gradient is that of the whole window. Where n steps take memory for n activations, segments of k steps take it
    for n / k states and k activations: least near k = sqrt(n). Random numbers are the same both times.
    A `segment` of 0, or no shorter than the window, reads it at once. Source: Chen, Xu, Zhang & Guestrin 2016.
    """
    if not 0 < segment < len(window.inputs):
        return read(window, state)
    losses = []
    for piece in segments(window, segment):
        loss, state = checkpoint(read, piece, state, use_reentrant=False)
        losses.append(loss)
    first, *others = losses
    return Loss(sum((o.nats for o in others), first.nats), sum((o.places for o in others), first.places)), state


def segments(window: Window, steps: int) -> Iterator[Window]:
    """Yield a window so many steps at a time; the last piece may be shorter.

    >>> import torch
    >>> [len(piece.inputs) for piece in segments(Window(torch.zeros(7, 3), torch.zeros(7, 3)), 3)]
    [3, 3, 1]
    """
    for begin in range(0, len(window.inputs), steps):
        yield cut(window, begin, begin + steps)
