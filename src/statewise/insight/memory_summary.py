"""What was measured, in words and side by side: a table, and what it means for the training of the network."""

import math
from collections.abc import Iterator, Sequence

from statewise.insight.ablation import NOTICED
from statewise.insight.horizon import Decay, Edge
from statewise.insight.intervals import FEWEST_ROWS, FEWEST_TRAININGS, Interval
from statewise.insight.memory import Memory
from statewise.report import aligned

SHORTEST_NAME = 12
NEARLY = 0.8
MANY_FLAT, MANY_DEAD, MANY_SHUT = 0.5, 0.05, 0.9
BOUND, FREE = "at least ", ""
LOOSE = 0.5


def rows_of(memories: Sequence[Memory]) -> Iterator[tuple[str, list[str]]]:
    """Yield each figure's name, with its unit, and its value for every network."""
    yield "memory horizon, steps back (95 % of the gradient)", [m.horizon.words() for m in memories]
    yield "the same in the state, in its own units", ["none" if m.state is None else m.state.words() for m in memories]
    yield "half-life of the gradient, steps", [_decays(m.inputs.decay, "half_life", 1) for m in memories]
    yield "what a step leaves of it", [_decays(m.inputs.decay, "factor", 3) for m in memories]
    yield "used context, steps back", [m.context.words() for m in memories]
    yield "largest Lyapunov exponent, nats a step", [_first(m.lyapunov) for m in memories]
    yield "spectral radius of the transition", [_range([s.radius for s in m.spectra]) for m in memories]
    yield "spectral radius of W_s", [_range([r for of in m.radii.values() for r in of]) for m in memories]
    if any(m.loss is not None for m in memories):
        yield "loss at the probes, nats", ["" if m.loss is None else f"{m.loss:.3f}" for m in memories]
    yield "probes, rows of data, lags", [f"{m.probes:,}, {m.rows:,}, {m.lags:,}" for m in memories]


def table(memories: Sequence[Memory]) -> str:
    """Return the figures of some networks side by side, with their 95 % intervals."""
    head = ["", *(m.name for m in memories)]
    return aligned([head, *([name, *values] for name, values in rows_of(memories))])


def gate_table(memory: Memory) -> str:
    """Return how the gates and units of each cell stand; empty where it has none."""
    rows = [["", "shut (< 0.1)", "open (> 0.9)", "flat (|y| > 0.99)", "dead units"]]
    for name, cell in memory.cells.items():
        rows.append([name, "", "", f"{cell.flat_share:.1%}", f"{len(cell.dead)} of {cell.units}"])
        rows += [
            [f"  {gate}", f"{of.left_share:.1%}", f"{of.right_share:.1%}", "", ""] for gate, of in cell.gates.items()
        ]
    return aligned(rows)


def warnings(memory: Memory, window_steps: int | None = None, others: Sequence[Memory] = ()) -> list[str]:
    """Return what a reader should know before going on: what the network forgets, and what to do about it.

    `window_steps` are those through which gradients flowed in training; `others` are other networks on the same data.
    """
    said = [_summary(memory), *_against(memory, others), *_of_window(memory, window_steps), *_of_dynamics(memory)]
    return [*said, *_of_cells(memory), *_of_measuring(memory)]


def _summary(memory: Memory) -> str:
    decay = memory.inputs.decay
    halved = f", half of what is left is lost every {decay.half_life.value:.1f}" if decay else ""
    return (
        f"{memory.name} forgets in {_rounded(memory.horizon)} steps: 95 % of the gradient in its inputs lies within "
        f"them{halved}; what lies further back than {_rounded(memory.context)} steps moves its predictions less than "
        f"{NOTICED:g} {'of their variance' if memory.loss is None else 'nats'}"
    )


def _rounded(edge: Edge) -> str:
    return f"{BOUND if edge.is_bound else FREE}{edge.steps.value:.0f}"


def _against(memory: Memory, others: Sequence[Memory]) -> Iterator[str]:
    """Say where another network makes use of what lies further back: then the targets depend on it."""
    for other in others:
        theirs, own = other.context.steps.value, memory.context.steps.value
        better = other.loss is not None and memory.loss is not None and other.loss < memory.loss
        if better and theirs > max(2, 1.5 * own):
            yield (
                f"{other.name} uses {theirs:.0f} steps of the past and predicts better, {memory.name} uses {own:.0f}: "
                "try a gated cell such as the LSTM, longer windows (--sequence-length) or orthogonal initialisation"
            )
            return


def _of_window(memory: Memory, window_steps: int | None) -> Iterator[str]:
    if window_steps and memory.horizon.steps.value > NEARLY * window_steps:
        yield (
            f"its gradient reaches over the {window_steps} steps of a training window, where it was cut: a longer "
            "window (--sequence-length) may teach it more"
        )


def _of_dynamics(memory: Memory) -> Iterator[str]:
    if memory.lyapunov and memory.lyapunov[0].low > 0:
        fast = memory.lyapunov[0].value
        yield (
            f"its dynamics are chaotic: small differences of the state double every {math.log(2) / fast:.0f} steps, "
            "and gradients explode as they go back: lower the learning rate or the clip, or add weight decay"
        )


def _of_cells(memory: Memory) -> Iterator[str]:
    for name, cell in memory.cells.items():
        if cell.flat_share > MANY_FLAT:
            yield (
                f"{name}: {cell.flat_share:.0%} of its outputs lie where tanh is flat and passes next to no gradient: "
                "lower the learning rate, or normalise the layer"
            )
        if len(cell.dead) > MANY_DEAD * cell.units:
            yield f"{name}: {len(cell.dead)} of {cell.units} units are dead: they say the same at every step"
        for gate, of in cell.gates.items():
            if of.left_share > MANY_SHUT:
                yield f"{name}: its {gate} gate is shut {of.left_share:.0%} of the time"


def _of_measuring(memory: Memory) -> Iterator[str]:
    if memory.horizon.is_bound or memory.context.is_bound:
        yield f"it reaches beyond the {memory.lags} lags that were looked at: give more with --lags"
    context = memory.context.steps
    if memory.rows < FEWEST_ROWS:
        yield f"{memory.rows} rows of data are too few for intervals, which need {FEWEST_ROWS}: give more --probes"
    elif context.value > 2 and context.high - context.low > LOOSE * context.value:
        yield f"the used context is known only as {context.words(0)}: give more --probes"
    yield (
        "all of this is about this one network: nothing is said about its cell before "
        f"{FEWEST_TRAININGS} trainings, from seeds of their own, agree"
    )


def _decays(decay: Decay | None, figure: str, digits: int) -> str:
    """Return a figure of a decay; a decay that is not geometric has none."""
    if decay is None:
        return "not geometric"
    shown: Interval = getattr(decay, figure)
    return shown.words(digits)


def _first(intervals: Sequence[Interval]) -> str:
    return intervals[0].words(3) if intervals else "none"


def _range(numbers: Sequence[float]) -> str:
    if not numbers:
        return "none"
    low, high = min(numbers), max(numbers)
    return f"{low:.2f}" if high - low < 0.005 else f"{low:.2f} to {high:.2f}"
