"""Answers: learn from questions about stories, and answer others, showing which sentences were looked at."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_doc import Doc
from annotated_types import Ge, Gt, Le, Lt

from statewise.data.source_forms import InMemory
from statewise.errors import UsageError
from statewise.inputs import OF_COMMANDS, Inputs
from statewise.task import Data, Live, Score, Scoring, Sources, Task
from statewise.tasks.shared.sourced import Sourced, check_shares

if TYPE_CHECKING:
    from torch import Tensor

    from statewise.heads import Loss
    from statewise.model import Model
    from statewise.stream import Stream
    from statewise.tasks.answer.answerer import Answered, Answerer
    from statewise.tasks.answer.data import StoriesData
    from statewise.tasks.answer.passage_answerer import PassageAnswered
    from statewise.tasks.answer.passage_data import PassagesData
    from statewise.tasks.answer.passage_features import PassagesCodec
    from statewise.tasks.answer.stories_codec import StoriesCodec
    from statewise.tasks.answer.table_answerer import TableAnswered, TableAnswerer
    from statewise.tasks.answer.table_codec import TableCodec
    from statewise.tasks.answer.table_data import TableData

USUAL_LEAST = 0.4
"Below this probability of its reading a question about a table is asked back, unless told otherwise."


@dataclass(frozen=True, kw_only=True)
class QuestionAnswering(Sourced, Task):
    """Learn from questions about stories, with their answers, to answer others; or answer questions about a table.

    >>> QuestionAnswering(source="stories.txt").label
    'stories'
    """

    name: ClassVar[str] = "answer"
    title: ClassVar[str] = "Learn to answer questions about stories, passages or a table"
    example: ClassVar[str] = "stories.txt"
    content: ClassVar[str] = "stories"
    page: ClassVar[str] = "answer"
    in_memory: ClassVar[InMemory] = InMemory(("table",))

    source: Annotated[
        Sources,
        Doc(
            "stories with questions: numbered lines, a question with <tab>ANSWER<tab>SENTENCES; or passages with "
            "questions as SQuAD's .json; files or a folder; with --table a table"
        ),
    ]
    table: Annotated[bool, Doc("the source is a table: learn from generated questions to ask it")] = False
    questions: Annotated[int, Doc("--table: how many questions to generate"), Ge(200), Le(10**6)] = 20_000
    reader: Annotated[
        Literal["reasoner", "attention", "words"],
        Doc(
            "what reads: a reasoner that reduces the question fact by fact (Seo et al. 2017), an attention over "
            "sentences, or a plain cell, word by word"
        ),
    ] = "reasoner"
    hops: Annotated[int, Doc("how often a reasoner or an attention looks at the story"), Ge(1), Le(20)] = 1
    support: Annotated[
        float,
        Doc("reasoner: weight of which sentences an answer follows from, where files say it; 0 leaves it out"),
        Ge(0),
    ] = 1.0
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
    learning_rate: Annotated[float, Doc("maximum learning rate"), Gt(0)] = 0.006

    def __post_init__(self) -> None:
        super().__post_init__()
        check_shares(self.held_out, self.validation)

    @property
    def steps(self) -> int:
        """How often a story is looked at; 0 where it is read word by word."""
        return 0 if self.reader == "words" else self.hops

    def prepare(self, cache: Path) -> "StoriesData | TableData | PassagesData":
        """Read stories, passages or a table, and split what was read by story or by article."""
        if self.table:
            from statewise.tasks.answer.table_data import table_data

            return table_data(self)
        from statewise.tasks.answer.passage_files import are_passages

        if are_passages(self.sources):
            from statewise.tasks.answer.passage_data import passages_data

            return passages_data(self)
        from statewise.tasks.answer.data import stories_data

        return stories_data(self)

    def codec(self, written: Mapping[str, Any]) -> "StoriesCodec | TableCodec | PassagesCodec":
        """Return how words and answers of a run become codes."""
        from statewise.tasks.answer.passage_features import PassagesCodec
        from statewise.tasks.answer.stories_codec import StoriesCodec
        from statewise.tasks.answer.table_codec import TableCodec

        kinds: dict[Any, Any] = {kind.form: kind for kind in (PassagesCodec, TableCodec)}
        found: StoriesCodec | TableCodec | PassagesCodec = kinds.get(written.get("form"), StoriesCodec).read(written)
        return found

    def model(self, codec: Any) -> "Model[Tensor]":
        """Return a reader of stories with a cell that looks at them, or a cell over words; of the rest such a cell."""
        from statewise.tasks.answer.network import StoryNetwork, passage_model, story_model, table_model

        if codec.form == "table":
            return table_model(self.cell, codec.size, self.hidden_size, self.layers)
        if codec.form == "passages":
            return passage_model(self.cell, codec.choices, self.hidden_size, self.layers)
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
        """Return the mean nats of an answer.

        Metrics:

        - `nats_per_answer`: minus the mean log-likelihood of an answer: the loss of training, in nats; less is better
        """
        return {"nats_per_answer": float(loss.mean)}

    def gauge(self, nats: float) -> str:
        """Return the mean loss of an answer."""
        return f"{nats:.3f} nats an answer"

    def size(self, facts: Mapping[str, Any]) -> str:
        """Say how many questions there are, of how many words and answers."""
        return f"{super().size(facts)}, {facts['words']:,} words, {facts['answers']:,} answers"

    def answerer(self, model: "Model[Any]", codec: "StoriesCodec") -> "Answerer":
        """Return a model of stories at work."""
        from statewise.tasks.answer.answerer import Answerer

        return Answerer(model, codec, self.steps)

    def score(  # type: ignore[override]  # it has settings of its own
        self,
        model: "Model[Any]",
        data: Any,
        *,
        least: Annotated[
            float, Doc("--table: ask back below this probability of a reading"), Ge(0), Le(1)
        ] = USUAL_LEAST,
    ) -> Scoring:
        """Answer held-out questions."""
        from statewise.tasks.answer.scoring import score_passages, score_stories, score_table

        if data.codec.form == "table":
            return score_table(model, data, least)
        if data.codec.form == "passages":
            return score_passages(model, data)
        return score_stories(self.answerer(model, data.codec), data)

    def remarks(self, score: Score, data: Data) -> Sequence[str]:
        """Say what was counted, and whether the best simple method is beaten beyond doubt."""
        from statewise.tasks.answer.scoring import remarks_on

        return remarks_on(score, data)

    def sample(self, model: "Model[Any]", codec: Any) -> str:
        """Return the answer to the example."""
        asked = self.example_question(codec)["text"]
        told = str(next(self.predict(model, codec, asked)))
        return f"{asked} -> {' | '.join(told.splitlines())}"

    def stream(self, model: "Model[Any]", codec: Any) -> "Stream[Any]":
        """Return a stream of what the network reads: codes of words, or the numbers of its looks; see `live`."""
        from statewise.stream import Stream

        return Stream(model)

    def inputs(self, codec: Any) -> Inputs | None:
        """Return nothing: sentences and questions are what `live` takes."""
        return None

    def known_names(self, codec: Any) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Return the words, the answers and the kinds of questions that training saw, or the columns of the table."""
        if codec.form == "passages":
            return {"words": [{"word": word} for word in codec.words]}
        if codec.form == "table":
            return {
                "columns": [{"column": column.name, "kind": column.kind} for column in codec.table.columns],
                "words": [{"word": word} for word in codec.words],
            }
        return {
            "words": [{"word": word} for word in codec.words],
            "answers": [{"answer": answer} for answer in codec.answers],
            "kinds of questions": [{"kind": kind} for kind in sorted(codec.kinds)],
        }

    def example_question(self, codec: Any) -> dict[str, Any]:
        """Ask about a story of training, or about the table."""
        return {"text": codec.example if codec.form == "table" else " ".join(codec.example)}

    def predict(
        self,
        model: "Model[Any]",
        codec: Any,
        text: Annotated[
            str, Doc("a story or a passage, and questions that end with a question mark; or a question about the table")
        ] = "",
        *,
        least: Annotated[
            float, Doc("--table: ask back below this probability of a reading"), Ge(0), Le(1)
        ] = USUAL_LEAST,
        other: Annotated[str | None, Doc("--table: ask this table in place of that of the run"), OF_COMMANDS] = None,
    ) -> "Iterator[Answered] | Iterator[TableAnswered] | Iterator[PassageAnswered]":
        """Yield the answer to each question of a text, or that it is not known and why.

        Raises `UsageError` where there is no question, and for a story longer than any that training saw.
        """
        if self.table:
            return self.table_answerer(model, codec, least, other).asked(text)
        if other is not None:
            raise UsageError("--other names a table, and this run is about texts: leave it out")
        if codec.form == "passages":
            from statewise.tasks.answer.passage_answerer import PassageAnswerer

            return PassageAnswerer(model, codec).asked(text)
        return self.answerer(model, codec).asked(text)

    def table_answerer(
        self, model: "Model[Any]", codec: "TableCodec", least: float, other: str | None = None
    ) -> "TableAnswerer":
        """Return a model at work on its table or another. Raises `DataError` for one that cannot be asked."""
        from statewise.tasks.answer.asked_table import read_asked_table
        from statewise.tasks.answer.table_answerer import TableAnswerer

        return TableAnswerer(model, codec, codec.table if other is None else read_asked_table(other), least)

    def live(
        self,
        model: "Model[Any]",
        codec: Any,
        saved: bytes | None = None,
        *,
        text: Annotated[str | None, Doc("the sentences that the story begins with, or the passage")] = None,
    ) -> Live:
        """Begin a story whose lines are sentences and questions, or go on where it was saved; or ask the rest."""
        from statewise.tasks.answer.live import PassageAsked, StoryUnderWay, TableAsked, story_begun

        if codec.form == "passages":
            return PassageAsked.begun(model, codec, saved, text)
        if codec.form == "table":
            return TableAsked.begun(self.table_answerer(model, codec, USUAL_LEAST), saved)
        answerer = self.answerer(model, codec)
        return story_begun(answerer, text) if saved is None else StoryUnderWay.open(answerer, saved)
