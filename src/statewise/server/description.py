"""The OpenAPI of a server: what FastAPI says of the routes, how to show who one is, and which routes follow which."""

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from statewise.server.admission import OPEN_PATHS
from statewise.server.served import Served

SCHEME = {"type": "http", "scheme": "bearer", "description": "a token of the server's --token-file"}
FOLLOWING = ("look", "step", "run", "predict", "fork", "snapshot", "delete")
"Routes by name, each of a session that another route has begun."


def describe(app: FastAPI, models: Sequence[Served], *, needs_token: bool) -> dict[str, Any]:
    """Return the description of every route, and what these models read and are asked.

    A server without owners wants no token, and takes any.
    """
    described = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
    )
    described["components"]["securitySchemes"] = {"token": SCHEME}
    described["security"] = [{"token": []}] if needs_token else [{}, {"token": []}]
    for path in OPEN_PATHS:
        for operation in described["paths"][path].values():
            operation["security"] = []
    _describe_models(described, models)
    return described


def _describe_models(described: dict[str, Any], models: Sequence[Served]) -> None:
    """Put into the schemas what each model reads, its settings, and an example of every call."""
    schemas = {name: described["components"]["schemas"][name]["properties"] for name in ("Step", "Run", "Predict")}
    question = described["components"]["schemas"]["Question"].setdefault("properties", {})
    settings: dict[str, Any] = {}
    for served in models:
        for stepping in served.steppings.values():
            settings |= stepping.facts().get("settings", {}).get("properties", {})
        question |= {name: of for name, of in served.questions.items() if name not in question}
        if served.answers_prompts:
            schemas["Predict"] |= {name: of for name, of in served.questions.items() if name not in schemas["Predict"]}
    words = "; ".join(f"{served.name}: {served.usual.inputs.words}" for served in models)
    inputs = [served.usual.inputs.example for served in models]
    schemas["Step"]["input"] |= {"description": words, "examples": inputs}
    schemas["Run"]["inputs"] |= {"description": f"each as of a step ({words})", "examples": [[x, x] for x in inputs]}
    for name in ("Step", "Run"):
        schemas[name]["settings"] |= {"properties": settings}
    for path, example in EXAMPLES.items():
        body = described["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        body["examples"] = {
            served.name: {"summary": f"of {served.name}", "value": example(served)} for served in models
        }


def _prompt(served: Served) -> dict[str, Any]:
    return served.example_question if served.answers_prompts else {"prompt": ""}


EXAMPLES: dict[str, Callable[[Served], dict[str, Any]]] = {
    "/v1/sessions": lambda served: {"model": served.name},
    "/v1/sessions/{id}/step": lambda served: {"input": served.usual.inputs.example},
    "/v1/sessions/{id}/run": lambda served: {"inputs": [served.usual.inputs.example]},
    "/v1/sessions/{id}/predict": _prompt,
    "/v1/predict": lambda served: {"model": served.name, **served.example_question},
}
"What may be sent to a route, by its path."


def links() -> dict[str, Any]:
    """Return how a session that was begun is gone on with, as OpenAPI's links."""
    parameters = {"id": "$response.body#/session"}
    return {name: {"operationId": name, "parameters": parameters} for name in FOLLOWING}
