"""Captions: learn from pictures with captions to say what is in others, and show where the model looked."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_doc import Doc
from annotated_types import Ge, Gt, Le, Lt

from statewise.data.source_forms import InMemory
from statewise.errors import UsageError
from statewise.inputs import FILE, OF_COMMANDS, Inputs
from statewise.task import Answer, Data, Live, Score, Scoring, Sources
from statewise.tasks.shared.reader_writer_task import ReaderWriterTask, code_of, subword_inputs
from statewise.tasks.shared.sourced import check_shares
from statewise.underway import returned

if TYPE_CHECKING:
    from torch import Tensor

    from statewise.data.pictures.caption_codec import CaptionCodec
    from statewise.model import Model
    from statewise.stream import Stream
    from statewise.tasks.caption.captioner import Captioner, PictureCaptioned
    from statewise.tasks.caption.data import CaptionData
    from statewise.tasks.caption.seeing import Eyes

BEAM = 5


@dataclass(frozen=True, kw_only=True)
class Caption(ReaderWriterTask):
    """Learn from pictures with captions to say what is in others.

    >>> Caption(source="pictures").encoder
    'efficientnet_lite0'
    """

    name: ClassVar[str] = "caption"
    title: ClassVar[str] = "Learn from pictures with captions to caption others"
    example: ClassVar[str] = "PICTURES"
    content: ClassVar[str] = "pictures"
    page: ClassVar[str] = "caption"
    in_memory: ClassVar[InMemory] = InMemory(("table",), ("image", "caption"))

    source: Annotated[
        Sources,
        Doc(
            "pictures with captions: a folder with NAME.txt next to NAME.jpg, JSON of COCO or of Karpathy's splits, "
            "Flickr8k's tokens, a CSV with columns image and caption; or a corpus"
        ),
    ]
    pictures: Annotated[str | None, Doc("folder of the pictures that a list names; if not given, near the list")] = None
    encoder: Annotated[
        str, Doc("what sees pictures: efficientnet_lite0, pixels, another package's, or an .npz of features")
    ] = "efficientnet_lite0"
    look: Annotated[
        Literal["places", "whole", "nothing"],
        Doc("attend to places of the picture, see it as one vector, or see nothing, to compare"),
    ] = "places"
    gate: Annotated[bool, Doc("let each word decide how much of what is seen counts")] = True
    coverage: Annotated[float, Doc("weight of the term that draws attention to all places; 0 leaves it out"), Ge(0)] = (
        0.1
    )
    capitals: Annotated[bool, Doc("learn capital letters as they are")] = False
    split: Annotated[
        Literal["picture", "caption"],
        Doc("split so that no picture, or no picture and no caption, is in two parts; lists may say it themselves"),
    ] = "picture"
    held_out: Annotated[float, Doc("share of pictures kept from training"), Gt(0), Lt(1)] = 0.1
    validation: Annotated[float, Doc("share of pictures kept for checks"), Ge(0), Lt(1)] = 0.05
    scored: Annotated[int, Doc("how many held-out pictures are captioned to be scored; 0 is all"), Ge(0), Le(10**6)] = 0
    checked: Annotated[int, Doc("how many pictures a check captions, greedily; 0 is all"), Ge(0), Le(10**6)] = 200

    subwords: Annotated[
        int | None, Doc("number of subwords; if not given, at most 10,000: mostly whole words"), Ge(50), Le(100_000)
    ] = None
    cell: Annotated[str, Doc("cell, by name (see `statewise list cells`)")] = "lstm"
    batch_size: Annotated[int, Doc("captions in a batch"), Ge(1), Le(65536)] = 32
    sequence_length: Annotated[
        int, Doc("most subwords of a caption; longer ones are left out and counted"), Ge(2), Le(2000)
    ] = 60

    def __post_init__(self) -> None:
        super().__post_init__()
        check_shares(self.held_out, self.validation)

    def preparing_data(self, cache: Path) -> "Generator[float, None, CaptionData]":
        """Read pictures and captions, look at the pictures once, and split them, yielding how much is done."""
        from statewise.tasks.caption.data import caption_data

        return caption_data(self, cache)

    def prepare(self, cache: Path) -> "CaptionData":
        """Read pictures and captions, look at the pictures once, and split them."""
        return returned(self.preparing_data(cache))

    def codec(self, written: Mapping[str, Any]) -> "CaptionCodec":
        """Return how captions of a run become codes, and what looks at its pictures."""
        from statewise.data.pictures.caption_codec import CaptionCodec

        return CaptionCodec.read(written)

    def model(self, codec: "CaptionCodec") -> "Model[Any]":
        """Return a reader of what is seen, and a cell that attends to it."""
        from statewise.tasks.caption.network import CaptionNetwork, caption_model

        settings = CaptionNetwork(
            self.cell,
            self.embedding,
            self.hidden_size,
            self.layers,
            self.attention,
            self.look,
            self.gate,
            self.tied,
            self.word_dropout,
            self.dropout,
            self.smoothing > 0,
        )
        return caption_model(settings, codec.subwords.size, codec.sight.places, codec.sight.features)

    def weighed(self, name: str, term: "Tensor", update: int, fraction: float) -> "Tensor":
        """Weigh the coverage of places and label smoothing as their settings have it."""
        from statewise.heads.doubly_stochastic import COVERAGE

        return term * self.coverage if name == COVERAGE else super().weighed(name, term, update, fraction)

    def size(self, facts: Mapping[str, Any]) -> str:
        """Say how many pictures and captions there are, and how many subwords."""
        captions = sum(facts["captions"].values())
        return f"{super().size({**facts, 'unit': 'picture'})}, {captions:,} captions, {facts['subwords']:,} subwords"

    def score(  # type: ignore[override]  # it has settings of its own
        self,
        model: "Model[Any]",
        data: Data,
        *,
        beam: Annotated[int, Doc("beam width; 1 is greedy")] = BEAM,
        length_penalty: Annotated[float, Doc("0 is the plain probability of a caption, 1 the mean")] = 1.0,
    ) -> Scoring:
        """Caption held-out pictures, and find CIDEr-D, BLEU and ROUGE-L, and how well each subword is foreseen."""
        from statewise.decode import SearchRule
        from statewise.tasks.caption.data import CaptionData
        from statewise.tasks.caption.scoring import judged

        assert isinstance(data, CaptionData)
        return judged(model, data, SearchRule(beam, 1, length_penalty).check())

    def remarks(self, score: Score, data: Data) -> Sequence[str]:
        """Say how captions were judged, and whether the best baseline is beaten beyond doubt."""
        from statewise.tasks.caption.data import CaptionData
        from statewise.tasks.caption.scoring import said_of

        assert isinstance(data, CaptionData)
        return said_of(score, data)

    def sample(self, model: "Model[Any]", codec: "CaptionCodec") -> str:
        """Return what is said of a few pictures that are not learned, greedily."""
        from statewise.decode import SearchRule
        from statewise.tasks.caption.captioner import Captioner

        found = Captioner(model, codec, SearchRule(1)).captions([one.seen(codec.sight) for one in codec.examples])
        said = [f"{one.caption} -> {each[0].text or '(nothing)'}" for one, each in zip(codec.examples, found)]
        return "\n".join(said) or "(no example)"

    def stream(self, model: "Model[Any]", codec: "CaptionCodec") -> "Stream[Any]":
        """Return a stream that reads subwords of a caption; it has no picture to look at, as in `live`."""
        from statewise.stream import Stream

        return Stream(model, encode=lambda x: code_of(x, codec.subwords))

    def inputs(self, codec: "CaptionCodec") -> Inputs:
        """Return what a step reads: a subword, or its code."""
        return subword_inputs("a subword", codec.subwords)

    def known_names(self, codec: "CaptionCodec") -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Return the subwords."""
        return {"subwords": [{"subword": piece} for piece in codec.symbols[3:]]}

    def example_question(self, codec: "CaptionCodec") -> dict[str, Any]:
        """Ask what is in a small picture."""
        from statewise.tasks.caption.showing import small_picture

        return {"image": small_picture()} if codec.sight.side else {}

    def predict(
        self,
        model: "Model[Any]",
        codec: "CaptionCodec",
        picture: Annotated[Any, Doc("the picture: JPEG, PNG, WebP, GIF, TIFF or BMP"), OF_COMMANDS] = None,
        *,
        image: Annotated[str | None, Doc("the picture as the bytes of a file in base 64, not as a file"), FILE] = None,
        beam: Annotated[int, Doc("beam width; 1 is greedy")] = BEAM,
        best: Annotated[int, Doc("how many captions to tell")] = 1,
        length_penalty: Annotated[float, Doc("0 is the plain probability of a caption, 1 the mean")] = 1.0,
        no_repeat: Annotated[int, Doc("no so many subwords in a row come twice; 0 allows any")] = 0,
        least: Annotated[
            float, Doc("below this mean probability of a subword say that it is not sure; with --alt 0.5"), Ge(0), Le(1)
        ] = 0.0,
        look_at: Annotated[bool, Doc("also tell where it looked for each word of the best caption, in JSON")] = False,
    ) -> "Iterator[PictureCaptioned]":
        """Yield the captions of a picture, the best first; with `look_at` also which of its places were looked at.

        From Python a picture is a path or the bytes of a file; for a run of features of another program it is an array
        `[S, F]`, or an `.npy`. Raises `DataError` for a picture that cannot be read.
        """
        from statewise.tasks.caption.answers import captioned, given_picture, sent_picture

        captioner, eyes = self._captioner(model, codec, beam, best, length_penalty, no_repeat), self._eyes(codec)
        check_least(least)
        if (picture is None) == (image is None):
            raise UsageError("give one picture: a path, or image in base 64")
        given = given_picture(picture if image is None else sent_picture(image), codec, eyes)
        found = captioned(captioner, [given], least)
        return iter([captioner.with_looks(given.seen, one) for one in found] if look_at else found)

    @staticmethod
    def _eyes(codec: "CaptionCodec") -> "Eyes | None":
        from statewise.tasks.caption.seeing import Eyes

        if not codec.sight.side:
            return None
        eyes = Eyes(codec.sight.name)
        if eyes.sight != codec.sight:
            raise UsageError(
                f"encoder {codec.sight.name} is {eyes.sight.identity} here, and the run saw by {codec.sight.identity}: "
                "install the version that it was trained with"
            )
        return eyes

    @staticmethod
    def _captioner(
        model: "Model[Any]", codec: "CaptionCodec", beam: int, best: int, length_penalty: float, no_repeat: int
    ) -> "Captioner":
        from statewise.decode import SearchRule
        from statewise.tasks.caption.captioner import MOST_BEAM, Captioner

        if beam > MOST_BEAM:
            raise UsageError(f"a beam of {beam:,} is wider than {MOST_BEAM}: give a narrower one")
        return Captioner(model, codec, SearchRule(beam, best, length_penalty, (), no_repeat).check())

    def answer(
        self,
        model: "Model[Any]",
        codec: "CaptionCodec",
        picture: Annotated[
            Any, Doc("the picture, or a folder of pictures, whose captions become a table"), OF_COMMANDS
        ] = None,
        *,
        attention: Annotated[
            str | None, Doc("also draw where it looked for each word to this file, as .svg or .png")
        ] = None,
        alt: Annotated[bool, Doc("of a folder of HTML or Markdown: propose texts where pictures lack them")] = False,
        output: Annotated[
            str | None,
            Doc("of a folder: the table to write, instead of captions.csv in it; with --alt a .patch or .csv"),
        ] = None,
        image: str | None = None,
        beam: int = BEAM,
        best: int = 1,
        length_penalty: float = 1.0,
        no_repeat: int = 0,
        least: float | None = None,
        look_at: bool = False,
    ) -> Answer:
        """Return captions to be shown; of a folder a line for each picture, and a table.

        With `alt` texts are proposed for pictures of pages that lack them, where `least`, unless given 0.5, is reached.
        """
        from statewise.tasks.caption import answers
        from statewise.tasks.caption.alt_text import USUAL_LEAST, alt_answer
        from statewise.tasks.caption.attention_maps import kind_of_maps

        if attention is not None:
            kind_of_maps(attention)
        captioner = self._captioner(model, codec, beam, best, length_penalty, no_repeat)
        sure = least or 0.0
        check_least(sure)
        if alt:
            eyes = self._eyes(codec)
            if eyes is None or not isinstance(picture, str | Path) or not Path(picture).is_dir():
                raise UsageError("--alt is for a folder of pages, and for a run that sees pictures: give a folder")
            return alt_answer(captioner, Path(picture), eyes, USUAL_LEAST if least is None else least, output)
        if isinstance(picture, str | Path) and Path(picture).is_dir():
            if attention is not None:
                raise UsageError("--attention is for one picture: give a picture, not a folder")
            return answers.folder_answer(captioner, Path(picture), self._eyes(codec), sure, output)
        if output is not None:
            raise UsageError("--output is for a folder of pictures: give a folder, or leave it out")
        if (picture is None) == (image is None):
            raise UsageError("give one picture: a path, or image in base 64")
        given = answers.given_picture(
            picture if image is None else answers.sent_picture(image), codec, self._eyes(codec)
        )
        found = answers.captioned(captioner, [given], sure)
        found = [captioner.with_looks(given.seen, one) for one in found] if look_at else found
        notices = [] if attention is None else [answers.draw_words(attention, captioner, given, found[0])]
        return answers.answer_of(found, notices)

    def live(
        self,
        model: "Model[Any]",
        codec: "CaptionCodec",
        saved: bytes | None = None,
        *,
        beam: Annotated[int, Doc("beam width; 1 is greedy")] = BEAM,
        least: Annotated[
            float, Doc("below this mean probability of a subword say that it is not sure; with --alt 0.5"), Ge(0), Le(1)
        ] = 0.0,
    ) -> Live:
        """Begin to caption pictures that come one after another, each a line of base 64, or go on from there."""
        from statewise.tasks.caption.live import PicturesUnderWay

        eyes = self._eyes(codec)
        if eyes is None:
            raise UsageError(
                "this run reads features of another program, not pictures: use statewise predict with .npy"
            )
        captioner = self._captioner(model, codec, beam, 1, 1.0, 0)
        check_least(least)
        if saved is not None:
            return PicturesUnderWay.open(captioner, eyes, least, saved)
        return PicturesUnderWay(captioner, eyes, least)


def check_least(least: float) -> None:
    """Raise `UsageError` for a threshold that is no probability.

    >>> check_least(0.3)
    """
    if not 0 <= least <= 1:
        raise UsageError(f"--least {least:g} is not a probability: give a number from 0 to 1")
