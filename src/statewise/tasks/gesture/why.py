"""What moved a decision: how much it would change with each number, step by step back from where it was made."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.data.movement.movement_codec import MovementCodec
from statewise.data.strokes.paper import blank_figure
from statewise.data.window import Window
from statewise.insight.probed_network import undisturbed
from statewise.model import Model
from statewise.shown import in_picture
from statewise.tasks.gesture.confusion_picture import picture_kind, save_picture
from statewise.tasks.gesture.deciding import step_weights

MOST_SHOWN = 40
Floats = NDArray[np.float64]


def moved_by(model: Model[Any], codec: MovementCodec, steps: Any, label: int, early: float) -> Floats:
    """Return how much each number of each step moved the log-probability of a class at the last step, `[T, numbers]`.

        | x * d ( sum_t w_t log p_t[label] / sum_t w_t ) / d x |

    Where labels are of steps, it is that of the last step alone. Source: gradient times input, Shrikumar et al. 2016.
    """
    with undisturbed(model), torch.enable_grad():
        model.eval()
        weights = next(model.parameters())
        xs = torch.from_numpy(steps).to(weights).unsqueeze(1).requires_grad_()
        logits, _ = model.scan(Window(xs, xs), model.begin(1))
        logs = logits[:, 0, :].double().log_softmax(dim=-1)[:, label]
        counts = torch.from_numpy(step_weights(len(steps), codec.typical, early))
        wanted = (counts * logs).sum() / counts.sum() if codec.whole else logs[-1]
        (gradient,) = torch.autograd.grad(wanted, xs)
    found: Floats = (gradient * xs).detach()[:, 0].abs().double().numpy()
    return found


def by_part(codec: MovementCodec, moved: Floats) -> tuple[list[str], Floats]:
    """Return what moved a decision by sensor, by group of landmarks, or by frame as one, `[T, parts]`."""
    steps = moved.reshape(len(moved), codec.stack, -1).sum(axis=1)
    if codec.is_film:
        return ["frame"], steps.sum(axis=1, keepdims=True)
    if codec.groups:
        edges = np.cumsum([0, *(group.numbers for group in codec.groups)])
        names = _group_names(codec)
        return names, np.stack([steps[:, a:b].sum(axis=1) for a, b in pairwise(edges)], axis=1)
    return list(codec.columns), steps[:, : len(codec.columns)]


def _group_names(codec: MovementCodec) -> list[str]:
    kinds = [group.kind for group in codec.groups]
    if kinds.count("hand") < 2:
        return [str(kind) for kind in kinds]
    sides = iter(("left hand", "right hand"))
    return [next(sides) if kind == "hand" else "body" for kind in kinds]


def draw_moved(path: str, codec: MovementCodec, moved: Floats, chances: Floats, label: str) -> None:
    """Write a picture: how likely the class was after each step, and beneath it what moved the decision, in seconds."""
    kind = picture_kind(path)
    names, parts = by_part(codec, moved)
    order: Sequence[int] = sorted(range(len(names)), key=lambda n: -parts[:, n].sum())[:MOST_SHOWN]
    times = np.arange(len(moved)) * codec.seconds_per_step
    canvas, figure = blank_figure(6.4, 2.4 + 0.2 * len(order))
    figure.set_layout_engine("tight")
    above, below = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [1.2, 0.3 + 0.2 * len(order)]})
    above.plot(times, chances)
    above.set_ylim(0, 1.02)
    above.set_ylabel("probability", fontsize=8)
    above.set_title(in_picture(label), fontsize=9)
    below.imshow(
        parts[:, order].T, aspect="auto", cmap="Reds", extent=(0, len(moved) * codec.seconds_per_step, len(order), 0)
    )
    below.set_yticks(np.arange(len(order)) + 0.5, [in_picture(names[n])[:24] for n in order], fontsize=7)
    below.set_xlabel("seconds", fontsize=8)
    save_picture(path, kind, canvas)
