"""Lines of handwriting made ready once: offsets and letters of all of them, by content hash, split by writer."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from statewise.data.cache import kept
from statewise.data.strokes.drawing import Part
from statewise.data.strokes.lines_codec import LETTER_INK, MOST_LETTERS, LinesCodec, rows_of
from statewise.data.strokes.offsets import Preparing
from statewise.data.strokes.prepared import LARGEST_TOLD, MOST_ROWS, PARTS, Rows
from statewise.data.strokes.written_lines import Composing, Line, read_lines
from statewise.data.texts import digest, find_files
from statewise.disk.reading import read_file
from statewise.errors import DataError
from statewise.plain.strict_json import read_json

FORMAT = 1
"What is kept in a cache is made again where this is another number."
NAMES = OFFSETS, LENGTHS, LETTERS, SPELLED, WRITERS, PLACES, FACTS = (
    "offsets.bin",
    "lengths.bin",
    "letters.bin",
    "spelled.bin",
    "writers.bin",
    "parts.bin",
    "facts.json",
)
FARTHEST = 3.0
"A line whose ink for a letter is so many times more or less than its writer's belongs to another text."
MISMATCHED = "whose ink and text disagree"


@dataclass(frozen=True)
class PreparedLines:
    """Rows of `dx, dy, lift` of all lines one after another, unscaled, with the letters and the writer of each line."""

    codec: LinesCodec
    rows: Rows
    ends: NDArray[np.int64]
    letters: NDArray[np.int32]
    spelled: NDArray[np.int64]
    writers: NDArray[np.int32]
    parts: NDArray[np.uint8]
    facts: dict[str, Any]
    notice: str | None = None

    def numbers(self, part: Part) -> NDArray[np.int64]:
        """Return which lines are of a part."""
        return np.flatnonzero(self.parts == PARTS.index(part))

    def offsets(self, number: int) -> Rows:
        """Return the rows of a line, its offsets divided by the scale."""
        rows = self.rows[self.ends[number - 1] if number else 0 : self.ends[number]].copy()
        rows[:, :2] /= self.codec.scale
        return rows

    def text(self, number: int) -> NDArray[np.int64]:
        """Return the letters of a line as numbers, the end as the last."""
        own = self.letters[self.spelled[number - 1] if number else 0 : self.spelled[number]]
        return np.append(own.astype(np.int64), len(self.codec.alphabet))


def prepare_lines(
    sources: Sequence[str],
    preparing: Preparing,
    composing: Composing,
    shares: tuple[float, float],
    longest: int,
    cache: Path,
) -> PreparedLines:
    """Return lines as offsets and letters in three parts; they are made once and kept in `cache` by their contents.

    `shares` are those of the writers who are held out and who are kept for checks: no hand is in two parts. What has
    more than `longest` points is left out and counted. Raises `DataError` where a source cannot be read, or has one
    writer alone.
    """
    files = find_files(sources, "handwriting")
    contents = digest(files)
    told = [FORMAT, contents, [path.name for path in files], asdict(preparing), composing, shares, longest]
    key = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]
    found, notice = kept(
        cache,
        key,
        NAMES,
        lambda folder: _build(files, contents, preparing, composing, shares, longest, folder),
        lambda folder: _read(folder, preparing, longest),
    )
    return PreparedLines(**{**vars(found), "notice": notice})


def lines_with(codec: LinesCodec, sources: Sequence[str], composing: Composing, cache: Path) -> PreparedLines:
    """Return other lines, all of them held out, by a codec that there is; lines of other letters are left out."""
    files = find_files(sources, "handwriting")
    left_out = Counter[str]()
    found = _in_units(read_lines(files, composing, left_out), codec.preparing, codec.longest, left_out)
    known = _of_letters(found, set(codec.alphabet), left_out)
    if not known:
        raise DataError(f"{', '.join(sources)} has no line to score: {_counted(left_out)}")
    parts = [PARTS.index("held_out")] * len(known)
    facts = _facts(known, parts, left_out, digest(files))
    return PreparedLines(codec, **_arrays(known, codec.alphabet), parts=np.array(parts, np.uint8), facts=facts)


class Prepared(NamedTuple):
    """A line made ready: its rows, what is written, and whose hand it is."""

    rows: Rows
    text: str
    writer: str


def _in_units(lines: Iterable[Line], preparing: Preparing, longest: int, left_out: Counter[str]) -> list[Prepared]:
    """Return lines as rows in units of their writers' letters, without those that belong to another text."""
    gathered = [*lines]
    inks: dict[str, list[float]] = {}
    for line in gathered:
        inks.setdefault(line.writer, []).append(line.ink_per_letter)
    usual = {writer: float(np.median(found)) for writer, found in inks.items()}
    found, total = [], 0
    for line in gathered:
        ink = usual[line.writer]
        if not ink or not 1 / FARTHEST < line.ink_per_letter / ink < FARTHEST:
            left_out[MISMATCHED] += 1
            continue
        rows = rows_of(line.strokes, LETTER_INK / ink, preparing)
        if len(rows) > longest:
            left_out[f"with more than {longest:,} points"] += 1
            continue
        total += len(rows)
        if total > MOST_ROWS:
            raise DataError(f"there are more than {MOST_ROWS:,} points: give fewer lines")
        found.append(Prepared(rows, line.text, line.writer))
    return found


