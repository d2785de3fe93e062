"""The verbs of the library: train, resume, evaluate, predict, inspect. The command line and notebooks call these."""

import hashlib
import json
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any, TypeVar, cast

import torch

from statewise import __version__, registry
from statewise.data.codec import Codec
from statewise.data.source_forms import given_sources
from statewise.data.source_paths import located
from statewise.data.written_sources import named_source
from statewise.distributed import Ranks, join, own_rows, random_of
from statewise.errors import RunError, UsageError
from statewise.learning.allowance import Allowance, Allowing, allowance_at
from statewise.learning.checkpoint import load_checkpoint
from statewise.learning.events import Event, Scoring
from statewise.learning.learner import Learner
from statewise.learning.precision import DOUBLE
from statewise.learning.rollouts import Collector
from statewise.learning.snapshot import load_weights, weights_to_use
from statewise.learning.transfer import names_without_dropout, transfer
from statewise.model import Model
from statewise.program import why_not
from statewise.report import Report
from statewise.run.beginning import Beginning
from statewise.run.config import build, check, plain
from statewise.run.directory import CACHE, DEFAULT_FOLDER, RunDirectory, refuse_taken
from statewise.run.history import RunHistory
from statewise.run.run_names import is_named
from statewise.run.sources import SOURCE, SOURCES, refuse_changed, settings_of, sources_of
from statewise.session import TrainingSession, prepared, scored
from statewise.shown import in_html, in_json, in_line
from statewise.state import write_tensors
from statewise.stream import Stream
from statewise.task import Answer, Data, Live, Score, Task, report_on
from statewise.underway import returned
from statewise.underway import told as under_way

Source = Any
"A path, the name of a corpus, a table in memory where the task reads tables, or several of these."
Configured = TypeVar("Configured", bound=Task)
TABLE = "table"
SIZES = ("hidden_size", "embedding")
"Settings of which some tasks choose what was not given."
BRING_BACK = "bring them back"


@dataclass(frozen=True)
class Run:
    """A finished training: its folder and its report."""

    path: Path
    report: Report

    @property
    def metrics(self) -> dict[str, float]:
        """What the model scores on the held-out part."""
        return self.report.metrics

    def load(self) -> "Trained":
        """Return the model, ready for use."""
        return load(self.path)

    def __repr__(self) -> str:
        return f"<Run {in_line(self.path)}: {self.report.in_short()}>"

    def _repr_html_(self) -> str:
        return self.report._repr_html_()


@dataclass(frozen=True)
class Trained:
    """A trained model from a run directory, with its task and codec."""

    task: Task
    model: Model[Any]
    codec: Any
    path: Path
    update: int
    notice: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        size = self.model.parameter_count
        return f"<Trained {in_line(self.path)}: task {self.task.name}, {size:,} parameters, update {self.update:,}>"

    def data(self, advice: str = BRING_BACK) -> Data:
        """Return the data that it was trained on, read again.

        Raises `RunError` where they have changed since, with `advice`, `DataError` where they cannot be read.
        """
        return returned(self.reading(advice))

    def reading(self, advice: str = BRING_BACK) -> Generator[Scoring, None, Data]:
        """Return what `data` does, yielding how much is read where that takes long."""
        return _as_trained(self.task, self.codec, self.facts, self.path, advice)

    def predict(self, *given: Any, **how: Any) -> Iterator[Any]:
        """Answer what is given, a piece at a time: see the task's own `predict`."""
        return self.task.predict(self.model, self.codec, *given, **how)

    def answer(self, *given: Any, **how: Any) -> Answer:
        """Return what `statewise predict` shows: see the task's own `answer`."""
        return self.task.answer(self.model, self.codec, *given, **how)

    def live(self, saved: bytes | None = None, **how: Any) -> Live:
        """Begin to answer lines as they come, or go on where `Live.save` left off: see the task's own `live`."""
        return self.task.live(self.model, self.codec, saved, **how)

    def stream(self, saved: bytes | None = None) -> Stream[Any]:
        """Return a stream at its beginning, or where `Stream.save` left one."""
        stream = self.task.stream(self.model, self.codec)
        return stream if saved is None else Stream.open(stream.model, saved, encode=stream.encode)

    def _repr_html_(self) -> str:
        model = f"{in_html(self.task.name)} model from {in_html(self.path)}"
        return f"<p>{model}, {self.model.parameter_count:,} parameters</p>"


