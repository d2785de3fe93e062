"""Lines of handwriting are read, composed, measured in letters, split by writer, and dropped where they do not fit."""

import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from statewise.data.strokes import Preparing
from statewise.data.strokes.hands import Glyph, Hand
from statewise.data.strokes.lines_codec import LinesCodec
from statewise.data.strokes.omniglot import LATIN, hands_of, letters_in_zip, read_letter
from statewise.data.strokes.prepared_lines import PreparedLines, lines_with, prepare_lines
from statewise.data.strokes.single_stroke_fonts import letters_of_font, synthetic_hands
from statewise.data.strokes.texts_to_write import WORDS, texts_of
from statewise.data.strokes.written_lines import Composing, ink_of, read_lines
from statewise.errors import DataError, StatewiseError, UsageError

COMPOSING = Composing(lines=7, longest=9, writers=2)
FONT = """<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><defs><font id="f" horiz-adv-x="300">
<font-face units-per-em="1000" x-height="100" /><glyph unicode=" " horiz-adv-x="300" />
<glyph unicode="a" horiz-adv-x="120" d="M 0 0 L 50 1e2 L 100 0 M 20 40 L 80 40" />
<glyph unicode="b" d="M 0 200 L 0 0" /><glyph unicode="c" d="M 0 0 C 1 1 2 2 3 3" /></font></defs></svg>"""


def prepared(
    folder: Path, *sources: Path, shares: tuple[float, float] = (0.3, 0.0), longest: int = 99
) -> PreparedLines:
    names = [str(source) for source in sources]
    return prepare_lines(names, Preparing(0, 0, 20, 0), COMPOSING, shares, longest, folder / "cache")


def ink(folder: Path, lines: list[dict[str, Any]], name: str = "lines.jsonl") -> Path:
    (folder / name).write_text("\n".join(map(json.dumps, lines)) + "\n")
    return folder / name


def line(text: str, writer: str, length: float) -> dict[str, Any]:
    return {"text": text, "writer": writer, "strokes": [[[0, 0], [length, 0]]]}


def omniglot(folder: Path) -> Path:
    """Two drawers, one of whom lacks a letter, and another alphabet."""
    path = folder / "letters.zip"
    drawing = "START\n10,-20,0\n10,-40,50\n30,-40,90\nBREAK\n20,-30,150\n20,-31,160\nBREAK\n"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(1, 27):
            for drawer in (1, 2, 3):
                if (number, drawer) != (26, 3):
                    archive.writestr(f"x/Latin/character{number:02d}/{600 + number:04d}_{drawer:02d}.txt", drawing)
        archive.writestr("x/Greek/character01/0001_01.txt", drawing)
        archive.writestr("__MACOSX/x/Latin/character01/0601_09.txt", "no ink")
        archive.writestr("x/readme.txt", "no ink either")
    return path


def test_a_letter_of_every_writer_has_a_hundred_of_ink_on_average(tmp_path: Path) -> None:
    lines = [line("ab", writer, size * factor) for writer, size in (("one", 8), ("two", 800)) for factor in (0.9, 1.1)]
    found = prepared(tmp_path, ink(tmp_path, lines))
    lengths = [
        float(found.rows[start:end, 0].sum())
        for start, end in ((0, found.ends[0]), *zip(found.ends, found.ends[1:], strict=False))
    ]
    assert lengths == pytest.approx([180, 220, 180, 220], rel=1e-5)
    assert found.codec.points_per_letter == pytest.approx(5)
    assert found.codec.alphabet == "ab"
    assert found.text(0).tolist() == [0, 1, 2]


def test_no_hand_is_in_two_parts_and_each_part_has_one(tmp_path: Path) -> None:
    lines = [line("ab", f"hand {number % 9}", 10 + number) for number in range(63)]
    found = prepared(tmp_path, ink(tmp_path, lines), shares=(0.2, 0.1))
    by_part = [set(found.writers[found.numbers(part)].tolist()) for part in ("training", "validation", "held_out")]
    assert [len(hands) for hands in by_part] == [6, 1, 2]
    assert len(set.union(*by_part)) == 9


