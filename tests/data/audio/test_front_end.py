"""Frames and steps do not depend on the pieces in which a sound comes."""

from dataclasses import replace

import numpy as np
import pytest

from statewise.data.audio.front_end import FrameStream, FrontEnd, mel
from statewise.data.audio.sound import Resampler
from statewise.data.audio.steps import Stacking, StepStream

RATE = 8000
SOUND = (np.random.default_rng(0).normal(size=2 * RATE + 321) * 0.1).astype(np.float32)
MILLISECONDS = [7, 10, 23, 100, 333, 1000]


@pytest.mark.parametrize("kind", ["log_mel", "mfcc"])
@pytest.mark.parametrize("milliseconds", MILLISECONDS)
def test_frames_are_the_same_in_whatever_pieces_the_sound_comes(kind: str, milliseconds: int) -> None:
    front_end = FrontEnd(RATE, kind)  # type: ignore[arg-type]
    stream, piece = FrameStream(front_end), RATE * milliseconds // 1000
    found = [stream.push(SOUND[start : start + piece]) for start in range(0, len(SOUND), piece)]
    np.testing.assert_allclose(np.concatenate(found), front_end.frames(SOUND), rtol=0, atol=1e-5)
    assert len(stream._held) < front_end.window_samples + front_end.hop_samples


@pytest.mark.parametrize("normalize", ["fixed", "running"])
@pytest.mark.parametrize("piece", [1, 2, 5, 50])
def test_steps_are_the_same_in_whatever_pieces_frames_come(normalize: str, piece: int) -> None:
    frames = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)
    stacking = Stacking(4, 3, normalize, (0.1, 0.2, 0.3), (1.0, 2.0, 0.5))  # type: ignore[arg-type]
    stream = StepStream(stacking)
    found = [stream.push(frames[start : start + piece]) for start in range(0, len(frames), piece)]
    np.testing.assert_array_equal(np.concatenate(found), stacking.steps(frames))
    assert len(stacking.steps(frames)) == 1 + (50 - 4) // 3


@pytest.mark.parametrize("wanted", [8000, 11025, 16000])
def test_a_changed_rate_is_the_same_in_whatever_pieces_the_sound_comes(wanted: int) -> None:
    def changed(piece: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        stream = Resampler(RATE, wanted)
        found = [stream.push(SOUND[start : start + piece]) for start in range(0, len(SOUND), piece)]
        return np.concatenate([*found, stream.finish()])

    whole = changed(len(SOUND))
    assert abs(len(whole) - len(SOUND) * wanted / RATE) <= 1
    for piece in (1, 56, 5000):
        np.testing.assert_array_equal(changed(piece), whole)


def test_a_tone_is_loudest_in_the_band_of_its_frequency() -> None:
    front_end = FrontEnd(RATE)
    for hertz in (300, 1000, 2500):
        tone = np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE).astype(np.float32)
        loudest = int(front_end.frames(tone)[10].argmax())
        edges = np.linspace(mel(20.0), mel(RATE / 2), front_end.bands + 2)
        assert edges[loudest] <= mel(hertz) <= edges[loudest + 2]


def test_a_frame_is_what_its_equation_says() -> None:
    front_end = FrontEnd(RATE, bands=5)
    before = np.concatenate([[0.0], SOUND[:-1].astype(np.float64)])
    emphasised = SOUND.astype(np.float64) - 0.97 * before
    windowed = emphasised[80:280] * np.hamming(200)
    powers = np.array([abs(sum(windowed * np.exp(-2j * np.pi * k * np.arange(200) / 256))) ** 2 for k in range(129)])
    wanted = np.log(np.maximum(powers @ front_end.filters / 200, 1e-9))
    np.testing.assert_allclose(front_end.frames(SOUND)[1], wanted, atol=1e-4)


def test_a_running_mean_goes_over_to_that_of_the_sound_and_sees_nothing_ahead() -> None:
    stacking = Stacking(1, 1, "running", (0.0,), (1.0,))
    loud = np.full((5000, 1), 2.0, np.float32)
    steps = stacking.steps(loud)
    assert steps[0, 0] == pytest.approx(2 - 2 / 101)
    assert abs(steps[-1, 0]) < 0.05
    np.testing.assert_array_equal(stacking.steps(loud[:77]), steps[:77])
    assert replace(stacking, prior=9).steps(loud)[0, 0] == pytest.approx(2 - 2 / 10)


def test_a_whole_sound_is_normalized_by_itself_whatever_its_level_its_gain_and_the_silence_after_it() -> None:
    frames = np.random.default_rng(3).normal(size=(40, 5)).astype(np.float32)
    how = Stacking(4, 3, "whole", (0.0,) * 5, (1.0,) * 5, tail=12)
    own = how.normalized(np.concatenate([frames, np.full((12, 5), -9.0, np.float32)]))[:40]
    np.testing.assert_allclose(own.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(own.std(axis=0), 1.0, atol=0.05)
    louder = how.normalized(np.concatenate([2 * frames + 7, np.full((12, 5), 30.0, np.float32)]))[:40]
    np.testing.assert_allclose(louder, own, atol=1e-5)
    still = how.normalized(np.full((60, 5), 2.0, np.float32))
    assert not still.any()
    assert how.steps(frames).shape == (13, 20)
