"""A writing network foresees hands that it never saw beyond simple movements, is read, ends, and takes on a style.

    python proofs/handwriting.py [synthetic] [drawers] [--letters PATH] [--keep FOLDER]

It trains recipes/handwriting.yaml on two sources: `synthetic`, writers made from single-stroke fonts, and `drawers`,
words laid out from letters that people drew with a pen (Omniglot; PATH is its strokes_background_small1.zip). Four of
ten writers are kept from it. Readers of letters and of hands are trained on those four alone, so what the network
writes, in the hands of the other six, and the real ink of these are both new to the readers. With --keep the trained
runs are kept in a folder, and those that are there are used.
"""

import argparse
import json
import math
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from handwriting_page import PAGE, written
from handwriting_reader import Found, Ink, hand_reader, hands_read, judged, letter_reader, read_letters
from outcomes import RESULTS, prove_parts
from trained_runs import outcome_of, trained

import statewise
from statewise.data.strokes.lines_codec import LETTER_INK
from statewise.data.strokes.offsets import strokes_of
from statewise.data.strokes.prepared import Rows
from statewise.data.strokes.texts_to_write import WORDS
from statewise.run.config import build, read_yaml
from statewise.tasks.handwriting.answers import NOTHING, Scribe, Written, put, sheet_of
from statewise.tasks.handwriting.data import HandwritingData
from statewise.tasks.handwriting.style import Style
from statewise.tasks.handwriting.task import Handwriting
from statewise.tasks.handwriting.window_picture import window_picture
from statewise.tasks.handwriting.writing_on import Wrote, write

HERE = Path(__file__).parent
RECIPE = HERE.parent / "recipes" / "handwriting.yaml"
PICTURES = HERE.parent / "docs" / "pictures"
KEPT, WRITERS, LINES = 0.4, 12, 200
"Share of the writers kept for the readers; synthetic writers of a font; lines of a drawer."
OF_FEW: dict[str, Any] = {"hidden_size": 160, "learning_rate": 0.005, "updates": 3000}
"A dozen drawers are learned by heart soon."
READER_UPDATES, HAND_UPDATES = 2500, 600
BIASES = (0.0, 0.15, 0.5, 1.0)
SENTENCES, SENTENCE_WORDS, ENDINGS = 50, 6, 100
STYLES, STYLE_TEXTS = 6, 10
Z95 = 1.959964
SHOWN = "the quick brown fox jumps over a lazy dog"


def synthetic() -> dict[str, Any]:
    """Prove it on synthetic writers."""
    return _prove(replace(build(Handwriting, read_yaml(RECIPE)), writers=WRITERS), "handwriting_synthetic")


def drawers() -> dict[str, Any]:
    """Prove it on words laid out from letters that people drew."""
    if LETTERS is None:
        print("drawers: give --letters PATH, Omniglot's strokes_background_small1.zip; left out")
        return {"claim": "left out: no letters were given"}
    task = replace(build(Handwriting, read_yaml(RECIPE)), source=LETTERS, lines=LINES, **OF_FEW)
    return _prove(task, "handwriting")


def _prove(task: Handwriting, picture: str) -> dict[str, Any]:
    task = replace(task, held_out=KEPT, validation=0.0)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(KEEP or temporary, picture)
        report = trained(task, folder / "run")
        data = task.prepare(folder / ".data")
        model = statewise.load(folder / "run").model
    found_of_the_run = outcome_of(report)
    print(json.dumps(found_of_the_run, indent=1))
    reader = _reader_of(data)
    found = {
        "claim": "beyond every simple method, by an interval over lines",
        **found_of_the_run,
        "real_ink": _read_real(reader, data),
        "written_ink": {f"{bias:g}": _read_written(reader, model, data, bias) for bias in BIASES},
        "ends": _ends(reader, model, data),
        "styles": _styles(model, data),
    }
    for name in ("real_ink", "written_ink", "ends", "styles"):
        print(name, found[name])
    _draw(model, data, picture)
    return found


def _reader_of(data: HandwritingData) -> Ink:
    numbers = data.drawings.numbers("held_out")
    ink, texts = zip(*(_line(data, int(number)) for number in numbers), strict=True)
    return letter_reader(ink, texts, len(data.codec.alphabet), READER_UPDATES)


def _line(data: HandwritingData, number: int) -> tuple[Rows, np.ndarray[Any, Any]]:
    return data.drawings.offsets(number), data.drawings.text(number)[:-1]


def _read_real(reader: Ink, data: HandwritingData) -> dict[str, Any]:
    """Return how well the reader reads real ink of the writers whose hands the network has learned."""
    numbers = data.drawings.numbers("training")
    chosen = np.random.default_rng(0).choice(numbers, min(300, len(numbers)), replace=False)
    ink, texts = zip(*(_line(data, int(number)) for number in chosen), strict=True)
    return _judge(reader, data, ink, texts)[0]


def _judge(
    reader: Ink, data: HandwritingData, ink: Sequence[Rows], texts: Sequence[Any]
) -> tuple[dict[str, Any], list[Found]]:
    """Return the share of letters read wrong with a 95 % interval over lines, and what each line has."""
    alphabet = data.codec.alphabet
    space = alphabet.index(" ") if " " in alphabet else None
    found = [judged([*text], read, space) for text, read in zip(texts, read_letters(reader, ink), strict=True)]
    wrong, letters = (np.array([getattr(one, name) for one in found], float) for name in ("wrong", "letters"))
    rate = wrong.sum() / letters.sum()
    half = Z95 * math.sqrt(float(((wrong - rate * letters) ** 2).sum())) / letters.sum()
    told = {
        "letters_wrong": float(rate),
        "interval": [float(rate - half), float(rate + half)],
        "lines": len(found),
        "words_there": statistics.fmean(one.words for one in found),
        "lines_with_nothing_after": sum(one.after == 0 for one in found),
    }
    return told, found


