"""Drawings made ready once: the offsets of all of them in one file, by content hash, in three parts."""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from statewise.data.cache import kept
from statewise.data.codec import Codec
from statewise.data.strokes.drawing import Drawing, Part
from statewise.data.strokes.offsets import Preparing, offsets_of
from statewise.data.strokes.stroke_files import read_drawings
from statewise.data.texts import digest, find_files
from statewise.disk.reading import read_file
from statewise.errors import DataError, UsageError
from statewise.plain.strict_json import read_json
from statewise.registry import unknown
from statewise.shown import counted

FORMAT = 2
"What is kept in a cache is made again where this is another number: raise it whenever offsets come out otherwise."
NAMES = OFFSETS, LENGTHS, LABELS, PLACES, FACTS = "offsets.bin", "lengths.bin", "labels.bin", "parts.bin", "facts.json"
PARTS: tuple[Part, ...] = ("training", "validation", "held_out")
MOST_ROWS, MOST_CLASSES = 200_000_000, 10_000
LARGEST_TOLD = 1 << 24
LONGEST_CLASS = 200
Rows = NDArray[np.float32]


class Shares(NamedTuple):
    """Which share of the drawings is held out, and which is kept for checks, where a source does not say itself."""

    held_out: float
    validation: float

    def part_of(self, drawing: Drawing, rows: Rows) -> Part:
        """Return the part of a drawing: that of its writer, where one is known, so that no hand is in two parts.

        Else it goes by the offsets themselves, so that a drawing that is there twice is in one part.
        """
        if drawing.part is not None:
            return drawing.part
        by = rows.tobytes() if drawing.writer is None else drawing.writer.encode()
        share = int.from_bytes(hashlib.sha256(by).digest()[:8], "big") / 2**64
        if share < self.held_out:
            return "held_out"
        return "validation" if share < self.held_out + self.validation else "training"


@final
@dataclass(frozen=True)
class StrokeCodec(Codec):
    """What turns strokes into what a network reads: how they are made ready, the spread of their offsets, classes.

    `scale` is the standard deviation of all offsets of the training part, by which they are divided; `longest` is how
    many points a drawing may have.
    """

    preparing: Preparing
    scale: float
    longest: int
    classes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {**asdict(self.preparing), "scale": self.scale, "longest": self.longest, "classes": list(self.classes)}

    @classmethod
    def read(cls, written: Any) -> "StrokeCodec":
        """Return what `as_json` wrote. Raises `DataError` for anything else."""
        try:
            numbers = [float(written[name]) for name in ("size", "jitter", "spacing", "epsilon", "scale")]
            longest, classes = written["longest"], tuple(written["classes"])
            is_sound = all(0 <= number < 1e9 for number in numbers) and numbers[-1] > 0 and type(longest) is int
            is_sound = is_sound and longest > 0 and all(isinstance(name, str) for name in classes)
        except (KeyError, TypeError, ValueError, OverflowError):
            is_sound = False
        if not is_sound:
            raise DataError("codec.json is none of drawings: it is damaged, or of another version")
        return cls(Preparing(*numbers[:4]), numbers[-1], longest, classes)

    def class_number(self, name: str) -> int:
        """Return the number of a class. Raises `UsageError`, with the nearest, where there is none of that name."""
        if name not in self.classes:
            raise UsageError(_unknown_class(name, self.classes))
        return self.classes.index(name)


@dataclass(frozen=True)
class PreparedDrawings:
    """Rows of `dx, dy, lift` of all drawings one after another, unscaled, and what is known of each drawing."""

    codec: StrokeCodec
    rows: Rows
    ends: NDArray[np.int64]
    labels: NDArray[np.int32]
    parts: NDArray[np.uint8]
    facts: dict[str, Any]
    notice: str | None = None

    def numbers(self, part: Part) -> NDArray[np.int64]:
        """Return which drawings are of a part."""
        return np.flatnonzero(self.parts == PARTS.index(part))

    def offsets(self, number: int) -> Rows:
        """Return the rows of a drawing, its offsets divided by the scale."""
        rows = self.rows[self.ends[number - 1] if number else 0 : self.ends[number]].copy()
        rows[:, :2] /= self.codec.scale
        return rows


def prepare_drawings(
    sources: Sequence[str],
    preparing: Preparing,
    shares: Shares,
    longest: int,
    cache: Path,
    *,
    only: Collection[str] = (),
) -> PreparedDrawings:
    """Return drawings as offsets in three parts; they are made once and kept in `cache` by the hash of the contents.

    With `only` they are those of some classes. What has more than `longest` points is left out and counted. Raises
    `DataError` where a source cannot be read or a part is empty, `UsageError` for a class that is not there.
    """
    files = find_files(sources, "drawings")
    contents = digest(files)
    asked = json.dumps([FORMAT, contents, [path.name for path in files], asdict(preparing), shares, longest, [*only]])
    key = hashlib.sha256(asked.encode()).hexdigest()[:16]
    found, notice = kept(
        cache,
        key,
        NAMES,
        lambda folder: _build(files, contents, preparing, shares, longest, only, folder),
        lambda folder: _read(folder, preparing, longest),
    )
    return PreparedDrawings(**{**vars(found), "notice": notice})


