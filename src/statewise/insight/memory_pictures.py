"""What was found, as pictures: labelled with units, told apart by shape as well as colour, on light and dark pages."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from statewise.errors import MissingExtra
from statewise.insight.ablation import NOTICED, Curve
from statewise.insight.gate_activity import BINS, LEFT, RIGHT, CellShares
from statewise.insight.memory import Memory
from statewise.insight.training_health import TrainingHealth
from statewise.shown import in_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 120
STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LEGEND: dict[str, Any] = {"frameon": False, "fontsize": 9}
SMALLEST_SHOWN, LEAST_MOVED = 1e-6, 1e-4
MOST_MARKS = 400
HEALTHY_RATIO = 1e-3
"About how much of their size weights change in an update of a training that goes well (Karpathy's rule of thumb)."


class Theme(NamedTuple):
    """The colours of a page: of Okabe & Ito 2008, which everyone can tell apart, made lighter for a dark one."""

    name: str
    page: str
    ink: str
    faint: str
    colours: tuple[str, ...]
    low: str
    high: str
    counts: str


LIGHT = Theme(
    "light",
    "#FFFFFF",
    "#1A1A1A",
    "#BBBBBB",
    ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#1A1A1A"),
    "#0072B2",
    "#D55E00",
    "Blues",
)
DARK = Theme(
    "dark",
    "#16181D",
    "#E8E8E8",
    "#555B66",
    ("#FF9A4D", "#56B4E9", "#2FD6A3", "#E9A6CB", "#F0C94A", "#9AD4F5", "#E8E8E8"),
    "#56B4E9",
    "#FF9A4D",
    "cividis",
)
THEMES = (LIGHT, DARK)

Drawing = Callable[[Theme], "Figure"]


def require_matplotlib() -> None:
    """Raise `MissingExtra` where matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingExtra("a picture needs matplotlib: pip install 'statewise[plot]'") from error


