"""What the page asks of the studio: runs, their events, trainings, data, and a run's model opened for use."""

import asyncio
import shlex
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Annotated, Any, final

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import Field

from statewise.run.config import SOURCE, build
from statewise.run.trainer import trainer_of
from statewise.server.departures import for_request
from statewise.server.json_values import dumps, plain_json
from statewise.server.routes import failures
from statewise.server.schemas import Body, Key
from statewise.server.sessions import SessionService
from statewise.server.sse import EventResponse
from statewise.studio.forms import arguments_of, form_of, task_named, tasks
from statewise.studio.inside import Insides, units_along
from statewise.studio.launches import Launches
from statewise.studio.run_events import EventsTail, followed
from statewise.studio.runs_folder import TRAINING, RunsFolder, is_run, whole
from statewise.studio.shelf import ModelShelf, newest_checkpoint
from statewise.studio.uploads import PIECE_BYTES, DataFolders
from statewise.task import Task

Name = Annotated[str, Path(max_length=255, examples=["text-shakespeare-1"])]
FAILED, PREPARING, ENDED = "failed", "preparing", "ended"
"What a training is at: it will make no run, or reads its data yet; or no process trains it."


class TrainRequest(Body):
    """A task, its settings by name, and the name of the run, which is chosen where none is given."""

    task: str = Field(max_length=200, examples=["text"])
    settings: dict[str, Any] = Field(default_factory=dict, examples=[{"source": "shakespeare", "minutes": 2}])
    run: str = Field("", max_length=100)
    key: Key = Field("", description="the same key starts one training, however often it is sent")


class UploadRequest(Body):
    """The name and the size of a file that is going to be sent."""

    name: str = Field(max_length=200, examples=["book.txt"])
    size: int = Field(ge=0, le=2**53, strict=True)


class QuestionRequest(Body):
    """Arguments of the task's `predict`, by name."""

    arguments: dict[str, Any] = Field(default_factory=dict)


class TextRequest(Body):
    """A text, along which units are looked at."""

    text: str = Field(max_length=20_000, examples=["To be, or not to be"])


class MemoryRequest(Body):
    """How far back to look, at how many places, and the runs to compare with."""

    lags: int = Field(40, ge=2, le=400)
    probes: int = Field(64, ge=2, le=512)
    compare: list[str] = Field(default_factory=list, max_length=3)


