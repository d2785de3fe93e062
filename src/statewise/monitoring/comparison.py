"""Several runs compared: the settings that differ, the scores, the baselines, and the time that each took."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from statewise.run.directory import RunDirectory
from statewise.run.history import RunHistory
from statewise.shown import in_line

ABSENT = "-"


class ComparedRun(NamedTuple):
    """A run in a comparison: its configuration and its history."""

    path: Path
    config: Mapping[str, Any]
    history: RunHistory

    @classmethod
    def of(cls, path: Path) -> "ComparedRun":
        """Read a run. Raises `RunError` where it is none, or is damaged."""
        return cls(path, RunDirectory.of(path).read_config(), RunHistory.of(path))


@dataclass(frozen=True)
class Comparison:
    """Some runs, a column each."""

    runs: Sequence[ComparedRun]

    @classmethod
    def of(cls, runs: Sequence[Path]) -> "Comparison":
        """Read the runs. Raises `RunError` where one is none."""
        return cls([ComparedRun.of(run) for run in runs])

    def settings(self) -> dict[str, list[Any]]:
        """Return the settings that differ, of every run."""
        names = dict.fromkeys(name for run in self.runs for name in run.config["settings"])
        found = {name: [run.config["settings"].get(name) for run in self.runs] for name in names}
        differing = {name: values for name, values in found.items() if any(value != values[0] for value in values)}
        tasks = [run.config["task"] for run in self.runs]
        return {"task": tasks, **differing} if len(set(tasks)) > 1 else differing

    def metrics(self) -> dict[str, list[float | None]]:
        """Return what the runs score, counts left out."""
        return _columns(self.runs, lambda run: run.history.metrics)

    def baselines(self) -> dict[str, list[float | None]]:
        """Return what each baseline scores in the metric that matters most."""
        return _columns(self.runs, _baselines_of)

    def training(self) -> dict[str, list[Any]]:
        """Return how long and how large each was."""
        finished = ["yes" if run.history.report else "no" for run in self.runs]
        return {
            "updates": [run.history.updates.last for run in self.runs],
            "minutes": [round(run.history.seconds / 60, 2) for run in self.runs],
            "parameters": [run.config["parameters"] for run in self.runs],
            "finished": finished,
        }

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        parts = ("settings", "metrics", "baselines", "training")
        return {"runs": [str(run.path) for run in self.runs], **{part: getattr(self, part)() for part in parts}}

    def table(self) -> str:
        """Return the comparison as text: a column a run."""
        told = self.as_json()
        rows = [["", *told.pop("runs")]]
        for part, lines in told.items():
            rows += [[part]] if lines else []
            rows += [[f"  {name.replace('_', ' ')}", *map(_shown, values)] for name, values in lines.items()]
        rows = [[in_line(cell) for cell in row] for row in rows]
        widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(len(rows[0]))]
        aligned = ([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in rows)
        return "\n".join("  ".join(cells).rstrip() for cells in aligned)


def _columns(
    runs: Sequence[ComparedRun], of: Callable[[ComparedRun], dict[str, float]]
) -> dict[str, list[float | None]]:
    found = [of(run) for run in runs]
    names = dict.fromkeys(name for values in found for name, value in values.items() if isinstance(value, float))
    return {name: [values.get(name) for values in found] for name in names}


def _baselines_of(run: ComparedRun) -> dict[str, float]:
    metric = next(iter(run.history.metrics), None)
    return {f"{name}, {metric}": of[metric] for name, of in run.history.baselines.items() if metric in of}


def _shown(value: Any) -> str:
    if value is None:
        return ABSENT
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