def png(figure: "Figure") -> bytes:
    """Return a figure as a PNG."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=DPI, facecolor=figure.get_facecolor())
    return out.getvalue()


@contextmanager
def sheet(
    theme: Theme, columns: int = 1, rows: int = 1, *, width: float = 8, height: float = 4.6
) -> Iterator[tuple["Figure", Any]]:
    """Yield a figure and its axes, in a theme. Raises `MissingExtra` where matplotlib is not installed."""
    require_matplotlib()
    import matplotlib as mpl
    from matplotlib.figure import Figure

    ink = dict.fromkeys(["text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"], theme.ink)
    look: Any = {**ink, "figure.facecolor": theme.page, "axes.facecolor": theme.page, "font.size": 10}
    with mpl.rc_context(look):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.subplots(rows, columns, squeeze=False).flatten()


def dress(axes: "Axes", theme: Theme, title: str, **labels: Any) -> None:
    """Give axes a title, labels, a grid and nothing that distracts."""
    axes.set(**labels)
    axes.set_title(title, fontsize=11, loc="left")
    axes.grid(color=theme.faint, linewidth=0.5, alpha=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def looks(theme: Theme, number: int) -> dict[str, Any]:
    """Return colour and dashes of the line of that number."""
    return {"color": theme.colours[number % len(theme.colours)], "linestyle": STYLES[number % len(STYLES)]}


def reach_picture(memories: Sequence[Memory], theme: Theme) -> "Figure":
    """Draw how the gradient falls from lag to lag, and where 95 % of it lies; next to it, what of the past is used."""
    with sheet(theme, 2, width=11, height=5.4) as (figure, (left, right)):
        for number, memory in enumerate(memories):
            _draw_reach(left, memory, number, theme)
            words = f"{in_picture(memory.name)}: uses {memory.context.words()} steps"
            draw_curve(right, memory.cut.curve, number, theme, words)
        dress_reach(left, theme)
        dress_moved(right, theme, "How far predictions move when the past is cut off", memories[0])
        right.set_xlabel("steps back that are still read")
        for axes in (left, right):
            _legend_below(axes)
    return figure


def dress_reach(axes: "Axes", theme: Theme) -> None:
    """Give axes with shares of gradients their title, labels and limits."""
    title, label = "How much the loss still hears of its inputs", "share of a probe's gradient (log scale)"
    dress(axes, theme, title, xlabel="steps back", ylabel=label, yscale="log", ylim=(SMALLEST_SHOWN, 1), xlim=(0, None))


def dress_moved(axes: "Axes", theme: Theme, title: str, memory: Memory) -> None:
    """Give axes with curves of moved predictions their title, labels and limits, and the line where it is noticed."""
    axes.axhline(NOTICED, color=theme.ink, linewidth=0.8, linestyle=(0, (1, 3)))
    axes.annotate("noticed: 0.01 ", (1, NOTICED), xycoords=("axes fraction", "data"), ha="right", va="bottom")
    label = "divergence, " + ("shares of the variance" if memory.loss is None else "nats") + " (log scale)"
    dress(axes, theme, title, xlabel="steps back", ylabel=label, yscale="log", xlim=(0, None))
    axes.set_ylim(bottom=LEAST_MOVED, top=max(10 * NOTICED, axes.get_ylim()[1]))


def _draw_reach(axes: "Axes", memory: Memory, number: int, theme: Theme) -> None:
    shares = np.array(memory.inputs.shares)
    lags = np.arange(len(shares))
    words = f"{in_picture(memory.name)}: 95 % within {memory.horizon.words()} steps"
    axes.plot(lags, np.where(shares > 0, shares, np.nan), label=words, linewidth=1.8, **looks(theme, number))
    place = memory.horizon.steps.value
    height = float(np.interp(place, lags, shares))
    if height > SMALLEST_SHOWN:
        axes.plot([place], [height], MARKERS[number % len(MARKERS)], color=theme.colours[number % len(theme.colours)])


def draw_curve(axes: "Axes", curve: Curve, number: int, theme: Theme, words: str) -> None:
    """Draw how far predictions move at each lag, with the band of it."""
    colour, marker = theme.colours[number % len(theme.colours)], MARKERS[number % len(MARKERS)]
    low, means, high = (np.maximum(part, LEAST_MOVED / 10) for part in (curve.low, curve.means, curve.high))
    axes.fill_between(curve.lags, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.plot(curve.lags, means, marker=marker, markersize=3, label=words, **looks(theme, number))


def _legend_below(axes: "Axes") -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), **LEGEND)


def inputs_picture(memories: Sequence[Memory], theme: Theme) -> "Figure":
    """Draw how much one input counts by how far back it is: how far predictions move where it is another."""
    with sheet(theme, width=7, height=4.6) as (figure, (axes,)):
        for number, memory in enumerate(memories):
            draw_curve(axes, memory.replaced, number, theme, in_picture(memory.name))
        dress_moved(axes, theme, "How far predictions move when one input is another", memories[0])
        _legend_below(axes)
    return figure


def spectrum_picture(memories: Sequence[Memory], theme: Theme) -> "Figure":
    """Draw the eigenvalues of the transition in the complex plane, and the Lyapunov exponents as half-lives."""
    with sheet(theme, 2, width=10, height=4.8) as (figure, (left, right)):
        turn = np.linspace(0, 2 * np.pi, 200)
        left.plot(np.cos(turn), np.sin(turn), color=theme.ink, linewidth=0.8)
        left.annotate("size one: kept for ever", (0, 1.02), ha="center", va="bottom", fontsize=8)
        for number, memory in enumerate(memories):
            colour = theme.colours[number % len(theme.colours)]
            look = {"marker": MARKERS[number % len(MARKERS)], "color": colour, "alpha": 0.6, "linewidths": 0}
            points = np.array([pair for one in memory.spectra for pair in one.eigenvalues]).reshape(-1, 2)
            left.scatter(points[:, 0], points[:, 1], s=9, label=in_picture(memory.name), **look)
            values = [one.value for one in memory.lyapunov]
            spread = [
                [one.value - one.low for one in memory.lyapunov],
                [one.high - one.value for one in memory.lyapunov],
            ]
            places = np.arange(1, len(values) + 1) + 0.12 * (number - (len(memories) - 1) / 2)
            right.errorbar(
                places, values, spread, fmt=MARKERS[number % len(MARKERS)], color=colour, label=in_picture(memory.name)
            )
        right.axhline(0, color=theme.ink, linewidth=0.8)
        right.margins(y=0.12)
        right.annotate(" above: chaos", (0, 0), xycoords=("axes fraction", "data"), va="bottom", fontsize=8)
        dress(left, theme, "Eigenvalues of one step", xlabel="real part", ylabel="imaginary part", aspect="equal")
        title, label = "How fast a small difference dies", "Lyapunov exponent, nats a step"
        dress(right, theme, title, xlabel="exponent, the largest first", ylabel=label)
        most = max((len(memory.lyapunov) for memory in memories), default=1)
        right.set_xticks(range(1, most + 1))
        figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=len(memories), **LEGEND)
    return figure


def gates_picture(cells: dict[str, CellShares], theme: Theme) -> "Figure":
    """Draw each unit's gate as a point, by how often it is open and how often shut, one panel a cell."""
    gated = {name: cell for name, cell in cells.items() if cell.gates}
    with sheet(theme, len(gated) or 1, width=max(5.2, 4.2 * len(gated)), height=4.6) as (figure, many):
        for axes, (name, cell) in zip(many, gated.items(), strict=False):
            for number, (gate, of) in enumerate(cell.gates.items()):
                colour, marker = theme.colours[number % len(theme.colours)], MARKERS[number % len(MARKERS)]
                look = {"color": colour, "marker": marker, "s": 14, "alpha": 0.65, "linewidths": 0}
                axes.scatter(of.right, of.left, label=gate, **look)
            axes.plot([0, 1], [1, 0], color=theme.faint, linewidth=1)
            opened, shut = f"share of steps open (> {RIGHT:g})", f"share of steps shut (< {LEFT:g})"
            dress(axes, theme, f"Gates of {name}", xlabel=opened, ylabel=shut, xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
            axes.legend(loc="upper right", **LEGEND)
    return figure


def activations_picture(history: TrainingHealth, theme: Theme) -> "Figure":
    """Draw how the outputs of each cell were spread, check by check."""
    cells = history.activations
    with sheet(theme, len(cells), width=max(5.2, 4.4 * len(cells)), height=3.8) as (figure, many):
        for axes, (name, seen) in zip(many, cells.items(), strict=True):
            counts = np.array([one for _, one in seen], dtype=float)
            shares = (counts / counts.sum(axis=1, keepdims=True)).T
            edges = np.arange(len(seen) + 1) - 0.5
            drawn = axes.pcolormesh(edges, np.linspace(-1, 1, BINS + 1), shares, cmap=theme.counts, vmin=0)
            figure.colorbar(drawn, ax=axes, label="share of all outputs")
            dress(
                axes,
                theme,
                f"Outputs of {in_picture(name)}",
                xlabel="update at the check",
                ylabel="output, a twentieth a row",
            )
            axes.grid(visible=False)
            few = range(0, len(seen), -(-len(seen) // 5))
            axes.set_xticks(few, [f"{seen[place][0]:,}" for place in few])
    return figure


def health_picture(history: TrainingHealth, theme: Theme) -> "Figure":
    """Draw each layer's gradient, where it was clipped, and the share of its weights that an update changed."""
    panels = 3 if history.layers else 2
    with sheet(theme, 1, panels, width=9, height=2.8 * panels) as (figure, (loss, gradients, *others)):
        loss.plot(history.updates, history.nats, color=theme.colours[1], linewidth=0.8)
        dress(loss, theme, "Loss of each window, before it was learned from", ylabel="nats a place")
        norms, clipped = np.array(history.norms), np.flatnonzero(history.clipped)
        gradients.plot(history.updates, norms, color=theme.faint, linewidth=0.8, label="whole")
        marked = clipped[:: max(1, len(clipped) // MOST_MARKS)]
        words = f"clipped: {history.clipped_share:.1%} of updates"
        gradients.plot(np.array(history.updates)[marked], norms[marked], "|", color=theme.ink, label=words)
        dress(gradients, theme, "Norm of the gradient, before clipping", ylabel="norm (log scale)", yscale="log")
        for ratios in others:
            _draw_layers(gradients, ratios, history, theme)
        for axes in (loss, gradients, *others):
            if axes.get_legend_handles_labels()[0]:
                axes.legend(loc="upper left", bbox_to_anchor=(1, 1), **LEGEND)
            axes.set_xlim(0, max(history.updates, default=1))
        (others or [gradients])[0].set_xlabel("update")
    return figure


def _draw_layers(gradients: "Axes", ratios: "Axes", history: TrainingHealth, theme: Theme) -> None:
    for number, (name, seen) in enumerate(history.layers.items()):
        updates, norm, ratio = zip(*seen, strict=True)
        gradients.plot(updates, norm, label=in_picture(name), linewidth=1.3, **looks(theme, number))
        ratios.plot(updates, ratio, label=in_picture(name), linewidth=1.3, **looks(theme, number))
    ratios.axhline(HEALTHY_RATIO, color=theme.ink, linewidth=0.8, linestyle=(0, (1, 3)))
    label = "share of the weights' size (log scale)"
    dress(ratios, theme, "What an update changes", ylabel=label, yscale="log")
