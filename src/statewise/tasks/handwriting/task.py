"""Handwriting: learn to write from lines of ink with their texts, and write what a user asks for."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_doc import Doc
from annotated_types import Ge, Gt, Le, Lt

from statewise.data.source_forms import InMemory
from statewise.errors import UsageError
from statewise.inputs import OF_COMMANDS, Inputs
from statewise.task import Answer, Data, Live, Score, Scoring, Sources, Task
from statewise.tasks.shared.sourced import Sourced, check_shares

if TYPE_CHECKING:
    from statewise.data.strokes.lines_codec import LinesCodec
    from statewise.data.strokes.written_lines import Composing
    from statewise.heads import Loss
    from statewise.model import Model
    from statewise.stream import Stream
    from statewise.tasks.handwriting.answers import Written
    from statewise.tasks.handwriting.data import HandwritingData
    from statewise.tasks.handwriting.style import Style

if TYPE_CHECKING:
    Ink = Any
else:
    Ink = str
"""What a user may give as a style: the name of a file, and in Python ink as well."""

NEAT = 0.5
"The bias of a sample while training, and of an answer where none is asked for."
SHOWN_LETTERS = 12


@dataclass(frozen=True, kw_only=True)
class Handwriting(Sourced, Task):
    """Learn to write from lines of ink with their texts, then write any text of the letters that were learned.

    >>> Handwriting(source="lines.jsonl").hills
    10
    """

    name: ClassVar[str] = "handwriting"
    title: ClassVar[str] = "Learn to write by hand, and write any text"
    example: ClassVar[str] = "synthetic-handwriting"
    content: ClassVar[str] = "handwriting"
    page: ClassVar[str] = "handwriting"
    in_memory: ClassVar[InMemory] = InMemory(("records",), ("text", "strokes"))

    source: Annotated[
        Sources,
        Doc("lines of ink with their texts (IAM-OnDB, InkML, JSON lines), letters (Omniglot, fonts), or a corpus"),
    ]
    hills: Annotated[int, Doc("normal curves of the window that moves along the text"), Ge(1), Le(1000)] = 10
    components: Annotated[int, Doc("normal distributions that the next movement is a mixture of"), Ge(1), Le(1000)] = 20
    spacing: Annotated[
        float,
        Doc("points are laid so far apart along a line, where the ink of a letter is 100 long; 0 keeps them"),
        Ge(0),
        Le(1e6),
    ] = 7.0
    epsilon: Annotated[
        float, Doc("points that a line stays this near to without are dropped (Ramer-Douglas-Peucker)"), Ge(0), Le(1e6)
    ] = 0.0
    lines: Annotated[int, Doc("lines composed for each writer, where a source has letters"), Ge(1), Le(100_000)] = 100
    letters: Annotated[int, Doc("most letters of a line that is composed"), Ge(2), Le(1000)] = 20
    writers: Annotated[int, Doc("synthetic writers made from each font"), Ge(1), Le(1000)] = 6
    varies: Annotated[
        float,
        Doc("how much size, height and lean of a letter that was drawn apart differ each time it is laid out"),
        Ge(0),
        Le(1),
    ] = 0.04
    trembles: Annotated[
        float, Doc("how far such a letter strays, in waves, in heights of a small letter"), Ge(0), Le(1)
    ] = 0.0
    held_out: Annotated[float, Doc("share of writers kept from training"), Gt(0), Lt(1)] = 0.1
    validation: Annotated[float, Doc("share of writers kept for checks"), Ge(0), Lt(1)] = 0.05
    stretch: Annotated[float, Doc("width and height of a line are varied by this share in training"), Ge(0), Lt(1)] = (
        0.1
    )
    lean: Annotated[float, Doc("a line leans by up to so much to a side in training"), Ge(0), Le(1)] = 0.1

    cell: Annotated[str, Doc("cell, by name (see `statewise list cells`)")] = "lstm"
    layers: Annotated[int, Doc("number of layers, the first of which moves the window"), Ge(1), Le(16)] = 2
    batch_size: Annotated[int, Doc("lines in a batch"), Ge(1), Le(65536)] = 32
    sequence_length: Annotated[
        int, Doc("most points of a line; longer ones are left out and counted"), Ge(1), Le(10_000)
    ] = 700
    learning_rate: Annotated[float, Doc("maximum learning rate"), Gt(0)] = 0.003

    @property
    def composing(self) -> "Composing":
        """How lines are composed where a source has letters."""
        from statewise.data.strokes.written_lines import Composing

        return Composing(self.lines, self.letters, self.writers, self.seed, self.varies, self.trembles)

    def prepare(self, cache: Path) -> "HandwritingData":
        """Read or compose the lines and split them by writer; they are kept in `cache` by the hash of the contents."""
        from statewise.data.strokes import Preparing
        from statewise.data.strokes.prepared_lines import prepare_lines
        from statewise.tasks.handwriting.data import HandwritingData

        check_shares(self.held_out, self.validation)
        preparing = Preparing(0.0, 0.0, self.spacing, self.epsilon)
        shares = self.held_out, self.validation
        lines = prepare_lines(self.sources, preparing, self.composing, shares, self.sequence_length, cache)
        return HandwritingData(self, lines, cache)

    def codec(self, written: Mapping[str, Any]) -> "LinesCodec":
        """Return how strokes and texts of a run become numbers."""
        from statewise.data.strokes.lines_codec import LinesCodec

        return LinesCodec.read(written)

    def model(self, codec: "LinesCodec") -> "Model[Any]":
        """Return cells with a window over the text, which moves at first as far as a pen does on average."""
        from torch import nn

        from statewise.heads import Strokes
        from statewise.model import Model
        from statewise.tasks.handwriting.pen import Letters, pen_core

        first_move = 1 / codec.points_per_letter
        core = pen_core(self.cell, self.hidden_size, self.layers, codec.choices, self.hills, first_move)
        return Model(nn.Identity(), core, Strokes(core.units, self.components), Letters(codec.choices))

    def metrics(self, loss: "Loss") -> dict[str, float]:
        """Return the mean nats a point."""
        return {"nats_per_point": float(loss.mean)}

    def gauge(self, nats: float) -> str:
        """Return the mean loss of a point."""
        return f"{nats:.3f} nats a point"

    def size(self, facts: Mapping[str, Any]) -> str:
        """Say how many lines of how many letters there are to learn from, and of how many writers."""
        from statewise.tasks.shared.parts_in_words import parts_in_words

        return parts_in_words(
            facts, lambda part: f"{facts[f'{part}_lines']:,} lines of {facts[f'{part}_writers']:,} writers"
        )

    def score(self, model: "Model[Any]", data: Data) -> Scoring:  # type: ignore[override]  # it has no settings
        """Find how well each point of the held-out writers is foreseen, the end of a line among them."""
        from statewise.tasks.handwriting.data import HandwritingData
        from statewise.tasks.sketch.metrics import judge, measured

        assert isinstance(data, HandwritingData)
        windows: Any = data.windows("held_out")
        for done, found in judge(model, windows, 0):  # noqa: B007  # the last one is used
            yield done
        order = [place for batch in windows.batches.order(0) for place in batch]
        metrics = measured(found.nats, found.places, data.codec.longest)
        return Score(metrics, metrics["nats_per_point"], details=(order, found.nats, found.places))

    def remarks(self, score: Score, data: Data) -> Sequence[str]:
        """Say what the numbers are of, and whether the best baseline is beaten beyond doubt."""
        from statewise.tasks.handwriting.data import HandwritingData
        from statewise.tasks.sketch.metrics import against_the_best

        assert isinstance(data, HandwritingData)
        said = (
            "Nats a point, in units of the spread of the offsets, of writers who were not trained on; the end of a "
            f"line counts as a point. Over N_max: a line's nats over the {data.codec.longest} points that it may have."
        )
        return [said, against_the_best(score, data, "lines")]

    def sample(self, model: "Model[Any]", codec: "LinesCodec") -> str:
        """Return some letters that were learned, written, as characters: always from the same seed."""
        from statewise.tasks.handwriting.answers import Scribe, shown_text

        (written,) = Scribe.of(model, codec, NEAT, 1.0, self.seed).written(shown_text(codec, SHOWN_LETTERS), 1)
        return written.picture or "."

    def stream(self, model: "Model[Any]", codec: "LinesCodec") -> "Stream[Any]":
        """Return a stream that reads offsets `[dx, dy, lift]`; it has no text to look at, as in `live`."""
        from statewise.stream import Stream
        from statewise.tasks.sketch.showing import step_of

        return Stream(model, encode=lambda x: step_of(x, codec))

    def inputs(self, codec: "LinesCodec") -> Inputs:
        """Return what a step reads: an offset, and whether the pen is lifted after it."""
        from statewise.tasks.sketch.showing import step_of

        words = "an offset [dx, dy, lift], at first [0, 0, 0]"
        return Inputs(words, ("array",), [0, 0, 0], lambda x: step_of(x, codec))

    def example_question(self, codec: "LinesCodec") -> dict[str, Any]:
        """Ask for some letters to be written."""
        from statewise.tasks.handwriting.answers import shown_text

        return {"text": shown_text(codec, SHOWN_LETTERS), "samples": 1}

    def predict(
        self,
        model: "Model[Any]",
        codec: "LinesCodec",
        text: Annotated[str, Doc("what to write; a line break begins a new line")] = "",
        *,
        bias: Annotated[float, Doc("how neat: 0 as the writers vary, 1 neat, larger neater")] = NEAT,
        samples: Annotated[int, Doc("how many times to write it")] = 1,
        style: Annotated[
            Ink | None,
            Doc("write like this: a few lines of your own as ink with their texts, or a style that was saved"),
            OF_COMMANDS,
        ] = None,
        style_text: Annotated[str | None, Doc("what the ink of the style reads, where it does not say so")] = None,
        hand: Annotated[
            str | None, Doc('write like this, as JSON {"text": ..., "strokes": [[[x, y], ...], ...]}, not as a file')
        ] = None,
        letters_a_line: Annotated[
            int | None,
            Doc("break lines so that they have no more letters; none: as many as the longest learned"),
        ] = None,
        temperature: Annotated[float, Doc("variances are multiplied by it; 1 is as it was learned")] = 1.0,
        seed: Annotated[int, Doc("the same seed writes the same")] = 0,
    ) -> "Iterator[Written]":
        """Yield a text as it was written, each time otherwise.

        From Python a style is a path, a `Style`, a `Drawing`, or a dict with `text` and `strokes`. Raises `UsageError`,
        before anything is drawn, for letters that were never trained, and for a style without its text.
        """
        from statewise.tasks.handwriting.answers import Scribe

        like = self._style(style, style_text, hand)
        return iter(Scribe.of(model, codec, bias, temperature, seed).written(text, samples, like, letters_a_line))

    @staticmethod
    def _style(given: Any, text: str | None, hand: str | None) -> "Style | None":
        from statewise.tasks.handwriting.style import style_of, style_of_json

        if given is not None and hand is not None:
            raise UsageError("a style was given and a hand as well: give one of them")
        if hand is not None:
            return style_of_json(hand, text)
        if given is None and text is not None:
            raise UsageError("a text of a style was given without its ink: give --style FILE")
        return None if given is None else style_of(given, text)

    def answer(
        self,
        model: "Model[Any]",
        codec: "LinesCodec",
        text: Annotated[str, Doc("what to write; a line break begins a new line")] = "",
        *,
        picture: Annotated[str | None, Doc("also draw it to this file, as .svg or .png")] = None,
        animated: Annotated[bool, Doc("let the SVG write itself")] = False,
        paper: Annotated[str | None, Doc("draw it on a page with margins: a4, a5 or letter")] = None,
        margin: Annotated[float, Doc("margin of the page in millimetres")] = 20.0,
        pitch: Annotated[float, Doc("from one line of the page to the next, in millimetres")] = 10.0,
        window: Annotated[str | None, Doc("also draw where the window was over the text, as .svg or .png")] = None,
        save_style: Annotated[str | None, Doc("also save the style to this file, as .json, to be used again")] = None,
        style: Any = None,
        style_text: str | None = None,
        hand: str | None = None,
        **how: Any,
    ) -> Answer:
        """Return what was written as characters, and draw it to a file where asked."""
        from statewise.tasks.handwriting.answers import answer_of, draw_to, kind_of, put

        if picture is None and (animated or paper is not None):
            raise UsageError(f"{'animated' if animated else 'paper'} is of a picture: give --picture NAME.svg")
        like = self._style(style, style_text, hand)
        if save_style is not None and (like is None or not save_style.endswith(".json")):
            raise UsageError("a style is saved as .json, and is given by --style or --hand: give both")
        for path in filter(None, (picture, window)):
            kind_of(path)
        found = list(self.predict(model, codec, text, style=like, **how))
        notices = []
        if picture is not None:
            notices.append(draw_to(picture, found, paper=paper, margin=margin, pitch=pitch, animated=animated))
        if window is not None:
            from statewise.tasks.handwriting.window_picture import window_picture

            put(window, window_picture(found[0].lines, kind_of(window)))
            notices.append(f"{window} shows the window of {found[0].title}")
        if save_style is not None and like is not None:
            put(save_style, json.dumps(like.as_json()).encode())
            notices.append(f"{save_style} holds the style: give it as --style again")
        return answer_of(found, notices)

    def live(
        self,
        model: "Model[Any]",
        codec: "LinesCodec",
        saved: bytes | None = None,
        *,
        text: Annotated[str | None, Doc("what is being written; none: some letters that were learned")] = None,
        ink: Annotated[float, Doc("how long the ink of a letter is, in the units of your points")] = 100.0,
        bias: Annotated[float, Doc("how neat: 0 as the writers vary, 1 neat, larger neater")] = NEAT,
        seed: Annotated[int, Doc("the same seed writes the same")] = 0,
    ) -> Live:
        """Begin a text of which each line is a stroke `[[x, y], ...]`, `write` or `undo`, or go on from there."""
        from statewise.tasks.handwriting.answers import Scribe, shown_text
        from statewise.tasks.handwriting.live import TextUnderWay

        scribe = Scribe.of(model, codec, bias, 1.0, seed)
        if saved is not None:
            return TextUnderWay.open(scribe, saved)
        if not 0 < ink < 1e9:
            raise UsageError(f"ink {ink:g} is no length: give how long the ink of a letter is")
        wanted = shown_text(codec, SHOWN_LETTERS) if text is None else text
        if not wanted.strip():
            raise UsageError("the text has no letter: give what is being written")
        codec.encode(wanted)
        return TextUnderWay(scribe, wanted, seed, ink)
