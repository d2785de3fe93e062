"""The settings of a task's `predict`, out of what a client sent."""

import inspect
from collections.abc import Mapping
from functools import lru_cache
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Strict, ValidationError, create_model

from statewise.errors import UsageError
from statewise.server.served import Served

MOST_LENGTH = 10_000


def predict_settings(served: Served, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings, checked by their own types. Raises `UsageError` for one that is unknown or does not fit."""
    try:
        checked = _model(type(served.trained.task), tuple(served.settings().values())).model_validate(dict(given))
    except ValidationError as error:
        raise UsageError(first_problem(error.errors())) from None
    settings = checked.model_dump(exclude_unset=True)
    if (settings.get("length") or 0) > MOST_LENGTH:
        raise UsageError(f"length {settings['length']} is too much for one call: give at most {MOST_LENGTH}")
    return settings


def first_problem(errors: Any) -> str:
    """Return the first thing that is wrong with a body in one line, without what was sent."""
    error = errors[0]
    place = ".".join(str(part) for part in error["loc"] if part != "body")
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{place[:100]}: {message}" if place else message


@lru_cache
def _model(kind: type, parameters: tuple[inspect.Parameter, ...]) -> type[BaseModel]:
    fields: dict[str, Any] = {
        parameter.name: (
            Any if parameter.annotation is inspect.Parameter.empty else _exactly(parameter.annotation),
            ... if parameter.default is inspect.Parameter.empty else parameter.default,
        )
        for parameter in parameters
    }
    config = ConfigDict(extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)
    return create_model(f"{kind.__name__}Predict", __config__=config, **fields)


def _exactly(annotation: Any) -> Any:
    """Return the type of a setting such that a number has to be one: no truth value, no text, no 2.0 for 2."""
    plain = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    kinds = set(get_args(plain)) or {plain}
    return Annotated[annotation, Strict()] if kinds <= {int, float, bool, str, NoneType} else annotation
