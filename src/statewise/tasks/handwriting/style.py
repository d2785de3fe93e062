"""A style: a few lines of a user's own hand with their texts, which a model reads before it writes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from statewise.bounds import shown
from statewise.data.naming import path_of
from statewise.data.strokes import Drawing, read_drawings
from statewise.data.strokes.drawing import Floats, drawing_of
from statewise.data.strokes.json_lines import LONGEST_LINE
from statewise.data.strokes.lines_codec import LETTER_INK, LinesCodec, rows_of
from statewise.data.strokes.prepared import Rows
from statewise.data.strokes.written_lines import cleaned, ink_of
from statewise.disk.reading import read_file
from statewise.errors import DataError, UsageError
from statewise.plain.strict_json import read_json

FORMAT = "statewise-style-1"
GAP = 40.0
"Between two lines that are laid side by side, where the ink of a letter is 100 long."
MOST_LINES = 100


@dataclass(frozen=True)
class Style:
    """Ink whose letters have 100 of it on average, what it says, and how much the user's own letters have.

    >>> style = Style.of([drawing_of([[[0, 0], [0, 8]], [[3, 0], [3, 8]]], "a test", text="ll")])
    >>> style.ink, style.strokes[1].tolist()
    (8.0, [[37.5, 0.0], [37.5, 100.0]])
    """

    strokes: tuple[Floats, ...]
    text: str
    ink: float

    @classmethod
    def of(cls, lines: Sequence[Drawing], text: str | None = None) -> "Style":
        """Return lines, laid side by side, as one style; `text` is theirs where they have none.

        Raises `UsageError` for lines without a text, `DataError` for such without ink.
        """
        texts = [cleaned(line.text or "") for line in lines]
        if text is not None:
            texts = [cleaned(text)] + [""] * (len(lines) - 1)
        if not "".join(texts) or (text is None and not all(texts)):
            raise UsageError("the style says nowhere what its ink reads: give --style-text, or lines with their texts")
        letters = len("".join("".join(texts).split()))
        ink = sum(ink_of(line.strokes) for line in lines) / letters
        if not ink > 0:
            raise DataError("the style has no line of ink: give a few lines of handwriting")
        strokes: list[Floats] = []
        right = 0.0
        for line in lines:
            points = np.concatenate(line.strokes) * (LETTER_INK / ink)
            corner = np.array([points[:, 0].min() - right, np.median(points[:, 1])])
            strokes += [stroke * (LETTER_INK / ink) - (corner if len(lines) > 1 else 0) for stroke in line.strokes]
            right += float(np.ptp(points[:, 0])) + GAP
        return cls(tuple(stroke.round(3) for stroke in strokes), " ".join(filter(None, texts)), float(ink))

    def rows(self, codec: LinesCodec) -> Rows:
        """Return it as a model reads it. Raises `UsageError` where it has more points than any line of the training."""
        codec.encode(self.text)
        rows = rows_of(self.strokes, 1.0, codec.preparing)
        if len(rows) > codec.longest:
            raise UsageError(
                f"the style has {len(rows):,} points and this run was trained on lines of at most {codec.longest:,}: "
                "give fewer lines"
            )
        rows[:, :2] /= codec.scale
        return rows

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values, from which `read_style` makes it again."""
        lines = [stroke.tolist() for stroke in self.strokes]
        return {"format": FORMAT, "text": self.text, "ink": self.ink, "strokes": lines}


def style_of(given: Any, text: str | None = None) -> Style:
    """Return a style: a file of ink, an exported style, strokes with their text, or a `Style`.

    Raises `UsageError` where there is no file or no text, `DataError` for what is no ink.
    """
    if isinstance(given, Style):
        return given
    if isinstance(given, Mapping):
        return _of_object(given, "the style", text)
    if isinstance(given, Drawing):
        return Style.of([given], text)
    path = path_of(given)
    if not path.exists():
        raise UsageError(f"there is no file {given}: give a style, as ink with its text")
    if path.suffix.lower() == ".json":
        return _of_object(_json(read_file(path, LONGEST_LINE, DataError), str(path)), str(path), text)
    lines = [*read_drawings([Path(path)])]
    if not 0 < len(lines) <= MOST_LINES:
        raise DataError(f"{path} holds {len(lines):,} lines: give from 1 to {MOST_LINES}")
    return Style.of(lines, text)


def style_of_json(written: str, text: str | None = None) -> Style:
    """Return a style that is written as JSON. Raises `UsageError` where it is none."""
    try:
        told = read_json(written[: LONGEST_LINE + 1].encode())
    except ValueError as error:
        raise UsageError(f"the style {shown(written)} is no JSON ({error}): give text and strokes") from None
    return _of_object(told, "the style", text)


def _json(content: bytes, where: str) -> Any:
    try:
        return read_json(content)
    except ValueError as error:
        raise DataError(f"{where} is no JSON ({error}): give ink, or a style that was exported") from None


def _of_object(told: Any, where: str, text: str | None) -> Style:
    if not isinstance(told, Mapping) or not isinstance(told.get("strokes"), list):
        raise DataError(f'{where} has no strokes: give {{"text": ..., "strokes": [[[x, y], ...], ...]}}')
    said = told.get("text") if text is None else text
    if said is not None and not isinstance(said, str):
        raise DataError(f"the text of {where} is {shown(said)}: a text is wanted")
    ink = told.get("ink", 0.0)
    drawing = drawing_of(told["strokes"], where, text=said)
    if not drawing.points:
        raise DataError(f"{where} has no point: give a few lines of handwriting")
    if told.get("format") != FORMAT:
        return Style.of([drawing], text)
    if type(ink) not in (int, float) or not 0 < ink < 1e9 or not cleaned(said or ""):
        raise DataError(f"{where} is no style that was exported: it is damaged, or of another version")
    return Style(drawing.strokes, cleaned(said or ""), float(ink))
