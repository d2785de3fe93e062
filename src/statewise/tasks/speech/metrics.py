"""How many words and letters are wrong: counted over a whole corpus, as the field does, by jiwer."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from statewise.data.audio.sound import library

DRAWS = 1000
"How often utterances are drawn again for an interval."


class Counted(NamedTuple):
    """Of each utterance: wrong words, words, wrong letters, letters; deletions and insertions are wrong, too."""

    errors: "np.ndarray[tuple[int, int], np.dtype[np.float64]]"

    @property
    def wer(self) -> float:
        """The word error rate of all together."""
        return float(self.errors[:, 0].sum() / max(1, self.errors[:, 1].sum()))

    @property
    def cer(self) -> float:
        """The letter error rate of all together."""
        return float(self.errors[:, 2].sum() / max(1, self.errors[:, 3].sum()))

    @property
    def wrong(self) -> float:
        """The share of utterances with a wrong word."""
        return float((self.errors[:, 0] > 0).mean())

    def as_metrics(self) -> dict[str, float]:
        """Return them as shares of one.

        Metrics:

        - `wer`: word error rate, (substitutions + deletions + insertions) / words said, counted over all utterances
          together; less is better
        - `cer`: the same of letters; less is better
        - `wrong_utterances`: the share of utterances with a wrong word; less is better
        """
        return {"wer": self.wer, "cer": self.cer, "wrong_utterances": self.wrong}


def counted(said: Sequence[str], heard: Sequence[str]) -> Counted:
    """Count what is wrong in what was heard.

    >>> counted(["a b", "c"], ["a x", ""]).wer, counted(["a b"], ["a b c d"]).wer
    (0.6666666666666666, 1.0)
    """
    jiwer = library("jiwer")
    errors = []
    for wanted, found in zip(said, heard, strict=True):
        words, letters = jiwer.process_words(wanted, found), jiwer.process_characters(wanted, found)
        wrong = [one.substitutions + one.deletions + one.insertions for one in (words, letters)]
        sizes = [one.substitutions + one.deletions + one.hits for one in (words, letters)]
        errors.append([wrong[0], sizes[0], wrong[1], sizes[1]])
    return Counted(np.array(errors, np.float64))


def interval(one: Counted, other: Counted | None = None) -> tuple[float, float]:
    """Return a 95 % interval of a word error rate, or of how much higher it is than another on the same utterances.

    Utterances are drawn again with replacement, always the same draws.
    """
    draw, count = np.random.default_rng(0), len(one.errors)
    chosen = draw.integers(0, count, (DRAWS, count))

    def rates(of: Counted) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        drawn = of.errors[chosen, :2].sum(axis=1)
        found: np.ndarray[tuple[int], np.dtype[np.float64]] = drawn[:, 0] / np.maximum(1, drawn[:, 1])
        return found

    found = rates(one) - (rates(other) if other is not None else 0.0)
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)
