"""The OpenAPI of a server: what FastAPI says of the routes, how to show who one is, and which routes follow which."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from statewise.server.admission import OPEN_PATHS

SCHEME = {"type": "http", "scheme": "bearer", "description": "a token of the server's --token-file"}
FOLLOWING = ("look", "step", "run", "predict", "fork", "snapshot", "delete")
"Routes by name, each of a session that another route has begun."


def describe(app: FastAPI, *, needs_token: bool) -> dict[str, Any]:
    """Return the description of every route; a server without owners wants no token, and takes any."""
    described = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
    )
    described["components"]["securitySchemes"] = {"token": SCHEME}
    described["security"] = [{"token": []}] if needs_token else [{}, {"token": []}]
    for path in OPEN_PATHS:
        for operation in described["paths"][path].values():
            operation["security"] = []
    return described


def links() -> dict[str, Any]:
    """Return how a session that was begun is gone on with, as OpenAPI's links."""
    parameters = {"id": "$response.body#/session"}
    return {name: {"operationId": name, "parameters": parameters} for name in FOLLOWING}