def training(
    task: Task, *, run: str | Path | None = None, begin_from: str | Path | None = None
) -> Generator[Event, None, None]:
    """Train, yielding what happens; leaving the loop saves and stops.

    With `begin_from`, the weights are at first those of another run of the same task, given as to `load`: symbols,
    items or classes that both know keep their rows, others begin fresh. Sizes that are not given are those of that run.
    A table in memory is kept in the folder of the run, so that it can be resumed and scored again.
    Raises `UsageError` for settings that do not fit, `DataError` for data that cannot be read, `RunError` where the
    run directory exists, `TrainingError` where training fails. No run is made before the data are read.
    """
    cache = (Path(run).parent if run else DEFAULT_FOLDER) / CACHE
    task = with_tables_kept(task, cache)
    ranks = join(task.device)
    if run and ranks.is_first:
        refuse_taken(Path(run))
    other = None if begin_from is None else load(begin_from)
    task = task if other is None else _sized_as(other.task, task, str(begin_from))
    with ranks.first_goes_first():
        data: Data = yield from under_way(task.preparing_data(cache), _reading)
    task, data = _fitted_alike(task, data, ranks)
    learner = _learner(task, data, ranks, nullcontext())
    begun = {}
    if begin_from is not None and other is not None:
        begun = {"begun_from": _begin_from(begin_from, other, data.codec, learner)}
    with Beginning(task.name, task.label, Path(run) if run else None) as beginning:

        def begin() -> dict[str, bytes]:
            config, codec = {**_config(task, data, learner), **begun}, data.codec.as_json()
            directory = beginning.create(lambda made: made.begin(config, codec))
            return {"path": str(directory.path).encode()}

        directory = RunDirectory(Path(ranks.hand_round(begin)["path"].decode()))
        told = begun.get("begun_from")
        events = TrainingSession(directory, task, data, learner, begun_from=told, saves_first=bool(begun)).events()
        try:
            yield next(events)
        except BaseException:
            events.close()
            raise
    yield from events


def resuming(run: str | Path) -> Generator[Event, None, None]:
    """Go on with a run, yielding what happens; leaving the loop saves and stops.

    Raises `RunError` where it is not a run, is damaged or in use, or where its data have changed.
    """
    directory = RunDirectory(Path(run))
    config = directory.read_config()
    task = task_of(config).trained_on(config["data"])
    codec = task.codec(directory.read_codec())
    ranks = join(task.device)
    with ranks.first_goes_first():
        data = yield from _as_trained(task, codec, config["data"], directory.path, f"{BRING_BACK}, or train a new run")
    allowance = allowance_at(directory.checkpoints)
    building = Allowing(allowance, directory.path) if allowance else nullcontext()
    learner = _learner(task, data, ranks, building)
    yield from TrainingSession(directory, task, data, learner, begun_from=config.get("begun_from")).events()


def load(run: str | Path) -> Trained:
    """Return the model of a run's newest good checkpoint.

    The run is its folder, a zip of that, or a name such as `zoo:shakespeare`. Raises `RunError` where there is none,
    `MissingExtra` where the zoo is not installed.
    """
    directory = RunDirectory.of(run)
    config = directory.read_config()
    task = task_of(config).trained_on(config["data"])
    codec = task.codec(directory.read_codec())
    checkpoint = load_checkpoint(directory.checkpoints, weights_to_use)
    with Allowing(Allowance.of(b"".join(checkpoint.files.values())), directory.path):
        model = task.model(codec)
    if task.precision == DOUBLE:  # it is used in single precision, as every model
        load_weights(model.double(), checkpoint.files)
        model.float()
    else:
        load_weights(model, checkpoint.files)
    update = int(checkpoint.path.name)
    task = task.calibrated_by(directory.read_calibration(update))
    divergence = RunHistory.from_events(directory.read_last_events()).divergence
    notice = "\n".join(filter(None, [checkpoint.notice, divergence])) or None
    return Trained(task, model.eval(), codec, directory.path, update, notice, config["data"])


def predict(run: str | Path, *given: Any, **how: Any) -> Iterator[Any]:
    """Answer what is given, a piece at a time: see the `predict` of the run's task."""
    return load(run).predict(*given, **how)


def evaluating(run: str | Path, source: Source | None = None, **how: Any) -> Generator[Scoring, None, Report]:
    """Score a run on its held-out part, or on another source, with the baselines, yielding the progress.

    The report is what it returns at last. The run never changes.

    `how` is what the `score` of the run's task takes. Where that is `Task.score`: with `dynamic`, score once more while
    a copy goes on learning from what it has read; with a `storage` of `bfloat16` or `int8`, with its weights kept so.
    A source may be a table in memory, as in training.
    Raises `RunError` for a run that cannot be used, `DataError` for data that cannot be read.
    """
    began = time.monotonic()
    trained = load(run)
    cache = RunDirectory(trained.path).cache
    data = yield from trained.reading()
    notices = data.notices
    if source is not None:
        data = data.on([kept(trained.task, one, cache) for one in given_sources(source)], cache)
    score: Score = yield from scored(trained.task.score(trained.model, data, **how))
    yield from prepared(data)
    return report_on(
        trained.task,
        data,
        score,
        run=str(run),
        seconds=lambda: time.monotonic() - began,
        notice="\n".join(filter(None, [trained.notice, *notices])) or None,
    )


def inspect(run: str | Path) -> dict[str, Any]:
    """Return the facts of a run without using its model: settings, size, progress, results, samples.

    `stretches` tells, of each time that training began or went on, after which update, and what its bits depend on.
    """
    directory = RunDirectory.of(run)
    config = directory.read_config()
    history = RunHistory.of(directory.path)
    return {
        "run": str(run),
        **{key: config[key] for key in config if key != "format"},
        "stretches": history.stretches,
        "bytes": directory.size(),
        "last_update": history.updates.of_last(),
        "finished": history.report is not None,
        "best": history.metrics or None,
        "warning": history.divergence,
        "baselines": history.baselines,
        "samples": history.sampled,
    }


