"""What a drawing model answers: endings of a drawing, drawings like it, those between two, how usual one is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from statewise.bounds import check_whole, shown
from statewise.data.naming import path_of
from statewise.data.strokes import Drawing, offsets_of, read_one, strokes_of
from statewise.data.strokes.drawing import Floats, drawing_of
from statewise.data.strokes.drawing_pictures import DrawingPanel, in_characters, png_of, svg_of
from statewise.data.strokes.json_lines import LONGEST_LINE
from statewise.data.strokes.prepared import Rows, StrokeCodec
from statewise.data.window import Padded
from statewise.errors import DataError, UsageError
from statewise.heads.head import check_temperature
from statewise.model import Model, evaluating
from statewise.plain.strict_json import read_json
from statewise.run.files import saving, write_whole
from statewise.shown import counted
from statewise.task import Answer
from statewise.tasks.sketch.data import as_steps
from statewise.tasks.sketch.drawing_on import Ending, between, draw, nats_of
from statewise.tasks.sketch.opener import Given, Opener

MOST = 1000
END = ((0.0, 0.0, 0.0, 0.0, 1.0),)


@dataclass(frozen=True)
class StartedDrawing:
    """A user's drawing on its own paper: as it is, as rows that the model reads, and how the one becomes the other."""

    drawing: Drawing | None
    rows: Rows
    factor: float
    start: tuple[float, float]

    @property
    def end(self) -> Floats:
        """Where the pen is, on the user's paper."""
        moved: Floats = self.rows[:, :2].astype(np.float64).sum(axis=0) / self.factor
        return np.asarray(self.start, np.float64) + moved

    def strokes(self, rows: Rows, *, continued: bool) -> list[Floats]:
        """Return rows as strokes on the user's paper, from the start or, with `continued`, after what was drawn."""
        moves = rows.astype(np.float64)
        moves[:, :2] /= self.factor
        is_lifted = continued and len(self.rows) > 0 and self.rows[-1, 2] > 0
        start = self.end.tolist() if continued else self.start
        return strokes_of(moves, start, lifted=is_lifted)


@dataclass(frozen=True)
class Drawn:
    """One answer: strokes that were given and drawn, on the user's paper, and how likely the model finds them.

    `nats` are of all points that were drawn or scored, the end among them; None where nothing was.
    """

    title: str
    given: Sequence[Floats]
    strokes: Sequence[Floats]
    nats: float
    points: int
    has_ended: bool = True
    by_point: Sequence[float] = field(default=())

    @property
    def nats_per_point(self) -> float:
        """How surprising a point is on average."""
        return self.nats / max(1, self.points)

    def __str__(self) -> str:
        cut = "" if self.has_ended else ", cut at the limit"
        words = f"{self.title}: {counted(self.points, 'point')}, {self.nats_per_point:.3f} nats a point{cut}"
        return f"{words}\n{in_characters([*self.given, *self.strokes])}\n"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values; strokes are lists of points on the user's paper."""
        lines = [np.round(stroke, 4).tolist() for stroke in self.strokes]
        told = {"title": self.title, "strokes": lines, "nats": self.nats, "points": self.points}
        told |= {"nats_per_point": self.nats_per_point, "has_ended": self.has_ended}
        return {**told, "by_point": list(self.by_point)} if self.by_point else told

    @property
    def panel(self) -> DrawingPanel:
        """It as one picture of several."""
        return DrawingPanel(self.given, self.strokes, f"{self.title}: {self.nats_per_point:.2f} nats a point")


