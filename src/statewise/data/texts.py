"""Texts as codes: any number of files of any size become one file of codes, read twice and held in memory never."""

import codecs
import glob
import hashlib
import json
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from statewise.data.cache import kept
from statewise.data.code_file import CodeFile
from statewise.data.codec import CODE_POINTS, Bytes, Characters, TextCodec, text_codec
from statewise.data.composing import composed
from statewise.data.corpora import Content, corpus, known_of
from statewise.data.naming import path_of
from statewise.data.source_paths import corpus_named
from statewise.disk.reading import open_file, read_file
from statewise.errors import DataError, UsageError
from statewise.plain.strict_json import read_json

Unit = Literal["character", "byte"]

WANTED: dict[Content, str] = {
    "text": "a text",
    "series": "a table of series",
    "events": "a log of events",
    "drawings": "drawings",
    "handwriting": "handwriting",
    "pairs": "pairs of texts",
    "speech": "recordings with their texts",
    "stories": "stories with questions",
    "dialogues": "conversations",
    "movements": "recorded movements",
    "utterances": "a bot or utterances with their intents",
    "pictures": "pictures with captions",
    "films": "films with sound",
}
CHUNK_BYTES = 1 << 20
FORMAT = 2
"What is kept in a cache is made again where this is another number."
NAMES = CODES, CODEC, FACTS = "codes.bin", "codec.json", "facts.json"
LARGEST_TOLD = 1 << 24


class TextSplit(NamedTuple):
    """Which part of a text is trained on, and which is held out: its tail, with a gap before it that is not read.

    Between the gap and what is held out may lie a part for checks.
    """

    training: int
    gap: int
    held_out: int
    validation: int = 0

    @classmethod
    def of(
        cls, length: int, share: float, gap: int, unit: str = "character", *, validation: float = 0.0
    ) -> "TextSplit":
        """Split a text of so many codes. Raises `DataError` where a part would be left with nothing to predict.

        >>> TextSplit.of(1000, share=0.1, gap=50, validation=0.2)
        TextSplit(training=650, gap=50, held_out=100, validation=200)
        """
        held_out, checked = int(length * share), int(length * validation)
        return cls(length - held_out - checked - gap, gap, held_out, checked).checked(share, unit, validation)

    @classmethod
    def told(cls, facts: Mapping[str, Any]) -> "TextSplit":
        """Return the split that facts tell of."""
        training, gap, held_out, validation = (int(facts.get(name, 0)) for name in cls._fields)
        return cls(training, gap, held_out, validation)

    @property
    def facts(self) -> dict[str, int]:
        """The parts by name; that for checks where there is one."""
        return {name: size for name, size in self._asdict().items() if size or name != "validation"}

    def checked(self, share: float, unit: str, validation: float = 0.0) -> Self:
        """Return the split itself. Raises `DataError` where a part has nothing to predict."""
        parts = [self.training, self.held_out, *([self.validation] if validation else [])]
        if min(parts) < 2:
            checks = f" and keep {validation:.0%} for checks" if validation else ""
            raise DataError(
                f"the text has {sum(self):,} {unit}s, too few to hold out {share:.0%}{checks} after a gap of "
                f"{self.gap:,}: give more text or a smaller gap"
            )
        return self


class CodedText(NamedTuple):
    """A text as codes, in two parts or three, with what is known of it; `validation` may be empty."""

    codec: TextCodec
    training: CodeFile
    held_out: CodeFile
    validation: CodeFile
    facts: dict[str, Any]
    notice: str | None = None


def find_files(sources: Iterable[str], holding: Content = "text") -> list[Path]:
    """Return the files that paths, folders, patterns and names of corpora stand for, in reading order.

    Raises `UsageError` where nothing is given or there, naming the corpora that hold what is looked for; `DataError`
    where a folder is empty or a pattern matches nothing.
    """
    given = list(sources)
    if not given:
        raise UsageError(f"no source was given: give {WANTED[holding]} to learn from")
    return [path for source in given for path in _files_of(source, holding)]


