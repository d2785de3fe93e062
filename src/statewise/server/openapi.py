"""The OpenAPI of a server: what FastAPI says of the routes, how to authenticate, and which routes follow which."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from statewise.server.model import ServedModel
from statewise.server.settings import OPEN_PATHS

SCHEME = {"type": "http", "scheme": "bearer", "description": "a token of the server's --token-file"}
FOLLOWING = ("look", "step", "run", "predict", "fork", "snapshot", "delete")
"Routes by name, each of a session that another route has begun."


def describe(app: FastAPI, models: Sequence[ServedModel], *, needs_token: bool) -> dict[str, Any]:
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


def _describe_models(described: dict[str, Any], models: Sequence[ServedModel]) -> None:
    """Put into the schemas what each model reads, its settings, and an example of every call."""
    schemas = described["components"]["schemas"]

    def fields(schema: str) -> dict[str, Any]:
        found: dict[str, Any] = schemas[schema].setdefault("properties", {})
        return found

    settings: dict[str, Any] = {}
    for model in models:
        for kind in model.kinds.values():
            settings |= kind.facts().get("settings", {}).get("properties", {})
        _add(fields("PredictRequest"), model.questions)
        if model.answers_prompts:
            _add(fields("SessionPredictRequest"), model.questions)
    words = "; ".join(f"{model.name}: {model.usual.inputs.words}" for model in models)
    inputs = [model.usual.inputs.example for model in models]
    fields("StepRequest")["input"] |= {"description": words, "examples": inputs}
    several = {"description": f"each as of a step ({words})", "examples": [[x, x] for x in inputs]}
    fields("RunRequest")["inputs"] |= several
    for schema in ("StepRequest", "RunRequest"):
        fields(schema)["settings"] |= {"properties": settings}
    for path, example in EXAMPLES.items():
        body = described["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        body["examples"] = {model.name: {"summary": f"of {model.name}", "value": example(model)} for model in models}


def _add(fields: dict[str, Any], further: Mapping[str, Any]) -> None:
    """Add what is not there yet: of a name that two models share, the first describes it."""
    for name, schema in further.items():
        fields.setdefault(name, schema)


def _prompt(served: ServedModel) -> dict[str, Any]:
    return served.example_question if served.answers_prompts else {"prompt": ""}


EXAMPLES: dict[str, Callable[[ServedModel], dict[str, Any]]] = {
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
