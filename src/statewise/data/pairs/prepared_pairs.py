"""Pairs made ready once: cleaned, split so that no source is in two parts, as codes; kept by content hash."""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from statewise.data.cache import kept
from statewise.data.left_out import LeftOutCount
from statewise.data.pairs.pair import Pair
from statewise.data.pairs.pair_files import clean_pairs, read_pairs, script_of
from statewise.data.pairs.pairs_codec import WORD, PairsCodec
from statewise.data.pairs.subwords import END, Subwords, usual_size
from statewise.data.texts import digest, find_files
from statewise.disk.reading import read_file
from statewise.errors import DataError
from statewise.plain.strict_json import read_json
from statewise.shown import counted

FORMAT = 1
"What is kept in a cache is made again where this is another number."
NAMES = SOURCES, TARGETS, CODES, LENGTHS, PLACES, CODEC, FACTS = (
    "sources.txt",
    "targets.txt",
    "codes.bin",
    "lengths.bin",
    "parts.bin",
    "codec.json",
    "facts.json",
)
LARGEST_FILE = 1 << 32
LARGEST_TOLD = 1 << 26
PARTS: tuple[str, ...] = ("training", "validation", "held_out")
SCRIPT_SAMPLE = 2000
NAMES_HIDDEN = 0.1
"The share of training pairs whose names are hidden."
By = Literal["source", "file"]
Third = Literal["training", "validation", "held_out"]


class Splitting(NamedTuple):
    """How pairs are split: shares that are held out and kept for checks, by source sentence or by file."""

    held_out: float
    validation: float
    by: By = "source"


class Spelling(NamedTuple):
    """How texts become codes: subwords of each side (none: by the amount of data), shared or not, names copied."""

    subwords: int | None = None
    shared: bool = True
    copies: bool = True
    longest: int = 100


