"""ARPA files: n-grams with their log-probabilities, as other programs write and read them."""

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from statewise.data.naming import path_of
from statewise.data.words.words_codec import END_CODE, Words
from statewise.disk.reading import open_file
from statewise.errors import DataError, UsageError
from statewise.tasks.shared.kneser_ney import KneserNey, Tally

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

BEGIN = "<s>"
NEVER = -99.0
"What the format writes as the logarithm of nought."
MOST_ORDERS, MOST_GRAMS, LONGEST_LINE = 12, 200_000_000, 1 << 16
SECTION = re.compile(r"\\(\d{1,2})-grams:")


def write_arpa(model: KneserNey, codec: Words, path: Path) -> int:
    r"""Write the n-grams of a model as an ARPA file, and return how many.

    The file is of sentences: each begins with `<s>`, which stands where the model reads the end of the one before, and
    n-grams across such an end are left out. So what it says of the words of a sentence is what the model says of them
    after `</s>` and the words before them in the sentence. The logarithms are to base 10:

        P(w | h) = 10^log(h w)  where h w is listed,  else  10^backoff(h) P(w | h without its first word)
    """
    grams = [_words_of(model, order) for order in model.orders]
    lists = [_listed(model, grams, order) for order in model.orders]
    total = 0
    with path.open("w", encoding="utf-8") as out:
        out.write("\\data\\\n")
        for order, (kept, *_) in zip(model.orders, lists, strict=True):
            out.write(f"ngram {order}={len(kept) + (model.choices - len(kept) + 1 if order == 1 else 0)}\n")
        for order, listed in zip(model.orders, lists, strict=True):
            out.write(f"\n\\{order}-grams:\n")
            lines = _unigram_lines(model, codec, *listed) if order == 1 else _lines(codec, *listed)
            for line in lines:
                out.write(line)
                total += 1
        out.write("\n\\end\\\n")
    return total


