"""How well a network makes the sound of films that it never saw."""

from collections.abc import Generator, Sequence
from typing import Any

import torch

from statewise.data.sounding.sounding_steps import Floats, edges_of
from statewise.heads.soundtrack import SoundtrackParams
from statewise.model import Model, evaluating
from statewise.task import Score
from statewise.tasks.sound.data import SoundingData
from statewise.tasks.sound.metrics import JudgedSound, difference_interval
from statewise.tasks.sound.network import cells_of_said, said_of
from statewise.tasks.sound.strokes import strokes_in


def judged_sound(model: Model[Any], data: SoundingData, sure: float) -> Generator[float, None, Score]:
    """Watch every clip of the scored part and return the score."""
    clips, codec = data.clips, data.codec
    windows: Any = data.windows("held_out")
    order = [windows.places[place][0] for batch in windows.batches.order(0) for place in batch]
    judged = JudgedSound(codec)
    by_number: dict[int, Floats] = {}
    nats, places = 0.0, 0
    with evaluating(model), torch.no_grad():
        weights = next(model.parameters())
        for done, given in enumerate(windows, start=1):
            window = given.like(weights)
            params, _ = model.scan(window, model.begin(window.rows))
            loss = model.head.loss(params, window.targets, window.places)
            nats, places = nats + float(loss.nats), places + int(loss.places)
            lengths = window.mask.sum(dim=0).tolist()
            for row, length in enumerate(lengths):
                if length:
                    said = said_of(SoundtrackParams(*(part[:length, row] for part in params)))
                    by_number[order[len(by_number)]] = said
            yield 0.9 * done / len(windows)
    for number in map(int, data.numbers("held_out")):
        plan = windows.plans[number]
        cells = cells_of_said(codec, by_number[number], edges_of(plan.times, codec.picture_rate, codec.look_ahead))
        told = clips.told[number]
        strokes = [
            (one.seconds, codec.number_of(one.material))
            for one in strokes_in(cells, codec, sure)
            if one.seconds < told.seconds
        ]
        judged.add(cells[:, : codec.ear.bands], strokes, clips.envelopes(number), told.hits)
    metrics = {**judged.metrics(), "nats_per_step": nats / max(1, places)}
    return Score(metrics, metrics["nats_per_step"], details=judged)


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
