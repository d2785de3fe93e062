"""The data of a language model: windows over a file of codes, and what counting n-grams foresees of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from statewise.data.code_file import CodeFile
from statewise.data.words.prepared_words import CodedWords, WordCodec
from statewise.errors import DataError
from statewise.task import Part
from statewise.tasks.language.scoring import BLOCK_WORDS, MOST_BLOCKS, Floats, JudgedWords, blocks_of
from statewise.tasks.shared.counted import CountedOnce
from statewise.underway import told

if TYPE_CHECKING:
    from statewise.data.figures import Finding, Found
    from statewise.data.window import Window

SCORED_STEPS = 256
COUNTING = 0.5
"About which share of finding the scores of n-grams is counting them."
UNIGRAM = "unigram"
BLOCK = "block "
"Before the number of a stretch, under whose name its mean nats are kept."


def kneser_ney_of(order: int) -> str:
    """Return what n-grams of an order are called in tables."""
    return f"Kneser-Ney {order}"


class Amounts(NamedTuple):
    """How much of a text is read at once, scored and counted: rows and steps of a window, words, orders; and a seed."""

    rows: int
    steps: int
    window_steps: int | None
    scored: int
    checked: int
    counted: int
    orders: int
    seed: int = 0


@dataclass(frozen=True)
class LanguageData(CountedOnce):
    """A text as codes, with the n-grams that its model has to beat."""

    amounts: Amounts
    text: CodedWords
    scored: CodeFile
    unknown_types: int
    cache: Path
    cut: Mapping[str, Any] = field(default_factory=dict)
    "Where an adaptive output is cut, and what that is expected to save."

    @property
    def codec(self) -> WordCodec:
        """The vocabulary."""
        return self.text.codec

    @property
    def facts(self) -> dict[str, Any]:
        """How long the text and its parts are, and its digest."""
        counted = min(self.amounts.counted, len(self.text.training))
        return {**self.text.facts, "scored": len(self.scored), "counted_by_n_grams": counted, **self.cut}

    @property
    def notices(self) -> Sequence[str]:
        """Where the codes that were kept had to be made again: that they had."""
        return [self.text.notice] if self.text.notice else []

    def windows(self, part: Part, *, rows: int | None = None, steps: int | None = None) -> "Sequence[Window]":
        """Return the stripes of a part; the held-out one is read as one row from its beginning to its end.

        So what is scored is the same for any batch size.
        """
        from statewise.data.stripes import Stripes
        from statewise.tasks.language.rare_words import RareAsUnknown

        if part == "training":
            rows, steps = rows or self.amounts.rows, steps or self.amounts.window_steps
            stripes = Stripes(self.text.training, rows, steps, unit=self.codec.unit, begin_in_turn=True)
            return RareAsUnknown.of(stripes, self.codec, self.amounts.seed)
        rows = rows or 1
        steps = min(steps or SCORED_STEPS, (len(self.scored) - 1) // rows)
        return Stripes(self.scored, rows, steps, unit=self.codec.unit)

    def validating(self) -> "LanguageData":
        """Return this text with the part for checks as what is scored, where one was kept."""
        checked = self.text.validation.part(0, self.amounts.checked)
        return replace(self, scored=checked) if len(self.text.validation) else self

    @property
    def targets(self) -> np.ndarray[Any, Any]:
        """The words that are scored: all but the first, which nothing stands before."""
        return self.scored.read(1)

    def counted(self) -> Any:
        """Return the words that n-grams count: the last ones of the training part."""
        training = self.text.training
        return training.read(max(0, len(training) - self.amounts.counted))

    def baselines_key(self) -> str:
        """Return a name for what n-grams score."""
        from statewise.data.figures import key_of

        counted, scored = self.counted(), self.scored.read()
        asked = f"modified Kneser-Ney 2, {self.codec.choices} choices, order {self.amounts.orders}, {counted.dtype}"
        return key_of([asked, f"{self.codec.unknown} {BLOCK_WORDS} {MOST_BLOCKS}", counted.tobytes(), scored.tobytes()])

    def find_baselines(self) -> "Finding":
        """Count n-grams and score those of each order, yielding how much is done.

        Baselines:

        - `unigram`: each word by how often it was counted, by modified Kneser-Ney of order 1
        - `Kneser-Ney N`: words by interpolated modified Kneser-Ney of that order,
          `statewise.tasks.shared.kneser_ney.KneserNey`
        """
        from statewise.tasks.shared.kneser_ney import KneserNey

        orders, scored, found = self.amounts.orders, self.scored.read(), {}
        counting = KneserNey.fitting(self.counted(), self.codec.choices, orders, modified=True)
        ngrams = yield from told(counting, lambda share: COUNTING * share)
        for order in ngrams.orders:
            nats = -ngrams.log_probabilities(scored, order)[1:]
            found[UNIGRAM if order == 1 else kneser_ney_of(order)] = self._kept(nats)
            yield COUNTING + (1 - COUNTING) * order / orders
        return found

    def _kept(self, nats: Floats) -> dict[str, float]:
        judged = JudgedWords.of(nats, self.targets, self.codec.unknown)
        blocks = {f"{BLOCK}{number}": float(mean) for number, mean in enumerate(blocks_of(nats))}
        return {**judged._asdict(), **blocks}

    def baseline_metrics(self, found: "Found") -> "Found":
        """Return what n-grams score in perplexity; the means of stretches are kept for intervals."""
        vars(self)["_blocks"] = {
            name: np.array([of[key] for key in sorted((k for k in of if k.startswith(BLOCK)), key=_number)])
            for name, of in found.items()
        }
        return {
            name: JudgedWords(of["nats"], int(of["words"]), of["unknown_nats"], int(of["unknown"])).metrics(
                self.codec.unit, self.unknown_types
            )
            for name, of in found.items()
        }

    @property
    def baseline_blocks(self) -> Mapping[str, Floats]:
        """The mean nats of each stretch of the scored text, by baseline."""
        self.baselines()
        blocks: Mapping[str, Floats] = vars(self)["_blocks"]
        return blocks

    def on(self, source: Sequence[str], cache: Path) -> "LanguageData":
        """Return this text with others to be scored."""
        from statewise.data.words.prepared_words import code_with

        codes, unknown_types = code_with(self.codec, source, cache)
        if len(codes) < 2:
            raise DataError(f"{', '.join(source)} has {len(codes)} {self.codec.unit}s: give at least 2 to score")
        # words of training outside the vocabulary, and those of this text: some may be the same, none is left out
        unknown_types += self.codec.outside
        return replace(self, scored=codes.part(0, self.amounts.scored), unknown_types=unknown_types, cache=cache)


def _number(name: str) -> int:
    return int(name.removeprefix(BLOCK))
