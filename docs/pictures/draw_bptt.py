"""Draws contributions.png for the page on backpropagation through time.

    python docs/pictures/draw_bptt.py

What each step adds to the gradient of W_s, for the error of the last step of a small network. The shares that the page
quotes are printed.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statewise.bptt import Weights, contributions, forward
from statewise.insight.memory_pictures import LIGHT, png, sheet

HERE = Path(__file__).parent
STEPS, UNITS, FEATURES, CHOICES = 6, 4, 3, 5
SCALE = 0.6
Array = NDArray[np.float64]


def main() -> None:
    """Draw the terms and their sum, and print how long each is."""
    terms = example()
    (HERE / "contributions.png").write_bytes(png(drawn(terms)))
    print(", ".join(f"k = {k}: {share:.1%}" for k, share in enumerate(shares(terms), start=1)))


def example() -> list[Array]:
    """Return the terms of `dE_6/dW_s`: weights, inputs, a state to begin from and targets are drawn."""
    draw = np.random.default_rng(0)
    shapes = (UNITS, FEATURES), (UNITS, UNITS), (CHOICES, UNITS)
    weights = Weights(*(draw.normal(scale=SCALE, size=shape) for shape in shapes))
    inputs, targets = draw.normal(size=(STEPS, 1, FEATURES)), draw.integers(0, CHOICES, (STEPS, 1))
    trace = forward(weights, inputs, np.tanh(draw.normal(size=(1, UNITS))))
    return contributions(weights, targets, trace, t=STEPS - 1)


def shares(terms: list[Array]) -> list[float]:
    """Return how long each term is, as a share of all their lengths together."""
    lengths = [float(np.linalg.norm(term)) for term in terms]
    return [length / sum(lengths) for length in lengths]


def drawn(terms: list[Array]) -> Any:
    """Draw each term as a matrix of colours and as a bar, and their sum behind them."""
    matrices = [*terms, np.sum(terms, axis=0)]
    most = max(float(abs(matrix).max()) for matrix in matrices)
    lengths = [float(np.linalg.norm(matrix)) for matrix in matrices]
    with sheet(LIGHT, len(matrices), 2, width=11, height=3.9) as (figure, axes):
        for place, (matrix, length) in enumerate(zip(matrices, lengths, strict=True)):
            above, below, is_sum = axes[place], axes[len(matrices) + place], place == len(terms)
            above.imshow(matrix, cmap="RdBu_r", vmin=-most, vmax=most)
            above.set(xticks=[], yticks=[], title="$dE_6/dW_s$" if is_sum else f"$k = {place + 1}$")
            if place:
                above.text(-0.22, 0.5, "=" if is_sum else "+", transform=above.transAxes, fontsize=15, va="center")
            below.bar([0], [length], color=LIGHT.ink if is_sum else LIGHT.colours[1], width=0.5)
            below.text(0, length, f"{length:.3f}", ha="center", va="bottom", fontsize=9)
            below.set(ylim=(0, 1.2 * max(lengths)), xlim=(-0.7, 0.7), xticks=[], yticks=[])
            below.spines[["top", "right", "left"]].set_visible(False)
        axes[len(matrices)].set_ylabel("length of each")
        figure.suptitle("What each step $k$ adds to the gradient of $W_s$, for the error of step 6", fontsize=12)
    return figure


if __name__ == "__main__":
    main()