def _sentences(data: HandwritingData, count: int) -> list[list[str]]:
    """Return sentences of common words, each as lines of as many letters as the network has learned."""
    draw = np.random.default_rng(7)
    known = [word for word in WORDS if set(word) <= set(data.codec.alphabet)]
    found = []
    for _ in range(count):
        lines = [""]
        for word in draw.choice(known, SENTENCE_WORDS).tolist():
            if lines[-1] and len(lines[-1]) + 1 + len(word) > data.codec.longest_text:
                lines.append("")
            lines[-1] += f" {word}" if lines[-1] else word
        found.append(lines)
    return found


def _write(
    model: Any, data: HandwritingData, texts: Sequence[str], bias: float, seed: int, style: Style | None = None
) -> list[Wrote]:
    before = "" if style is None else f"{style.text} "
    return write(
        model,
        [data.codec.encode(before + text) for text in texts],
        NOTHING if style is None else style.rows(data.codec),
        len(before),
        points_per_letter=data.codec.points_per_letter,
        bias=bias,
        temperature=1.0,
        generator=torch.Generator().manual_seed(seed),
    )


def _read_written(reader: Ink, model: Any, data: HandwritingData, bias: float) -> dict[str, Any]:
    """Return how well the reader reads what the network wrote, and how many sentences have every word."""
    sentences = _sentences(data, SENTENCES)
    texts = [line for lines in sentences for line in lines]
    ink = [_some(one.rows) for one in _write(model, data, texts, bias, seed=3)]
    told, found = _judge(reader, data, ink, [data.codec.encode(text)[:-1] for text in texts])
    whole = iter(found)
    complete = [[next(whole).words == 1 for _ in lines] for lines in sentences]
    return {**told, "sentences": SENTENCES, "sentences_with_every_word": sum(map(all, complete))}


def _some(rows: Rows) -> Rows:
    return rows if len(rows) else np.zeros((1, 3), np.float32)


def _ends(reader: Ink, model: Any, data: HandwritingData) -> dict[str, Any]:
    """Count the texts that the window ended, and after whose last letter the reader reads nothing more."""
    texts = [line for lines in _sentences(data, ENDINGS) for line in lines][:ENDINGS]
    wrote = _write(model, data, texts, 0.5, seed=5)
    ink, codes = [_some(one.rows) for one in wrote], [data.codec.encode(text)[:-1] for text in texts]
    after = _judge(reader, data, ink, codes)[0]["lines_with_nothing_after"]
    return {"texts": len(texts), "ended_by_the_window": sum(one.has_ended for one in wrote), "nothing_after": after}


def _styles(model: Any, data: HandwritingData) -> dict[str, Any]:
    """Say how often a text in the style of a hand that the network never saw is taken for that hand."""
    numbers = data.drawings.numbers("held_out")
    hands = sorted(set(data.drawings.writers[numbers].tolist()))[:STYLES]
    own = {hand: [int(n) for n in numbers if data.drawings.writers[n] == hand] for hand in hands}
    ink = [data.drawings.offsets(n) for hand in hands for n in own[hand][1:]]
    labels = [number for number, hand in enumerate(hands) for _ in own[hand][1:]]
    reader = hand_reader(ink, labels, len(hands), HAND_UPDATES)
    texts = [lines[0] for lines in _sentences(data, STYLE_TEXTS)]
    right = total = 0
    for number, hand in enumerate(hands):
        wrote = _write(model, data, texts, 0.5, seed=11, style=_style(data, own[hand][0]))
        read = hands_read(reader, [_some(one.rows[1:]) for one in wrote])  # without the move from the style
        right, total = right + sum(one == number for one in read), total + len(read)
    share, chance = right / total, 1 / len(hands)
    half = Z95 * math.sqrt(share * (1 - share) / total)
    return {"hands": len(hands), "texts": total, "taken_for_their_hand": share, "half_interval": half, "chance": chance}


def _style(data: HandwritingData, number: int) -> Style:
    rows = data.drawings.offsets(number).astype(np.float64)
    rows[:, :2] *= data.codec.scale
    text = "".join(data.codec.alphabet[letter] for letter in data.drawings.text(number)[:-1])
    return Style(tuple(strokes_of(rows)), text, LETTER_INK)


def _draw(model: Any, data: HandwritingData, name: str) -> None:
    """Draw the same words at four biases, and where the window was at the last."""
    writings: list[Written] = []
    for bias in BIASES:
        (written,) = Scribe.of(model, data.codec, bias, 1.0, 1).written(SHOWN, 1)
        writings.append(written)
    put(str(PICTURES / f"{name}.svg"), sheet_of(writings, None, 0, 0).svg().encode())
    put(str(PICTURES / f"{name}_window.png"), window_picture(writings[-1].lines[:1], "png"))


PARTS: dict[str, Callable[[], dict[str, Any]]] = {"synthetic": synthetic, "drawers": drawers}
LETTERS: str | None = None
KEEP: str | None = None

if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--letters")
    parser.add_argument("--keep")
    known, rest = parser.parse_known_args()
    LETTERS, KEEP, sys.argv[1:] = known.letters, known.keep, rest
    try:
        prove_parts(__doc__, "handwriting", PARTS)
    finally:
        results = json.loads((RESULTS / "handwriting.json").read_text())
        PAGE.write_text(written(PAGE.read_text(), results))
