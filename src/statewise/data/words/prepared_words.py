"""Texts of any size as one file of words or subwords, split; built once and kept under the hash of the contents."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from statewise.data.cache import kept
from statewise.data.code_file import CodeFile
from statewise.data.texts import CODEC, CODES, FACTS, NAMES, TextSplit, digest, find_files, read_text
from statewise.data.words.byte_pairs import BytePairs
from statewise.data.words.tokens import END, UNKNOWN, Form, pieces_of, tokens_of
from statewise.data.words.words_codec import UNKNOWN_CODE, Words
from statewise.disk.reading import read_file
from statewise.errors import DataError
from statewise.plain.strict_json import read_json

Unit = Literal["word", "bpe"]
WordCodec = Words | BytePairs

FORMAT = 2
LARGEST_TOLD, MOST_VALUES = 1 << 28, 1 << 24
MOST_TYPES = 20_000_000
"So many different words are counted at most: their letters take some gigabytes of memory."
AT_ONCE = 1 << 20
"So many codes are read and written at once."
RAW = "raw.bin"


class Vocabulary(NamedTuple):
    """How texts become codes: the unit, how words are cut, and which of them have a code of their own."""

    unit: Unit = "word"
    form: Form = "running"
    lower: bool = False
    most: int | None = None
    least_count: int = 1


class CodedWords(NamedTuple):
    """A text as codes, in its parts, with what is known of it."""

    codec: WordCodec
    training: CodeFile
    validation: CodeFile
    held_out: CodeFile
    facts: dict[str, Any]
    notice: str | None = None


def words_codec(written: Mapping[str, Any]) -> WordCodec:
    """Return the codec that `as_json` wrote down. Raises `RunError` where it is none."""
    return BytePairs.read(written) if written.get("unit") == "subword" else Words.read(written)


class Parted(NamedTuple):
    """How a text is split: the shares that are held out and kept for checks, its end, after a gap of so many codes."""

    held_out: float
    validation: float = 0.0
    gap: int = 0


def code_words(sources: Sequence[str], vocabulary: Vocabulary, parted: Parted, cache: Path) -> CodedWords:
    """Return a text as codes, split.

    Words are chosen and counted in the training part alone. Files are read in order, a piece at a time: memory holds
    the different words and no more of the text than a piece, however long it is.
    Raises `DataError` where a file is empty, unreadable or not a text, and where no word is left to learn.
    """
    files = find_files(sources)
    contents = digest(files)

    def make(folder: Path) -> None:
        build = _build_words if vocabulary.unit == "word" else _build_pieces
        codec, facts = build(folder, files, vocabulary, parted)
        told = {"unit": codec.unit, "choices": codec.choices, "sha256": contents, "files": len(files), **facts}
        for name, what in ((CODEC, codec.as_json()), (FACTS, told)):
            (folder / name).write_text(json.dumps(what))
        if digest(files) != contents:
            raise DataError(f"{', '.join(map(str, files[:3]))} changed while it was read: try again once it is written")

    key = _key([FORMAT, contents, vocabulary, parted])
    text, notice = kept(cache, key, NAMES, make, lambda folder: _coded(folder, contents))
    return text._replace(notice=notice)


def code_with(codec: WordCodec, sources: Sequence[str], cache: Path) -> tuple[CodeFile, int]:
    """Return a text as codes of a codec that exists already, and how many different words of it have no code.

    It is kept in `cache` under the hash of both.
    """
    files = find_files(sources)
    key = _key([FORMAT, digest(files), codec.as_json()])

    def make(folder: Path) -> None:
        strange = set[str]()
        with (folder / CODES).open("wb") as out:
            for path in files:
                for codes in _encoded(codec, path, strange):
                    out.write(codes.tobytes())
        (folder / FACTS).write_text(json.dumps({"unknown_types": len(strange)}))

    def read(folder: Path) -> tuple[CodeFile, int]:
        told = _told(folder / FACTS)
        return CodeFile.whole(folder / CODES, codec.dtype, codec.choices), int(told["unknown_types"])

    return kept(cache, key, [CODES, FACTS], make, read)[0]


def _encoded(codec: WordCodec, path: Path, strange: set[str]) -> Iterator[NDArray[Any]]:
    """Yield a file as codes, and add the words without one to a set."""
    if isinstance(codec, BytePairs):
        yield from codec.encode_pieces(read_text(path))
        return
    for tokens in tokens_of(read_text(path), codec.form, lower=codec.lower):
        codes = codec.codes_of(tokens)
        strange.update(tokens[at] for at in np.flatnonzero(codes == UNKNOWN_CODE))
        yield codes


def _key(asked: Any) -> str:
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]


def _coded(folder: Path, contents: str) -> CodedWords:
    """Return the text that a folder holds. Raises `DataError` where its files do not fit each other."""
    facts, written = (_told(folder / name) for name in (FACTS, CODEC))
    codec = words_codec(written)
    codes = CodeFile.whole(folder / CODES, codec.dtype, codec.choices)
    split = TextSplit.told(facts)
    told, meant = [facts[name] for name in ("sha256", "choices", "unit")], [contents, codec.choices, codec.unit]
    if min(split) < 0 or sum(split) != len(codes) or told != meant:
        raise DataError(f"{folder} holds files that do not fit each other")
    begin, held_out = split.training + split.gap, len(codes) - split.held_out
    parts = codes.part(0, split.training), codes.part(begin, held_out), codes.part(held_out, len(codes))
    return CodedWords(codec, *parts, facts)


def _told(path: Path) -> Any:
    return read_json(read_file(path, LARGEST_TOLD, DataError), most_values=MOST_VALUES)


def _build_words(
    folder: Path, files: Sequence[Path], vocabulary: Vocabulary, parted: Parted
) -> tuple[Words, dict[str, Any]]:
    """Write the codes of words: first numbered as they occur, then, once they are counted, by frequency."""
    numbers: defaultdict[str, int] = defaultdict()
    numbers.default_factory = numbers.__len__
    length = 0
    with (folder / RAW).open("wb") as out:
        for path in files:
            for tokens in tokens_of(read_text(path), vocabulary.form, lower=vocabulary.lower):
                out.write(np.fromiter(map(numbers.__getitem__, tokens), np.uint32, len(tokens)).tobytes())
                length += len(tokens)
                if len(numbers) > MOST_TYPES:
                    raise DataError(
                        f"{path} brings more than {MOST_TYPES:,} different words: give --unit bpe, or less text"
                    )
    raw = CodeFile.whole(folder / RAW, np.dtype(np.uint32))
    if not set(numbers) - {END, UNKNOWN}:
        raise DataError(f"{', '.join(map(str, files[:3]))} holds no words: give a text to learn from")
    split = TextSplit.of(length, parted.held_out, parted.gap, "word", validation=parted.validation)
    counts = np.zeros(len(numbers), np.int64)
    for codes in _pieces(raw.part(0, split.training)):
        counts += np.bincount(codes, minlength=len(numbers))
    counted = {word: int(count) for word, count in zip(numbers, counts, strict=True) if count}
    codec = Words.chosen(
        counted,
        most=vocabulary.most,
        least_count=vocabulary.least_count,
        form=vocabulary.form,
        lower=vocabulary.lower,
    )
    if codec.choices < 3:
        raise DataError(
            f"no word occurs {vocabulary.least_count} times in the training part: give a smaller --min-count"
        )
    table = codec.codes_of(numbers)
    unknown_types = len(numbers) - int(np.count_nonzero(table)) - (UNKNOWN in numbers)
    unknown = _rewrite(raw, table, folder / CODES, len(raw) - split.held_out)
    (folder / RAW).unlink()
    facts = {**split.facts, "length": length, "types": len(counted), "unknown_types": unknown_types}
    return codec, {**facts, "held_out_unknown_words": unknown}


def _rewrite(raw: CodeFile, table: NDArray[Any], path: Path, held_out: int) -> int:
    """Write every number as its code, and return how many from place `held_out` on are unknown."""
    at = unknown = 0
    with path.open("wb") as out:
        for numbers in _pieces(raw):
            codes = table[numbers]
            out.write(codes.tobytes())
            unknown += int(np.count_nonzero(codes[max(0, held_out - at) :] == UNKNOWN_CODE))
            at += len(codes)
    return unknown


def _build_pieces(
    folder: Path, files: Sequence[Path], vocabulary: Vocabulary, parted: Parted
) -> tuple[BytePairs, dict[str, Any]]:
    """Learn subwords from the training part, and write the codes of the whole, numbered by frequency."""
    length = sum(len(text) for text in _texts(files))
    until = length - int(length * parted.held_out)
    before = until - int(length * parted.validation)
    cut = partial(_cut_near, files, (before, until))
    learned = BytePairs.learned(_first(cut(), before), vocabulary.most or 8000)
    counts, at, training, checked, total = np.zeros(learned.choices, np.int64), 0, 0, 0, 0
    with (folder / RAW).open("wb") as out:
        for text in cut():
            codes = learned.encode(text)
            out.write(codes.tobytes())
            at, total = at + len(text), total + len(codes)
            if at <= before:
                training = total
                counts += np.bincount(codes, minlength=learned.choices)
            checked = total if at <= until else checked
    split = TextSplit(training - parted.gap, parted.gap, total - checked, checked - training)
    split.checked(parted.held_out, "subword", parted.validation)
    codec = learned.sorted_by(counts.tolist())
    raw = CodeFile.whole(folder / RAW, learned.dtype, learned.choices)
    _rewrite(raw, codec.table[list(learned.order)], folder / CODES, len(raw))
    (folder / RAW).unlink()
    return codec, {**split.facts, "length": total, "types": codec.choices, "unknown_types": 0, "characters": length}


def _texts(files: Sequence[Path]) -> Iterator[str]:
    return chain.from_iterable(pieces_of(read_text(path)) for path in files)


def _cut_near(files: Sequence[Path], places: Sequence[int]) -> Iterator[str]:
    """Yield a text in pieces, of which one ends at most a word before each place."""
    texts = _texts(files)
    for place in places:
        texts = _cut_once(texts, place)
    return texts


def _cut_once(texts: Iterator[str], place: int) -> Iterator[str]:
    for text in texts:
        cut = len(text[: max(text.rfind(" ", 0, place), text.rfind("\n", 0, place), 0)].rstrip())
        if 0 < place < len(text) and cut:
            yield from (text[:cut], text[cut:])
        else:
            yield text
        place -= len(text)


def _first(texts: Iterator[str], length: int) -> Iterator[str]:
    """Yield the pieces of a text that end within its first characters."""
    for text in texts:
        length -= len(text)
        if length < 0:
            return
        yield text


def _pieces(codes: CodeFile) -> Iterator[NDArray[Any]]:
    for start in range(0, len(codes), AT_ONCE):
        yield codes.read(start, start + AT_ONCE)
