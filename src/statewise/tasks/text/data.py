"""The data of a text task: a text as codes in its parts, and the n-grams that its model has to beat."""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from statewise.data.code_file import CodeFile
from statewise.data.codec import TextCodec
from statewise.data.stripes import Stripes
from statewise.data.texts import CodedText, code_with
from statewise.errors import DataError
from statewise.task import Part
from statewise.tasks.shared.counted import CountedOnce
from statewise.tasks.shared.kneser_ney import KneserNey
from statewise.tasks.text.short import CHECKED, chosen_words
from statewise.tasks.text.sizes import PLAIN_SIZES
from statewise.underway import told

if TYPE_CHECKING:
    from statewise.data.figures import Finding, Found
    from statewise.data.window import Window

SCORED_STEPS = 256
COUNTING = 0.5
"About which share of finding the scores of n-grams is counting them."


@dataclass(frozen=True)
class TextData(CountedOnce):
    """A text as codes, with the n-grams that its model has to beat."""

    task: Any  # a Text, whose module imports this one
    text: CodedText
    scored: CodeFile
    cache: Path
    chosen: Mapping[str, Any] = field(default_factory=dict)
    "Settings that followed from the length of the text."

    @property
    def codec(self) -> TextCodec:
        """The alphabet."""
        return self.text.codec

    @property
    def facts(self) -> dict[str, Any]:
        """How long the text and its parts are, and its digest."""
        counted = min(self.task.counted, len(self.text.training) + len(self.text.validation))
        told = {**self.text.facts, "scored": len(self.scored), "counted_by_n_grams": counted}
        return {**told, "chosen": chosen_words(dict(self.chosen))} if self.chosen else told

    def validating(self) -> "TextData":
        """Return the beginning of the part for checks, where there is one, as what is scored."""
        kept = self.text.validation
        return replace(self, scored=kept.part(0, min(CHECKED, len(kept)))) if len(kept) > 1 else self

    @property
    def notices(self) -> Sequence[str]:
        """Where the codes that were kept had to be made again: that they had."""
        return [self.text.notice] if self.text.notice else []

    def windows(self, part: Part, *, rows: int | None = None, steps: int | None = None) -> "Sequence[Window]":
        """Return the stripes of a part; the held-out one is read in as many stripes as training has rows."""
        rows = rows or self.task.batch_size or PLAIN_SIZES.batch_size
        if part == "training":
            if steps is None and self.task.truncate != "none":
                steps = self.task.window_steps or PLAIN_SIZES.sequence_length
            return Stripes(self.text.training, rows, steps, unit=self.task.unit, begin_in_turn=True)
        steps = min(steps or SCORED_STEPS, len(self.scored) - 1)
        return Stripes(self.scored, max(1, min(rows, (len(self.scored) - 1) // steps)), steps, unit=self.task.unit)

    def counted(self, *, with_checks: bool = True) -> Any:
        """Return the codes that n-grams count: the last ones before the held-out part, or before that for checks."""
        training, most = self.text.training, self.task.counted
        checks = self.text.validation.read() if with_checks else training.read(0, 0)
        begin = min(len(training), max(0, len(training) + len(checks) - most))
        return np.concatenate([training.read(begin), checks])[-most:]

    def baselines_key(self) -> str:
        """Return a name for what Kneser-Ney n-grams of each order score."""
        from statewise.data.figures import key_of

        counted, scored = self.counted(), self.scored.read()
        asked = f"interpolated Kneser-Ney, {self.codec.choices} choices, order {self.task.orders}, {counted.dtype}"
        return key_of([asked, counted.tobytes(), scored.tobytes()])

    def find_baselines(self) -> "Finding":
        """Count n-grams and score those of each order, yielding how much is done.

        Baselines:

        - `N-gram`: characters by interpolated Kneser-Ney of that order, `statewise.tasks.shared.kneser_ney.KneserNey`
        """
        orders, scored, found = self.task.orders, self.scored.read(), {}
        counting = KneserNey.fitting(self.counted(), self.codec.choices, orders)
        ngrams = yield from told(counting, lambda share: COUNTING * share)
        for order in ngrams.orders:
            found[f"{order}-gram"] = {"nats": ngrams.nats(scored, order)}
            yield COUNTING + (1 - COUNTING) * order / orders
        return found

    def baseline_metrics(self, found: "Found") -> "Found":
        """Return what n-grams score in bits and perplexity."""
        places = len(self.scored)
        return {name: metrics_of(of["nats"], places, self.task.unit) for name, of in found.items()}

    def on(self, source: Sequence[str], cache: Path) -> "TextData":
        """Return this text with others to be scored."""
        codes = code_with(self.codec, source, cache)
        if len(codes) < 2:
            raise DataError(f"{', '.join(source)} has {len(codes)} {self.task.unit}s: give at least 2 to score")
        return replace(self, scored=codes.part(0, self.task.scored), cache=cache)


def metrics_of(nats: float, places: int, unit: str) -> dict[str, float]:
    """Return a loss in bits per character and as perplexity.

    Metrics:

    - `bits_per_character`, `bits_per_byte`: nats / characters / log 2; less is better
    - `perplexity`: 2 ** bits: how many equally likely characters would be as hard to foresee; less is better
    - `characters`, `bytes`: places that were scored

    >>> metrics_of(nats=1000 * math.log(2), places=1000, unit="character")
    {'bits_per_character': 1.0, 'perplexity': 2.0, 'characters': 1000}
    """
    bits = nats / places / math.log(2)
    perplexity = math.inf if bits >= sys.float_info.max_exp else 2**bits
    return {f"bits_per_{unit}": bits, "perplexity": perplexity, f"{unit}s": places}
