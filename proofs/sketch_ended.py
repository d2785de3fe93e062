"""What people began to draw, ended by a network; and pictures of it with the nearest drawing that it learned from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from sketch_halves import Half, halved
from sketch_likeness import Known

from statewise.data.strokes import Drawing
from statewise.data.strokes.drawing_pictures import DrawingPanel, svg_of
from statewise.data.strokes.prepared import StrokeCodec
from statewise.model import Model
from statewise.tasks.sketch.answers import Artist, endings, sheet_of
from statewise.tasks.sketch.guessing import guessing

TEMPERATURE = 0.3
"Of 0.02, 0.1, 0.2, 0.3, 0.4 and 0.5 about the best on drawings kept for checks, none of them among those that count."
SHOWN, COLUMNS = 12, 6
How = Literal["told", "guessed", "untold"]


class Pen(NamedTuple):
    """A network that draws, and what turns strokes into its steps."""

    model: Model[Any]
    codec: StrokeCodec


class Begun(NamedTuple):
    """Drawings of people, their halves, their classes by name, and the number of the class of each."""

    whole: list[Drawing]
    halves: list[Half]
    classes: list[str]
    labels: np.ndarray[Any, Any]

    def number(self, drawing: Drawing) -> int:
        """Return the number of a drawing's class, -1 for one that is not among them."""
        return self.classes.index(drawing.label) if drawing.label in self.classes else -1


def begun_of(drawings: Sequence[Drawing], classes: list[str], part: str, most: int) -> Begun:
    """Return drawings of a part, at most so many of them, without choice."""
    kept = [one for one in drawings if one.part == part]
    chosen = np.random.default_rng(0).permutation(len(kept))[:most]
    whole = [kept[number] for number in sorted(chosen.tolist())]
    labels = np.array([classes.index(str(one.label)) for one in whole])
    return Begun(whole, [halved(one.strokes) for one in whole], classes, labels)


def ended(pen: Pen, begun: Begun, how: How, temperature: float = TEMPERATURE) -> list[list[np.ndarray[Any, Any]]]:
    """Return each drawing as the network ends it: told its class, guessing it, or without one; each by its own seed."""
    found = []
    for seed, (half, whole) in enumerate(zip(begun.halves, begun.whole, strict=True)):
        label = whole.label if how == "told" else None
        artist = Artist.of(pen.model, pen.codec, temperature, label, seed)
        sheet = sheet_of(Drawing(tuple(half.given)), pen.codec, half.side, pen_down=half.pen_down)
        (one,) = endings(guessing(artist, sheet) if how == "guessed" else artist, sheet, 1)
        found.append(half.ended([*one.strokes], pen_down=half.pen_down))
    return found


def pictured(begun: Begun, ways: Mapping[str, Sequence[Any]], learned: Sequence[Drawing], file: Path) -> None:
    """Draw some of them: the half and the network's ending, the real drawing, and the nearest that it learned from."""
    known = Known([one.strokes for one in learned])
    chosen = np.linspace(0, len(begun.whole) - 1, SHOWN).astype(int).tolist()
    rows = []
    for first in range(0, SHOWN, COLUMNS):
        some = chosen[first : first + COLUMNS]
        for way in ("network", "network_told_the_class", "real"):
            title = way.replace("_", " ")
            rows += [
                DrawingPanel(begun.halves[n].given, ways[way][n], f"{title}: {begun.whole[n].label}") for n in some
            ]
        near = [known.nearest(ways["network_told_the_class"][number]) for number in some]
        rows += [DrawingPanel(known.drawings[number], (), f"nearest learned: {like:.2f}") for number, like in near]
    file.parent.mkdir(exist_ok=True)
    file.write_text(svg_of(rows, columns=COLUMNS))
