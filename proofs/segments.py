"""How much memory does a full gradient over T steps take, kept whole and read in segments of sqrt(T) steps?

    python proofs/segments.py [--longest 10000] [--save FILE]

Each length and way is one update in a process of its own. Measured is by how much its peak of resident memory rises
above what it held when the window was there, and how long the update takes. A power of T is fitted to each way by
least squares. Writes docs/pictures/segments.png. Linux only. Exit code 1 where reading in segments rises faster than
T^0.6, or where its gradient is not that of the whole window.
"""

import argparse
import json
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from outcomes import RESULTS, conclude

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "segments.png"
LENGTHS = [100, 300, 1000, 3000, 10_000]
CLAIM = "a full gradient over T steps, read in segments of sqrt(T), takes memory that grows no faster than T^0.6"
STEEPEST, CLOSE = 0.6, 1e-4
ROWS, WIDTH, CHOICES = 16, 128, 64


def main() -> None:
    """Measure every length, fit, draw, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--longest", type=int, default=LENGTHS[-1])
    parser.add_argument("--save", type=Path, default=RESULTS / "segments.json")
    parser.add_argument("--one", type=int, nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measured(*asked.one)))
        return
    lengths = [length for length in LENGTHS if length <= asked.longest]
    whole = [alone(length, 0) for length in lengths]
    pieces = [alone(length, round(math.sqrt(length))) for length in lengths]
    result = judged(lengths, whole, pieces)
    if asked.save.parent == RESULTS:
        draw(result)
    conclude(result, asked.save)


def judged(lengths: list[int], whole: list[dict[str, float]], pieces: list[dict[str, float]]) -> dict[str, Any]:
    """Return the figures, the fitted powers, and whether the claim holds."""
    powers = [power_of(lengths, [one["megabytes"] for one in way]) for way in (whole, pieces)]
    alike = [abs(one["norm"] / other["norm"] - 1) for one, other in zip(whole, pieces, strict=True)]
    first, last = pieces[-1], whole[-1]
    words = (
        f"{lengths[-1]:,} steps: {last['megabytes']:,.0f} MB whole, {first['megabytes']:,.1f} MB in segments, "
        f"T^{powers[0]:.2f} and T^{powers[1]:.2f}; {first['seconds'] / last['seconds']:.2f} times as long"
    )
    return {
        "claim": CLAIM,
        "words": words,
        "holds": powers[1] <= STEEPEST and max(alike) < CLOSE,
        "steps": lengths,
        "whole_megabytes": [one["megabytes"] for one in whole],
        "segments_megabytes": [one["megabytes"] for one in pieces],
        "whole_power_of_steps": powers[0],
        "segments_power_of_steps": powers[1],
        "times_as_long_in_segments": first["seconds"] / last["seconds"],
        "largest_relative_difference_of_gradient_norms": max(alike),
        "rows": ROWS,
        "width": WIDTH,
    }


def power_of(lengths: list[int], sizes: list[float]) -> float:
    """Return the slope of the line through the logarithms, by least squares."""
    xs, ys = [math.log(length) for length in lengths], [math.log(size) for size in sizes]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)


def alone(length: int, segment: int) -> dict[str, float]:
    """Measure one update in a process of its own."""
    command = [sys.executable, __file__, "--one", str(length), str(segment)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def measured(length: int, segment: int) -> dict[str, float]:
    """Return by how much the peak of memory rises in one update, how long it takes, and the norm of its gradient."""
    import torch

    from statewise.cells import LSTM
    from statewise.data.window import Window
    from statewise.heads import Categorical
    from statewise.learning.learner import Learner
    from statewise.model import Model
    from statewise.run.recipe import Recipe

    torch.manual_seed(0)
    model = Model(torch.nn.Embedding(CHOICES, 32), LSTM(32, WIDTH), Categorical(WIDTH, CHOICES))
    codes = torch.randint(CHOICES, (length + 1, ROWS))
    short, window = Window(codes[:8], codes[1:9]), Window(codes[:-1], codes[1:])
    recipe = Recipe(updates=9, segment=segment, threads=1, truncate="none", clip=0, learning_rate=1e-6, warmup=0)
    windows = [short, window]
    learner = Learner(model, windows, recipe)
    learner.update()  # so that what is made once is made
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    before, began = kilobytes("VmRSS"), time.perf_counter()
    norm = learner.update().norm
    seconds = time.perf_counter() - began
    return {"megabytes": (kilobytes("VmHWM") - before) / 1024, "seconds": seconds, "norm": norm}


def kilobytes(name: str) -> float:
    """Return a line of what Linux says of this process's memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(f"{name}:")))


def draw(result: dict[str, Any]) -> None:
    """Draw memory against length, both ways, on two logarithmic scales."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7.5, 4.8), layout="constrained")
    steps = result["steps"]
    for name, label, colour in (
        ("whole", "kept whole", "#D55E00"),
        ("segments", "in segments of √T steps", "#0072B2"),
    ):
        sizes = result[f"{name}_megabytes"]
        axes.plot(steps, sizes, color=colour, marker="o", linewidth=2)
        words = f"{label}\ngrows as $T^{{{result[f'{name}_power_of_steps']:.2f}}}$"
        place = {"textcoords": "offset points", "color": colour}
        below = {"ha": "left", "va": "top"}
        axes.annotate(words, (steps[2], sizes[2]), (10, -12), **place, **below)
        axes.annotate(f"{sizes[-1]:,.0f} MB", (steps[-1], sizes[-1]), (0, 8), ha="center", **place)
    axes.set(xscale="log", yscale="log", xlabel="steps through which gradients flow", ylabel="memory of one update, MB")
    axes.set_xticks(steps, [f"{step:,}" for step in steps])
    axes.minorticks_off()
    axes.set_title(f"An LSTM of width {WIDTH}, {ROWS} rows: memory for the full gradient", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.08, y=0.15)
    figure.savefig(PICTURE, dpi=120)


if __name__ == "__main__":
    main()