def known_names(run: str | Path) -> dict[str, list[dict[str, Any]]]:
    """Return what a run knows by name, without using its model: characters, columns and series, items, classes.

    Raises `RunError` for a run that cannot be used.
    """
    directory = RunDirectory.of(run)
    task = task_of(directory.read_config())
    codec = task.codec(directory.read_codec())
    return {kind: [dict(row) for row in rows] for kind, rows in task.known_names(codec).items()}


def with_tables_kept(task: Configured, cache: Path) -> Configured:
    """Return a task, checked, whose tables in memory lie in a cache; raises `UsageError` where it takes none."""
    source: Any = getattr(task, SOURCE, "")
    given = given_sources(source)
    if all(isinstance(one, str | PurePath) for one in given):
        return check(task)
    settings = plain(task)
    build(type(task), {**settings, SOURCE: TABLE})  # nothing is written for settings that do not fit
    names = tuple(kept(task, one, cache) for one in given)
    return build(type(task), {**settings, SOURCE: names if len(names) > 1 else names[0]})


def kept(task: Task, source: Any, cache: Path) -> str:
    """Return the name of a source: one in memory is written into a cache. Raises `UsageError` for what is none."""
    return named_source(source, task.in_memory, task.name, cache)


def _fitted_alike(task: Task, data: Data, ranks: Ranks) -> tuple[Task, Data]:
    """Return a task with what follows from its data, as the first process chose it: it may have measured its speed."""
    own: list[tuple[Task, Data]] = []

    def choose() -> dict[str, bytes]:
        own.append(task.fitted(data))
        return {"settings": json.dumps(plain(own[0][0])).encode()}

    told = ranks.hand_round(choose)
    return own[0] if own else build(type(task), json.loads(told["settings"])).fitted(data)


def _learner(task: Task, data: Any, ranks: Ranks, building: AbstractContextManager[object]) -> Learner:
    windows = data.windows("training")
    windows = windows if isinstance(windows, Collector) else own_rows(windows, ranks)
    torch.manual_seed(task.seed)
    with building:
        model = task.model(data.codec)  # of the same weights in every process
    if not ranks.is_first:
        torch.set_rng_state(random_of(task.seed, ranks.rank, 0))
    return Learner(model, windows, task, ranks)


def _sized_as(other: Task, task: Configured, run: str) -> Configured:
    """Return a task with the sizes of another where its own would follow from its data."""
    if other.name != task.name:
        raise UsageError(
            f"{run} is a run of {other.name}: {task.name} cannot use its weights, give a run of {task.name}"
        )
    left = [name for name in SIZES if hasattr(task, name) and not getattr(task, name)]
    return replace(task, **{name: getattr(other, name) for name in left})


def _begin_from(run: str | Path, other: Trained, codec: Codec, learner: Learner) -> dict[str, Any]:
    """Give a learner the weights of another run, and return what is to be known of that."""
    weights = other.model.state_dict()
    symbols, theirs = (getattr(one, "symbols", ()) for one in (codec, other.codec))  # a task's own codec may have none
    plain_names = names_without_dropout(other.model)
    found = transfer(learner.model, {plain_names[name]: own for name, own in weights.items()}, symbols, theirs)
    digest = hashlib.sha256(write_tensors(weights)).hexdigest()
    told = {"run": str(run if is_named(run) else Path(run).resolve()), "update": other.update, "weights_sha256": digest}
    return {**told, "words": found.words()}


def _reading(fraction: float) -> Scoring:
    return Scoring(fraction, "what is read: it is looked at once, and kept")


def _as_trained(
    task: Task, codec: Any, facts: Mapping[str, Any], run: Path, advice: str
) -> Generator[Scoring, None, Data]:
    """Return the data of a run, read again. Raises `RunError` where they are not what it was trained on."""
    data = yield from under_way(task.preparing_data(RunDirectory(run).cache), _reading)
    refuse_changed(run, facts, data.facts, advice)
    if in_json(codec.as_json()) != in_json(data.codec.as_json()):
        raise RunError(f"codec.json of {run} is not what its data say: it was changed, or made by another version")
    return data


def _config(task: Task, data: Any, learner: Learner) -> dict[str, Any]:
    return {
        "task": task.name,
        "settings": plain(task),
        SOURCES: located(sources_of(plain(task))),
        "data": data.facts,
        "parameters": learner.model.parameter_count,
        "versions": {"statewise": __version__},
        "processes": learner.ranks.count,
        "stepping": why_not(learner.model) or "step program",
    }


def task_of(config: Mapping[str, Any]) -> Task:
    """Return the task that `run.yaml` describes, its sources as they are found from any folder.

    Raises `UsageError` where its name or a setting is not known.
    """
    kind = cast(type[Task], registry.find("tasks", str(config["task"])))
    return build(kind, settings_of(config))
