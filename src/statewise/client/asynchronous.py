"""The client whose answers are awaited."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
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
class AsyncClient:
    """`Client`, awaited; many sessions may ask at once, each its own calls one after another."""

    def __init__(
        self,
        *addresses: str,
        token: str | None = None,
        patience_seconds: float = 30.0,
        timeout_seconds: float = 10.0,
    ) -> None:
        self._manner = Manner(addresses, token, patience_seconds, timeout_seconds)
        self._httpx = httpx()
        limits = self._httpx.Limits(max_connections=None, max_keepalive_connections=None)
        self._http = self._httpx.AsyncClient(
            timeout=timeout_seconds, headers=self._manner.headers, trust_env=False, limits=limits
        )

    async def models(self) -> list[Answer]:
        """Return what is known of each model."""
        return list(json.loads(await self._ask(Ask("GET", "/v1/models")))["data"])

    async def create(self, model: str | None = None) -> "AsyncSession":
        """Begin a session."""
        return await self._session(Ask("POST", "/v1/sessions", {"model": model}))

    async def restore(self, data: bytes, model: str | None = None) -> "AsyncSession":
        """Begin a session where a snapshot is, or what `Stream.save` gave."""
        query = f"?{self._httpx.QueryParams({'model': model})}" if model else ""
        return await self._session(Ask("POST", f"/v1/sessions/restore{query}", data=data))

    async def session(self, id: str) -> "AsyncSession":
        """Go on with a session where it is, whichever server it was begun at."""
        return await self._session(Ask("GET", f"/v1/sessions/{id}"))

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    async def _session(self, ask: Ask) -> "AsyncSession":
        said = json.loads(await self._ask(ask))
        return AsyncSession(self, said["session"], said["model"], said["steps"])

    async def _ask(self, ask: Ask) -> bytes:
        attempts, reply = self._manner.attempts(), None
        while True:
            try:
                what = attempts.send(reply)
            except StopIteration as stop:
                return read_reply(stop.value)
            if isinstance(what, Send):
                reply = await self._send(what.address, ask)
            else:
                await asyncio.sleep(what.seconds)
                reply = None

    async def _send(self, address: str, ask: Ask) -> Reply:
        try:
            got = await self._http.request(ask.method, address + ask.path, content=ask.content, headers=ask.headers)
        except self._httpx.HTTPError as error:
            return Reply(0, why=f"{address}: {type(error).__name__}")
        return Reply(got.status_code, got.content, got.headers.get("retry-after", ""))

    async def _lines(self, ask: Ask, telling: Telling) -> AsyncIterator[str]:
        attempts, reply = self._manner.attempts(), None
        while True:
            try:
                what = attempts.send(reply)
            except StopIteration as stop:
                read_reply(stop.value)
                return
            if not isinstance(what, Send):
                await asyncio.sleep(what.seconds)
                reply = None
                continue
            telling.begin()
            try:
                async with self._http.stream(
                    ask.method, what.address + ask.path, content=ask.content, headers=ask.headers
                ) as got:
                    if got.status_code == 200:
                        async for line in got.aiter_lines():
                            if text := telling.line(line):
                                yield text
                        reply = Reply(200) if telling.answer else Reply(0, why="the answer was cut off")
                    else:
                        reply = Reply(got.status_code, await got.aread(), got.headers.get("retry-after", ""))
            except (self._httpx.HTTPError, ServerError) as error:
                reply = Reply(0, why=f"{what.address}: {type(error).__name__}")


@final
class AsyncSession:
    """`Session`, awaited."""

    def __init__(self, client: AsyncClient, id: str, model: str, steps: int) -> None:
        self._client, self.id, self.model, self.steps = client, id, model, steps

    async def step(self, x: Any, *, show: str = "choices", choices: int = 5) -> Answer:
        """Read one input and return what comes next: `choices` with probabilities, or `params`.

        Raises `Conflict` where somebody else stepped the session.
        """
        return await self._read("step", {"input": x, "show": show, "choices": choices})

    async def run(
        self, xs: str | Sequence[Any], *, each: bool = False, show: str = "choices", choices: int = 5
    ) -> Answer:
        """Read a text or a list of inputs and return what comes next, behind the last or behind `each`."""
        return await self._read("run", {**run_body(xs), "each": each, "show": show, "choices": choices})

    async def predict(self, prompt: str = "", **how: Any) -> AsyncIterator[str]:
        """Answer a prompt, a piece at a time; the session moves once the answer is complete."""
        telling = Telling()
        body = {"prompt": prompt, **how, "steps": self.steps, "key": new_key()}
        async for text in self._client._lines(Ask("POST", f"/v1/sessions/{self.id}/predict", body), telling):
            yield text
        self.steps = telling.answer["steps"]

    async def fork(self) -> "AsyncSession":
        """Begin another session from here."""
        return await self._client._session(Ask("POST", f"/v1/sessions/{self.id}/fork"))

    async def snapshot(self) -> bytes:
        """Return the session as bytes, from which `AsyncClient.restore` and `Stream.open` go on."""
        return await self._client._ask(Ask("GET", f"/v1/sessions/{self.id}/snapshot"))

    async def refresh(self) -> int:
        """Ask how much the session has read, and go on from there."""
        self.steps = (await self._client.session(self.id)).steps
        return self.steps

    async def delete(self) -> None:
        """End the session."""
        await self._client._ask(Ask("DELETE", f"/v1/sessions/{self.id}"))

    async def _read(self, verb: str, body: Answer) -> Answer:
        numbered = {**body, "steps": self.steps, "key": new_key()}
        told: Answer = json.loads(await self._client._ask(Ask("POST", f"/v1/sessions/{self.id}/{verb}", numbered)))
        self.steps = told["steps"]
        return told
