"""Runs beside each other: the settings that differ, what each scores beside its baselines, and how long it took."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from statewise.shown import in_line
from statewise.watching.story import Story

ABSENT = "-"


@dataclass(frozen=True)
class Comparison:
    """Some runs, a column each."""

    stories: Sequence[Story]

    @classmethod
    def of(cls, runs: Sequence[Path]) -> "Comparison":
        """Read the runs. Raises `RunError` where one is none."""
        return cls([Story.of(run) for run in runs])

    def settings(self) -> dict[str, list[Any]]:
        """Return the settings that differ, of every run."""
        names = dict.fromkeys(name for story in self.stories for name in story.settings)
        found = {name: [story.settings.get(name) for story in self.stories] for name in names}
        differing = {name: values for name, values in found.items() if any(value != values[0] for value in values)}
        tasks = [story.task for story in self.stories]
        return {"task": tasks, **differing} if len(set(tasks)) > 1 else differing

    def metrics(self) -> dict[str, list[float | None]]:
        """Return what the runs score, counts left out."""
        return _columns(self.stories, lambda story: story.metrics)

    def baselines(self) -> dict[str, list[float | None]]:
        """Return what each baseline scores in the metric that matters most."""
        return _columns(self.stories, _baselines_of)

    def training(self) -> dict[str, list[Any]]:
        """Return how long and how large each was."""
        finished = ["yes" if story.report else "no" for story in self.stories]
        return {
            "updates": [max(story.updated, default=0) for story in self.stories],
            "minutes": [round(story.seconds / 60, 2) for story in self.stories],
            "parameters": [story.parameters for story in self.stories],
            "finished": finished,
        }

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        parts = ("settings", "metrics", "baselines", "training")
        return {"runs": [str(story.path) for story in self.stories], **{part: getattr(self, part)() for part in parts}}

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


def _columns(stories: Sequence[Story], of: Callable[[Story], dict[str, float]]) -> dict[str, list[float | None]]:
    found = [of(story) for story in stories]
    names = dict.fromkeys(name for values in found for name, value in values.items() if isinstance(value, float))
    return {name: [values.get(name) for values in found] for name in names}


def _baselines_of(story: Story) -> dict[str, float]:
    if not story.report or not story.report["metrics"]:
        return {}
    metric = next(iter(story.report["metrics"]))
    return {f"{name}, {metric}": of[metric] for name, of in story.report["baselines"].items() if metric in of}


def _shown(value: Any) -> str:
    if value is None:
        return ABSENT
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
