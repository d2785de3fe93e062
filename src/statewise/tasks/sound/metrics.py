"""How near a made sound is to the true one: strokes in time and material, envelopes, and how they go along."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statewise.data.sounding.sounding_codec import SoundingCodec
from statewise.data.sounding.sounding_steps import Floats
from statewise.tasks.shared.resampling import bootstrap

NEAR = 0.05
"Seconds by which a stroke may be early or late and still is the one."


def matched(said: Sequence[float], true: Sequence[float], near: float = NEAR) -> list[tuple[int, int]]:
    """Return which of what was said is which of what is true: as many pairs as can be, in the order of time.

    >>> matched([0.1, 0.52, 0.9], [0.12, 0.5, 0.6])
    [(0, 0), (1, 1)]
    """
    pairs, place = [], 0
    for number, seconds in sorted(enumerate(said), key=lambda one: one[1]):
        while place < len(true) and true[place] < seconds - near:
            place += 1
        if place < len(true) and true[place] <= seconds + near:
            pairs.append((number, place))
            place += 1
    return pairs


def correlation(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Return the correlation of two rows of numbers, 0 where one of them does not vary.

    >>> round(correlation(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0])), 6)
    1.0
    """
    first, second = one - one.mean(), other - other.mean()
    size = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum() / size) if size > 1e-9 else 0.0


@dataclass
class ClipJudged:
    """What is counted of one clip."""

    said: int
    true: int
    found: int
    away: list[float]
    right: int
    of_known: int
    envelope_error: float
    loudness_correlation: float
    band_correlation: float
    heard: tuple[int, int, int]
    "Cells with sound in both, only made, only true."


@dataclass
class JudgedSound:
    """What was made for the clips of a part, next to what is true of them."""

    codec: SoundingCodec
    clips: list[ClipJudged] = field(default_factory=list)

    def add(
        self,
        envelopes: Floats,
        strokes: Sequence[tuple[float, int]],
        true_envelopes: Any,
        true_hits: Sequence[tuple[float, float, int]],
    ) -> None:
        """Count one clip: envelopes `[cells, B]`, strokes as time and number of material, and what is true."""
        pairs = matched([seconds for seconds, _ in strokes], [seconds for seconds, _, _ in true_hits])
        known = [(strokes[a][1], true_hits[b][2]) for a, b in pairs if true_hits[b][2] >= 0]
        cells = min(len(envelopes), len(true_envelopes))
        made, true = np.maximum(envelopes[:cells], 0.0), np.asarray(true_envelopes[:cells], np.float64)
        loud, truly = made.mean(axis=1), true.mean(axis=1)
        is_made, is_true = loud > self.codec.quiet, truly > self.codec.quiet
        bands = [correlation(made[:, b], true[:, b]) for b in range(true.shape[1])]
        self.clips.append(
            ClipJudged(
                len(strokes),
                len(true_hits),
                len(pairs),
                [abs(strokes[a][0] - true_hits[b][0]) for a, b in pairs],
                sum(a == b for a, b in known),
                len(known),
                float(np.square(made - true).mean()),
                correlation(loud, truly),
                float(np.mean(bands)),
                (int((is_made & is_true).sum()), int((is_made & ~is_true).sum()), int((~is_made & is_true).sum())),
            )
        )

    def metrics(self) -> dict[str, float]:
        """Return the figures: strokes first where clips say what is struck, else how sounds go along.

        Metrics:

        - `onset_f1`: 2 found / (strokes made + true strokes); a stroke is found where one was made within 50 ms of it,
          each once; more is better
        - `onset_precision`: found / strokes made; more is better
        - `onset_recall`: found / true strokes; more is better
        - `timing_error_ms`: mean time between a found stroke and the one made for it, in milliseconds; less is better
        - `material_accuracy`: of the found strokes whose material is known, the share made of that material; more is
          better
        - `loudness_correlation`: mean over clips of the correlation of the made and the true loudness, cell by cell;
          more is better
        - `band_correlation`: mean over clips and bands of the correlation of the made and the true envelope; more is
          better
        - `envelope_error`: mean square of the difference of envelopes; less is better
        - `sounding_f1`: 2 cells with sound in both / (cells with made sound + cells with true sound); more is better
        """
        clips = self.clips
        found, said, true = (sum(getattr(one, name) for one in clips) for name in ("found", "said", "true"))
        away = [seconds for one in clips for seconds in one.away]
        both, made, only = (sum(one.heard[n] for one in clips) for n in range(3))
        strokes = {
            "onset_f1": 2 * found / max(1, said + true),
            "onset_precision": found / max(1, said),
            "onset_recall": found / max(1, true),
            "timing_error_ms": 1000 * (float(np.mean(away)) if away else NEAR),
        }
        known = sum(one.of_known for one in clips)
        if self.codec.materials:
            strokes["material_accuracy"] = sum(one.right for one in clips) / max(1, known)
        along = {
            "loudness_correlation": float(np.mean([one.loudness_correlation for one in clips])),
            "band_correlation": float(np.mean([one.band_correlation for one in clips])),
            "envelope_error": float(np.mean([one.envelope_error for one in clips])),
            "sounding_f1": 2 * both / max(1, 2 * both + made + only),
        }
        return {**along, **strokes} if self.codec.goes_on else {**strokes, **along}

    def values(self, name: str) -> NDArray[np.float64]:
        """Return a figure of each clip: `onset_f1`, or one that is a mean over clips."""
        if name == "onset_f1":
            return np.array([2 * one.found / max(1, one.said + one.true) for one in self.clips])
        return np.array([getattr(one, name) for one in self.clips], np.float64)


def difference_interval(one: JudgedSound, other: JudgedSound, name: str) -> tuple[float, float]:
    """Return the 95 % interval of the mean difference of a figure, clips drawn again."""
    return bootstrap(one.values(name) - other.values(name), np.arange(len(one.clips)))
