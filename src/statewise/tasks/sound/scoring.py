"""How well a network makes the sound of films that it never saw."""

from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from statewise.data.sounding.sounding_steps import Floats, edges_of
from statewise.heads.soundtrack import SoundtrackParams
from statewise.model import Model, evaluating
from statewise.task import Score
from statewise.tasks.sound.data import SoundingBatches, SoundingData
from statewise.tasks.sound.metrics import JudgedSound, difference_interval, matched
from statewise.tasks.sound.network import cells_of_said, said_of
from statewise.tasks.sound.strokes import StrokeMade, strokes_in

LEVELS = np.round(np.geomspace(0.02, 0.6, 24), 3)
"How likely a stroke may have to be: one of these."
FEWEST = 10
"Strokes of the part for checks, below which its best threshold would be chance."


class SaidClips(NamedTuple):
    """What is said of even cells of each clip by its number `[cells, said]`, and the mean nats a step."""

    cells: dict[int, Floats]
    nats: float


def said_clips(model: Model[Any], data: SoundingData) -> Generator[float, None, SaidClips]:
    """Watch every clip of the scored part and return what is said of it, yielding how much is done."""
    codec, windows = data.codec, data.windows("held_out")
    assert isinstance(windows, SoundingBatches)
    order = [windows.places[place][0] for batch in windows.batches.order(0) for place in batch]
    found: dict[int, Floats] = {}
    nats, places = 0.0, 0
    with evaluating(model), torch.no_grad():
        weights = next(model.parameters())
        for done, given in enumerate(windows, start=1):
            window = given.like(weights)
            assert window.mask is not None
            params, _ = model.scan(window, model.begin(window.rows))
            loss = model.head.loss(params, window.targets, window.places)
            nats, places = nats + float(loss.nats), places + int(loss.places)
            for row, length in enumerate(window.mask.sum(dim=0).tolist()):
                if length:
                    said = said_of(SoundtrackParams(*(part[:length, row] for part in params)))
                    number = order[len(found)]
                    edges = edges_of(windows.plans[number].times, codec.picture_rate, codec.look_ahead)
                    found[number] = cells_of_said(codec, said, edges)
            yield done / len(windows)
    return SaidClips(found, nats / max(1, places))


def strokes_of_clip(data: SoundingData, number: int, cells: Floats, sure: float) -> list[StrokeMade]:
    """Return the strokes in what is said of a clip, as long as its pictures are shown."""
    return [one for one in strokes_in(cells, data.codec, sure) if one.seconds < data.clips.told[number].seconds]


def judged_sound(model: Model[Any], data: SoundingData, sure: float) -> Generator[float, None, Score]:
    """Watch every clip of the scored part and return the score."""
    codec = data.codec
    said = yield from said_clips(model, data)
    judged = JudgedSound(codec)
    for number in map(int, data.numbers("held_out")):
        cells, strokes = said.cells[number], strokes_of_clip(data, number, said.cells[number], sure)
        named = [(one.seconds, codec.number_of(one.material)) for one in strokes]
        judged.add(cells[:, : codec.ear.bands], named, data.clips.envelopes(number), data.clips.told[number].hits)
    metrics = {**judged.metrics(), "nats_per_step": said.nats}
    return Score(metrics, metrics["nats_per_step"], details=judged)


def surest_level(model: Model[Any], data: SoundingData) -> Generator[float, None, dict[str, float] | None]:
    """Return how likely a stroke must be for the best onset F1 on the part for checks.

    It is one of `LEVELS`, the highest of those that are equally good. Where that part has fewer than `FEWEST` strokes,
    or none of them is found, there is nothing to go by, and None is returned.
    """
    checks = data.validating()
    hits = sum(len(data.clips.told[n].hits) for n in checks.numbers("held_out"))
    if checks.scored != "validation" or hits < FEWEST:
        return None
    said = yield from said_clips(model, checks)
    found, count, true = np.zeros(len(LEVELS)), np.zeros(len(LEVELS)), 0
    for number, cells in said.cells.items():
        strokes = strokes_of_clip(checks, number, cells, float(LEVELS[0]))
        times = [seconds for seconds, _, _ in data.clips.told[number].hits]
        true += len(times)
        for place, level in enumerate(LEVELS):
            sure = [one.seconds for one in strokes if one.confidence >= level]
            found[place] += len(matched(sure, times))
            count[place] += len(sure)
    scores = 2 * found / np.maximum(1, count + true)
    if not scores.any():
        return None
    best = len(LEVELS) - 1 - int(scores[::-1].argmax())
    return {"sure": float(LEVELS[best]), "onset_f1": float(scores[best])}


def said_of_score(score: Score, data: SoundingData) -> Sequence[str]:
    """Say what the numbers are of, and whether the best baseline is beaten beyond doubt."""
    judged: JudgedSound = score.details
    name = "loudness_correlation" if data.codec.goes_on else "onset_f1"
    words = "the correlation of loudness" if data.codec.goes_on else "onset F1"
    best, other = max(data.by_method.items(), key=lambda item: float(item[1].values(name).mean()))
    low, high = difference_interval(judged, other, name)
    surely = "more than luck" if low > 0 or high < 0 else "which may be luck"
    mean = float((judged.values(name) - other.values(name)).mean())
    strokes = sum(one.true for one in judged.clips)
    told = [
        f"Of {len(judged.clips):,} clips with {strokes:,} strokes; a stroke is found within 50 ms; intervals are of 95 "
        "%, clips drawn again.",
        f"Against the best simple method, {best}: {words} by clip {mean:+.3f} (95 % interval {low:+.3f} to {high:+.3f})"
        f", {surely}.",
    ]
    if data.codec.goes_on:
        told.append("No table says what is struck: onsets are those that are heard in the clips' own sound.")
    return told
