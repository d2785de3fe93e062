"""A search for better settings with Optuna: every trial is a run of its own, and a search can be continued."""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

from statewise.data.source_paths import located
from statewise.disk.reading import file_size, read_file
from statewise.errors import MissingExtra, RunError, StatewiseError, UsageError
from statewise.learning.events import Checked, Finished, as_json
from statewise.plain.strict_yaml import LARGEST_YAML, read_yaml
from statewise.run.beginning import Beginning
from statewise.run.config import as_yaml, build, plain
from statewise.run.directory import LOCK, RunDirectory, is_there
from statewise.run.files import make_folder, saving, write_whole
from statewise.run.history import RunHistory
from statewise.run.recorded import Check, is_count, is_table, is_table_of, is_text, misfit
from statewise.run.sources import SOURCES, settings_of, sources_of, with_places
from statewise.task import Task
from statewise.tuning.space import Space, as_plain, parse_space
from statewise.verbs import inspect, load, resuming, task_of, training

BEST, TOLD, JOURNAL, TRIALS = "best.yaml", "tune.yaml", "study.journal", "trials"
FORM: dict[str, Check] = {
    "task": is_text,
    "settings": is_table,
    SOURCES: is_table_of(is_text),
    "space": is_table_of(is_text),
    "seed": is_count,
}
DAMAGED = (LookupError, ValueError, TypeError, AttributeError, AssertionError)
OWN = frozenset([TOLD, LOCK])
"What a search holds when its first trial begins."
CHECKS = 5
STARTUP = 4
"So many trials are drawn at random, and none of them is cut short, before the others are held against them."


class Trial(NamedTuple):
    """What came of one trial: `judged` is its best score, less is better; `state` is complete, pruned or fail."""

    number: int
    state: str
    settings: dict[str, Any]
    judged: float | None
    metrics: dict[str, float]
    run: str


class TrialReference(NamedTuple):
    """What is reported with the best trial: `baselines` where trials were judged, and its score on the `held_out` part.

    The latter is empty where trials were judged by the held-out part itself, since it is then no proof of anything.
    """

    baselines: dict[str, dict[str, float]]
    held_out: dict[str, float]


