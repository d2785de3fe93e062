"""A run as TensorBoard reads it, written out of `events.jsonl`, which stays the truth."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from statewise.disk.reading import refuse_links
from statewise.errors import MissingExtra
from statewise.run.directory import RunDirectory
from statewise.run.history import GOING_BACK, lasting

FOLDER = "tensorboard"
NUMBERS = {"nats": "training/nats", "norm": "training/norm", "rate": "training/rate"}
POLL_SECONDS = 1.0


def export_events(run: Path, folder: Path | None = None, *, follow: bool = False) -> Path:
    """Write the events of a run for TensorBoard and return the folder, which is made again.

    With `follow`, go on while the run is trained, until it is finished. Raises `RunError` where it is not a run,
    `MissingExtra` where TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard.writer import SummaryWriter
    except ImportError as error:
        raise MissingExtra("this needs TensorBoard: pip install 'statewise[tb]'") from error

    directory = RunDirectory(run)
    directory.read_config()
    began = directory.config.stat().st_mtime
    folder = folder or run / FOLDER
    refuse_links(folder)
    shutil.rmtree(folder, ignore_errors=True)
    writer = SummaryWriter(str(folder))
    try:
        for event, undoes in _events(directory, follow=follow):
            if undoes:
                writer.close()
                writer = SummaryWriter(str(folder), purge_step=event["update"] + 1)
            _write(writer, event, began + event.get("seconds", 0.0))
            if follow:
                writer.flush()
        writer.close()
    except BaseException:
        writer.close()
        if not follow:  # half of a run would look like all of it; with `follow` the loop may end at any time
            shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _events(directory: RunDirectory, *, follow: bool) -> Iterator[tuple[dict[str, Any], bool]]:
    """Yield the events that were not undone, and with `follow` those to come, up to the last.

    With each goes whether it undoes some that were yielded already.
    """
    seen = 0
    for number, event in lasting(directory):
        seen = number + 1
        yield event, False
        if event["event"] == "finished":
            return
    while follow:
        time.sleep(POLL_SECONDS)
        for number, event in enumerate(directory.read_events()):
            if number >= seen:
                seen = number + 1
                yield event, event["event"] in GOING_BACK
                if event["event"] == "finished":
                    return


def _write(writer: Any, event: dict[str, Any], when: float) -> None:
    match event["event"]:
        case "updated":
            for name in NUMBERS.keys() & event.keys():
                writer.add_scalar(NUMBERS[name], event[name], event["update"], when)
        case "checked":
            _write_metrics(writer, event["metrics"], event["update"], when)
        case "sampled":
            writer.add_text("sample", _quoted(event["sample"]), event["update"], when)
        case "rolledback":
            writer.add_text("rolled back", event.get("reason", ""), event["update"], when)
        case "finished":
            _write_metrics(writer, event["report"]["metrics"], event["update"], when)
            for name, metrics in event["report"]["baselines"].items():
                writer.add_text("baselines", f"{name}: {metrics}", event["update"], when)


def _write_metrics(writer: Any, metrics: dict[str, float], update: int, when: float) -> None:
    for name, value in metrics.items():
        if isinstance(value, float):
            writer.add_scalar(f"held_out/{name}", value, update, when)


def _quoted(sample: str) -> str:
    """Return a sample so that Markdown shows it as it is."""
    return "\n".join(f"    {line}" for line in sample.splitlines())