@final
class StudioRoutes:
    """Everything under `/studio`."""

    def __init__(
        self,
        runs: RunsFolder,
        launches: Launches,
        data: DataFolders,
        shelf: ModelShelf,
        sessions: SessionService,
        ends: Callable[[], bool],
    ) -> None:
        self._runs, self._launches, self._data = runs, launches, data
        self._shelf, self._sessions, self._ends = shelf, sessions, ends
        self._insides = Insides()

    def router(self) -> APIRouter:
        """Return every route."""
        router = APIRouter(prefix="/studio", tags=["studio"])
        add, post, told = router.add_api_route, ["POST"], {"responses": failures(404, 409)}
        plain: dict[str, Any] = {**told, "response_class": Response}
        add("/runs", self.list_runs, summary="The runs in short", **plain)
        add("/runs/{name}", self.show, summary="One run", **plain)
        add("/runs/{name}/events", self.events, summary="A run's events, as server-sent events", **plain)
        add("/runs/{name}/open", self.open, methods=post, summary="Open a run's model", **plain)
        add("/runs/{name}/answer", self.answer, methods=post, summary="Answer as text", **plain)
        add("/runs/{name}/units", self.units, methods=post, summary="Units along a text", **plain)
        add("/runs/{name}/memory", self.memory, methods=post, summary="How far back it remembers", **plain)
        add("/runs/{name}/stop", self.stop, methods=post, summary="Save and stop a training", **plain)
        add("/runs/{name}/resume", self.resume, methods=post, summary="Go on with a training", **plain)
        add("/runs/{name}/forget", self.forget, methods=post, summary="Forget a training that failed", **plain)
        add("/tasks", self.list_tasks, summary="What can be trained", **plain)
        add("/tasks/{name}", self.form, summary="The settings of a task", **plain)
        add("/command", self.command, methods=post, summary="The command line of a training", **plain)
        add("/train", self.train, methods=post, summary="Start a training", **plain)
        add("/data", self.list_data, summary="Corpora and files to learn from", **plain)
        add("/data", self.begin_upload, methods=post, summary="Begin to send a file", **plain)
        add("/data/{id}", self.add_piece, methods=["PUT"], summary="Send a piece of a file", **plain)
        return router

    async def list_runs(self) -> Response:
        """Tell of all runs, and of trainings that have not made one yet."""

        def listed() -> dict[str, Any]:
            waiting = [self._waiting(name) for name in self._launches.started()]
            made = [self._as_it_goes(run["name"], run) for run in self._runs.listing()]
            return {"folder": str(self._runs.path), "runs": [*waiting, *made]}

        return _json(await asyncio.to_thread(listed))

    def _waiting(self, name: str) -> dict[str, Any]:
        """Tell of a training that has made no run yet, or failed to."""
        going = self._launches.under_way(name) or {}
        words = (going.get("command") or "").split()
        state = PREPARING if going.get("alive") else FAILED
        return {"name": name, "task": words[2] if len(words) > 2 else "", "state": state, "process": going}

    def _whole(self, name: str) -> dict[str, Any]:
        if name in self._launches.started() and not is_run(self._runs.path / name):
            return self._waiting(name)
        told = {**whole(name, self._runs.run(name)), "process": self._launches.under_way(name)}
        return self._as_it_goes(name, told)

    def _as_it_goes(self, name: str, told: dict[str, Any]) -> dict[str, Any]:
        """Tell of a run; one whose process begins, or ends, is being trained as long as that is there."""
        return {**told, "state": TRAINING} if self._launches.is_alive(name) else told

    async def show(self, name: Name) -> Response:
        """Tell what a run is: task, settings, score, samples, report."""
        return _json(await asyncio.to_thread(self._whole, name))

    async def events(
        self,
        name: Name,
        after: Annotated[str, Query(max_length=60)] = "",
        last_event_id: Annotated[str, Header(max_length=60)] = "",
    ) -> EventResponse:
        """Send the events of a run from its beginning, or from after the one that the client had last."""
        path = self._runs.path / name if name in self._launches.started() else self._runs.run(name)
        tail = EventsTail(path / "events.jsonl", last_event_id or after)

        def state() -> dict[str, Any]:
            if not is_run(path):
                return self._waiting(name)
            if trainer_of(path) is not None or self._launches.is_alive(name):
                return {"state": TRAINING}
            return {"state": ENDED, "process": self._launches.under_way(name)}

        return EventResponse(followed(tail, state, self._ends))

    async def open(self, name: Name) -> Response:
        """Load the newest checkpoint of a run; from then on the routes under `/v1` answer for it."""
        return _json(await self._shelf.open(name, self._runs.run(name)))

    async def answer(self, request: Request, name: Name, body: QuestionRequest) -> Response:
        """Answer as `statewise predict` does, in text."""
        await self._shelf.open(name, self._runs.run(name))
        answering = self._sessions.predictions.whole(self._sessions.model(name), body.arguments, as_text=True)
        return Response(await for_request(request, answering), media_type="application/json")

    async def units(self, name: Name, body: TextRequest) -> Response:
        """Tell what every unit and gate is after each step of a text."""
        await self._shelf.open(name, self._runs.run(name))
        trained = self._sessions.model(name).trained
        return _json(await asyncio.to_thread(units_along, trained, body.text))

    async def memory(self, name: Name, body: MemoryRequest) -> Response:
        """Measure how far back a run remembers on the data that were held out from it: seconds to a minute."""
        path, others = self._runs.run(name), [self._runs.run(other) for other in body.compare if other != name]
        checkpoint = await asyncio.to_thread(newest_checkpoint, path)
        return _json(await self._insides.memory(path, checkpoint, body.lags, body.probes, others))

    async def stop(self, name: Name) -> Response:
        """Let a training save and end."""
        path = self._runs.path / name if name in self._launches.started() else self._runs.run(name)
        await asyncio.to_thread(self._launches.stop, name, path)
        return _json({})

    async def resume(self, name: Name) -> Response:
        """Go on with a run in a process of its own."""
        started = await asyncio.to_thread(self._launches.resume, name, self._runs.run(name))
        return _json({"run": name, "command": started.command})

    async def forget(self, name: Name) -> Response:
        """Take a training that failed off the list."""
        await asyncio.to_thread(self._launches.forget, name)
        return _json({})

    async def list_tasks(self) -> Response:
        """Tell which tasks there are, those of other packages too."""
        return _json({"tasks": await asyncio.to_thread(tasks)})

    async def form(self, name: Name) -> Response:
        """Tell the settings of a task."""
        return _json(await asyncio.to_thread(lambda: form_of(task_named(name))))

    async def command(self, body: TrainRequest) -> Response:
        """Check the settings of a training, and tell its command line."""
        name, words = await asyncio.to_thread(self._words, body)
        return _json({"run": name, "command": shlex.join(["statewise", *words])})

    async def train(self, body: TrainRequest) -> Response:
        """Start a training in a process of its own, which goes on when the page, or the studio, is closed."""

        def start() -> dict[str, Any]:
            name, words = self._words(body)
            started = self._launches.start(name, words, body.key)
            return {"run": started.name, "command": started.command}

        return _json(await asyncio.to_thread(start), 201)

    def _words(self, body: TrainRequest) -> tuple[str, list[str]]:
        """Return the name of the run and the words of its command line. Raises `UsageError` for what does not fit."""
        kind = task_named(body.task)
        settings = {name: self._checked(name, value) for name, value in body.settings.items()}
        arguments = arguments_of(kind, settings)
        name = body.run or self._launches.free_name(kind.name, _label(build(kind, settings)))
        return name, ["train", kind.name, *arguments, "--run", str(self._runs.path / name)]

    def _checked(self, name: str, value: Any) -> Any:
        """Return a setting in which no text names a file outside the folders of data."""
        if isinstance(value, list):
            return [self._checked(name, one) for one in value]
        if not isinstance(value, str):
            return value
        return self._data.source(value) if name == SOURCE else self._data.text(name, value)

    async def list_data(self) -> Response:
        """Tell which corpora and files a training may learn from."""

        def listed() -> dict[str, Any]:
            from statewise.data.corpora import listing

            corpora = [
                {"source": one.name, "title": one.title, "size": one.size, "holds": one.holds, "here": one.is_cached()}
                for one in listing()
            ]
            return {
                "folder": str(self._data.folders[0]),
                "most_bytes": self._data.most_bytes,
                "corpora": corpora,
                "files": list(self._data.listing()),
            }

        return _json(await asyncio.to_thread(listed))

    async def begin_upload(self, body: UploadRequest) -> Response:
        """Begin to send a file."""
        id = await asyncio.to_thread(self._data.begin, body.name, body.size)
        if body.size == 0:
            return _json({"upload": id, **await asyncio.to_thread(self._data.add, id, 0, b"")}, 201)
        return _json({"upload": id, "piece_bytes": PIECE_BYTES}, 201)

    async def add_piece(
        self, request: Request, id: Annotated[str, Path(max_length=64)], at: Annotated[int, Query(ge=0, le=2**53)]
    ) -> Response:
        """Take a piece of a file."""
        return _json(await asyncio.to_thread(self._data.add, id, at, await request.body()))


def _json(value: Any, status: int = 200) -> Response:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(dumps(plain_json(value)), status, headers=headers, media_type="application/json")


def _label(task: Task) -> str:
    return FilePath(task.label).name
