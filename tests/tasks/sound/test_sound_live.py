"""Frames as they come are sounded as the whole film is; states are saved, and refused where they are something else."""

import base64
import io
import json
from typing import Any

import av
import numpy as np
import pytest
from made_films import (
    RATE,
    SOUND_RATE,
    fallen,
    made,
)
from sound_fixtures import trained

from statewise.errors import DataError, UsageError
from statewise.verbs import Trained

FIXTURES = trained


@pytest.mark.parametrize("way", ["retrieval", "parametric"])
@pytest.mark.parametrize("cut", [0, 1, 9, 19])
def test_frames_as_they_come_sound_as_the_whole_film_also_after_a_save(trained: Trained, way: Any, cut: int) -> None:
    frames, times = fallen("wood", 0.55), np.arange(20) / RATE
    whole = made(trained, frames, times=times, way=way, sure=0.1)
    live, parts, strokes = trained.live(way=way, sure=0.1), [], []
    for number, (time, frame) in enumerate(zip(times, frames, strict=True)):
        if number == cut:
            live = trained.live(live.save(), way=way, sure=0.1)
        said = live.push({"time": float(time), "image": frame})
        parts.append(said.samples)
        strokes += said.strokes
        assert said.seconds >= time - said.delay
    last = live.push("finish")
    found = np.concatenate([*parts, last.samples])
    assert len(found) == len(whole.samples)
    assert np.array_equal(found * np.float32(10 ** (whole.decibels / 20)), whole.samples)
    assert (*strokes, *last.strokes) == whole.strokes


def png(frame: Any) -> str:
    with io.BytesIO() as file:
        with av.open(file, "w", format="image2pipe") as container:
            stream = container.add_stream("png", rate=1)
            stream.width, stream.height, stream.pix_fmt = 16, 16, "rgb24"
            for packet in [*stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")), *stream.encode(None)]:
                container.mux(packet)
        return base64.b64encode(file.getvalue()).decode()


def test_frames_in_base_64_are_watched_and_sound_is_answered(trained: Trained) -> None:
    live, frames = trained.live(), fallen("metal", 0.5)
    for number, frame in enumerate(frames):
        said = live.push(png(frame) if number % 2 else json.dumps({"time": number / RATE, "image": png(frame)}))
    told = said.as_json()
    assert told["rate"] == SOUND_RATE
    assert len(base64.b64decode(told["sound"])) == 2 * len(said.samples)
    assert live.push("restart").seconds == 0


@pytest.mark.parametrize("given", ["", "no", "{}", '{"image": 3}', '{"time": "now", "image": ""}', '{"sound": 1}', 7])
def test_what_is_no_frame_is_refused_and_changes_nothing(trained: Trained, given: Any) -> None:
    live = trained.live()
    live.push({"time": 0.0, "image": fallen("wood", 0.5)[0]})
    before = live.save()
    with pytest.raises((UsageError, DataError)):
        live.push(given)
    assert live.save() == before


@pytest.mark.parametrize("saved", [b"", b"nonsense" * 99])
def test_damaged_states_are_refused(trained: Trained, saved: bytes) -> None:
    with pytest.raises(DataError):
        trained.live(saved)


def test_the_state_of_one_way_is_not_gone_on_in_the_other(trained: Trained) -> None:
    live = trained.live(way="parametric")
    live.push({"time": 0.0, "image": fallen("wood", 0.5)[0]})
    with pytest.raises(DataError, match="the saved sound is damaged, or is something else"):
        trained.live(live.save(), way="retrieval")
