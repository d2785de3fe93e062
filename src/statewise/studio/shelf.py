"""Models that a studio has open: loaded when a page asks for them, the newest checkpoint each, and few at once."""

import asyncio
from collections import OrderedDict
from pathlib import Path
from typing import Any, final

from statewise.server.metrics import Metrics
from statewise.server.model import ServedModel
from statewise.server.sessions import SessionService
from statewise.server.settings import ServerSettings
from statewise.studio.inside import reads_text
from statewise.verbs import load

MOST_OPEN, MOST_NAMES = 6, 5000
"So many models stay in memory; the one that was asked for longest ago goes first."


@final
class ModelShelf:
    """Opens runs as models of the server, by name."""

    def __init__(self, sessions: SessionService, settings: ServerSettings, metrics: Metrics) -> None:
        self._sessions, self._settings, self._metrics = sessions, settings, metrics
        self._open: OrderedDict[tuple[str, str], ServedModel] = OrderedDict()
        self._opening = asyncio.Lock()

    async def open(self, name: str, path: Path) -> dict[str, Any]:
        """Return the facts of a run's model, which is served from now on.

        Raises `RunError` for a run without a checkpoint, `UsageError` for one that cannot be served.
        """
        async with self._opening:  # one after another: each takes memory
            key = name, await asyncio.to_thread(newest_checkpoint, path)
            served = self._open.pop(key, None)
            if served is None:
                served = await asyncio.to_thread(self._load, name, path)
                self._sessions.add(served)
            self._open[key] = served
            while len(self._open) > MOST_OPEN:
                _, oldest = self._open.popitem(last=False)
                await self._sessions.remove(oldest)
        trained = served.trained
        task, codec = trained.task, trained.codec
        names = {kind: list(rows[:MOST_NAMES]) for kind, rows in task.known_names(codec).items()}
        about = {"update": trained.update, "page": task.page, "notice": trained.notice, "title": task.title}
        about["reads_text"] = reads_text(trained)
        return {**served.facts(), **about, "question": served.example_question, "names": names}

    def _load(self, name: str, path: Path) -> ServedModel:
        return ServedModel(name, load(path), self._settings, self._metrics)


def newest_checkpoint(path: Path) -> str:
    """Return what tells a checkpoint from a later one, and a run from another of its name."""
    try:
        newest = max((each.name for each in (path / "checkpoints").iterdir() if each.name.isdigit()), default="")
        return f"{newest}-{(path / 'run.yaml').stat().st_ino}"
    except OSError:
        return ""