@dataclass(frozen=True)
class PreparedPairs:
    """Pairs as texts and as codes, each in one of three parts.

    `codes` holds source and target of each pair one after another, `ends` where each of them ends.
    """

    codec: PairsCodec
    sources: list[str]
    targets: list[str]
    codes: NDArray[np.int32]
    ends: NDArray[np.int64]
    parts: NDArray[np.uint8]
    facts: dict[str, Any]
    notice: str | None = None

    def numbers(self, part: Third) -> NDArray[np.int64]:
        """Return which pairs are of a part."""
        return np.flatnonzero(self.parts == PARTS.index(part))

    def coded(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return source and target of a pair as codes, their ends as the last."""
        begin = self.ends[2 * number - 1] if number else 0
        middle, end = self.ends[2 * number], self.ends[2 * number + 1]
        return self.codes[begin:middle].astype(np.int64), self.codes[middle:end].astype(np.int64)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """How many codes source and target of each pair have, `[N, 2]`."""
        return np.diff(self.ends, prepend=0).reshape(-1, 2)


def part_of(key: str, splitting: Splitting) -> int:
    """Return the number of the part that a key falls into, always the same.

    >>> {part_of(f"sentence {n}", Splitting(0.5, 0.0)) for n in range(9)} == {0, 2}
    True
    """
    share, held_out, checks = _share_of(key), splitting.held_out, splitting.validation
    return 2 if share < held_out else 1 if share < held_out + checks else 0


def _share_of(key: str) -> float:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64


def filled_parts(keys: Sequence[str], splitting: Splitting) -> list[int]:
    """Return the number of the part of each key: as of `part_of`, but of few keys no part is left empty.

    A part that none falls into gets the key of training that came nearest to it, while training keeps another.

    >>> sorted(filled_parts([f"sentence {n}" for n in range(9)], Splitting(0.001, 0.001)))
    [0, 0, 0, 0, 0, 0, 0, 1, 2]
    """
    found = {key: part_of(key, splitting) for key in keys}
    for part, share in ((2, splitting.held_out), (1, splitting.validation)):
        training = sorted((key for key, its in found.items() if its == 0), key=_share_of)
        if share and part not in found.values() and len(training) > 1:
            found[training[0]] = part
    return [found[key] for key in keys]


def key_of(source: str) -> str:
    """Return what a source has in common with those that are the same but for capitals, marks and spaces.

    >>> key_of("Go on!"), key_of("go on."), key_of("?!")
    ('go on', 'go on', '?!')
    """
    return " ".join(word for word in WORD.findall(source.casefold()) if any(map(str.isalnum, word))) or source


def prepare_pairs(
    sources: Sequence[str], languages: tuple[str, str], splitting: Splitting, spelling: Spelling, cache: Path
) -> PreparedPairs:
    """Return pairs in three parts, as codes; they are made once and kept in `cache` by their contents.

    Raises `DataError` where a source cannot be read, or a part would be empty.
    """
    files = find_files(sources, "pairs")
    contents = digest(files)
    told = [FORMAT, contents, [path.name for path in files], languages, splitting, spelling]
    key = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]

    def make(folder: Path) -> None:
        found, left_out = _read(files, languages, spelling.longest)
        keys = [pair.file if splitting.by == "file" else key_of(pair.source) for pair in found]
        parts = filled_parts(keys, splitting)
        _check_parts(parts, found, splitting, sources, left_out)
        codec = _learned(found, parts, languages, spelling)
        coded = _coded(codec, found, parts, left_out, contents)
        _check_parts(coded.parts.tolist(), found, splitting, sources, left_out)
        _write(folder, coded)

    found, notice = kept(cache, key, NAMES, make, _kept)
    return PreparedPairs(**{**vars(found), "notice": notice})


def pairs_with(codec: PairsCodec, sources: Sequence[str]) -> PreparedPairs:
    """Return other pairs, all of them held out, by a codec that there is."""
    files = find_files(sources, "pairs")
    found, left_out = _read(files, codec.languages, codec.longest)
    if not found:
        raise DataError(f"{', '.join(sources)} has no pair to score: {'; '.join(left_out.told())}")
    return _coded(codec, found, [PARTS.index("held_out")] * len(found), left_out, digest(files))


def _read(files: Sequence[Path], languages: tuple[str, str], longest: int) -> tuple[list[Pair], LeftOutCount]:
    left_out = LeftOutCount("pair")
    found = list(clean_pairs(read_pairs(files, languages, left_out), longest, left_out))
    some = found[:: max(1, len(found) // SCRIPT_SAMPLE)]
    scripts = script_of([pair.source for pair in some]), script_of([pair.target for pair in some])
    named = ((f"a pair like {pair.source[:40]!r} in {pair.file}", pair) for pair in found)
    return list(clean_pairs(named, longest, left_out, scripts)), left_out


def _check_parts(
    parts: Sequence[int], found: Sequence[Pair], splitting: Splitting, sources: Sequence[str], left_out: LeftOutCount
) -> None:
    """Raise `DataError` where a part has no pair."""
    missing = {"training": 0, "held-out": 2} | ({"validation": 1} if splitting.validation else {})
    for name, part in missing.items():
        if part not in parts:
            by_file = splitting.by == "file"
            of = counted(len({pair.file for pair in found}), "file") if by_file else counted(len(parts), "pair")
            told = "".join(f"; {line}" for line in left_out.told())
            advice = "give more pairs or other shares" + (", or --split source" if by_file else "")
            given = ", ".join(sources)
            raise DataError(f"{given} has {of} to learn from, and the {name} part would have none{told}: {advice}")


def _learned(found: Sequence[Pair], parts: Sequence[int], languages: tuple[str, str], spelling: Spelling) -> PairsCodec:
    training = [pair for pair, part in zip(found, parts, strict=True) if part == 0]
    sides = [[pair.source for pair in training], [pair.target for pair in training]]
    groups = [sides[0] + sides[1]] if spelling.shared else sides
    sizes = [spelling.subwords or usual_size(sum(text.count(" ") + 1 for text in group)) for group in groups]
    subwords = tuple(Subwords.learned(*given) for given in zip(groups, sizes, strict=True))
    names = _names(training) if spelling.copies else None
    short = (pair.source for pair in training if 4 <= len(pair.source.split()) <= 6)
    return PairsCodec(languages, subwords, spelling.longest, names, next(short, training[0].source))


def _names(training: Sequence[Pair]) -> frozenset[str]:
    """Return the words of sources, in small letters, but for names that stand once and are the same in the target."""
    counts = Counter(word.lower() for pair in training for word in WORD.findall(pair.source))
    copied = {
        word.lower() for pair in training for word in _in_both(pair) if word[:1].isupper() and counts[word.lower()] == 1
    }
    return frozenset(word for word in counts if word not in copied and word[:1].isalpha())


def _copied(pair: Pair) -> Collection[str]:
    """Return the names that a training pair hides on both sides; a tenth of those with names do, to learn to copy."""
    if part_of(f"names {pair.source} {pair.target}", Splitting(NAMES_HIDDEN, 0.0)) != 2:
        return ()
    return {word for word in _in_both(pair) if word[:1].isupper()}


def _in_both(pair: Pair) -> set[str]:
    return set(WORD.findall(pair.source)) & set(WORD.findall(pair.target))


def _coded(
    codec: PairsCodec, found: Sequence[Pair], parts: Sequence[int], left_out: LeftOutCount, contents: str
) -> PreparedPairs:
    copied = [
        _copied(pair) if codec.names is not None and part == 0 else () for pair, part in zip(found, parts, strict=True)
    ]
    hidden = [codec.hide_source(pair.source, also) for pair, also in zip(found, copied, strict=True)]
    shown = [codec.hide_target(pair.target, words) for pair, (_, words) in zip(found, hidden, strict=True)]
    coded = zip(codec.source.encode_all([text for text, _ in hidden]), codec.target.encode_all(shown), strict=True)
    codes: list[list[int]] = []
    keep = []
    for number, (source, target) in enumerate(coded):
        if max(len(source), len(target)) >= codec.longest:
            told = f"a pair like {found[number].source[:40]!r}"
            left_out.add(f"longer than {codec.longest:,} subwords", told)
            continue
        keep.append(number)
        codes += [[*source, END], [*target, END]]
    pairs, places = [found[number] for number in keep], np.array([parts[number] for number in keep], np.uint8)
    ends = np.cumsum([len(one) for one in codes], dtype=np.int64)
    flat = np.fromiter((code for one in codes for code in one), np.int32, count=int(ends[-1]) if len(ends) else 0)
    facts = _facts(codec, pairs, places, left_out, contents)
    sources, targets = [pair.source for pair in pairs], [pair.target for pair in pairs]
    return PreparedPairs(codec, sources, targets, flat, ends, places, facts)


def _facts(
    codec: PairsCodec, pairs: Sequence[Pair], places: NDArray[np.uint8], left_out: LeftOutCount, contents: str
) -> dict[str, Any]:
    counts = {part: int((places == number).sum()) for number, part in enumerate(PARTS)}
    if not counts["validation"]:
        del counts["validation"]
    training = {pair.target for pair, place in zip(pairs, places, strict=True) if place == 0}
    held_out = [pair for pair, place in zip(pairs, places, strict=True) if place == 2]
    return {
        "unit": "subword",
        **counts,
        "held_out_sources": len({pair.source for pair in held_out}),
        "held_out_targets_trained": sum(pair.target in training for pair in held_out),
        "from": codec.languages[0],
        "to": codec.languages[1],
        "subwords": [one.size for one in codec.subwords],
        **left_out.facts(),
        "sha256": contents,
    }


def _write(folder: Path, made: PreparedPairs) -> None:
    for name, lines in ((SOURCES, made.sources), (TARGETS, made.targets)):
        (folder / name).write_text("\n".join(lines), encoding="utf-8", newline="\n")
    for name, array in ((CODES, made.codes), (LENGTHS, np.diff(made.ends, prepend=0)), (PLACES, made.parts)):
        (folder / name).write_bytes(np.ascontiguousarray(array).tobytes())
    for name, told in ((CODEC, made.codec.as_json()), (FACTS, made.facts)):
        (folder / name).write_text(json.dumps(told), encoding="utf-8")


def _kept(folder: Path) -> PreparedPairs:
    def array(name: str, kind: Any) -> NDArray[Any]:
        return np.frombuffer(read_file(folder / name, LARGEST_FILE, DataError), kind)

    def lines(name: str) -> list[str]:
        return read_file(folder / name, LARGEST_FILE, DataError).decode().split("\n")

    codec, facts = (read_json(read_file(folder / name, LARGEST_TOLD, DataError)) for name in (CODEC, FACTS))
    codes, lengths, parts = array(CODES, np.int32), array(LENGTHS, np.int64), array(PLACES, np.uint8)
    sources, targets = lines(SOURCES), lines(TARGETS)
    ends = np.cumsum(lengths)
    if not len(sources) == len(targets) == len(parts) == len(lengths) // 2 or ends[-1] != len(codes):
        raise DataError("what was kept of the pairs does not fit together")
    return PreparedPairs(PairsCodec.read(codec), sources, targets, codes, ends, parts, facts)