@dataclass(frozen=True)
class Artist:
    """A model with all that is asked of every answer."""

    model: Model[Any]
    codec: StrokeCodec
    temperature: float
    label: str | None
    generator: torch.Generator

    @classmethod
    def of(
        cls,
        model: Model[Any],
        codec: StrokeCodec,
        temperature: float,
        label: str | None,
        seed: int,
        *,
        guesses: bool = False,
    ) -> "Artist":
        """Return it once the settings were found to be usable. Raises `UsageError` where one is not.

        An artist that `guesses` needs no label yet.
        """
        check_temperature(temperature)
        check_whole("--seed", seed, 0, 2**63 - 1)
        opener = model.reader
        takes_class = isinstance(opener, Opener) and opener.labels is not None
        if label is not None and not takes_class:
            raise UsageError(f"this run draws without a class: leave out {label!r}, or train one with --by-class")
        if isinstance(opener, Opener) and takes_class and label is None and opener.untold is None and not guesses:
            raise UsageError(f"this run draws by class: give --class, one of {shown_classes(codec.classes)}")
        if label is not None:
            codec.class_number(label)
        return cls(model, codec, temperature, label, torch.Generator().manual_seed(seed))

    @property
    def latent(self) -> int:
        """How many latent numbers a drawing begins from; 0 is none."""
        opener = self.model.reader
        return opener.latent.latent if isinstance(opener, Opener) and opener.latent is not None else 0

    def context(self, z: torch.Tensor | None, rows: int) -> Given | None:
        """Return what so many drawings begin from: their latent numbers, drawn where none are given, and the class."""
        if self.model.reader is None:
            return None
        opener = self.model.reader
        untold = opener.untold if isinstance(opener, Opener) else None
        number = untold if self.label is None else self.codec.class_number(self.label)
        label = None if number is None else torch.full((rows,), number)
        if z is None and self.latent:
            z = self.latents(rows)
        return Given(None, label, z)

    def latents(self, rows: int) -> torch.Tensor:
        """Draw latent numbers `[rows, Z]`, of which the first, and their ink, do not hang on how many follow."""
        own = torch.Generator().manual_seed(int(torch.randint(2**62, (1,), generator=self.generator)))
        return torch.stack([torch.randn(self.latent, generator=own) for _ in range(rows)])

    def believed(self, sheet: StartedDrawing) -> Any:
        """Return what the reader makes of a drawing. Raises `UsageError` where the model has none."""
        opener = self.model.reader
        if not isinstance(opener, Opener) or opener.latent is None:
            raise UsageError("this run has no latent numbers to read a drawing to: train one with --latent 128")
        steps = torch.cat([as_steps(sheet.rows), torch.tensor(END)])
        with evaluating(self.model), torch.no_grad():
            return opener.latent.believe(Padded.of([steps.to(next(opener.parameters()))]))

    def drawn(self, sheet: StartedDrawing, count: int, context: Given | None, *, continued: bool) -> list[Ending]:
        """Return drawings, or with `continued` endings of what was drawn."""
        rows = sheet.rows if continued else sheet.rows[:0]
        most = self.codec.longest - len(rows)
        return draw(self.model, rows, count, context, most=most, temperature=self.temperature, generator=self.generator)

    def told(
        self, sheet: StartedDrawing, titles: Sequence[str], endings: Sequence[Ending], *, continued: bool
    ) -> Iterator[Drawn]:
        """Yield endings as answers on the user's paper."""
        given = sheet.drawing.strokes if continued and sheet.drawing is not None else ()
        for title, ending in zip(titles, endings, strict=True):
            strokes = sheet.strokes(ending.rows, continued=continued)
            yield Drawn(title, given, strokes, ending.nats, ending.places, ending.has_ended)


def sheet_of(given: Any, codec: StrokeCodec, side: float | None, *, pen_down: bool = False) -> StartedDrawing:
    """Return a drawing, given as a file, as strokes, or as a `Drawing`, as the model reads it.

    Raises `DataError` for what is none, `UsageError` for one of more points than the model was trained on.
    """
    if side is not None and not 0 < side < 1e9:
        raise UsageError(f"side {side:g} is not a length: give how large the whole drawing will be")
    drawing = _drawing(given)
    rows = offsets_of(codec.preparing.strokes(drawing.strokes, side))
    if len(rows) > codec.longest:
        raise UsageError(
            f"the drawing has {len(rows):,} points once it is simplified, and this run was trained on drawings of at "
            f"most {codec.longest:,}: give fewer strokes"
        )
    factor = codec.preparing.factor(drawing, side) / codec.scale
    rows[:, :2] /= codec.scale
    if pen_down and len(rows):
        rows[-1, 2] = 0
    return StartedDrawing(drawing, rows, factor, (float(drawing.strokes[0][0, 0]), float(drawing.strokes[0][0, 1])))


def blank(codec: StrokeCodec) -> StartedDrawing:
    """Return paper with nothing on it, in the units in which drawings were made ready."""
    return StartedDrawing(None, np.zeros((0, 3), np.float32), 1 / codec.scale, (0.0, 0.0))


def strokes_of_json(text: str) -> Any:
    """Return strokes that are written as JSON. Raises `UsageError` where they are none."""
    try:
        return read_json(text[: LONGEST_LINE + 1].encode())  # what is cut is not JSON
    except ValueError as error:
        raise UsageError(f"the strokes {shown(text)} are not JSON ({error}): give [[[x, y], ...], ...]") from None