def _files_of(source: str, holding: Content) -> list[Path]:
    if (name := corpus_named(source)) is not None:
        return _files_of_corpus(name, holding)
    path = path_of(source)
    if path.is_dir():
        found = sorted(p for p in path.rglob("*") if p.is_file() and not _hidden(p.relative_to(path)))
        return _some(found, source, "an empty folder", holding)
    if path.exists():
        return [path]
    if glob.has_magic(source):
        matching = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207
        files = [match for match in matching if match.is_file()]
        return _some(files, source, "a pattern that matches no file", holding)
    known = f" ({of})" if (of := known_of(holding)) else ""
    raise UsageError(f"'{source}' is neither a file, a folder, a pattern nor a corpus{known}: check it")


def _files_of_corpus(name: str, holding: Content) -> list[Path]:
    found = corpus(name)
    if holding not in ("text", found.holds):  # as a text anything can be read
        raise UsageError(f"corpus '{name}' holds {WANTED[found.holds]}: give {WANTED[holding]}, or {known_of(holding)}")
    return found.files()


def _some(found: list[Path], source: str, otherwise: str, holding: Content) -> list[Path]:
    if not found:
        raise DataError(f"'{source}' is {otherwise}: give {WANTED[holding]} to learn from")
    return found


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def digest(files: Sequence[Path]) -> str:
    """Return one sha256 over the contents of files, in order. Raises `DataError` where one cannot be read."""
    total = hashlib.sha256()
    for path in files:
        for chunk in _chunks(path):
            total.update(chunk)
    return total.hexdigest()


def read_bytes(files: Sequence[Path]) -> Iterator[NDArray[np.uint32]]:
    """Yield the bytes of files, a piece at a time."""
    for path in files:
        for chunk in _chunks(path):
            yield np.frombuffer(chunk, np.uint8).astype(np.uint32)


def read_characters(files: Sequence[Path]) -> Iterator[NDArray[np.uint32]]:
    """Yield the code points of UTF-8 files in composed form (NFC), a piece at a time.

    A byte order mark at the beginning is dropped. Raises `DataError`, naming the byte, where a file is not UTF-8.
    """
    return (np.frombuffer(text.encode("utf-32-le"), np.uint32) for path in files for text in read_text(path))


def read_text(path: Path) -> Iterator[str]:
    """Yield a UTF-8 file in composed form (NFC), a piece at a time.

    A byte order mark at the beginning is dropped. Raises `DataError`, naming the byte, where the file is not UTF-8.
    """
    return composed(_decoded(path))


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with open_file(path, DataError) as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
    except OSError as error:
        raise DataError(f"cannot read {path} ({error.strerror}): check the path and its permissions") from None


def _decoded(path: Path) -> Iterator[str]:
    rest, offset = b"", 0
    for chunk in chain(_chunks(path), [b""]):
        data = rest + chunk
        try:
            text, used = codecs.utf_8_decode(data, "strict", not chunk)
        except UnicodeDecodeError as error:
            raise _not_text(path, f"byte {data[error.start]:#04x}", offset + error.start, data) from None
        if "\0" in text:
            raise _not_text(path, "a zero byte", offset + data.index(0), data)
        yield text.removeprefix("\N{BYTE ORDER MARK}") if offset == 0 else text
        rest, offset = data[used:], offset + used


def _not_text(path: Path, what: str, offset: int, data: bytes) -> DataError:
    written_in = "UTF-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "WINDOWS-1252"
    name = shlex.quote(str(path))
    return DataError(
        f"{path} is not UTF-8 text: {what} at offset {offset:,}; convert it, as "
        f"`iconv -f {written_in} -t UTF-8 {name} > converted.txt` does where it is {written_in}, or learn its bytes "
        "with `statewise train text --unit byte`"
    )


Sharing = Callable[[int], float]


def code_text(
    sources: Sequence[str], unit: Unit, share: float, gap: int, cache: Path, validation: float | Sharing = 0.0
) -> CodedText:
    """Return a text as codes, split; they are built once and kept in `cache` under the hash of the contents.

    The share that is kept for `validation` may follow from the length.
    The alphabet is that of the training part alone, so the held-out part may hold characters that are unknown.
    Raises `DataError` where a file is empty, unreadable or not what it is said to be.
    """
    files = find_files(sources)
    contents = digest(files)

    def make(folder: Path) -> None:
        codec, facts = _read_through(files, contents, unit, share, gap, validation)
        _write(folder, files, codec, facts)
        if digest(files) != contents:
            raise DataError(f"{', '.join(map(str, files[:3]))} changed while it was read: try again once it is written")

    asked = json.dumps([FORMAT, contents, unit, share, gap, *_asked(validation)])
    text, notice = kept(cache, _key(asked), NAMES, make, lambda folder: _coded(folder, contents, unit))
    return text._replace(notice=notice)