def test_what_does_not_fit_is_left_out_and_counted(tmp_path: Path) -> None:
    lines = [line("ab", f"hand {n % 3}", 20.0) for n in range(9)]
    lines += [line("ab", "hand 1", 200.0), line("", "hand 1", 20.0), line("a\nb", "hand 1", 20.0)]
    lines += [line("ab" * 30, "hand 2", 600.0)]
    found = prepared(tmp_path, ink(tmp_path, lines), longest=50)
    assert found.facts["left_out"] == {
        "without a text": 1,
        "of several lines in one": 1,
        "whose ink and text disagree": 1,
        "with more than 50 points": 1,
    }
    assert len(found.ends) == 9


def test_a_held_out_line_of_other_letters_is_left_out(tmp_path: Path) -> None:
    found = prepared(tmp_path, ink(tmp_path, [line("ab", f"hand {n % 3}", 20.0) for n in range(9)]))
    held_out = line("ac", "another", 20.0)
    with pytest.raises(DataError, match="has no line to score: 1 with letters that the training part does not have"):
        lines_with(found.codec, [str(ink(tmp_path, [held_out], "c.jsonl"))], COMPOSING, tmp_path)
    other = lines_with(
        found.codec, [str(ink(tmp_path, [held_out, line("b", "z", 9.0)], "d.jsonl"))], COMPOSING, tmp_path
    )
    assert (len(other.ends), other.text(0).tolist()) == (1, [1, 2])


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([line("ab", "only", 20.0)] * 3, "there is 1 writer, too few to keep some from training"),
        ([line("", "only", 20.0)] * 3, "there is no line of handwriting with its text to learn from: 3 without a text"),
        ([{"strokes": [], "text": "ab"}], "to learn from: 1 without a point"),
    ],
)
def test_lines_that_teach_nothing_are_refused(tmp_path: Path, lines: list[Any], said: str) -> None:
    with pytest.raises(StatewiseError, match=said):
        prepared(tmp_path, ink(tmp_path, lines))