def _drawing(given: Any) -> Drawing:
    if isinstance(given, Drawing):
        drawing = given
    elif isinstance(given, str | Path):
        path = path_of(given)
        if not path.exists():
            raise UsageError(f"there is no file {given}: give a drawing, as an SVG")
        drawing = read_one(path)
    else:
        drawing = drawing_of(given, "the drawing")
    if not drawing.points:
        raise DataError("the drawing has no point: draw a line, or leave it out to have one drawn from nothing")
    return drawing


def endings(artist: Artist, sheet: StartedDrawing, count: int) -> Iterator[Drawn]:
    """Yield ways in which a drawing goes on, or drawings from nothing."""
    check_whole("--endings", count, 1, MOST)
    context = artist.context(None, count)
    continued = sheet.drawing is not None
    of = f" of {artist.label}" if artist.label is not None else ""
    titles = [f"{'ending' if continued else 'drawing'} {number}{of}" for number in range(1, count + 1)]
    return artist.told(sheet, titles, artist.drawn(sheet, count, context, continued=continued), continued=continued)


def variations(artist: Artist, sheet: StartedDrawing, count: int) -> Iterator[Drawn]:
    """Yield drawings like one, from latent numbers drawn from what the reader makes of it; none is their mean."""
    belief = artist.believed(sheet)
    check_whole("--vary", count, 0, MOST)
    rows = max(1, count)
    noise = artist.latents(rows) if count else torch.zeros(1, artist.latent)
    context = artist.context(belief.drawn(noise.to(belief.mean)), rows)
    titles = [f"variation {number}" for number in range(1, count + 1)] or ["reconstruction"]
    return artist.told(sheet, titles, artist.drawn(sheet, rows, context, continued=False), continued=False)


def interpolation(artist: Artist, sheets: Sequence[StartedDrawing], count: int) -> Iterator[Drawn]:
    """Yield drawings from one to another through the latent numbers, on the paper of the first."""
    if len(sheets) != 2:
        raise UsageError(
            f"--interpolate leads from one drawing to another, and {counted(len(sheets), 'drawing')} came: give two"
        )
    check_whole("--count", count, 2, MOST)
    one, other = (artist.believed(sheet).mean[0] for sheet in sheets)
    context = artist.context(between(one, other, count), count)
    titles = [f"step {number}" for number in range(1, count + 1)]
    drawn = artist.drawn(sheets[0], count, context, continued=False)
    return artist.told(sheets[0], titles, drawn, continued=False)


def scores(artist: Artist, names: Sequence[str], sheets: Sequence[StartedDrawing]) -> Iterator[Drawn]:
    """Yield how usual each drawing is: what each point of it costs, and what its latent numbers do."""
    for name, sheet in zip(names, sheets, strict=True):
        context, more = artist.context(None, 1), 0.0
        if artist.latent:
            belief = artist.believed(sheet)
            context = artist.context(belief.mean, 1)
            more = artist.latent * float(belief.divergence)
        nats = nats_of(artist.model, sheet.rows, context)
        given = sheet.drawing.strokes if sheet.drawing is not None else ()
        yield Drawn(name, given, (), float(nats.sum()) + more, len(nats), by_point=nats.tolist())


def shown_classes(classes: Sequence[str]) -> str:
    """Return the names of classes, the first few where there are many."""
    few = ", ".join(classes[:10])
    return few if len(classes) <= 10 else f"{few} and {len(classes) - 10} more"


def answer_of(found: Sequence[Drawn], *, picture: str | None, animated: bool) -> Answer:
    """Return answers to be shown, and draw them to a file where asked. Raises `UsageError` for another kind of file."""
    notices = []
    if animated and (picture is None or not picture.endswith(".svg")):
        raise UsageError("only an SVG draws itself: give --picture NAME.svg")
    if picture is not None:
        panels = [drawn.panel for drawn in found]
        if picture.endswith(".svg"):
            content = svg_of(panels, animated=animated).encode()
        elif picture.endswith(".png"):
            content = png_of(panels)
        else:
            raise UsageError(f"{picture} is neither .svg nor .png: name the picture so")
        with saving(picture, "give another place"):
            write_whole(Path(picture), content)
        notices.append(f"{picture} shows {len(found)}")
    return Answer(
        (f"{drawn}\n" for drawn in found),
        lambda: {"answer": [drawn.as_json() for drawn in found]},
        end="",
        notices=notices,
    )
