"""The network that watches: numbers or a convolution of frames, layers of a cell, a class at every step."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from statewise.data.movement.movement_codec import MovementCodec
from statewise.data.window import Window
from statewise.encoders.frame_convolution import FrameConvolution
from statewise.heads import Categorical
from statewise.model import Model, evaluating
from statewise.tasks.shared.both_ways import core_of


def network(task: Any, codec: MovementCodec) -> Model[Any]:
    """Return an untrained network."""
    encoder: nn.Module = nn.Identity()
    features = codec.numbers
    if codec.is_film:
        encoder = FrameConvolution(codec.stack, *codec.shape, features=task.embedding, dropout=task.dropout)
        features = task.embedding
    core = core_of(task, features)
    return Model(encoder, core, Categorical(core.units, len(codec.classes)))


def logs_of(model: Model[Any], steps: Any) -> NDArray[np.float64]:
    """Return the log-probabilities `[T, C]` of the classes at each step `[T, D]` of one recording."""
    weights = next(model.parameters())
    xs = torch.from_numpy(steps).to(weights).unsqueeze(1)
    with evaluating(model), torch.no_grad():
        logits, _ = model.scan(Window(xs, xs), model.begin(1))
    found: NDArray[np.float64] = logits[:, 0].double().log_softmax(dim=-1).cpu().numpy()
    return found
