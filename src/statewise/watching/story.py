"""What the events of a run tell, once its resumptions are taken out: what was told last of an update counts."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from statewise.run.directory import RunDirectory


@dataclass(frozen=True)
class Story:
    """A run: its settings, the loss of each update, its checks, samples and, at its end, its report."""

    path: Path
    task: str
    settings: dict[str, Any]
    updated: dict[int, dict[str, Any]] = field(default_factory=dict)
    checked: dict[int, dict[str, Any]] = field(default_factory=dict)
    sampled: dict[int, dict[str, Any]] = field(default_factory=dict)
    report: dict[str, Any] | None = None
    parameters: int = 0

    @classmethod
    def of(cls, path: Path) -> "Story":
        """Read a run. Raises `RunError` where it is none."""
        directory = RunDirectory(path)
        config = directory.read_config()
        kept: dict[str, dict[int, dict[str, Any]]] = {"updated": {}, "checked": {}, "sampled": {}}
        report = None
        for event in directory.read_events():
            if event["event"] in ("started", "rolledback"):  # what came behind this update is trained anew
                for told in kept.values():
                    for update in [number for number in told if number > event["update"]]:
                        del told[update]
            elif event["event"] in kept:
                kept[event["event"]][event["update"]] = event
            elif event["event"] == "finished":
                report = event["report"]
        return cls(path, config["task"], config["settings"], **kept, report=report, parameters=config["parameters"])

    @property
    def seconds(self) -> float:
        """How long it was trained."""
        return float(self.updated[max(self.updated)]["seconds"]) if self.updated else 0.0

    @property
    def metrics(self) -> dict[str, float]:
        """What it scores at the end, or at its best check so far; nothing before the first."""
        if self.report:
            return dict(self.report["metrics"])
        best = min(self.checked.values(), key=lambda event: event["judged"], default=None)
        return dict(best["metrics"]) if best else {}
