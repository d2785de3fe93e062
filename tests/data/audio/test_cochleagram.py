"""Envelopes of an ear: where tones and clicks are heard, in whatever pieces a sound comes, and sound out of them."""

import numpy as np
import pytest

from statewise.data.audio.cochleagram import Cochlea, CochleaStream, loudness
from statewise.data.audio.onsets import onsets
from statewise.data.audio.shaped_noise import Excitation, ShapedNoise
from statewise.errors import UsageError

EAR = Cochlea(9000, bands=7, lowest=100.0, highest=4000.0)


def noise(seconds: float, seed: int = 0) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    return (0.1 * np.random.default_rng(seed).standard_normal(round(9000 * seconds))).astype(np.float32)


@pytest.mark.parametrize("pieces", [(1, 7), (99, 101), (4000, 4100), (9999, 10000)])
def test_a_sound_in_pieces_has_the_bits_of_the_whole(pieces: tuple[int, int]) -> None:
    samples, draw = noise(1.3), np.random.default_rng(1)
    whole, stream, found, first = EAR.of(samples), CochleaStream(EAR), [], 0
    while first < len(samples):
        count = int(draw.integers(*pieces))
        found.append(stream.push(samples[first : first + count]))
        first += count
    assert np.array_equal(np.concatenate([*found, stream.finish()]), whole)
    assert whole.shape == (117, 7)


@pytest.mark.parametrize("samples", [1, 99, 100, 101, 3000, 3001])
def test_every_sample_is_in_a_cell(samples: int) -> None:
    assert len(EAR.of(np.zeros(samples, np.float32))) == -(-samples // 100)


def test_a_tone_is_heard_in_its_band_as_loud_as_it_is() -> None:
    times = np.arange(9000) / 9000
    for band, hertz in enumerate(EAR.centres):
        heard = EAR.of((0.5 * np.sin(2 * np.pi * hertz * times)).astype(np.float32))[45]
        assert heard.argmax() == band
        assert heard[band] ** (1 / 0.3) == pytest.approx(0.5, rel=0.15)


def test_the_squares_of_the_filters_add_up_to_that_of_a_pair() -> None:
    power = (np.abs(EAR.filters) ** 2).sum(axis=0)
    hertz = np.fft.fftfreq(len(power), 1 / 9000)
    inside = (hertz > EAR.centres[1]) & (hertz < EAR.centres[-2])
    assert power[inside] == pytest.approx(4.0, rel=0.1)
    assert power[hertz < 0].max() < 0.01


def test_a_click_is_an_onset_where_it_is() -> None:
    samples = np.zeros(9000, np.float32)
    samples[4321:4330] = 0.9
    (seconds,), (strength,) = onsets(EAR.of(samples))
    assert seconds == pytest.approx(4325 / 9000, abs=0.012)
    assert 0 < strength <= 1


def test_sound_made_of_envelopes_has_these_envelopes() -> None:
    wanted = np.full((180, 7), 0.5, np.float32)
    wanted[60:90] = 0.05
    wanted[:, 3] = 0.3
    made = ShapedNoise(Excitation(EAR, seed=3)).push(wanted)
    heard = EAR.of(made)
    assert len(made) == 180 * 100
    assert np.corrcoef(heard.ravel(), wanted.ravel())[0, 1] > 0.85
    assert abs(float(loudness(heard[:55]).mean()) - float(loudness(wanted[:55]).mean())) < 0.1


@pytest.mark.parametrize("tone", [0.0, 0.4])
def test_the_same_seed_gives_the_same_samples_in_whatever_pieces(tone: float) -> None:
    wanted = np.random.default_rng(2).random((50, 7)).astype(np.float32)
    whole = ShapedNoise(Excitation(EAR, seed=3, tone=tone)).push(wanted)
    other = ShapedNoise(Excitation(EAR, seed=3, tone=tone))
    assert np.array_equal(np.concatenate([other.push(wanted[:17]), other.push(wanted[17:])]), whole)
    assert not np.array_equal(ShapedNoise(Excitation(EAR, seed=4, tone=tone)).push(wanted), whole)


def test_silence_stays_silence() -> None:
    assert not EAR.of(np.zeros(500, np.float32)).any()
    assert not ShapedNoise(Excitation(EAR)).push(np.zeros((5, 7), np.float32)).any()


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"rate": 16_000}, "not a multiple of 90"),
        ({"rate": 900}, "not a multiple of 90"),
        ({"highest": 5000.0}, "cannot be heard at 9,000 samples a second"),
        ({"lowest": 4000.0}, "cannot be heard"),
    ],
)
def test_an_ear_that_cannot_be_is_refused(how: dict[str, float], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Cochlea(**{"rate": 9000, "bands": 7, "highest": 4000.0, **how})  # type: ignore[arg-type]


def test_a_tone_beyond_one_is_refused() -> None:
    with pytest.raises(UsageError, match="tone 2 is not a share"):
        Excitation(EAR, tone=2.0)
