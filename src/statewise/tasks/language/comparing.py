"""A language model's score, as it is and with what it learns and remembers on the way, compared with n-grams."""

import math
from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

from statewise.data.naming import path_of
from statewise.data.words.words_codec import Words
from statewise.errors import UsageError
from statewise.learning.scoring import DYNAMIC_RATE
from statewise.model import Model
from statewise.report import BOTH, CACHED, DYNAMIC
from statewise.shown import in_line
from statewise.task import Data, Score, Scoring
from statewise.tasks.language.arpa import ArpaModel, write_arpa
from statewise.tasks.language.data import LanguageData
from statewise.tasks.language.scoring import Floats, JudgedWords, NeuralCache, blocks_of, interval_of, word_nats
from statewise.tasks.shared.kneser_ney import KneserNey


def scored(
    model: Model[Any],
    data: Data,
    rate: float = DYNAMIC_RATE,
    cache: tuple[int, float, float] | None = None,
    arpa: str | None = None,
    write: str | None = None,
) -> Scoring:
    """Score the words of a text in order; where there is a `rate`, or a `cache`, also with each and with both.

    The n-grams of an `arpa` file are scored in a table of their own, and those of the training part are written where
    a file is named.
    """
    assert isinstance(data, LanguageData)
    tables = _n_grams_of_file(data, arpa) if arpa is not None else {}
    if write is not None:
        write_n_grams(data, write)
    ways: list[tuple[str, float, tuple[int, float, float] | None]] = [("", 0.0, None)]
    ways += [(DYNAMIC, rate, None)] if rate else []
    ways += [(CACHED, 0.0, cache)] if cache else []
    ways += [(BOTH, rate, cache)] if rate and cache else []
    metrics: dict[str, float] = {}
    plain = np.zeros(0)
    for number, (name, at, remembered) in enumerate(ways):
        windows = data.windows("held_out", rows=1, steps=data.amounts.steps if at else None)
        scoring = word_nats(model, windows, rate=at, cache=NeuralCache(*remembered) if remembered else None)
        nats = yield from _shared(scoring, number, len(ways))
        plain = plain if number else nats
        judged = JudgedWords.of(nats, data.targets[: len(nats)], data.codec.unknown)
        found = judged.metrics(data.codec.unit, data.unknown_types)
        metrics |= {name + key: value for key, value in found.items()}
    return Score(metrics, float(plain.mean()), tables, details=plain)


def _n_grams_of_file(data: LanguageData, name: str) -> dict[str, dict[str, dict[str, float]]]:
    nats = ArpaModel.read(name, _words(data)).nats(data.scored.read())[1:]
    found = JudgedWords.of(nats, data.targets, data.codec.unknown).metrics(data.codec.unit, data.unknown_types)
    return {"N-grams of a file, sentence by sentence": {in_line(name): found}}


def write_n_grams(data: LanguageData, name: str) -> None:
    """Write the n-grams of the training part as an ARPA file. Raises `UsageError` where there is such a file."""
    codec, path = _words(data), path_of(name)
    if path.exists():
        raise UsageError(f"{in_line(name)} is there already: give a new file to write n-grams to")
    model = KneserNey.fit(data.counted(), codec.choices, data.amounts.orders, modified=True)
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        write_arpa(model, codec, unfinished)
        unfinished.replace(path)
    except OSError as error:
        raise UsageError(f"cannot write {in_line(name)} ({error.strerror}): give another file") from None
    finally:
        unfinished.unlink(missing_ok=True)


def _words(data: LanguageData) -> Words:
    if isinstance(data.codec, Words):
        return data.codec
    raise UsageError("ARPA files are of words, and this run is of subwords: leave --arpa and --write-arpa out")


def _shared(scoring: Generator[float, None, Floats], number: int, count: int) -> Generator[float, None, Floats]:
    """Yield which share of several scorings is done."""
    while True:
        try:
            share = next(scoring)
        except StopIteration as done:
            found: Floats = done.value
            return found
        yield (number + share) / count


def remarks(trained: str, score: Score, data: Data) -> Sequence[str]:
    """Return what was scored, what was trained, and whether the best n-grams are beaten beyond doubt."""
    assert isinstance(data, LanguageData)
    codec = data.codec
    said = [
        f"Trained by {trained}; every score is of the full distribution over {codec.choices:,} {codec.unit}s, read in "
        "order as one text, the state carried on."
    ]
    if "perplexity_adjusted" in score.metrics:
        said.append(
            "Unknown words count as one word; perplexity_of_known leaves them out, perplexity_adjusted charges "
            f"{math.log(max(1, data.unknown_types)):.2f} nats more for each, to tell it from {data.unknown_types:,} "
            "others."
        )
    blocks = data.baseline_blocks
    best = min(blocks, key=lambda name: float(blocks[name].mean()))
    own = blocks_of(score.details)
    if len(own) == len(blocks[best]) > 1:
        apart, low, high = interval_of(own - blocks[best])
        verdict = "better" if high < 0 else "worse" if low > 0 else "not told apart by this text"
        said.append(
            f"Against the best baseline ({best}): {apart:+.3f} nats a {codec.unit}, 95 % interval {low:+.3f} to "
            f"{high:+.3f} over {len(own)} stretches of the text: {verdict}."
        )
    return said
