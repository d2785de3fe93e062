"""The client that waits for its answers."""

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any, Self, final

from statewise.client.asking import (
    Answer,
    Ask,
    Manner,
    Reply,
    Send,
    ServerError,
    Telling,
    httpx,
    new_key,
    read_reply,
    run_body,
)


@final
class Client:
    """Servers of one store, of which any will do.

    A call is repeated until it is answered or `patience_seconds` are over; a session's calls are numbered, so what was
    applied is not applied again. Raises `RefusedByServer` for what cannot be done, `ServerError` where nobody answers.

    >>> client = Client("http://127.0.0.1:8000", patience_seconds=0.1)  # one that runs, or several: the next is tried
    """

    def __init__(
        self,
        *addresses: str,
        token: str | None = None,
        patience_seconds: float = 30.0,
        timeout_seconds: float = 10.0,
    ) -> None:
        self._manner = Manner(addresses, token, patience_seconds, timeout_seconds)
        self._httpx = httpx()
        self._http = self._httpx.Client(timeout=timeout_seconds, headers=self._manner.headers, trust_env=False)

    def models(self) -> list[Answer]:
        """Return what is known of each model."""
        return list(json.loads(self._ask(Ask("GET", "/v1/models")))["data"])

    def create(self, model: str | None = None) -> "Session":
        """Begin a session."""
        return self._session(Ask("POST", "/v1/sessions", {"model": model}))

    def restore(self, data: bytes, model: str | None = None) -> "Session":
        """Begin a session where a snapshot is, or what `Stream.save` gave."""
        query = f"?{self._httpx.QueryParams({'model': model})}" if model else ""
        return self._session(Ask("POST", f"/v1/sessions/restore{query}", data=data))

    def session(self, id: str) -> "Session":
        """Go on with a session where it is, whichever server it was begun at."""
        return self._session(Ask("GET", f"/v1/sessions/{id}"))

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _session(self, ask: Ask) -> "Session":
        said = json.loads(self._ask(ask))
        return Session(self, said["session"], said["model"], said["steps"])

    def _ask(self, ask: Ask) -> bytes:
        attempts, reply = self._manner.attempts(), None
        while True:
            try:
                what = attempts.send(reply)
            except StopIteration as stop:
                return read_reply(stop.value)
            if isinstance(what, Send):
                reply = self._send(what.address, ask)
            else:
                time.sleep(what.seconds)
                reply = None

    def _send(self, address: str, ask: Ask) -> Reply:
        try:
            got = self._http.request(ask.method, address + ask.path, content=ask.content, headers=ask.headers)
        except self._httpx.HTTPError as error:
            return Reply(0, why=f"{address}: {type(error).__name__}")
        return Reply(got.status_code, got.content, got.headers.get("retry-after", ""))

    def _lines(self, ask: Ask, telling: Telling) -> Iterator[str]:
        attempts, reply = self._manner.attempts(), None
        while True:
            try:
                what = attempts.send(reply)
            except StopIteration as stop:
                read_reply(stop.value)
                return
            if not isinstance(what, Send):
                time.sleep(what.seconds)
                reply = None
                continue
            telling.begin()
            try:
                with self._http.stream(
                    ask.method, what.address + ask.path, content=ask.content, headers=ask.headers
                ) as got:
                    if got.status_code == 200:
                        yield from filter(None, map(telling.line, got.iter_lines()))
                        reply = Reply(200) if telling.answer else Reply(0, why="the answer was cut off")
                    else:
                        reply = Reply(got.status_code, got.read(), got.headers.get("retry-after", ""))
            except (self._httpx.HTTPError, ServerError) as error:
                reply = Reply(0, why=f"{what.address}: {type(error).__name__}")


@final
class Session:
    """A session on a server: `id` names it, `steps` inputs have been read."""

    def __init__(self, client: Client, id: str, model: str, steps: int) -> None:
        self._client, self.id, self.model, self.steps = client, id, model, steps

    def step(self, x: Any, *, show: str = "choices", choices: int = 5) -> Answer:
        """Read one input and return what comes next: `choices` with probabilities, or `params`.

        Raises `Conflict` where somebody else stepped the session.
        """
        return self._read("step", {"input": x, "show": show, "choices": choices})

    def run(self, xs: str | Sequence[Any], *, each: bool = False, show: str = "choices", choices: int = 5) -> Answer:
        """Read a text or a list of inputs and return what comes next, behind the last or behind `each`."""
        return self._read("run", {**run_body(xs), "each": each, "show": show, "choices": choices})

    def predict(self, prompt: str = "", **how: Any) -> Iterator[str]:
        """Answer a prompt, a piece at a time; the session moves once the answer is complete."""
        telling = Telling()
        body = {"prompt": prompt, **how, "steps": self.steps, "key": new_key()}
        yield from self._client._lines(Ask("POST", f"/v1/sessions/{self.id}/predict", body), telling)
        self.steps = telling.answer["steps"]

    def fork(self) -> "Session":
        """Begin another session from here."""
        return self._client._session(Ask("POST", f"/v1/sessions/{self.id}/fork"))

    def snapshot(self) -> bytes:
        """Return the session as bytes, from which `Client.restore` and `Stream.open` go on."""
        return self._client._ask(Ask("GET", f"/v1/sessions/{self.id}/snapshot"))

    def refresh(self) -> int:
        """Ask how much the session has read, and go on from there."""
        self.steps = self._client.session(self.id).steps
        return self.steps

    def delete(self) -> None:
        """End the session."""
        self._client._ask(Ask("DELETE", f"/v1/sessions/{self.id}"))

    def _read(self, verb: str, body: Answer) -> Answer:
        numbered = {**body, "steps": self.steps, "key": new_key()}
        told: Answer = json.loads(self._client._ask(Ask("POST", f"/v1/sessions/{self.id}/{verb}", numbered)))
        self.steps = told["steps"]
        return told
