"""Answers: learn from questions about stories, and answer others, showing which sentences were looked at."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_doc import Doc
from annotated_types import Ge, Gt, Le, Lt

from statewise.inputs import Inputs
from statewise.task import Data, Live, Score, Scoring, Sources, Task
from statewise.tasks.shared.sourced import Sourced, check_shares

if TYPE_CHECKING:
    from torch import Tensor

    from statewise.heads import Loss
    from statewise.model import Model
    from statewise.stream import Stream
    from statewise.tasks.answer.answerer import Answered, Answerer
    from statewise.tasks.answer.data import StoriesData
    from statewise.tasks.answer.stories_codec import StoriesCodec


@dataclass(frozen=True, kw_only=True)
class Answer(Sourced, Task):
    """Learn from questions about stories, with their answers, to answer others.

    >>> Answer(source="stories.txt").label
    'stories'
    """

    name: ClassVar[str] = "answer"
    title: ClassVar[str] = "Learn from questions about stories to answer others"
    example: ClassVar[str] = "stories.txt"

    source: Annotated[
        Sources,
        Doc("stories with questions: numbered lines, a question with <tab>ANSWER<tab>SENTENCES; files or a folder"),
    ]
    reader: Annotated[
        Literal["reasoner", "attention", "words"],
        Doc(
            "what reads: a reasoner that reduces the question fact by fact (Seo et al. 2017), an attention over "
            "sentences, or a plain cell, word by word"
        ),
    ] = "reasoner"
    hops: Annotated[int, Doc("how often a reasoner or an attention looks at the story"), Ge(1), Le(20)] = 2
    support: Annotated[
        float,
        Doc("reasoner: weight of which sentences an answer follows from, where files say it; 0 leaves it out"),
        Ge(0),
    ] = 0.3
    dropout: Annotated[float, Doc("rate at which numbers of sentences are dropped in training"), Ge(0), Lt(1)] = 0.1
    held_out: Annotated[
        float, Doc("share of stories kept from training, where no file is named NAME_test"), Gt(0), Lt(1)
    ] = 0.1
    validation: Annotated[
        float, Doc("share of stories kept for checks, where no file is named NAME_valid"), Ge(0), Lt(1)
    ] = 0.0

    cell: Annotated[str, Doc("cell that looks at what was read, or reads words (see `statewise list cells`)")] = "gru"
    hidden_size: Annotated[int, Doc("width of words, sentences and layers"), Ge(1), Le(65536)] = 64
    layers: Annotated[int, Doc("how many layers reason, or read"), Ge(1), Le(100)] = 3
    batch_size: Annotated[int, Doc("questions in a batch"), Ge(1), Le(65536)] = 64
    sequence_length: Annotated[
        int, Doc("most sentences of a story; longer ones are left out and counted"), Ge(1), Le(10_000)
    ] = 256
    learning_rate: Annotated[float, Doc("maximum learning rate"), Gt(0)] = 0.005

    def __post_init__(self) -> None:
        super().__post_init__()
        check_shares(self.held_out, self.validation)

    @property
    def steps(self) -> int:
        """How often a story is looked at; 0 where it is read word by word."""
        return 0 if self.reader == "words" else self.hops

    def prepare(self, cache: Path) -> "StoriesData":
        """Read the stories and split them by file name or by a hash of the story."""
        from statewise.tasks.answer.data import stories_data

        return stories_data(self)

    def codec(self, written: Mapping[str, Any]) -> "StoriesCodec":
        """Return how words and answers of a run become codes."""
        from statewise.tasks.answer.stories_codec import StoriesCodec

        return StoriesCodec.read(written)

    def model(self, codec: "StoriesCodec") -> "Model[Tensor]":
        """Return a reader of stories with a cell that looks at them, or a cell over words."""
        from statewise.tasks.answer.network import StoryNetwork, story_model

        return story_model(
            StoryNetwork(
                self.reader,
                self.cell,
                len(codec.words) + 1,
                len(codec.answers) + 1,
                codec.widest,
                codec.longest,
                self.hidden_size,
                self.layers,
                self.hops,
                self.dropout,
            )
        )

    def weighed(self, name: str, term: "Tensor", update: int, fraction: float) -> "Tensor":
        """Weigh the support of answers as its setting has it."""
        from statewise.tasks.answer.network import SUPPORT

        return term * self.support if name == SUPPORT else term

    def metrics(self, loss: "Loss") -> dict[str, float]:
        """Return the mean nats of an answer."""
        return {"nats_per_answer": float(loss.mean)}

    def gauge(self, nats: float) -> str:
        """Return the mean loss of an answer."""
        return f"{nats:.3f} nats an answer"

    def size(self, facts: Mapping[str, Any]) -> str:
        """Say how many questions there are, of how many words and answers."""
        return f"{super().size(facts)}, {facts['words']:,} words, {facts['answers']:,} answers"

    def answerer(self, model: "Model[Any]", codec: "StoriesCodec") -> "Answerer":
        """Return a model at work."""
        from statewise.tasks.answer.answerer import Answerer

        return Answerer(model, codec, self.steps)

    def score(self, model: "Model[Any]", data: Data) -> Scoring:  # type: ignore[override]  # it has no settings
        """Answer held-out questions. An answer that training never saw, or "not known", counts as wrong."""
        import numpy as np

        from statewise.tasks.answer.data import StoriesData
        from statewise.tasks.answer.metrics import accuracy, by_file

        assert isinstance(data, StoriesData)
        answerer, codes = self.answerer(model, data.codec), list[int]()
        for begin in range(0, len(data.asked), 2048):
            codes += answerer.codes(data.asked[begin : begin + 2048])
            yield len(codes) / len(data.asked)
        known = [not answerer.not_known(one.sentences, one.text) for one in data.asked]
        right = np.array(
            [
                is_known and data.codec.answer_codes.get(one.answer, -1) == code
                for is_known, one, code in zip(known, data.asked, codes, strict=True)
            ]
        )
        found = accuracy(right, data.files)
        tables = {"accuracy by file": by_file(right, data.files)} if len(set(data.files)) > 1 else {}
        return Score(found, -found["accuracy"], tables, details=(right, len(known) - sum(known)))

    def remarks(self, score: Score, data: Data) -> Sequence[str]:
        """Say what was counted, and whether the best simple method is beaten beyond doubt."""
        from statewise.tasks.answer.data import StoriesData
        from statewise.tasks.answer.metrics import difference

        assert isinstance(data, StoriesData)
        right, refused = score.details
        baselines = data.baselines()
        best = max(baselines, key=lambda name: baselines[name]["accuracy"])
        apart, low, high = difference(right, data.found[best], data.files)
        verdict = "better" if low > 0 else "worse" if high < 0 else "not told apart by these questions"
        said = [
            "accuracy is the mean over files of the share of right answers, solved how many files have at least 95 %; "
            "95 % intervals by the bootstrap over questions.",
            f"Against the best baseline ({best}): {100 * apart:+.1f} points, 95 % interval {100 * low:+.1f} to "
            f"{100 * high:+.1f} by the paired bootstrap: {verdict}.",
        ]
        if refused:
            said.append(f"{refused:,} of {len(right):,} were answered with 'not known', which counts as wrong.")
        return said

    def sample(self, model: "Model[Any]", codec: "StoriesCodec") -> str:
        """Return the answer to the example."""
        *sentences, question = codec.example
        told = str(self.answerer(model, codec).answer(sentences, question)).partition("\n")[0]
        return f"{' '.join(sentences)} {question} -> {told}"

    def stream(self, model: "Model[Any]", codec: "StoriesCodec") -> "Stream[Any]":
        """Return a stream of what the network reads: words, or the numbers of its looks at no story; see `live`."""
        from statewise.stream import Stream

        return Stream(model)

    def inputs(self, codec: "StoriesCodec") -> Inputs | None:
        """Return nothing: sentences and questions are what `live` takes."""
        return None

    def known_names(self, codec: "StoriesCodec") -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Return the words, the answers and the kinds of questions that training saw."""
        return {
            "words": [{"word": word} for word in codec.words],
            "answers": [{"answer": answer} for answer in codec.answers],
            "kinds of questions": [{"kind": kind} for kind in sorted(codec.kinds)],
        }

    def example_question(self, codec: "StoriesCodec") -> dict[str, Any]:
        """Ask about a story of training."""
        return {"text": " ".join(codec.example)}

    def predict(
        self,
        model: "Model[Any]",
        codec: "StoriesCodec",
        text: Annotated[str, Doc("a story, and questions about it that end with a question mark")] = "",
    ) -> "Iterator[Answered]":
        """Yield the answer to each question of a text, or that it is not known and why.

        Raises `UsageError` where there is no question, and for a story longer than any that training saw.
        """
        return self.answerer(model, codec).asked(text)

    def live(
        self,
        model: "Model[Any]",
        codec: "StoriesCodec",
        saved: bytes | None = None,
        *,
        text: Annotated[str | None, Doc("the sentences that the story begins with")] = None,
    ) -> Live:
        """Begin a story whose lines are sentences and questions, or go on where it was saved."""
        from statewise.tasks.answer.live import StoryUnderWay, story_begun

        answerer = self.answerer(model, codec)
        return story_begun(answerer, text) if saved is None else StoryUnderWay.open(answerer, saved)