def test_a_picture_of_pixels_and_an_unknown_corpus_are_refused(tmp_path: Path) -> None:
    (tmp_path / "page.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(DataError, match="is a raster image"):
        prepared(tmp_path, tmp_path / "page.png")
    with pytest.raises(UsageError, match=r"nor a corpus \(synthetic-handwriting\)"):
        prepared(tmp_path, Path("nothing"))


def test_letters_of_one_drawer_are_laid_out_to_lines(tmp_path: Path) -> None:
    left_out = Counter[str]()
    hands = hands_of(letters_in_zip(omniglot(tmp_path)), left_out)
    assert [hand.writer for hand in hands] == ["drawer 01", "drawer 02"]
    assert left_out == {
        "letters of an alphabet that is not Latin": 1,
        "letters of a drawer without the whole alphabet": 25,
    }
    heights = {letter: np.concatenate(hands[0].letters[letter].strokes)[:, 1] for letter in LATIN}
    spans = {letter: (float(ys.min()), float(ys.max())) for letter, ys in heights.items()}
    assert [spans[letter] for letter in "abg"] == [pytest.approx(span) for span in ((-1, 0), (-1.8, 0), (-1, 0.8))]
    found = prepared(tmp_path, tmp_path / "letters.zip")
    unknown = found.facts["left_out"].get("with letters that the training part does not have", 0)
    assert len(found.ends) + unknown == 14
    assert set(found.codec.alphabet) <= set(LATIN + " ")
    with zipfile.ZipFile(tmp_path / "letters.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    again = prepared(tmp_path, tmp_path / "unpacked" / "x" / "Latin")
    assert again.rows.tolist() == found.rows.tolist()


def test_damaged_letters_are_named(tmp_path: Path) -> None:
    for content, said in ((b"BREAK", "does not begin with START"), (b"START\nx", "has the line 'x'")):
        with pytest.raises(DataError, match=said):
            read_letter(content, "0001_01.txt")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    with pytest.raises(DataError, match="holds no letters"):
        list(letters_in_zip(tmp_path / "empty.zip"))


def test_a_font_of_lines_makes_synthetic_writers_that_differ_and_repeat(tmp_path: Path) -> None:
    (tmp_path / "Plain.svg").write_text(FONT)
    letters = letters_of_font(tmp_path / "Plain.svg")
    assert set(letters) == {"a", "b"}  # c is a curve
    assert [stroke.tolist() for stroke in letters["a"].strokes] == [
        [[0, 0], [0.5, -1], [1, 0]],
        [[0.2, -0.4], [0.8, -0.4]],
    ]
    assert (letters["a"].width, letters["b"].width) == (1.2, 3.0)
    one, other = synthetic_hands(tmp_path / "Plain.svg", 2, seed=3)
    assert (one.writer, other.writer) == ("Plain 1", "Plain 2")
    assert one.slant != other.slant
    again = next(iter(synthetic_hands(tmp_path / "Plain.svg", 1, seed=3)))
    wrote, same = (np.concatenate(hand.written("ab", np.random.default_rng(5))) for hand in (one, again))
    assert wrote.tolist() == same.tolist()
    files = [tmp_path / "Plain.svg"]
    texts = [found.text for found in read_lines(files, COMPOSING, Counter())]
    assert len(texts) == 14
    assert max(map(len, texts)) <= 9
    for wrong, said in (
        (FONT.replace('x-height="100"', 'x-height="0"'), "letters are 0 high"),
        (FONT.replace("L", "Q"), "has no letter"),
    ):
        (tmp_path / "Wrong.svg").write_text(wrong)
        with pytest.raises(DataError, match=said):
            letters_of_font(tmp_path / "Wrong.svg")


def test_a_hand_without_variation_writes_its_letters_as_they_are() -> None:
    bar = Glyph((np.array([[0.0, 0.0], [0.0, -1.0]]),), 0.5)
    hand = Hand("bars", {"l": bar}, varies=0.0, gap=0.25, slant=0.5, wide=2.0)
    strokes = hand.written("ll", np.random.default_rng(0))
    assert [stroke.tolist() for stroke in strokes] == [[[0, 0], [0.5, -1]], [[1.5, 0], [2.0, -1]]]
    assert ink_of(strokes) == pytest.approx(2 * np.hypot(0.5, 1))


def test_every_letter_is_met_in_words_and_apart_from_them() -> None:
    texts = " ".join(texts_of(LATIN, 200, 20, np.random.default_rng(0)))
    assert set(texts) == set(LATIN + " ")
    assert len(set(texts.split()) & set(WORDS)) > 50
    assert len(set(texts.split()) - set(WORDS)) > 50


def test_a_codec_of_something_else_is_refused() -> None:
    codec = LinesCodec(Preparing(0, 0, 7, 0), 2.0, 300, " ab", 12.0, 20)
    assert LinesCodec.read(json.loads(json.dumps(codec.as_json()))) == codec
    wrongs: list[Any] = [{}, {**codec.as_json(), "alphabet": "aa"}, {**codec.as_json(), "longest": -1}, []]
    for wrong in wrongs:
        with pytest.raises(DataError, match=r"codec.json is none of handwriting"):
            LinesCodec.read(wrong)


def test_letters_of_a_drawer_are_varied_as_much_as_is_asked(tmp_path: Path) -> None:
    files = [omniglot(tmp_path)]
    still, other = (
        next(read_lines(files, COMPOSING._replace(varies=0.0, trembles=trembles), Counter())) for trembles in (0.0, 0.1)
    )
    assert still.text == other.text
    heights = {round(float(np.ptp(stroke[:, 1])), 6) for stroke in still.strokes}
    assert len(heights) <= 2 * len(set(still.text.replace(" ", "")))
    assert all(
        len(moved) > len(stroke) for moved, stroke in zip(other.strokes, still.strokes, strict=True) if len(stroke) > 2
    )
