"""The network that watches a film: a convolution of frames and their changes, layers of a cell, sound at each step."""

from typing import Any

import numpy as np
import torch

from statewise.data.sounding.sounding_codec import SoundingCodec
from statewise.data.sounding.sounding_steps import CellGrid, Floats, StepPlan, Values, edges_of
from statewise.data.window import Window
from statewise.encoders.space_time import SpaceTime
from statewise.heads.soundtrack import Soundtrack, SoundtrackParams
from statewise.model import Model, evaluating
from statewise.tasks.shared.both_ways import core_of


def network(task: Any, codec: SoundingCodec) -> Model[Any]:
    """Return an untrained network."""
    height, width, channels = codec.shape
    maps = (task.maps, 2 * task.maps, 2 * task.maps)
    encoder = SpaceTime(height, width, channels, codec.moves, task.embedding, maps, task.dropout, task.glances)
    core = core_of(task, encoder.features)
    return Model(encoder, core, Soundtrack(core.units, codec.ear.bands, len(codec.materials), codec.cells))


def said_of(params: SoundtrackParams) -> Floats:
    """Return what a network says of one row as numbers of each cell `[T, S, B + 2 + M]`.

    These are envelopes, the probability of a stroke, its strength, and the probabilities of materials.
    """
    strokes, strengths = params.strokes.sigmoid().unsqueeze(-1), params.strengths.unsqueeze(-1)
    materials = params.materials.softmax(dim=-1).unsqueeze(-2)
    materials = materials.expand(*params.strokes.shape, materials.shape[-1])
    found: Floats = torch.cat([params.envelopes, strokes, strengths, materials], dim=-1).double().cpu().numpy()
    return found


def cells_of_steps(model: Model[Any], codec: SoundingCodec, steps: Values, plan: StepPlan) -> Floats:
    """Return what is said of each even cell `[cells, B + 2 + M]` of a whole film, given its steps."""
    weights = next(model.parameters())
    xs = torch.from_numpy(steps).to(weights).unsqueeze(1)
    with evaluating(model), torch.no_grad():
        params, _ = model.scan(Window(xs, xs), model.begin(1))
    said = said_of(SoundtrackParams(*(part[:, 0] for part in params)))
    return cells_of_said(codec, said, edges_of(plan.times, codec.picture_rate, codec.look_ahead))


def cells_of_said(codec: SoundingCodec, said: Floats, edges: Floats) -> Floats:
    """Return even cells out of what was said of stretches `[T, 2]` of time."""
    grid, found = CellGrid(codec.said), [np.zeros((0, codec.said))]
    for own, (start, end) in zip(said, edges, strict=True):
        for number, values in enumerate(own):
            found.append(grid.push(start + (end - start) * (number + 1) / codec.cells, values))
    return np.concatenate(found)
