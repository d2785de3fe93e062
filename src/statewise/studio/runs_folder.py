"""The runs that a studio shows: those of its folder, and those that were named, each by its name."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, final

from statewise.errors import StatewiseError, UsageError
from statewise.run.directory import RunDirectory, is_there
from statewise.run.history import RunHistory
from statewise.run.run_names import folder_of
from statewise.run.trainer import trainer_of
from statewise.server.errors import NOT_FOUND, ApiError
from statewise.server.json_values import plain_json
from statewise.shown import in_block, in_line, sample_in_block

MOST_RUNS = 1000
"So many runs are listed, the newest ones."
LONGEST_SAMPLE = 600
TRAINING, FINISHED, STOPPED, DAMAGED = "training", "finished", "stopped", "damaged"
"What a run is at: a process trains it, its report is there, it can be resumed, or it cannot be read."


@final
class RunsFolder:
    """The folder where runs lie and are made, and the runs that were named besides.

    Raises `UsageError` where two of them have one name, `RunError` where one that was named is none.
    """

    def __init__(self, path: Path, named: Sequence[Path] = ()) -> None:
        self.path, self._named = path, dict[str, Path]()
        self._listed: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {}
        for run in map(folder_of, named):
            RunDirectory(run).read_config()
            name = run.resolve().name
            if self._named.setdefault(name, run).resolve() != run.resolve():
                raise UsageError(f"{self._named[name]} and {run} have one name, {name}: rename one of the folders")
            inside = path / name
            if is_there(inside / "run.yaml") and inside.resolve() != run.resolve():
                raise UsageError(f"{inside} and {run} have one name, {name}: rename one of the folders")

    def paths(self) -> dict[str, Path]:
        """Return where each run lies, by name, those first that something happened in last."""
        found = dict(self._named)
        with suppress(OSError):
            found |= {path.name: path for path in self.path.iterdir() if is_run(path)}
        return dict(sorted(found.items(), key=lambda item: _changed(item[1]), reverse=True)[:MOST_RUNS])

    def run(self, name: str) -> Path:
        """Return where a run lies. Raises `ApiError` where there is none of that name."""
        path = self._named.get(name, self.path / name)
        known = name in self._named or (Path(name).name == name and is_run(path))
        if not known or not is_there(path, is_folder=True):
            raise ApiError(NOT_FOUND, f"there is no run {in_line(name, 100)} here: it was removed, or renamed")
        return path

    def listing(self) -> Iterator[dict[str, Any]]:
        """Yield each run in short: its task, what it is at, its score and the best baseline, its last sample."""
        for name, path in self.paths().items():
            state = (_changed(path), _size(path / "events.jsonl"), trainer_of(path))
            if self._listed.get(name, (None,))[0] != state:
                self._listed[name] = state, in_short(name, path)
            yield self._listed[name][1]


def is_run(path: Path) -> bool:
    """Say whether a folder is a run, or says that it is."""
    return not path.name.startswith(".") and is_there(path / "run.yaml")


def in_short(name: str, path: Path) -> dict[str, Any]:
    """Return what a list says of a run; one that cannot be read is listed with the reason."""
    told: dict[str, Any] = {"name": name, "path": str(path), "changed": _changed(path)}
    try:
        config = RunDirectory(path).read_config()
        history = RunHistory.from_events(RunDirectory(path).read_last_events())
    except StatewiseError as error:
        return {**told, "state": DAMAGED, "problem": str(error)}
    except OSError as error:
        return {**told, "state": DAMAGED, "problem": f"it cannot be read ({error.strerror})"}
    sample = next(reversed(history.sampled.values()), "")
    short: dict[str, Any] = plain_json(
        {
            **told,
            "task": config["task"],
            "parameters": config["parameters"],
            "state": state_of(path, history),
            "last": history.updates.of_last(),
            "score": score_of(history),
            "warning": history.divergence,
            "sample": sample_in_block(sample)[:LONGEST_SAMPLE] if sample else "",
        }
    )
    return short


def state_of(path: Path, history: RunHistory) -> str:
    """Return what a run is at."""
    if trainer_of(path) is not None:
        return TRAINING
    return FINISHED if history.report else STOPPED


def score_of(history: RunHistory) -> dict[str, Any] | None:
    """Return the metric that matters most, and the baseline that is best in it; None before the first check."""
    metrics = history.metrics
    if not metrics:
        return None
    metric = next(iter(metrics))
    rivals = {name: of[metric] for name, of in history.baselines.items() if metric in of}
    judged = {"metric": metric, "value": metrics[metric]}
    if not rivals:
        return judged
    best = (max if grows_better(metric, history) else min)(rivals, key=lambda name: rivals[name])
    return {**judged, "baseline": best, "baseline_value": rivals[best]}


def grows_better(metric: str, history: RunHistory) -> bool:
    """Say whether more of a metric is better, as far as the checks tell: what a run is judged by is less.

    Where it never was checked, the spread of the names decides: what counts hits, returns or rates grows.
    """
    pairs = [
        (float(event["metrics"][metric]), float(event["judged"]))
        for event in history.checked.values()
        if isinstance(event["metrics"].get(metric), int | float)
    ]
    for value, judged in pairs:
        if value and judged:
            return (value > 0) != (judged > 0)
    return any(word in metric for word in GROWING)


GROWING = ("accuracy", "recall", "mrr", "ndcg", "return", "hit", "bleu", "chrf", "won", "f1", "coverage")
"Parts of the names of metrics of which more is better."


def whole(name: str, path: Path) -> dict[str, Any]:
    """Return what the page of a run shows at once. Raises `RunError` for one that cannot be read."""
    directory = RunDirectory(path)
    config = directory.read_config()
    history = RunHistory.from_events(directory.read_last_events())
    report: Mapping[str, Any] | None = history.report
    shown: dict[str, Any] = plain_json(
        {
            "name": name,
            "path": str(path),
            "task": config["task"],
            "settings": config["settings"],
            "data": config["data"],
            "parameters": config["parameters"],
            "versions": config["versions"],
            "state": state_of(path, history),
            "last": history.updates.of_last(),
            "score": score_of(history),
            "warning": history.divergence,
            "samples": {str(update): in_block(sample) for update, sample in history.sampled.items()},
            "report": None
            if report is None
            else {part: report.get(part) for part in ("metrics", "baselines", "tables", "remarks", "training", "data")},
        }
    )
    return shown


def _changed(path: Path) -> float:
    times = [0.0]
    for part in ("events.jsonl", "run.yaml"):
        with suppress(OSError):
            times.append((path / part).stat().st_mtime)
    return max(times)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
