"""What one application has to say for itself: how its data become windows, its model, its scores and its answers."""

import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, Self

from annotated_doc import Doc
from annotated_types import Ge, Le

from statewise.bounds import MOST_LAYERS, MOST_UNITS
from statewise.data.source_forms import InMemory
from statewise.errors import TrainingError, UsageError
from statewise.inputs import Inputs
from statewise.report import DYNAMIC, Report
from statewise.run.recipe import Recipe
from statewise.shown import counted

if TYPE_CHECKING:
    from statewise.data.codec import Codec
    from statewise.data.window import Window
    from statewise.heads import Loss
    from statewise.model import Model
    from statewise.stream import Stream

if TYPE_CHECKING:
    Sources = Any
    Several = str | tuple[str, ...]
    Amount = str | int
else:
    Sources, Several, Amount = str | tuple[str, ...], tuple[str, ...], str
"""What a user may write in Python, and after `else` what `run.config.build` makes of it.

Sources are names of files and corpora, one or several; a path, and what a task takes in memory (`Task.in_memory`), may
stand for a name. Several words may be one, and an amount of time may be a number of steps.
"""

FACTS, CALIBRATION = "_facts_of_training", "_calibration"
"Where a task of a run keeps the facts of its data, and what was found after training: attributes that are no settings."
Part = Literal["training", "held_out"]
"A part of the data, by name."
Scoring = Generator[float, None, "Score"]
"A scoring under way: it yields how much is done, from 0 to 1, and returns the score."
DynamicOf = Annotated[bool, Doc("dynamic evaluation: also score while a copy goes on learning")]
StorageOf = Annotated[str, Doc("also score with weights in bfloat16 or int8, as a step program")]
Calibrating = Generator[float, None, Mapping[str, Any] | None]
"What is found after training, under way: it yields how much is done, and returns plain values, or None where none are."


class Score(NamedTuple):
    """How good a model is on the held-out part: `metrics` in the units of the field, the one that matters most first.

    Checks, `keep best` and `early_stop` go by `judged`: less is better. `tables` are shown after the metrics, each by
    its title, as rows of columns; `details` is whatever `Task.remarks` looks at besides.
    """

    metrics: dict[str, float]
    judged: float
    tables: "Mapping[str, Mapping[str, Mapping[str, float]]]" = MappingProxyType({})
    details: Any = None


@dataclass(frozen=True)
class Answer:
    """What a task answers, for a face to show: text as it comes, or one object. Only one of the two is asked for.

    `end` is written after the last piece, also when output is not shown as it comes; `notices` are printed before. Of
    what takes long `far` says how much is done, from 0 to 1; then a piece may be empty.
    """

    pieces: Iterator[str]
    as_json: Callable[[], dict[str, Any]]
    end: str = "\n"
    notices: Sequence[str] = field(default=())
    far: Callable[[], float] | None = None


class Live(ABC):
    """A task at work on what comes in, a line at a time; all that it knows can be put away and gone on from."""

    is_bot: ClassVar[bool] = False
    """Whether it holds conversations in the shape of Lex V2.

    Then it takes objects with a text, a state, or neither, and a server has the routes of a bot for it.
    """

    @property
    def inputs(self) -> Inputs:
        """What `push` takes: used to check an input and to describe it."""
        return Inputs("a line of text", ("string",), "")

    @abstractmethod
    def push(self, line: Any) -> Any:
        """Read a line and return what there is to say now: shown as `str` and, where it has one, by its `as_json`.

        From Python a task's own values, such as a number or an id, may be given as they are. What is returned may have
        `notices`, which are said before it. Raises `DataError` or `UsageError` for what cannot be read; nothing has
        changed then.
        """

    @abstractmethod
    def save(self) -> bytes:
        """Return all that is known, as bytes, from which `Task.live` goes on.

        Where they are tensors, as of `statewise.state.write_tensors`, `statewise serve` keeps them as a session.
        """


class Data(ABC):
    """A source, read and split: windows of each part, and what a simple method scores on the held-out one."""

    @property
    @abstractmethod
    def codec(self) -> "Codec":
        """What turns raw things into numbers and back."""

    @property
    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """Return what a reader of results should know of the data: sizes, split, digest.

        `training` and `held_out`, and `validation` where checks have a part of their own, say how many of what `unit`
        names there are, `sha256` what a resumed run goes by.
        """

    @property
    def notices(self) -> Sequence[str]:
        """Return messages about preparing the data, a line each."""
        return ()

    @abstractmethod
    def windows(self, part: Part, *, rows: int | None = None, steps: int | None = None) -> "Sequence[Window]":
        """Return the windows of a part, in order; window `i` continues window `i - 1` where rows carry a state.

        Without `rows` or `steps` they are those of the recipe for training, and what scores fast for the rest.
        """

    def prepare_baselines(self) -> Iterator[float]:
        """Find what `baselines` will return where that takes long, yielding how much is done, from 0 to 1."""
        return iter(())

    @abstractmethod
    def baselines(self) -> Mapping[str, dict[str, float]]:
        """Return what simple methods score on the held-out part, by name, in the metrics of the task."""

    def validating(self) -> "Data":
        """Return what checks on the way are scored on: a part that was kept for it, or here the held-out one.

        What chooses by checks (`keep best`, `early_stop`, `statewise tune`) then scores on a part that had no
        say in the choice.
        """
        return self

    @abstractmethod
    def on(self, source: Sequence[str], cache: Path) -> "Data":
        """Return the same training part with another source, read by the same codec, as the held-out part."""


