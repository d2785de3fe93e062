"""What a network hears at this stage, as a line of text."""

from typing import Any

import numpy as np

from statewise.data.sounding.sounding_codec import SoundingCodec
from statewise.data.sounding.sounding_steps import planned
from statewise.model import Model
from statewise.tasks.sound.network import cells_of_steps

BARS = " .:-=+*#%@"
SECONDS = 1.0


def falling_square(model: Model[Any], codec: SoundingCodec) -> str:
    """Return how loud each of 30 stretches of a second is said to be in which a bright square falls and stops."""
    height, width, channels = codec.shape
    rate = codec.picture_rate
    frames = np.full((max(2, round(SECONDS * rate)), height, width, channels), 60, np.uint8)
    side = max(1, height // 6)
    for number, frame in enumerate(frames):
        top = min(height - side, round((number / rate / 0.5) ** 2 * (height - side)))
        frame[top : top + side, width // 2 : width // 2 + side] = 220
    plan = planned(np.arange(len(frames)) / rate, rate, SECONDS + codec.look_ahead)
    cells = cells_of_steps(model, codec, codec.steps(frames, plan), plan)[:90]
    loud = cells[:, : codec.ear.bands].mean(axis=1)
    parts = np.array([part.mean() for part in np.array_split(loud, 30)])
    line = "".join(BARS[int(level)] for level in (parts.clip(0, 0.999) * len(BARS)))
    strokes = cells[:, codec.ear.bands]
    return f"a square that falls: |{line}| stroke {strokes.max():.2f} at {strokes.argmax() / 90:.2f} s"
