"""Draws unrolled.png and cliff.png for the page on why recurrent networks forget.

    python docs/pictures/draw_memory.py

The numbers that the page quotes of the cliff are printed.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statewise.insight.memory_pictures import LIGHT, png, sheet

HERE = Path(__file__).parent
STEPS = 6
FACTORS = (0.7, 1.0, 1.3)
BIAS, START, TARGET, CLIFF_STEPS = -2.5, 0.5, 0.7, 50
RATE, CLIP = 0.3, 1.0
Array = NDArray[np.float64]


def main() -> None:
    """Draw both, and print where the cliff is and how steep."""
    (HERE / "unrolled.png").write_bytes(png(unrolled()))
    (HERE / "cliff.png").write_bytes(png(cliff()))
    place, slope = steepest()
    far, near = -RATE * slope, RATE * CLIP
    print(f"cliff at w = {place:.3f}: slope {slope:.0f}, a step at rate {RATE:g} is {far:.0f} long, clipped {near:g}")


def unrolled() -> Any:
    """Draw a network written out over time, what it knows going right, an error going left and fading."""
    with sheet(LIGHT, width=9, height=3.1) as (figure, (axes,)):
        blue, orange = LIGHT.low, LIGHT.high
        for step in range(1, STEPS + 1):
            axes.text(step, 0, f"$s_{step}$", ha="center", va="center", fontsize=15, bbox=_box("round", blue))
            axes.text(step, -1, f"$x_{step}$", ha="center", va="center", fontsize=13)
            axes.annotate("", (step, -0.3), (step, -0.78), arrowprops={"arrowstyle": "->", "color": LIGHT.ink})
            _arrow(axes, (step - 0.75, 0.1), (step - 0.27, 0.1), blue, 1.6)
            if step > 1:
                left = 0.75 ** (STEPS - step)
                _arrow(axes, (step - 0.27, -0.12), (step - 0.75, -0.12), orange, 4.5 * left)
        axes.text(0.12, 0.1, "$s_0$", ha="center", va="center", fontsize=15)
        axes.text(STEPS, 0.98, "loss", ha="center", va="center", fontsize=13, bbox=_box("square", orange))
        axes.annotate("", (STEPS, 0.75), (STEPS, 0.3), arrowprops={"arrowstyle": "->", "color": LIGHT.ink})
        axes.text(2.4, 0.62, "what is known goes on: the same $W_x$, $W_s$ in every step", color=blue, fontsize=11)
        words = "the error comes back: times $J_t$ at every step"
        axes.text(1.9, -0.55, words, color=orange, fontsize=11, bbox={"facecolor": "white", "edgecolor": "none"})
        axes.set(xlim=(-0.2, STEPS + 0.6), ylim=(-1.25, 1.25))
        axes.set_axis_off()
    return figure


def cliff() -> Any:
    """Draw what a product of many factors does, and the loss of a network of one unit with the cliff that it makes."""
    with sheet(LIGHT, 2, width=11, height=4.4) as (figure, (left, right)):
        lags = np.arange(0, 31)
        for number, factor in enumerate(FACTORS):
            look = {"color": LIGHT.colours[number], "linestyle": ("-", ":", "--")[number], "linewidth": 2}
            left.plot(lags, factor**lags, label=f"{factor:g} a step", **look)
        left.set(yscale="log", xlabel="steps back", ylabel="what is left of an error (log scale)")
        left.set_title("A product of many factors", fontsize=11, loc="left")
        left.legend(frameon=False)
        weights = np.linspace(3.6, 6.0, 4001)
        right.plot(weights, losses(weights), color=LIGHT.ink, linewidth=1.8)
        place, slope = steepest()
        height = float(losses(np.array([place]))[0])
        right.plot([place], [height], "o", color=LIGHT.colours[0], zorder=3)
        right.annotate(
            f"the slope is {slope:.0f}:\na step at rate {RATE:g} goes\n{-RATE * slope:.0f} to the right, off the page",
            (5.98, height),
            (place + 0.06, height + 0.06),
            color=LIGHT.colours[0],
            fontsize=9,
            arrowprops={"arrowstyle": "->", "color": LIGHT.colours[0], "linewidth": 1.5},
        )
        landing = place + RATE * CLIP
        right.annotate(
            "",
            (landing, float(losses(np.array([landing]))[0])),
            (place, height),
            arrowprops={"arrowstyle": "->", "color": LIGHT.colours[2], "linewidth": 2},
        )
        right.text(
            landing + 0.05,
            0.06,
            f"clipped to norm {CLIP:g},\nit goes {RATE * CLIP:g}",
            color=LIGHT.colours[2],
            fontsize=9,
        )
        right.set(xlabel="recurrent weight w", ylabel=f"loss after {CLIFF_STEPS} steps")
        right.set_title("The cliff, and a step that was clipped", fontsize=11, loc="left")
        for axes in (left, right):
            axes.grid(color=LIGHT.faint, linewidth=0.5, alpha=0.6)
            axes.spines[["top", "right"]].set_visible(False)
    return figure


def losses(weights: Array) -> Array:
    """Return the loss of `h' = w sigmoid(h) + b` after many steps, for each w (Pascanu et al. 2013, figure 6)."""
    h = np.full_like(weights, START)
    for _ in range(CLIFF_STEPS):
        h = weights / (1 + np.exp(-h)) + BIAS
    found: Array = (1 / (1 + np.exp(-h)) - TARGET) ** 2
    return found


def steepest() -> tuple[float, float]:
    """Return where the loss is steepest, and its slope there."""
    weights = np.linspace(3.6, 6.0, 240_001)
    slopes = np.gradient(losses(weights), weights)
    place = int(np.abs(slopes).argmax())
    return float(weights[place]), float(slopes[place])


def _arrow(axes: Any, start: tuple[float, float], end: tuple[float, float], colour: str, width: float) -> None:
    head = {"arrowstyle": "-|>", "color": colour, "linewidth": width, "mutation_scale": 10 + 2 * width}
    axes.annotate("", end, start, arrowprops={**head, "shrinkA": 0, "shrinkB": 0})


def _box(shape: str, colour: str) -> dict[str, Any]:
    return {"boxstyle": f"{shape},pad=0.35", "facecolor": "white", "edgecolor": colour, "linewidth": 1.6}


if __name__ == "__main__":
    main()