@dataclass(frozen=True, kw_only=True)
class Task(Recipe, ABC):
    """One application. Its fields are its whole configuration."""

    name: ClassVar[str]
    title: ClassVar[str]
    example: ClassVar[str] = "PATH"
    "A source that a user may begin with."
    content: ClassVar[str] = ""
    "What corpora hold that it learns from (`statewise.data.corpora.Content`): those alone are offered with it."
    check_share: ClassVar[float | None] = None
    "Checks take at most this share of a training that is bounded by time: one that would take more is left out."
    in_memory: ClassVar[InMemory] = InMemory()
    "What a source may be besides a path: tables, texts, rows, arrays, functions."
    page: ClassVar[str] = ""
    "The page of the studio, by the name of its file, that shows more of this task than a form and answers as text."

    cell: Annotated[str, Doc("cell, by name (see `statewise list cells`)")] = "lstm"
    hidden_size: Annotated[int, Doc("hidden size: units in each layer"), Ge(1), Le(MOST_UNITS)] = 256
    layers: Annotated[int, Doc("number of layers"), Ge(1), Le(MOST_LAYERS)] = 1

    @property
    @abstractmethod
    def label(self) -> str:
        """A short name for a run of this task, such as that of its source."""

    @abstractmethod
    def stream(self, model: "Model[Any]", codec: Any) -> "Stream[Any]":
        """Return a stream that reads what the task's users have: characters, rows of a table, strokes."""

    @abstractmethod
    def prepare(self, cache: Path) -> Data:
        """Read the source; what takes long is kept in `cache` and used again."""

    def preparing_data(self, cache: Path) -> Generator[float, None, Data]:
        """Do what `prepare` does, yielding how much is done, from 0 to 1, where that takes long; here nothing."""
        yield from ()
        return self.prepare(cache)

    def trained_on(self, facts: Mapping[str, Any]) -> Self:
        """Return this task as that of a run whose data had such facts; what reads them again refuses others."""
        task = copy(self)
        vars(task)[FACTS] = facts
        return task

    @property
    def trained_facts(self) -> Mapping[str, Any]:
        """The facts of the data that a run of this task was trained on; none where it is of no run."""
        facts: Mapping[str, Any] = vars(self).get(FACTS, {})
        return facts

    def fitted(self, data: Data) -> "tuple[Self, Data]":
        """Return this task, and its data, with the settings that follow from the data because they were not given.

        A training is of these, and `run.yaml` says them. Here nothing follows.
        """
        return self, data

    def calibrate(self, model: "Model[Any]", data: Data) -> Calibrating:
        """Find, once training is done, what answers of its model need besides its weights; here nothing.

        It must never look at the held-out part. What is returned is kept in `calibration.json`, and is the
        `calibration` of the run's task.
        """
        yield from ()
        return None

    def calibrated_by(self, found: Mapping[str, Any] | None) -> Self:
        """Return this task as that of a run in which `calibrate` found this."""
        task = copy(self)
        vars(task)[CALIBRATION] = found
        return task

    @property
    def calibration(self) -> Mapping[str, Any] | None:
        """What was found after the training of the run whose task this is; None before its end."""
        found: Mapping[str, Any] | None = vars(self).get(CALIBRATION)
        return found

    @abstractmethod
    def codec(self, written: Mapping[str, Any]) -> "Codec":
        """Return the codec that was written to `codec.json`, so that a model can be used without its data."""

    @abstractmethod
    def model(self, codec: Any) -> "Model[Any]":
        """Return an untrained model."""

    @abstractmethod
    def metrics(self, loss: "Loss") -> dict[str, float]:
        """Return a loss in the units of the field."""

    @abstractmethod
    def gauge(self, nats: float) -> str:
        """Return a mean loss in the words of the field, as a live bar shows it."""

    @abstractmethod
    def sample(self, model: "Model[Any]", codec: Any) -> str:
        """Return something short that shows what the model can do at this stage."""

    @abstractmethod
    def predict(self, model: "Model[Any]", codec: Any, *given: Any, **how: Any) -> Iterator[Any]:
        """Answer what is given, a piece at a time; what is annotated with `Doc` is an argument or flag as well."""

    def answer(self, model: "Model[Any]", codec: Any, *given: Any, **how: Any) -> Answer:
        """Return what a person or a program is shown of `predict`: here each piece on a line.

        What this takes beyond `predict`, annotated with `Doc`, are flags of the command line alone.
        """
        pieces = self.predict(model, codec, *given, **how)
        return Answer((f"{piece}\n" for piece in pieces), lambda: {"answer": [as_plain(p) for p in pieces]}, end="")

    def inputs(self, codec: Any) -> Inputs | None:
        """Return what users give one step of `stream`; None where that reads what users do not have: `live` may then.

        It is what a session of `statewise serve` is sent.
        """
        return None

    def known_names(self, codec: Any) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Return what a run knows by name, such as its items: rows of one kind each, shown by `inspect --names`."""
        return {}

    def example_question(self, codec: Any) -> dict[str, Any]:
        """Return arguments of `predict`, by name, that show what it answers; here none."""
        return {}

    def live(self, model: "Model[Any]", codec: Any, *given: Any, **how: Any) -> Live:
        """Begin to answer lines as they come, or go on where `Live.save` left off, when given its bytes.

        Raises `UsageError` where a task does not work so.
        """
        raise UsageError(f"{self.name} does not work on lines as they come: use statewise predict")

    def score(
        self,
        model: "Model[Any]",
        data: Data,
        *,
        dynamic: DynamicOf = False,
        storage: StorageOf = "float32",
    ) -> Scoring:
        """Score a model on the held-out part: here by its mean loss over the windows, in the words of `metrics`.

        A task that is judged otherwise has its own, whose settings, annotated with `Doc`, are those of `evaluate`.
        Neither model nor random numbers are touched.
        """
        from statewise.learning import scoring

        loss = yield from _last(scoring.score(model, data.windows("held_out")))
        metrics = self.metrics(loss)
        if dynamic:
            windows = data.windows("held_out", rows=1, steps=self.sequence_length)
            learning_on = yield from _last(scoring.score_dynamically(model, windows))
            metrics |= {DYNAMIC + name: value for name, value in self.metrics(learning_on).items()}
        if storage != "float32":
            stored = yield from _last(scoring.score_compiled(model, data.windows("held_out"), storage))
            metrics |= {f"{storage}_{name}": value for name, value in self.metrics(stored).items()}
        return Score(metrics, float(loss.mean))

    def remarks(self, score: Score, data: Data) -> Sequence[str]:
        """Return what the numbers mean, a sentence each, to stand beneath their table."""
        return ()

    def size(self, facts: Mapping[str, Any]) -> str:
        """Say how much there is to learn from."""
        checked = f"{facts['validation']:,} for validation, " if "validation" in facts else ""
        return f"{counted(facts['training'], facts['unit'])} to learn, {checked}{facts['held_out']:,} held out"


def report_on(
    task: Task,
    data: Data,
    score: Score,
    *,
    run: str,
    seconds: Callable[[], float],
    also: Sequence[str] = (),
    **more: Any,
) -> Report:
    """Set a score next to the baselines, with what it means; `also` are further remarks.

    Raises `TrainingError` for a score that is not a number.
    """
    for name, value in score.metrics.items():
        if not math.isfinite(value):
            raise TrainingError(f"the {name} of this model is {value}: training has failed, lower the --learning-rate")
    baselines = {name: dict(values) for name, values in data.baselines().items()}
    tables = {title: {row: dict(cells) for row, cells in table.items()} for title, table in score.tables.items()}
    remarks = [*task.remarks(score, data), *also]
    return Report(
        task.name, run, data.facts, score.metrics, baselines, seconds(), remarks=remarks, tables=tables, **more
    )


def as_plain(piece: Any) -> Any:
    """Return a piece of an answer as plain values: by its `as_json`, where it has one."""
    return piece.as_json() if hasattr(piece, "as_json") else piece


def _last(losses: "Iterator[tuple[float, Loss]]") -> "Generator[float, None, Loss]":
    """Yield the fractions of a scoring and return its last loss."""
    seen: deque[Loss] = deque(maxlen=1)
    for fraction, loss in losses:
        seen.append(loss)
        yield fraction
    return seen[0]


def stacked_core(cell: str, features: int, width: int, layers: int, *, candidate_dropout: float = 0.0) -> Any:
    """Return `layers` cells of that name, one after another, each with dropout of its candidate where that is above 0.

    Raises `UsageError` for such dropout of a cell without a candidate.
    """
    from statewise.cells import CandidateDropout, Chain
    from statewise.registry import find

    make: Any = find("cells", cell)
    parts = [make(features if layer == 0 else width, width) for layer in range(layers)]
    parts = [CandidateDropout(part, candidate_dropout) for part in parts] if candidate_dropout else parts
    return parts[0] if layers == 1 else Chain(*parts)
