"""Where a network is probed: the stretch of real data before each probed step, with the state that leads into it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from statewise.data.window import Window
from statewise.errors import UsageError
from statewise.insight.probed_network import ProbedNetwork
from statewise.state import map_leaves, select_rows, where_rows


class Probes(NamedTuple):
    """`K + 1` steps of `N` rows, of which the last one of each is probed.

    `xs` `[K + 1, N, D]` are features; `state` is what is known before them, `fresh` what a row begins from; `reset`
    and `mask` `[K + 1, N]` are as in a window; `targets` `[N, ...]` belong to the last step.
    """

    xs: Tensor
    targets: Tensor | None
    state: Any
    fresh: Any
    reset: Tensor
    mask: Tensor

    def of(self, rows: Tensor) -> "Probes":
        """Return some rows alone."""
        targets = None if self.targets is None else self.targets[rows]
        state, fresh = (select_rows(part, rows) for part in (self.state, self.fresh))
        return Probes(self.xs[:, rows], targets, state, fresh, self.reset[:, rows], self.mask[:, rows])

    @property
    def seen(self) -> Tensor:
        """Say of each input whether it belongs to the past of the last step, `[K + 1, N]`."""
        heeded = self.reset & self.mask
        begins_later = heeded.flip(0).cumsum(0).flip(0) - heeded.long()
        return self.mask & (begins_later == 0)

    @property
    def remembered(self) -> Tensor:
        """Say of the state before each input whether it does, `[K + 1, N]`."""
        begins = (self.reset & self.mask).flip(0).cumsum(0).flip(0)
        return (begins == 0) & self.mask


def windows_of(inputs: Tensor, targets: Tensor | None, steps: int) -> list[Window]:
    """Return a sequence `[T, B, ...]` as windows of so many steps, each going on from the one before.

    Raises `UsageError` where targets are not of as many steps and rows.

    >>> [len(window.inputs) for window in windows_of(torch.zeros(7, 3, 5), None, 3)]
    [3, 3]
    """
    if targets is not None and targets.shape[:2] != inputs.shape[:2]:
        raise UsageError(f"targets {list(targets.shape)} were given for inputs {list(inputs.shape)}: both are [T, B]")
    steps = min(steps, len(inputs))
    wanted = inputs if targets is None else targets
    starts = range(0, len(inputs) - steps + 1, steps)
    return [Window(inputs[start : start + steps], wanted[start : start + steps]) for start in starts]


def begin_of(network: ProbedNetwork, window: Window, state: Any) -> Any:
    """Return the state that leads into a window: the one that was carried, or a first one where there is none."""
    if state is None or window.context is not None:
        return network.begin(window.rows, window.context)
    return state


def cut_out(network: ProbedNetwork, window: Window, state: Any, lags: int, *, is_scored: bool) -> Probes:
    """Return the last `lags + 1` steps up to the last one at which each row of a window is awake.

    Rows are moved so that these last steps lie side by side; what is further back is read to know the state.
    """
    steps, rows = window.steps, window.rows
    device = network.device
    here = torch.zeros(steps, rows, dtype=torch.bool, device=device)
    mask = ~here if window.mask is None else window.mask.to(device)
    reset = here if window.reset is None else window.reset.to(device)
    xs = network.encode(window.inputs.to(device)).detach()
    targets = window.targets.to(device) if is_scored else None
    last = steps - 1 - mask.flip(0).long().argmax(dim=0)
    if bool((last < steps - 1).any()):
        places = torch.arange(steps, device=device).unsqueeze(1) + last + 1 - steps  # of each row, its last one lowest
        inside, places = places >= 0, places.clamp(min=0)
        xs, targets = _moved(xs, places), None if targets is None else _moved(targets, places)
        mask, reset = _moved(mask, places) & inside, _moved(reset, places) & inside
    short = lags + 1 - steps
    if short > 0:  # nothing is read there
        xs, mask, reset = (_lengthened(part, short) for part in (xs, mask, reset))
    before = max(0, -short)
    fresh = network.begin(rows, window.context)
    if before:
        _, state = network.core.scan(xs[:before], state, reset=reset[:before], mask=mask[:before])
    state = map_leaves(torch.Tensor.detach, state)
    return Probes(xs[before:], None if targets is None else targets[-1], state, fresh, reset[before:], mask[before:])


def _moved(part: Tensor, places: Tensor) -> Tensor:
    return part[places, torch.arange(part.shape[1], device=part.device)]


def _lengthened(part: Tensor, steps: int) -> Tensor:
    return torch.cat([part.new_zeros(steps, *part.shape[1:]), part])


def windows_from(source: Any, lags: int, probes: int, most_rows: int) -> tuple[Sequence[Window], int]:
    """Return held-out windows of a task's data to probe at their ends, and how many of the first only lead in.

    As many rows are read side by side as give the most probes after a window that leads in, so that no state begins
    from nothing; where there is but one window there is none.
    """
    rows = max(1, min(probes, most_rows))
    best: Sequence[Window] = source.windows("held_out", rows=rows, steps=lags + 1)
    while rows > 1 and _probed(best) < probes:
        rows //= 2
        best = max(best, source.windows("held_out", rows=rows, steps=lags + 1), key=_probed)
    return best, int(len(best) > 1)


def _probed(windows: Sequence[Window]) -> int:
    return (len(windows) - 1) * windows[0].rows


class ProbeTrace(NamedTuple):
    """Probes that were read a step at a time: the states before each step, `befores`, and after the last, `last`.

    `output` `[N, H]` is what the last step says. No graph is kept, which would take many times the memory.
    """

    batch: Probes
    befores: list[Any]
    last: Any
    output: Tensor


def trace(network: ProbedNetwork, batch: Probes) -> ProbeTrace:
    """Read the stretch of each probe a step at a time."""
    befores, state, y = [], batch.state, torch.empty(0)
    with torch.no_grad():
        for t in range(len(batch.xs)):
            befores.append(state)
            y, state = step_at(network, batch, t, batch.xs[t], state)
    return ProbeTrace(batch, befores, state, y)


def step_at(network: ProbedNetwork, batch: Probes, t: int, x: Tensor, state: Any) -> tuple[Tensor, Any]:
    """Make step `t` of the stretches from an input and a state, as `scan` does where rows reset or sleep."""
    reset, awake = batch.reset[t], batch.mask[t]
    before = where_rows(reset & awake, batch.fresh, state) if bool(reset.any()) else state
    if bool(awake.all()):
        return network.core.step(x, before)
    y, after = network.core.step(torch.where(awake.unsqueeze(-1), x, 0), before)
    return y, where_rows(awake, after, state)