def _asked(validation: float | Sharing) -> list[Any]:
    """Return what tells a cache of another split apart; a text in two parts is kept under the name it always had."""
    if callable(validation):
        return [f"{validation.__module__}.{validation.__qualname__}"]
    return [validation] if validation else []


def _key(asked: str) -> str:
    return hashlib.sha256(asked.encode()).hexdigest()[:16]


def _coded(folder: Path, contents: str, unit: Unit) -> CodedText:
    """Return the text that a folder holds. Raises `DataError` where its files do not fit each other."""
    facts, written = (read_json(read_file(folder / name, LARGEST_TOLD, DataError)) for name in (FACTS, CODEC))
    codec = text_codec(written)
    codes = CodeFile.whole(folder / CODES, codec.dtype, codec.choices)
    split = TextSplit.told(facts)
    told, meant = [facts[name] for name in ("sha256", "choices", "unit")], [contents, codec.choices, unit]
    if min(split) < 0 or sum(split) != len(codes) or told != meant or written["unit"] != unit:
        raise DataError(f"{folder} holds files that do not fit each other")
    begin = split.training + split.gap
    validation = codes.part(begin, begin + split.validation)
    held_out = codes.part(begin + split.validation, len(codes))
    return CodedText(codec, codes.part(0, split.training), held_out, validation, facts)


def code_with(codec: TextCodec, sources: Sequence[str], cache: Path) -> CodeFile:
    """Return a text as codes of a codec that exists already; they are kept in `cache` by the hash of both."""
    files = find_files(sources)
    key = _key(json.dumps([FORMAT, digest(files), codec.as_json()]))

    def make(folder: Path) -> None:
        _encode(files, codec, folder / CODES)

    codes, _ = kept(
        cache, key, [CODES], make, lambda folder: CodeFile.whole(folder / CODES, codec.dtype, codec.choices)
    )
    return codes


def _encode(files: Sequence[Path], codec: TextCodec, path: Path) -> None:
    pieces = read_bytes(files) if isinstance(codec, Bytes) else read_characters(files)
    table = codec.table if isinstance(codec, Characters) else np.arange(256, dtype=np.uint32)
    with path.open("wb") as out:
        for points in pieces:
            out.write(table[points].astype(codec.dtype).tobytes())


def _read_through(
    files: list[Path], contents: str, unit: Unit, share: float, gap: int, validation: float | Sharing
) -> tuple[TextCodec, dict[str, Any]]:
    """Return the alphabet of a text's training part, and what should be known of the text."""
    length, first_seen = _survey(read_bytes(files) if unit == "byte" else read_characters(files))
    if length == 0:
        raise DataError(f"{', '.join(map(str, files[:3]))} is empty: give a text to learn from")
    checked = validation(length) if callable(validation) else validation
    split = TextSplit.of(length, share, gap, unit, validation=checked)
    alphabet = "".join(map(chr, np.flatnonzero(first_seen < split.training)))
    codec: TextCodec = Bytes() if unit == "byte" else Characters(alphabet)
    unknown = int((first_seen < length).sum()) - len(alphabet) if unit == "character" else 0
    facts = {"unit": unit, "length": length, **split.facts, "choices": codec.choices, "sha256": contents}
    facts |= {"held_out_only_characters": unknown, "files": len(files)}
    return codec, facts


def _write(folder: Path, files: list[Path], codec: TextCodec, facts: dict[str, Any]) -> None:
    """Write codes, alphabet and facts into a new folder."""
    _encode(files, codec, folder / CODES)
    for name, told in ((CODEC, codec.as_json()), (FACTS, facts)):
        (folder / name).write_text(json.dumps(told))


def _survey(pieces: Iterable[NDArray[np.uint32]]) -> tuple[int, NDArray[np.int64]]:
    """Return how long a text is, and where each code point first stands (beyond every end where it does not)."""
    first_seen = np.full(CODE_POINTS, np.iinfo(np.int64).max)
    length = 0
    for points in pieces:
        present = np.flatnonzero(np.bincount(points))
        for point in present[first_seen[present] > length + len(points)]:
            first_seen[point] = length + int(np.argmax(points == point))
        length += len(points)
    return length, first_seen