@dataclass(frozen=True)
class Search:
    """A folder with a task, where to look, and what was found so far."""

    folder: Path
    task: Task
    space: Space
    seed: int

    @classmethod
    def begin(cls, folder: Path, task: Task, space: Space, seed: int = 0) -> "Search":
        """Return a search that is kept in a folder: a new one, or the one that is there.

        Raises `UsageError` without a space, `RunError` where the folder holds another search, or something else.
        """
        if not space:
            raise UsageError("nothing to search among was given: name it, as in --search learning-rate=1e-4..1e-2:log")
        places = located(sources_of(plain(task)))
        told = {"task": task.name, "settings": plain(task), SOURCES: places, "space": as_plain(space), "seed": seed}
        path = folder / TOLD
        if path.exists():
            if {SOURCES: places, **_told(folder)} != told:
                raise RunError(f"{folder} holds a search with other settings: give the same, or another --run")
        else:
            _refuse_foreign(folder)
            with saving(str(folder), "give another --run, or free some space"):
                make_folder(folder)
                write_whole(path, as_yaml(told).encode())
        return cls(folder, build(type(task), with_places(plain(task), places)), space, seed)

    @classmethod
    def read(cls, folder: Path) -> "Search":
        """Return the search that a folder holds. Raises `RunError` where there is none, or a damaged one."""
        told = _told(folder)
        task = task_of(told)
        space = parse_space([f"{name}={values}" for name, values in told["space"].items()], plain(task))
        return cls(folder, task, space, told["seed"])

    def open_trials(self, count: int) -> list[int]:
        """Return the numbers of the trials to be made until there are so many; first those that were left half way."""
        states = _optuna().trial.TrialState
        made = self._study(0).get_trials(deepcopy=False)
        left = [trial.number for trial in made if trial.state in (states.RUNNING, states.WAITING)]
        return [*left, *range(len(made), count)]

    def ask(self, number: int) -> None:
        """Open trial number `number`, the next one, where it is not open already."""
        study = self._study(number)
        if number >= len(study.get_trials(deepcopy=False)):
            study.ask()

    def trial(self, number: int) -> int:
        """Train trial number `number`, or go on with it where it stopped, and return it; a bad one is cut short.

        Settings that do not fit each other, and a training that fails, are trials that failed.
        """
        optuna = _optuna()
        study = self._study(number)
        frozen = [trial for trial in study.get_trials(deepcopy=False) if trial.number == number]
        trial = optuna.trial.Trial(study, frozen[0]._trial_id) if frozen else study.ask()
        run = self._run(trial.number)
        try:
            task = self._task(trial)
            best = self._train(study, trial, task, run)
        except optuna.TrialPruned:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        except StatewiseError as error:
            trial.set_user_attr("reason", str(error))
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, best)
        return int(trial.number)

    def _task(self, trial: Any) -> Task:
        drawn = {name: part.draw(name, trial) for name, part in self.space.items()}
        return build(type(self.task), {**plain(self.task), **drawn})

    def _train(self, study: Any, trial: Any, task: Task, run: Path) -> float:
        """Train one trial and return its best score; raises Optuna's `TrialPruned` where it is cut short."""
        events = resuming(run) if RunDirectory(run).config.exists() else training(task, run=run)
        history = RunHistory.of(run)
        with closing(events):
            for event in events:
                history.tell(as_json(event))
                if isinstance(event, Checked):
                    checks = len(history.checked)
                    trial.report(event.judged, checks - 1)
                    if checks <= task.checks and trial.should_prune():  # not at the last one, when it is done
                        raise _optuna().TrialPruned
                if isinstance(event, Finished) and history.best_check:
                    return float(history.best_check["judged"])
        raise RunError(f"{run} ended before it was finished: tune it again")

    def trials(self) -> list[Trial]:
        """Return what came of every trial so far."""
        optuna = _optuna()
        states = optuna.trial.TrialState
        names = {states.COMPLETE: "complete", states.PRUNED: "pruned", states.FAIL: "failed"}
        found = []
        for trial in self._study(0).get_trials(deepcopy=False):
            run = self._run(trial.number)
            check = RunHistory.of(run).best_check
            judged, metrics = (float(check["judged"]), dict(check["metrics"])) if check else (trial.value, {})
            state = names.get(trial.state, "open")
            found.append(Trial(trial.number, state, dict(trial.params), judged, metrics, str(run)))
        return found

    def best(self) -> Trial | None:
        """Return the best of the complete trials."""
        complete = [trial for trial in self.trials() if trial.state == "complete" and trial.judged is not None]
        return min(complete, key=lambda trial: cast(float, trial.judged), default=None)

    def reference(self, trial: Trial) -> TrialReference:
        """Return what simple methods score where trials are judged, and what this one does on the held-out part."""
        told = inspect(trial.run)
        if "validation" not in told["data"]:
            return TrialReference(told["baselines"], {})
        data = load(trial.run).data()
        return TrialReference(dict(data.validating().baselines()), told["best"])

    def write_best(self) -> Path | None:
        """Write the settings of the best trial so that `--config` takes them, and return where."""
        best = self.best()
        if best is None:
            return None
        settings = settings_of(RunDirectory(Path(best.run)).read_config())
        write_whole(self.folder / BEST, as_yaml(settings).encode())
        return self.folder / BEST

    def _run(self, number: int) -> Path:
        return self.folder / TRIALS / f"{number:04d}"

    def _study(self, number: int) -> Any:
        """Return the study, whose next draw is made by the number of the trial out of the seed."""
        optuna = _optuna()
        from optuna.storages.journal import JournalFileBackend

        drawn = int.from_bytes(hashlib.sha256(f"{self.seed} {number}".encode()).digest()[:4], "big")
        sampler = optuna.samplers.TPESampler(seed=drawn, n_startup_trials=STARTUP, constant_liar=True)
        pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=1)
        journal = self.folder / JOURNAL
        if journal.exists():
            file_size(journal)  # of what is not a plain file, nothing is read
        storage = optuna.storages.JournalStorage(JournalFileBackend(str(journal)))
        try:
            return optuna.create_study(
                storage=storage, study_name="statewise", sampler=sampler, pruner=pruner, load_if_exists=True
            )
        except DAMAGED as error:
            raise RunError(f"{self.folder / JOURNAL} is damaged ({error}): tune into another --run") from None


def prepared(task: Task) -> Task:
    """Return a task that can be searched: it is checked on the way, and its best weights are the ones that count."""
    return build(type(task), {**plain(task), "checks": task.checks or CHECKS, "keep": "best"})


@contextmanager
def opened(folder: Path | None, task: Task, space: Space, seed: int = 0) -> Iterator[Search]:
    """Give a search as `Search.begin` does, in the next free folder where none is given; no second command has it.

    A new one that is interrupted before it is given leaves no files.
    """
    if folder is not None:
        _refuse_foreign(folder)
    with Beginning("tune", f"{task.name}-{task.label}", folder, OWN) as beginning, ExitStack() as held:
        path = folder if folder and folder.exists() else beginning.create().path
        held.enter_context(RunDirectory(path).locked())  # before it is looked at, so that two do not begin at once
        search = Search.begin(path, task, space, seed)
        kept = held.pop_all()
    with kept:
        yield search


def _refuse_foreign(folder: Path) -> None:
    """Raise `RunError` where a folder holds anything, but no search."""
    if not folder.exists() or (folder / TOLD).exists():
        return
    if not folder.is_dir() or any(inside.name != LOCK for inside in folder.iterdir()):
        raise RunError(f"{folder} exists already and is not a search: give another --run")


def _told(folder: Path) -> dict[str, Any]:
    """Return what a search was told. Raises `RunError` where a folder holds none, or a damaged one."""
    path = folder / TOLD
    if not is_there(path):
        raise RunError(f"{folder} holds no search: give the folder that `statewise tune` named")
    try:
        told = read_yaml(read_file(path, LARGEST_YAML))
    except ValueError as error:
        raise RunError(f"{path} cannot be read ({error}): the search is damaged") from None
    if not isinstance(told, dict) or (odd := misfit(told, FORM, {SOURCES})):
        raise RunError(f"{path} lacks {'what a search has' if not isinstance(told, dict) else odd}: it is damaged")
    return told


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise MissingExtra("a search needs Optuna: pip install 'statewise[tune]'") from error
    logging.getLogger("optuna").setLevel(logging.ERROR)
    return optuna
