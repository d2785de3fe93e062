"""The page itself: its files out of the package, each with its type, and with rules that keep foreign script out."""

import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple, final

from fastapi import APIRouter, Response

from statewise.server.errors import NOT_FOUND, ApiError

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "media-src 'self' blob:; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
SAFE = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
FOR_EVER = "public, max-age=31536000, immutable"
ROOT = "/web/"
PLACE = b"WEB_FILES"
"What stands in index.html for the folder of these files, whose name is their digest."


class WebFile(NamedTuple):
    """A file of the page, and its type."""

    content: bytes
    media_type: str


@final
class WebFiles:
    """All files of the page, read once; they lie in a folder named by their digest, and so can be kept for ever."""

    def __init__(self) -> None:
        found = dict(sorted(_read(files("statewise.studio") / "web", "")))
        sha = hashlib.sha256()
        for name, file in found.items():
            sha.update(name.encode() + b"\0" + file.content)
        self.digest = sha.hexdigest()[:16]
        index = found.pop("index.html")
        self.index = index.content.replace(PLACE, f"{ROOT}{self.digest}".encode())
        self.files = found

    def routes(self) -> APIRouter:
        """Return the routes of the page and its files."""
        router = APIRouter(tags=["page"])

        @router.get("/", summary="The page", response_class=Response)
        async def page() -> Response:
            headers = {**SAFE, "Cache-Control": "no-cache"}
            return Response(self.index, headers=headers, media_type=TYPES[".html"])

        @router.get(ROOT + "{digest}/{name:path}", summary="A file of the page", response_class=Response)
        async def file(digest: str, name: str) -> Response:
            found = self.files.get(name)
            if found is None or digest != self.digest:
                raise ApiError(NOT_FOUND, "there is no such file: load the page again")
            headers = {**SAFE, "Cache-Control": FOR_EVER}
            return Response(found.content, headers=headers, media_type=found.media_type)

        return router


def _read(folder: Traversable, above: str) -> list[tuple[str, WebFile]]:
    found: list[tuple[str, WebFile]] = []
    for inside in folder.iterdir():
        name = above + inside.name
        if inside.is_dir():
            found += _read(inside, f"{name}/")
        elif (kind := TYPES.get("." + name.rpartition(".")[2])) is not None:
            found.append((name, WebFile(inside.read_bytes(), kind)))
    return found