def drawings_with(
    codec: StrokeCodec, sources: Sequence[str], cache: Path, *, by_class: bool = False
) -> PreparedDrawings:
    """Return other drawings, all of them held out, by a codec that there is already.

    Where a model goes `by_class`, those of classes that the codec has not are left out and counted.
    """
    files = find_files(sources, "drawings")
    left_out = Counter[str]()
    rows, labels, _, _ = _gather(files, codec.preparing, Shares(1, 0), codec.longest, (), left_out)
    if not rows:
        raise DataError(f"{', '.join(sources)} has no drawing to score: {_counted(left_out)}")
    known = [number for number, label in enumerate(labels) if label in codec.classes or not by_class]
    if not known:
        raise DataError(f"{', '.join(sources)} has no drawing of a class that this run knows: see its codec.json")
    if len(known) < len(rows):
        left_out["of a class that this run does not know"] = len(rows) - len(known)
    rows, labels = [rows[number] for number in known], [labels[number] for number in known]
    numbers = [codec.classes.index(label) if by_class else 0 for label in labels]
    facts = {
        "held_out": sum(map(len, rows)),
        "held_out_drawings": len(rows),
        "left_out": dict(left_out),
        "sha256": digest(files),
    }
    return _whole(codec, rows, numbers, [PARTS.index("held_out")] * len(rows), facts)


def _gather(
    files: Sequence[Path],
    preparing: Preparing,
    shares: Shares,
    longest: int,
    only: Collection[str],
    left_out: Counter[str],
) -> tuple[list[Rows], list[str], list[Part], set[str]]:
    """Return the rows, classes and parts of the drawings that are taken, and all classes that there are."""
    rows, labels, parts, seen, total = [], [], [], set(), 0
    for drawing in read_drawings(files, left_out):
        label = (drawing.label or "")[:LONGEST_CLASS]
        seen.add(label)
        if only and label not in only:
            left_out["of other classes"] += 1
            continue
        found = offsets_of(preparing.strokes(drawing.strokes))
        if len(found) > longest:
            left_out[f"with more than {longest:,} points"] += 1
            continue
        total += len(found)
        if total > MOST_ROWS or len(seen) > MOST_CLASSES:
            raise DataError(
                f"there are more than {MOST_ROWS:,} points or {MOST_CLASSES:,} classes: give fewer drawings"
            )
        rows.append(found)
        labels.append(label)
        parts.append(shares.part_of(drawing, found))
    return rows, labels, parts, seen


def _build(
    files: Sequence[Path],
    contents: str,
    preparing: Preparing,
    shares: Shares,
    longest: int,
    only: Collection[str],
    folder: Path,
) -> None:
    left_out = Counter[str]()
    rows, labels, parts, seen = _gather(files, preparing, shares, longest, only, left_out)
    if missing := [name for name in only if name not in seen]:
        raise UsageError(_unknown_class(missing[0], sorted(seen)))
    counts, points = Counter(parts), Counter[str]()
    for one, part in zip(rows, parts, strict=True):
        points[part] += len(one)
    for part in ("training", "held_out"):
        if not counts[part]:
            raise DataError(
                f"of {counted(len(rows), 'drawing')} none is left for the {part.replace('_', '-')} part: "
                f"give more ({_counted(left_out)})"
            )
    classes = sorted(set(labels))
    training = np.concatenate([one for one, part in zip(rows, parts, strict=True) if part == "training"])
    facts: dict[str, Any] = {
        "unit": "point",
        **{part: points[part] for part in PARTS if counts[part]},
        **{f"{part}_drawings": counts[part] for part in PARTS if counts[part]},
        "longest": int(max(map(len, rows))),
        "classes": len(classes),
        "left_out": dict(left_out),
        "scale": float(training[:, :2].std()) or 1.0,
        "sha256": contents,
    }
    np.concatenate(rows).tofile(folder / OFFSETS)
    np.array([len(one) for one in rows], np.int64).tofile(folder / LENGTHS)
    np.array([classes.index(label) for label in labels], np.int32).tofile(folder / LABELS)
    np.array([PARTS.index(part) for part in parts], np.uint8).tofile(folder / PLACES)
    (folder / FACTS).write_text(json.dumps({"facts": facts, "classes": classes}))


def _read(folder: Path, preparing: Preparing, longest: int) -> PreparedDrawings:
    """Return the drawings that a folder holds. Raises `DataError` where its files do not fit each other."""
    told = read_json(read_file(folder / FACTS, LARGEST_TOLD, DataError))
    codec = StrokeCodec(preparing, float(told["facts"]["scale"]), longest, tuple(told["classes"]))
    rows = np.fromfile(folder / OFFSETS, np.float32).reshape(-1, 3)
    ends = np.fromfile(folder / LENGTHS, np.int64).cumsum()
    labels, parts = np.fromfile(folder / LABELS, np.int32), np.fromfile(folder / PLACES, np.uint8)
    if not len(ends) == len(labels) == len(parts) or ends[-1] != len(rows):
        raise DataError(f"{folder} holds files that do not fit each other")
    return PreparedDrawings(codec, rows, ends, labels, parts, told["facts"])


def _whole(
    codec: StrokeCodec, rows: Sequence[Rows], labels: Sequence[int], parts: Sequence[int], facts: dict[str, Any]
) -> PreparedDrawings:
    ends = np.array([len(one) for one in rows], np.int64).cumsum()
    return PreparedDrawings(
        codec, np.concatenate(rows), ends, np.array(labels, np.int32), np.array(parts, np.uint8), facts
    )


def _counted(left_out: Counter[str]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in left_out.items()) or "none was left out"


def _unknown_class(name: str, known: Sequence[str]) -> str:
    told = unknown("class", name, known)
    return told if len(told) < 400 else f"{told.partition(' (known: ')[0].partition(' known are ')[0]}: see codec.json"
