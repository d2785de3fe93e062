"""The whole server as one ASGI application."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from statewise.batcher import Busy
from statewise.errors import StatewiseError
from statewise.server.admission import AdmissionControl
from statewise.server.bot_routes import bot_routes
from statewise.server.completions import completion_routes
from statewise.server.departures import LeftEarly
from statewise.server.errors import BAD_METHOD, BAD_REQUEST, BUSY, NOT_FOUND, UNREADABLE, ApiError, as_api_error
from statewise.server.json_values import dumps
from statewise.server.method_arguments import first_problem
from statewise.server.metrics import Metrics
from statewise.server.model import ServedModel
from statewise.server.openapi import describe
from statewise.server.predict_routes import predict_routes
from statewise.server.routes import SessionRoutes
from statewise.server.sessions import SessionService
from statewise.server.settings import ServerSettings
from statewise.server.signatures import Signatures
from statewise.server.sockets import Sockets
from statewise.store import Store, StoreError, StoreFull, read_keys
from statewise.verbs import Trained
from statewise.versions import versions

READY = "ready"
LEFT_STATUS = 499
"The status of an answer that has no reader any more, as nginx has it in its log."
NO_OBJECT = frozenset({"model_attributes_type", "dict_type"})
"What pydantic calls a body that is no object, as one is that was sent without the media type of JSON."
SWEEP_SECONDS, SWEEP_REST = 10.0, 20.0
"How often what has expired is forgotten, and how many times as long as that took nothing is then done."


@final
class Application:
    """Models, sessions and routes; `app` is what uvicorn, or any ASGI server, is given.

    `further` returns routes of a face on top of it, such as the studio's.
    """

    def __init__(
        self,
        models: Mapping[str, Trained],
        store: Store,
        settings: ServerSettings | None = None,
        *,
        further: "Callable[[Application], Sequence[APIRouter]]" = lambda _: (),
    ) -> None:
        self.settings, self.metrics = settings or ServerSettings(), Metrics()
        served = {name: ServedModel(name, trained, self.settings, self.metrics) for name, trained in models.items()}
        file = self.settings.key_file
        signatures = Signatures(
            store.keys if file is None else lambda: read_keys(file),
            accept_foreign=self.settings.accept_foreign_snapshots,
        )
        self.sessions = SessionService(store, served, self.settings, self.metrics, signatures)
        self.sockets = Sockets(self.sessions, self.settings, self.metrics)
        self._description: dict[str, Any] | None = None
        self._routed = self._routes()
        for router in further(self):
            self._routed.include_router(router)
        self._routed.openapi = self.openapi  # type: ignore[method-assign]
        self.app = AdmissionControl(self._routed, self.settings, self.metrics)

    async def state(self) -> str:
        """Return `ready` where more may be asked of it, else why not: `stopping`, or the `store does not answer`."""
        if self.app.draining:
            return "stopping"
        return READY if await self.sessions.store.answers() else "the store does not answer"

    def openapi(self) -> dict[str, Any]:
        """Return the description of every route."""
        if self._description is None:
            models = list(self.sessions.models.values())
            self._description = describe(self._routed, models, needs_token=bool(self.settings.owners))
        return self._description

    async def sweep_for_ever(self) -> None:
        """Forget what has expired, again and again."""
        while True:
            began = time.monotonic()
            with suppress(StoreError):
                self.metrics.sessions.set(await self.sessions.store.sweep())
            await asyncio.sleep(max(SWEEP_SECONDS, SWEEP_REST * (time.monotonic() - began)))

    async def drain(self) -> None:
        """Be ready for no more, and answer what is under way; what still comes meanwhile is answered too."""
        self.app.drain()
        self.sockets.stop()
        await asyncio.sleep(self.settings.drain_seconds)

    async def close(self) -> None:
        """Finish what waits and flush the store."""
        await self.sessions.close()

    def _routes(self) -> FastAPI:
        app = FastAPI(
            title="statewise",
            version=versions()["statewise"],
            description="Recurrent models whose sessions are values: step, fork, snapshot, restore.",
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
            generate_unique_id_function=lambda route: route.name,
        )
        app.add_exception_handler(Exception, _failed)
        for known in (
            ApiError,
            StatewiseError,
            Busy,
            StoreError,
            StoreFull,
            TimeoutError,
            HTTPException,
            RequestValidationError,
        ):
            app.add_exception_handler(known, self._told)
        app.add_exception_handler(LeftEarly, self._left)
        self._watch(app)
        app.include_router(SessionRoutes(self.sessions, self.metrics).router())
        app.include_router(predict_routes(self.sessions))
        app.include_router(completion_routes(self.sessions, self.metrics))
        app.include_router(self.sockets.routes())
        if any(served.is_bot for served in self.sessions.models.values()):
            app.include_router(bot_routes(self.sessions, self.settings.conversation_log))
        return app

    def _watch(self, app: FastAPI) -> None:
        @app.get("/livez", tags=["watching"], summary="Whether the process answers")
        async def livez() -> dict[str, str]:
            return {"status": "alive"}

        @app.get("/readyz", tags=["watching"], summary="Whether more may be asked of it", responses={503: {}})
        async def readyz() -> Response:
            status = await self.state()
            return Response(dumps({"status": status}), 200 if status == READY else 503, media_type="application/json")

        @app.get("/metrics", tags=["watching"], summary="Figures for Prometheus", response_class=Response)
        async def metrics() -> Response:
            self.metrics.waiting.set(self.sessions.waiting)
            return Response(self.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def _told(self, request: Request, error: Exception) -> Response:
        is_json = "json" in request.headers.get("content-type", "")
        refused = _refused(error, is_json=is_json)
        self.metrics.refused(refused.kind)
        status = error.status_code if isinstance(error, HTTPException) else refused.kind.status
        return Response(dumps(refused.as_json()), status, headers=refused.headers, media_type="application/json")

    async def _left(self, request: Request, error: Exception) -> Response:
        self.metrics.unread_answers.inc()
        return Response(status_code=LEFT_STATUS)


def _refused(error: Exception, *, is_json: bool) -> ApiError:
    if isinstance(error, RequestValidationError):
        problems = error.errors()
        if problems and problems[0]["type"] in NO_OBJECT and not is_json:
            return ApiError(UNREADABLE, "the body is not marked as JSON: add the header Content-Type: application/json")
        if problems and problems[0]["type"] == "json_invalid":
            return ApiError(BAD_REQUEST, "the body is no JSON")
        return ApiError(UNREADABLE, first_problem(problems))
    if isinstance(error, HTTPException):
        known = {
            404: ApiError(NOT_FOUND, "there is nothing here"),
            405: ApiError(BAD_METHOD, "this is not done that way"),
        }
        return known.get(error.status_code, ApiError(BAD_REQUEST, "the request cannot be read"))
    return as_api_error(error) or ApiError(BUSY, "try again in a moment")


def _failed(request: Any, error: Exception) -> Response:
    """Say nothing of the inside; the error itself is in the server's log."""
    return Response(dumps({"error": {"code": "failed", "message": "the server failed at this request"}}), 500)