def _parts_of(lines: Sequence[Prepared], shares: tuple[float, float]) -> dict[str, int]:
    """Return the part of each writer: in an order of their own they are held out, then kept for checks."""
    writers = sorted({line.writer for line in lines}, key=lambda name: hashlib.sha256(name.encode()).digest())
    held_out = max(1, round(shares[0] * len(writers)))
    checks = round(shares[1] * len(writers))
    if len(writers) - held_out - checks < 1:
        raise DataError(
            f"there {'is 1 writer' if len(writers) == 1 else f'are {len(writers)} writers'}, too few to keep some from "
            "training: give lines of more, or smaller shares"
        )
    last = held_out + checks
    kinds: list[Part] = [
        "held_out" if n < held_out else "validation" if n < last else "training" for n in range(len(writers))
    ]
    return {name: PARTS.index(kind) for name, kind in zip(writers, kinds, strict=True)}


def _of_letters(lines: Sequence[Prepared], alphabet: set[str], left_out: Counter[str]) -> list[Prepared]:
    known = [line for line in lines if alphabet.issuperset(line.text)]
    if len(known) < len(lines):
        left_out["with letters that the training part does not have"] += len(lines) - len(known)
    return known


def _build(
    files: Sequence[Path],
    contents: str,
    preparing: Preparing,
    composing: Composing,
    shares: tuple[float, float],
    longest: int,
    folder: Path,
) -> None:
    left_out = Counter[str]()
    lines = _in_units(read_lines(files, composing, left_out), preparing, longest, left_out)
    if not lines:
        raise DataError(f"there is no line of handwriting with its text to learn from: {_counted(left_out)}")
    by_writer = _parts_of(lines, shares)
    training = [line for line in lines if PARTS[by_writer[line.writer]] == "training"]
    alphabet = "".join(sorted({letter for line in training for letter in line.text}))
    if len(alphabet) >= MOST_LETTERS:
        raise DataError(f"there are {len(alphabet):,} different letters: give a text of fewer than {MOST_LETTERS:,}")
    lines = _of_letters(lines, set(alphabet), left_out)
    parts = [by_writer[line.writer] for line in lines]
    facts = _facts(lines, parts, left_out, contents)
    if "held_out" not in facts:
        raise DataError(f"no line is left for the held-out part: give lines of more writers ({_counted(left_out)})")
    moves = np.concatenate([line.rows for line in training])[:, :2]
    facts["scale"] = float(moves.std()) or 1.0
    facts["points_per_letter"] = sum(len(line.rows) for line in training) / sum(len(line.text) for line in training)
    facts["longest_text"] = max(len(line.text) for line in training)
    for name, array in zip(NAMES, _arrays(lines, alphabet).values(), strict=False):
        array.tofile(folder / name)
    np.array(parts, np.uint8).tofile(folder / PLACES)
    (folder / FACTS).write_text(json.dumps({"facts": facts, "alphabet": alphabet}))


def _facts(lines: Sequence[Prepared], parts: Sequence[int], left_out: Counter[str], contents: str) -> dict[str, Any]:
    facts: dict[str, Any] = {"unit": "point"}
    for number, part in enumerate(PARTS):
        own = [line for line, of in zip(lines, parts, strict=True) if of == number]
        if own:
            facts[part] = sum(len(line.rows) for line in own)
            facts[f"{part}_lines"], facts[f"{part}_writers"] = len(own), len({line.writer for line in own})
            facts[f"{part}_letters"] = sum(len(line.text) for line in own)
    return {**facts, "left_out": dict(left_out), "sha256": contents}


def _arrays(lines: Sequence[Prepared], alphabet: str) -> dict[str, Any]:
    numbers = {letter: number for number, letter in enumerate(alphabet)}
    hands = sorted({line.writer for line in lines})
    return {
        "rows": np.concatenate([line.rows for line in lines]),
        "ends": np.cumsum([len(line.rows) for line in lines]).astype(np.int64),
        "letters": np.array([numbers[letter] for line in lines for letter in line.text], np.int32),
        "spelled": np.cumsum([len(line.text) for line in lines]).astype(np.int64),
        "writers": np.array([hands.index(line.writer) for line in lines], np.int32),
    }


def _read(folder: Path, preparing: Preparing, longest: int) -> PreparedLines:
    """Return the lines that a folder holds. Raises `DataError` where its files do not fit each other."""
    told = read_json(read_file(folder / FACTS, LARGEST_TOLD, DataError))
    facts = told["facts"]
    codec = LinesCodec(
        preparing,
        float(facts["scale"]),
        longest,
        told["alphabet"],
        float(facts["points_per_letter"]),
        int(facts["longest_text"]),
    )
    rows = np.fromfile(folder / OFFSETS, np.float32).reshape(-1, 3)
    ends, spelled = (np.fromfile(folder / name, np.int64) for name in (LENGTHS, SPELLED))
    letters, writers = (np.fromfile(folder / name, np.int32) for name in (LETTERS, WRITERS))
    parts = np.fromfile(folder / PLACES, np.uint8)
    is_whole = len(ends) == len(spelled) == len(writers) == len(parts) > 0
    if not is_whole or ends[-1] != len(rows) or spelled[-1] != len(letters):
        raise DataError(f"{folder} holds files that do not fit each other")
    return PreparedLines(codec, rows, ends, letters, spelled, writers, parts, facts)


def _counted(left_out: Counter[str]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in left_out.items()) or "none was left out"
