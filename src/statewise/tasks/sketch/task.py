"""Sketch: learn to draw from drawings, stroke by stroke, and finish a drawing that a user began."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_doc import Doc
from annotated_types import Ge, Gt, Le, Lt

from statewise.data.source_forms import InMemory
from statewise.errors import UsageError
from statewise.inputs import OF_COMMANDS, Inputs
from statewise.task import Answer, Data, Live, Score, Scoring, Several, Sources, Task, stacked_core
from statewise.tasks.shared.sourced import Sourced, check_shares

if TYPE_CHECKING:
    from torch import Tensor

    from statewise.data.strokes.prepared import StrokeCodec
    from statewise.heads import Loss
    from statewise.model import Model
    from statewise.stream import Stream
    from statewise.tasks.sketch.answers import Drawn
    from statewise.tasks.sketch.data import SketchData

STEP = 5
"Numbers of a step: dx, dy, and whether the pen draws on, is lifted, or the drawing ends."
SHOWN, SHOWN_COLUMNS = 3, 22
WARM = 0.4


@dataclass(frozen=True, kw_only=True)
class Sketch(Sourced, Task):
    """Learn to draw from drawings, and finish what was begun (Sketch-RNN).

    >>> Sketch(source="cat.ndjson", latent=128).kl_weight
    0.5
    """

    name: ClassVar[str] = "sketch"
    title: ClassVar[str] = "Learn to draw, stroke by stroke, and finish what was begun"
    example: ClassVar[str] = "kanji"
    content: ClassVar[str] = "drawings"
    page: ClassVar[str] = "sketch"
    in_memory: ClassVar[InMemory] = InMemory(("records",), ("strokes",))

    source: Annotated[
        Sources, Doc("files or folders of drawings (QuickDraw, sketch-rnn .npz, SVG, JSON lines ...), or a corpus")
    ]
    only: Annotated[Several, Doc("learn these classes alone")] = ()
    by_class: Annotated[bool, Doc("tell the model the class of a drawing, so that it can be asked for one")] = False
    class_dropout: Annotated[
        float,
        Doc("share of drawings whose class is not told in training, so that it may be left out of a question too"),
        Ge(0),
        Lt(1),
    ] = 0.0
    latent: Annotated[
        int,
        Doc("how many latent numbers describe a drawing, from which it can be drawn again; 0 leaves them out"),
        Ge(0),
        Le(4096),
    ] = 0
    reader_size: Annotated[int, Doc("units of the reader in either direction"), Ge(1), Le(8192)] = 256
    kl_weight: Annotated[float, Doc("weight of the KL divergence of the latent numbers in the loss"), Ge(0)] = 0.5
    kl_tolerance: Annotated[float, Doc("mean divergence of a latent number up to which it does not count"), Ge(0)] = 0.2
    kl_first: Annotated[float, Doc("share of --kl-weight at the first update"), Ge(0), Le(1)] = 0.01
    kl_decay: Annotated[float, Doc("each update multiplies what is missing of --kl-weight by this"), Ge(0), Lt(1)] = (
        0.9995
    )
    components: Annotated[
        int, Doc("number of normal distributions in the mixture for the next movement"), Ge(1), Le(1000)
    ] = 20
    drawing_size: Annotated[
        float, Doc("the larger side of every drawing is made this long; 0 keeps sizes"), Ge(0), Le(1e6)
    ] = 255.0
    jitter: Annotated[float, Doc("points nearer than this to the last one are dropped"), Ge(0), Le(1e6)] = 2.0
    spacing: Annotated[
        float, Doc("distance between points along a line; 0 keeps them where they are"), Ge(0), Le(1e6)
    ] = 0.0
    epsilon: Annotated[
        float,
        Doc("simplify lines (Ramer-Douglas-Peucker) by at most this distance; 0 keeps all points"),
        Ge(0),
        Le(1e6),
    ] = 2.0
    held_out: Annotated[
        float, Doc("share of drawings kept from training, where the source has no such part"), Gt(0), Lt(1)
    ] = 0.1
    validation: Annotated[
        float, Doc("share of drawings kept for checks, where the source has no such part"), Ge(0), Lt(1)
    ] = 0.05
    stretch: Annotated[
        float, Doc("width and height of a drawing are varied by this share in training"), Ge(0), Lt(1)
    ] = 0.15
    lean: Annotated[float, Doc("lines lean to a side, or rise, by up to this share in training"), Ge(0), Lt(1)] = 0.0
    dropped_points: Annotated[float, Doc("share of points in the middle of strokes lost in training"), Ge(0), Lt(1)] = (
        0.1
    )
    dropout: Annotated[float, Doc("dropout of the cells' outputs"), Ge(0), Lt(1)] = 0.1
    recurrent_dropout: Annotated[
        float,
        Doc("dropout of what a step adds to a memory, of lstm, layer_norm_lstm and hyper_lstm (CandidateDropout)"),
        Ge(0),
        Lt(1),
    ] = 0.0

    cell: Annotated[str, Doc("cell, by name (see `statewise list cells`)")] = "lstm"
    batch_size: Annotated[int, Doc("drawings in a batch"), Ge(1), Le(65536)] = 64
    sequence_length: Annotated[
        int, Doc("most points of a drawing; longer ones are left out and counted"), Ge(1), Le(10_000)
    ] = 200
    learning_rate: Annotated[float, Doc("maximum learning rate"), Gt(0)] = 0.002

    @property
    def opens(self) -> bool:
        """Whether a drawing begins from something: from latent numbers, or its class."""
        return self.latent > 0 or self.by_class

    def prepare(self, cache: Path) -> "SketchData":
        """Read the drawings, simplify and split them; they are kept in `cache` by the hash of the contents."""
        from statewise.data.strokes import Preparing
        from statewise.data.strokes.prepared import Shares, prepare_drawings
        from statewise.tasks.sketch.data import SketchData

        check_shares(self.held_out, self.validation)
        preparing = Preparing(self.drawing_size, self.jitter, self.spacing, self.epsilon)
        shares = Shares(self.held_out, self.validation)
        only = (self.only,) if isinstance(self.only, str) else tuple(self.only)
        drawings = prepare_drawings(self.sources, preparing, shares, self.sequence_length, cache, only=only)
        if self.by_class and len(drawings.codec.classes) < 2:
            raise UsageError("--by-class tells classes apart, and these drawings have one: give more, or leave it out")
        if self.class_dropout and not self.by_class:
            raise UsageError("--class-dropout is of a run that is told classes: add --by-class, or leave it out")
        return SketchData(self, drawings, cache)

    def codec(self, written: Mapping[str, Any]) -> "StrokeCodec":
        """Return how strokes of a run become offsets."""
        from statewise.data.strokes.prepared import StrokeCodec

        return StrokeCodec.read(written)

    def model(self, codec: "StrokeCodec") -> "Model[Any]":
        """Return cells with a head for pens; with latent numbers or classes, a reader that they begin from."""
        from torch import nn

        from statewise.cells import Conditioned, Dropout, Fed
        from statewise.heads import Strokes
        from statewise.latent import Latent
        from statewise.model import Model
        from statewise.tasks.sketch.opener import Opener

        opener = None
        if self.opens:
            ahead, back = (stacked_core(self.cell, STEP, self.reader_size, 1) for _ in range(2))
            latent = Latent(ahead, back, self.latent) if self.latent else None
            classes = len(codec.classes) if self.by_class else 0
            opener = Opener(latent, classes, optional=self.class_dropout > 0)
        fed = opener.features if opener else 0
        lost = self.recurrent_dropout
        core = stacked_core(self.cell, STEP + fed, self.hidden_size, self.layers, candidate_dropout=lost)
        core = Fed(Conditioned(core, fed), fed) if fed else core
        core = Dropout(core, self.dropout) if self.dropout else core
        return Model(nn.Identity(), core, Strokes(self.hidden_size, self.components), opener)

    def weighed(self, name: str, term: "Tensor", update: int, fraction: float) -> "Tensor":
        """Return the divergence above its tolerance, its weight growing over the training; other terms as they are."""
        if name != "kl":
            return term
        share = 1 - (1 - self.kl_first) * self.kl_decay**update
        return self.kl_weight * share * term.clamp(min=self.kl_tolerance)

    def metrics(self, loss: "Loss") -> dict[str, float]:
        """Return the mean nats a point, and the divergence of latent numbers."""
        terms = {name: float(term.mean) for name, term in loss.terms.items()}
        return {"nats_per_point": float(loss.mean), **terms}

    def gauge(self, nats: float) -> str:
        """Return the mean loss of a point."""
        return f"{nats:.3f} nats a point"

    def size(self, facts: Mapping[str, Any]) -> str:
        """Say how many drawings of how many points there are to learn from."""
        from statewise.tasks.shared.parts_in_words import parts_in_words

        return parts_in_words(facts, lambda part: f"{facts[f'{part}_drawings']:,} drawings of {facts[part]:,} points")

    def score(self, model: "Model[Any]", data: Data) -> Scoring:  # type: ignore[override]  # it has no settings
        """Find how well each drawing of the held-out part is foreseen, its latent numbers counted in.

        Metrics:

        - `reconstruction_nats_per_point`, `reconstruction_nats_over_n_max`: the same without the divergence of the
          latent numbers; less is better
        - `kl`: mean divergence of a latent number from a standard normal, in nats
        """
        from statewise.tasks.sketch.data import SketchData
        from statewise.tasks.sketch.metrics import judge, measured

        assert isinstance(data, SketchData)
        windows: Any = data.windows("held_out")
        for done, found in judge(model, windows, self.latent):  # noqa: B007  # the last one is used
            yield done
        order = [place for batch in windows.batches.order(0) for place in batch]
        longest, both = data.codec.longest, found.nats + found.latent
        metrics = measured(both, found.places, longest)
        if self.latent:
            drawn = measured(found.nats, found.places, longest)
            metrics |= {f"reconstruction_{name}": drawn[name] for name in ("nats_per_point", "nats_over_n_max")}
            metrics["kl"] = float(found.latent.mean()) / self.latent
        return Score(metrics, metrics["nats_per_point"], details=(order, both, found.places))

    def remarks(self, score: Score, data: Data) -> Sequence[str]:
        """Say what the numbers are of, and whether the best baseline is beaten beyond doubt."""
        from statewise.tasks.sketch.data import SketchData
        from statewise.tasks.sketch.metrics import against_the_best

        assert isinstance(data, SketchData)
        said = [
            "Nats a point, in units of the spread of the offsets; the end of a drawing counts as a point. Over N_max: "
            f"a drawing's nats over the {data.codec.longest} points that it may have.",
        ]
        if self.latent:
            said.append(
                "With latent numbers the nats a point are a bound: those of the reconstruction and of the divergence, "
                f"{self.latent} times its mean over the numbers, which is `kl` and may rest at its tolerance."
            )
        said.append(against_the_best(score, data, "drawings"))
        return said

    def sample(self, model: "Model[Any]", codec: "StrokeCodec") -> str:
        """Return a few drawings from nothing, as characters: always from the same seed."""
        from statewise.tasks.sketch.answers import Artist, blank, endings
        from statewise.tasks.sketch.showing import side_by_side

        label = codec.classes[0] if self.by_class and not self.class_dropout else None
        drawn = endings(Artist.of(model, codec, WARM, label, self.seed), blank(codec), SHOWN)
        return side_by_side([one.strokes for one in drawn], SHOWN_COLUMNS)

    def stream(self, model: "Model[Any]", codec: "StrokeCodec") -> "Stream[Any]":
        """Return a stream that reads offsets `[dx, dy, lift]`; the first, of zeros, puts the pen down."""
        from statewise.stream import Stream
        from statewise.tasks.sketch.showing import step_of

        return Stream(model, encode=lambda x: step_of(x, codec))

    def inputs(self, codec: "StrokeCodec") -> Inputs:
        """Return what a step reads: an offset, and whether the pen is lifted after it."""
        from statewise.tasks.sketch.showing import step_of

        words = "an offset [dx, dy, lift], at first [0, 0, 0]"
        return Inputs(words, ("array",), [0, 0, 0], lambda x: step_of(x, codec))

    def known_names(self, codec: "StrokeCodec") -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Return the classes of drawings."""
        return {"classes": [{"class": name} for name in codec.classes]}

    def example_question(self, codec: "StrokeCodec") -> dict[str, Any]:
        """Ask for one drawing from nothing."""
        return {"endings": 1, **({"class_": codec.classes[0]} if self.by_class else {})}

    def predict(
        self,
        model: "Model[Any]",
        codec: "StrokeCodec",
        drawings: Annotated[
            Any, Doc("what was drawn so far, such as an SVG; if not given, the drawing begins empty"), OF_COMMANDS
        ] = (),
        *,
        endings: Annotated[int, Doc("how many endings to draw")] = 9,
        temperature: Annotated[
            float, Doc("sampling temperature: 0 draws the likeliest, 1 varies as the drawings do")
        ] = WARM,
        class_: Annotated[
            str | None, Doc("what to draw, for a run --by-class; with --class-dropout it may be left out")
        ] = None,
        guess: Annotated[bool, Doc("draw the class under which what was drawn so far is likeliest")] = False,
        strokes: Annotated[
            str | None, Doc("what was drawn so far, as JSON [[[x, y], ...], ...], not as a file")
        ] = None,
        side: Annotated[
            float | None,
            Doc("how large the whole drawing will be, in the units of the file; if not given, as large as it is"),
        ] = None,
        pen_down: Annotated[bool, Doc("go on with the last stroke instead of lifting the pen after it")] = False,
        reconstruct: Annotated[bool, Doc("draw it again from its latent numbers")] = False,
        vary: Annotated[int, Doc("draw so many drawings like it, from its latent numbers")] = 0,
        interpolate: Annotated[bool, Doc("draw from the first drawing to the second, through latent numbers")] = False,
        count: Annotated[int, Doc("how many drawings --interpolate draws, both ends among them")] = 8,
        score: Annotated[bool, Doc("say how usual each drawing is, in nats a point")] = False,
        seed: Annotated[int, Doc("the same seed draws the same")] = 0,
    ) -> "Iterator[Drawn]":
        """Yield endings of a drawing with how likely they are; or draw it again, vary it, lead it to another, score it.

        From Python a drawing is a path, a `Drawing`, or a list of strokes `[[x, y], ...]`; several are a tuple.
        Raises `UsageError` for what contradicts, a class that is not there, and what this run was not trained for.
        """
        from statewise.tasks.sketch import answers
        from statewise.tasks.sketch.guessing import guessing

        given = drawings if isinstance(drawings, tuple) else (drawings,)
        if strokes is not None:
            if given:
                raise UsageError("a drawing was given and strokes as well: give one of them")
            given = (answers.strokes_of_json(strokes),)
        asked = {"reconstruct": reconstruct, "vary": vary > 0, "interpolate": interpolate, "score": score}
        named = [name for name, is_asked in asked.items() if is_asked]
        if len(named) > 1:
            raise UsageError(f"{' and '.join(named)} contradict each other: ask for one")
        if named and not given:
            raise UsageError(f"{named[0]} is of a drawing: give one, such as an SVG")
        if len(given) > 1 and not (interpolate or score):
            raise UsageError(f"{len(given)} drawings were given: give one, or ask for --interpolate or --score")
        if guess and (class_ is not None or named):
            raise UsageError("--guess is of endings whose class is not given: leave out what contradicts it")
        artist = answers.Artist.of(model, codec, temperature, class_, seed, guesses=guess)
        sheets = [answers.sheet_of(one, codec, side, pen_down=pen_down) for one in given] or [answers.blank(codec)]
        if score:
            return answers.scores(artist, [_name_of(one, number) for number, one in enumerate(given, 1)], sheets)
        if interpolate:
            return answers.interpolation(artist, sheets, count)
        if reconstruct or vary:
            return answers.variations(artist, sheets[0], vary)
        return answers.endings(guessing(artist, sheets[0]) if guess else artist, sheets[0], endings)

    def answer(
        self,
        model: "Model[Any]",
        codec: "StrokeCodec",
        drawings: Annotated[
            tuple[str, ...], Doc("what was drawn so far, such as an SVG; if not given, the drawing begins empty")
        ] = (),
        *,
        picture: Annotated[str | None, Doc("also draw them to this file, as .svg or .png")] = None,
        animated: Annotated[bool, Doc("let the SVG draw itself")] = False,
        **how: Any,
    ) -> Answer:
        """Return endings as characters with their likelihoods, and draw them to a file where asked."""
        from statewise.tasks.sketch.answers import answer_of

        return answer_of(list(self.predict(model, codec, tuple(drawings), **how)), picture=picture, animated=animated)

    def live(
        self,
        model: "Model[Any]",
        codec: "StrokeCodec",
        saved: bytes | None = None,
        *,
        side: Annotated[float, Doc("how large the whole drawing will be, in the units of the points")] = 255.0,
        class_: Annotated[str | None, Doc("what is being drawn, for a run --by-class")] = None,
    ) -> Live:
        """Begin to read strokes as they are drawn, each a line `[[x, y], ...]` or `undo`, or go on from there."""
        from statewise.tasks.sketch.answers import Artist
        from statewise.tasks.sketch.live import DrawingUnderWay

        artist = Artist.of(model, codec, WARM, class_, self.seed)
        if not 0 < side < 1e9:
            raise UsageError(f"side {side:g} is not a length: give how large the whole drawing will be")
        return DrawingUnderWay.open(artist, saved) if saved is not None else DrawingUnderWay(artist, side)


def _name_of(given: Any, number: int) -> str:
    return str(given) if isinstance(given, str | Path) else f"drawing {number}"
