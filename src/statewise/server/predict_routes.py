"""Answers without a session: arguments as JSON, or a table as CSV with the other arguments in the query."""

import json
import re
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from statewise.server.departures import for_request
from statewise.server.errors import UNREADABLE, ApiError
from statewise.server.request_body import TABLE_PATH
from statewise.server.routes import failures
from statewise.server.schemas import PredictRequest
from statewise.server.sessions import SessionService

NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
"What no table in CSV holds, and every file that is packed."

TABLE_BODY = {
    "requestBody": {
        "required": True,
        "content": {"text/csv": {"schema": {"type": "string"}, "example": "time,load\n2026-11-02 05:00,70.5\n"}},
    }
}


def predict_routes(sessions: SessionService) -> APIRouter:
    """Return `/v1/predict` and `/v1/predict/table`."""
    router = APIRouter(tags=["predict"])
    told: dict[str, Any] = {"responses": failures(404), "response_model": dict[str, Any]}

    @router.post("/v1/predict", summary="Answer without a session", **told)
    async def answer(request: Request, body: PredictRequest) -> Response:
        answering = sessions.predictions.whole(sessions.model(body.model), body.model_extra or {})
        found = await for_request(request, answering)
        return Response(found, media_type="application/json")

    @router.post(TABLE_PATH, summary="Answer what a table in CSV asks", openapi_extra=TABLE_BODY, **told)
    async def answer_table(
        request: Request, model: Annotated[str | None, Query(max_length=200, examples=["forecast-load-1"])] = None
    ) -> Response:
        given = {name: value_of(text) for name, text in request.query_params.items() if name != "model"}
        answering = sessions.predictions.whole(sessions.model(model), given, table_in(await request.body()))
        found = await for_request(request, answering)
        return Response(found, media_type="application/json")

    return router


def value_of(text: str) -> Any:
    """Return an argument out of a query: what it is as JSON, or the text itself.

    >>> value_of("20"), value_of('["a", "b"]'), value_of("a")
    (20, ['a', 'b'], 'a')
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def table_in(body: bytes) -> bytes:
    """Return a table in CSV. Raises `ApiError` for what is no text: nothing that a client sends is unpacked."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = ""
    if not text.strip() or NO_TEXT.search(text):
        raise ApiError(UNREADABLE, "the body is no table: send CSV in UTF-8, with a line of names")
    return text.encode()