def _words_of(model: KneserNey, order: int) -> Numbers:
    """Return the codes of every n-gram of an order, `[grams, order]`, in the order of its keys."""
    codes = np.zeros((1, 0), np.int64)
    for keys in model.keys[:order]:
        codes = np.concatenate([codes[keys // model.choices], (keys % model.choices)[:, None]], axis=1)
    return codes


def _listed(model: KneserNey, grams: Sequence[Numbers], order: int) -> tuple[Numbers, Floats, Floats]:
    """Return the n-grams that are written, their log-probabilities and their weights as contexts, to base 10."""
    codes = grams[order - 1]
    is_first = codes[:, 0] == END_CODE
    odds = _odds(model, grams, order, is_first)
    weights = _weights(model, order, is_first)
    inner = codes[:, 1:-1] if order > 1 else codes[:, :0]
    kept = ~(inner == END_CODE).any(axis=1)
    return codes[kept], np.log10(odds[kept]), weights[kept]


def _odds(model: KneserNey, grams: Sequence[Numbers], order: int, is_first: NDArray[np.bool_]) -> Floats:
    """Return P of each n-gram as a step on the way to longer ones; from a sentence's beginning there is none longer."""
    keys, choices = model.keys[order - 1], model.choices
    if order == 1:
        below: Floats = np.full(len(keys), 1 / choices)
        is_first = np.zeros(len(keys), np.bool_)
    else:
        suffixes = grams[order - 1][:, 1:]
        ranks = _ranks(model, suffixes)
        of_suffixes = _odds(model, grams, order - 1, np.zeros(len(grams[order - 2]), np.bool_))
        below = of_suffixes[ranks]
    contexts = keys // choices
    is_top = is_first | (order == model.orders[-1])
    found = np.empty(len(keys), np.float64)
    for top in (True, False):
        rows = is_top if top else ~is_top
        if rows.any():
            tally = _tally(model, order, top=top)
            found[rows] = _interpolated(tally, contexts[rows], np.flatnonzero(rows), below[rows])
    return found


def _interpolated(tally: Tally, contexts: Numbers, grams: Numbers, below: Floats) -> Floats:
    totals = tally.totals[contexts]
    mixed = (tally.kept(tally.counts[grams]) + tally.reserved[contexts] * below) / np.maximum(totals, 1)
    found: Floats = np.where(totals > 0, mixed, below)
    return found


def _weights(model: KneserNey, order: int, is_first: NDArray[np.bool_]) -> Floats:
    """Return the logarithm of the share that each n-gram as a context leaves to shorter ones; 0 where it leaves all."""
    if order == model.orders[-1]:
        return np.zeros(len(is_first))
    found = np.zeros(len(is_first))
    is_top = is_first | (order + 1 == model.orders[-1])
    for top in (True, False):
        tally, rows = _tally(model, order + 1, top=top), is_top if top else ~is_top
        rows = rows & (tally.totals > 0)
        found[rows] = np.log10(tally.reserved[rows] / tally.totals[rows])
    return found


def _tally(model: KneserNey, order: int, *, top: bool) -> Tally:
    is_last = order == model.orders[-1]
    return model.occurrences[order - 1] if top or is_last else model.continuations[order - 1]


def _ranks(model: KneserNey, codes: Numbers) -> Numbers:
    """Return the ranks of n-grams `[grams, order]` that are all known."""
    ranks = np.zeros(len(codes), np.int64)
    for keys, column in zip(model.keys, codes.T, strict=False):
        ranks = np.searchsorted(keys, ranks * model.choices + column)
    return ranks


def _unigram_lines(
    model: KneserNey, codec: Words, codes: Numbers, logarithms: Floats, weights: Floats
) -> Iterator[str]:
    """Yield a line for each word, also those that were not counted, and for the beginning of a sentence."""
    tally = _tally(model, 1, top=False)
    unseen = math.log10(float(tally.reserved[0]) / int(tally.totals[0]) / model.choices)
    known = {int(code): row for row, code in enumerate(codes[:, 0])}
    yield f"{NEVER:g}\t{BEGIN}\t{weights[known[END_CODE]] if END_CODE in known else 0:.7g}\n"
    for code, word in enumerate(codec.words):
        row = known.get(code)
        if row is None:
            yield f"{unseen:.7g}\t{word}\n"
        else:
            weight = "" if code == END_CODE else f"\t{weights[row]:.7g}"
            yield f"{logarithms[row]:.7g}\t{word}{weight}\n"


def _lines(codec: Words, codes: Numbers, logarithms: Floats, weights: Floats) -> Iterator[str]:
    for row, logarithm, weight in zip(codes.tolist(), logarithms.tolist(), weights.tolist(), strict=True):
        words = [BEGIN if row[0] == END_CODE else codec.words[row[0]], *(codec.words[code] for code in row[1:])]
        told = "" if weight == 0 or row[-1] == END_CODE else f"\t{weight:.7g}"
        yield f"{logarithm:.7g}\t{' '.join(words)}{told}\n"


@final
@dataclass(frozen=True, eq=False, repr=False)
class ArpaModel:
    """N-grams out of an ARPA file, over the words of a vocabulary; `<s>` has the code after the last."""

    choices: int
    keys: tuple[Numbers, ...]
    logarithms: tuple[Floats, ...]
    weights: tuple[Floats, ...]

    @classmethod
    def read(cls, name: str, codec: Words) -> "ArpaModel":
        """Read an ARPA file whose words are those of a vocabulary, no more and no fewer.

        Raises `DataError` for a file that is damaged or not of that form, `UsageError` for one over other words: their
        perplexities cannot be compared.
        """
        path = path_of(name)
        numbers = {**codec.numbers, BEGIN: codec.choices}
        counts: dict[int, int] = {}
        keys: list[Numbers] = []
        logarithms: list[Floats] = []
        weights: list[Floats] = []
        with open_file(path, DataError) as raw:
            lines = _told_lines(raw, path)
            for line in lines:
                if found := re.fullmatch(r"ngram (\d{1,2})=(\d{1,10})", line):
                    counts[int(found[1])] = int(found[2])
                elif SECTION.fullmatch(line):
                    break
            _check_counts(counts, path)
            for order in range(1, len(counts) + 1):
                codes, told = _section(lines, order, counts[order], numbers, path)
                if order == 1:
                    _check_words({int(code) for code in codes[:, 0]}, codec, path)
                contexts = np.zeros(len(codes), np.int64)
                for known, column in zip(keys, codes.T, strict=False):
                    contexts = _found(known, contexts * (codec.choices + 1) + column)
                if (contexts < 0).any():
                    raise DataError(f"{path} lists {order}-grams whose first words it does not list: it is damaged")
                key = contexts * (codec.choices + 1) + codes[:, -1]
                by_key = np.argsort(key, kind="stable")
                keys.append(key[by_key])
                logarithms.append(told[by_key, 0])
                weights.append(told[by_key, 1])
        return cls(codec.choices, tuple(keys), tuple(logarithms), tuple(weights))

    def nats(self, codes: NDArray[np.integer[Any]]) -> Floats:
        """Return minus the natural log of the probability of each word.

        A sentence begins at the first word, and after every `</s>`.
        Shapes: codes `[N]`; returns `[N]`.
        """
        said: Numbers = np.asarray(codes, np.int64)
        as_contexts = np.where(said == END_CODE, self.choices, said)
        before = np.concatenate([[self.choices], as_contexts[:-1]])
        found = np.full(len(said), -math.log10(self.choices))
        contexts, left = np.zeros(len(said), np.int64), np.zeros(1)  # ranks of the words before, and what these leave
        for order, (keys, logarithms, weights) in enumerate(zip(self.keys, self.logarithms, self.weights), start=1):
            backed = found + np.where(contexts >= 0, left[contexts], 0)
            grams = self._after(keys, contexts, said)
            found = np.where(grams >= 0, logarithms[grams], backed) if len(keys) else backed
            ahead = 0 if order == 1 else -1  # nothing stands before a first word's context
            contexts, left = self._after(keys, np.concatenate([[ahead], contexts[:-1]]), before), weights
            if not len(keys):
                break
        return -found * math.log(10)

    def _after(self, keys: Numbers, contexts: Numbers, words: Numbers) -> Numbers:
        """Return the ranks of contexts with a word more; of a context that is not known there is none."""
        return np.where(contexts >= 0, _found(keys, contexts * (self.choices + 1) + words), -1)


def _told_lines(raw: Any, path: Path) -> Iterator[str]:
    for number, line in enumerate(raw, start=1):
        if len(line) > LONGEST_LINE:
            raise DataError(f"{path}, line {number:,} has {len(line):,} bytes: it is not an ARPA file")
        try:
            text = line.decode("utf-8").strip()
        except UnicodeDecodeError:
            raise DataError(f"{path}, line {number:,} is not UTF-8: convert it, or give another file") from None
        if text:
            yield text


def _check_counts(counts: dict[int, int], path: Path) -> None:
    orders = range(1, len(counts) + 1)
    if not counts or sorted(counts) != list(orders) or len(counts) > MOST_ORDERS:
        raise DataError(f"{path} is not an ARPA file: it does not begin with how many n-grams of each order there are")
    if sum(counts.values()) > MOST_GRAMS:
        raise DataError(f"{path} has {sum(counts.values()):,} n-grams, more than {MOST_GRAMS:,}: give a smaller file")


def _check_words(found: set[int], codec: Words, path: Path) -> None:
    missing = set(range(codec.choices)) - found
    if missing:
        some = ", ".join(codec.words[code] for code in sorted(missing)[:3])
        raise UsageError(
            f"{path} lacks {len(missing):,} words of this vocabulary, such as {some}: n-grams over other words cannot "
            "be compared, so give a file that was made with the same"
        )


def _section(
    lines: Iterator[str], order: int, count: int, numbers: dict[str, int], path: Path
) -> tuple[Numbers, Floats]:
    """Return the codes of the n-grams of an order, `[count, order]`, and their two logarithms, `[count, 2]`."""
    codes, told = np.empty((count, order), np.int64), np.zeros((count, 2))
    for row in range(count):
        parts = next(lines, "").split()
        words = parts[1 : 1 + order]
        is_whole = len(words) == order and len(parts) in (1 + order, 2 + order)
        with suppress(ValueError, KeyError, IndexError):
            told[row, : len(parts) - order] = [float(part) for part in (parts[0], *parts[1 + order :])]
            codes[row] = [numbers[word] for word in words]
            if is_whole and np.isfinite(told[row]).all() and told[row, 0] <= 0:
                continue
        _refuse(words, order, row, numbers, path)
    end = next(lines, "")
    if not SECTION.fullmatch(end) and end != "\\end\\":
        raise DataError(f"{path} has other than {count:,} {order}-grams, as it says: it is damaged")
    return codes, told


def _refuse(words: list[str], order: int, row: int, numbers: dict[str, int], path: Path) -> None:
    strange = [word for word in words if word not in numbers]
    if len(words) == order and strange:
        raise UsageError(
            f"{path} has the word {strange[0][:40]!r}, which is not in this vocabulary: n-grams over other words "
            "cannot be compared, so give a file that was made with the same"
        )
    raise DataError(f"{path} is damaged at {order}-gram {row + 1:,}: give a whole ARPA file")


def _found(keys: Numbers, sought: Numbers) -> Numbers:
    """Return the rank of each sought key, -1 where there is none."""
    if not len(keys):
        return np.full(len(sought), -1)
    ranks = np.minimum(np.searchsorted(keys, sought), len(keys) - 1)
    return np.where(keys[ranks] == sought, ranks, -1)
