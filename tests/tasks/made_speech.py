"""Sounds that tests write: each word is a tone of its own, in voices of a little different pitch."""

from pathlib import Path

import numpy as np
import soundfile

HERTZ = {"low": 400, "mid": 1100, "high": 2300}
RATE = 8000


def said(
    words: list[str], voice: float = 1.0, seed: int = 0, rate: int = RATE
) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    """Return a second or so of sound: a tone of 0.15 s for each word, between pauses."""
    dice = np.random.default_rng([seed, len(words)])
    parts = [dice.normal(size=rate // 20) * 0.003]
    for word in words:
        times = np.arange(int(rate * 0.15)) / rate
        tone = 0.3 * np.sin(2 * np.pi * HERTZ[word] * voice * times)
        parts += [tone + dice.normal(size=len(times)) * 0.003, dice.normal(size=rate // 16) * 0.003]
    return np.concatenate(parts).astype(np.float32)


def recordings(folder: Path, count: int = 36, speakers: int = 3, rate: int = RATE) -> Path:
    """Write recordings of single words, named `WORD_SPEAKER_TAKE.wav`, and return their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    words = sorted(HERTZ)
    for number in range(count):
        word, speaker = words[number % 3], number // 3 % speakers
        path = folder / f"{word}_voice{speaker}_{number}.wav"
        soundfile.write(path, said([word], 1 + 0.02 * speaker, number, rate), rate)
    return folder
