"""A studio: the server of models, without any at first, with the page and its routes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fastapi import APIRouter, Request, Response

from statewise.server.app import Application
from statewise.server.json_values import dumps
from statewise.server.settings import ServerSettings
from statewise.store import Store
from statewise.studio.launches import Launches
from statewise.studio.options import StudioOptions
from statewise.studio.routes import StudioRoutes
from statewise.studio.runs_folder import RunsFolder
from statewise.studio.shelf import ModelShelf
from statewise.studio.uploads import DataFolders
from statewise.studio.web_files import ROOT, WebFiles

COOKIE = "statewise-studio-{port}"
LARGEST_BODY = 32 << 20
"A picture, a recording or a film is asked about as a whole."
ENTER = "/studio/enter"


def studio(
    named: Sequence[Path], store: Store, settings: ServerSettings, options: StudioOptions, port: int
) -> Application:
    """Return the application of a studio at a port; its pages, and no others, may ask it.

    Raises `RunError` for a run that is none, `UsageError` for two of one name.
    """
    addresses = {f"http://{'[' + host + ']' if ':' in host else host}" for host in settings.hosts}
    settings = replace(
        settings,
        origins=settings.origins | {f"{address}:{port}" for address in addresses},
        cookie=COOKIE.format(port=port),
        max_body_bytes=max(settings.max_body_bytes, LARGEST_BODY),
        open_paths=settings.open_paths | {"/"},
        open_prefixes=(ROOT,),
    )
    runs, launches = RunsFolder(options.runs_folder, named), Launches(options.runs_folder)
    data = DataFolders([Path(folder) for folder in options.data], options.upload_megabytes * 1_000_000)

    def further(application: Application) -> list[APIRouter]:
        shelf = ModelShelf(application.sessions, settings, application.metrics)
        routes = StudioRoutes(runs, launches, data, shelf, application.sessions, lambda: application.app.draining)
        return [WebFiles().routes(), _entrance(settings.cookie), routes.router()]

    return Application({}, store, settings, further=further)


def _entrance(cookie: str) -> APIRouter:
    """Return the route that a page with a token asks once: the token then comes with each of its requests."""
    router = APIRouter(tags=["page"])

    @router.post(ENTER, summary="Keep the token as a cookie of this page", response_class=Response)
    async def enter(request: Request) -> Response:
        given = request.headers.get("authorization", "").partition(" ")[2].strip()
        answer = Response(dumps({}), media_type="application/json")
        if given:
            answer.set_cookie(cookie, given, httponly=True, samesite="strict", path="/")
        return answer

    return router
