"""How good translations are: BLEU and chrF as sacrebleu computes them, with intervals over sentences."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statewise.errors import MissingExtra

DRAWS = 1000
"How many times sentences are drawn again for an interval."
SEED = 12345
TOKENIZERS = {"zh": "zh", "ja": "ja-mecab", "ko": "ko-mecab"}
"Which of sacrebleu's tokenizers suits which language; all others have 13a."
WITHOUT_WORDS = "char"
"What stands in for a tokenizer that is not installed: single characters, and the signature says so."


def tokenizer_for(language: str) -> str:
    """Return the name of the tokenizer by which BLEU counts words of a language.

    >>> tokenizer_for("fr"), tokenizer_for("zh-TW")
    ('13a', 'zh')
    """
    name = TOKENIZERS.get(language.lower().replace("_", "-").split("-")[0], "13a")
    if name.endswith("mecab"):
        try:
            _sacrebleu().metrics.BLEU(tokenize=name)
        except (ImportError, RuntimeError):
            return WITHOUT_WORDS
    return name


@dataclass(frozen=True, eq=False)
class JudgedTranslations:
    """How good some translations are; `counts` are what BLEU counts of each: matches, n-grams, lengths, `[N, 10]`."""

    bleu: float
    chrf: float
    signature: str
    chrf_signature: str
    counts: NDArray[np.int64]

    @property
    def metrics(self) -> dict[str, float]:
        """BLEU with a 95 % interval over sentences, and chrF.

        Metrics:

        - `bleu`: 100 exp(min(0, 1 - reference length / length)) times the geometric mean of the precisions of runs of
          1 to 4 words, over all sentences together (Papineni et al. 2002), by sacrebleu, whose signature the report
          names; more is better
        - `chrf`: F2 of runs of 1 to 6 letters, 100 * 5 P R / (4 P + R) (Popović 2015), by sacrebleu; more is better
        """
        low, high = np.quantile(self.draws, [0.025, 0.975])
        return {"bleu": self.bleu, "bleu_low": float(low), "bleu_high": float(high), "chrf": self.chrf}

    @cached_property
    def draws(self) -> NDArray[np.float64]:
        """BLEU of as many sentences drawn with repeats, a thousand times, always the same draws."""
        return drawn_bleu(self.counts)


def judged(texts: Sequence[str], references: Sequence[Sequence[str]], language: str) -> JudgedTranslations:
    """Return how good texts are by the references of each, of which there may be several."""
    metrics = _sacrebleu().metrics
    most = max(map(len, references))
    columns = [[one[at] if at < len(one) else None for one in references] for at in range(most)]
    bleu = metrics.BLEU(tokenize=tokenizer_for(language))
    chrf = metrics.CHRF()
    found, other = bleu.corpus_score(list(texts), columns), chrf.corpus_score(list(texts), columns)
    single = metrics.BLEU(tokenize=tokenizer_for(language), effective_order=True)
    counts = np.zeros((len(texts), 10), np.int64)
    for row, text, own in zip(counts, texts, references, strict=True):
        one = single.sentence_score(text, list(own))
        row[:] = [*one.counts, *one.totals, one.sys_len, one.ref_len]
    signatures = str(bleu.get_signature()), str(chrf.get_signature())
    return JudgedTranslations(float(found.score), float(other.score), *signatures, counts)


LENGTHS = (4, 8, 12, 20)
"The longest sources, in words, of all groups but the last that BLEU is told of apart."


def bleu_by_length(found: JudgedTranslations, sources: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the BLEU of groups of sentences by the words of their sources, and how many they are."""
    words = np.array([len(source.split()) for source in sources])
    table = {}
    for least, most in zip((1, *(n + 1 for n in LENGTHS)), (*LENGTHS, 0), strict=True):
        group = found.counts[(words >= least) & (words <= (most or words.max()))]
        if len(group):
            name = f"{least} to {most}" if most else f"{least} or more"
            table[name] = {"bleu": bleu_of(group), "sentences": len(group)}
    return table


def bleu_of(counts: NDArray[np.int64]) -> float:
    """Return the BLEU of sentences together, out of what was counted of each of them, or of their sum."""
    total = [int(number) for number in np.atleast_2d(counts).sum(axis=0)]
    made = _sacrebleu().metrics.BLEU.compute_bleu(total[:4], total[4:8], total[8], total[9], smooth_method="exp")
    return float(made.score)


def drawn_bleu(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the BLEU of a thousand draws of as many sentences, with repeats: the same draws for the same number."""
    draw, count = np.random.default_rng(SEED), len(counts)
    times = draw.multinomial(count, np.full(count, 1 / count), size=DRAWS)
    return np.array([bleu_of(total) for total in times @ counts])


def difference(one: JudgedTranslations, other: JudgedTranslations) -> tuple[float, float, float]:
    """Return by how much BLEU one is above another on the same sentences, and a 95 % interval: the paired bootstrap.

    Source: Koehn 2004.
    """
    low, high = np.quantile(one.draws - other.draws, [0.025, 0.975])
    return one.bleu - other.bleu, float(low), float(high)


def _sacrebleu() -> Any:
    try:
        import sacrebleu
        import sacrebleu.metrics
    except ImportError:
        raise MissingExtra("BLEU needs sacrebleu: pip install 'statewise[translate]'") from None
    return sacrebleu
