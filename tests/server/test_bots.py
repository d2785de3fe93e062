"""A bot over HTTP in the shape of Lex V2, by text and by sound: over three turns, with one call of a hook."""

import asyncio
import base64
import copy
import io
import json
import os
import threading
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from made_speech import RATE, recordings, said

import statewise
from statewise.server.app import Application
from statewise.server.settings import ServerSettings
from statewise.store import MemoryStore, Store

pytest.importorskip("text_to_num")
pytest.importorskip("uvicorn")

BOT = """\
name: tuner
slot_types:
  Pitch: {{values: [mid, high], open: false}}
intents:
  Tune:
    utterances: [low, low low, tune it low, go low now]
    slots:
      first: {{type: Pitch, prompt: Which is first?}}
      second: {{type: Pitch, prompt: Which is second?}}
    closing: It is tuned.
    fulfil: {{http: 'http://{place}/tune', seconds: 5, retries: 0}}
  Stop:
    utterances: [please end it all, end of it, that is all of it]
    closing: Good bye.
"""


@pytest.fixture(scope="module")
def hook() -> Iterator[tuple[str, list[Any]]]:
    asked: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *given: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def runs(hook: tuple[str, list[Any]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("bots")
    (folder / "tuner.yaml").write_text(BOT.format(place=hook[0]))
    small: dict[str, Any] = {"threads": 1, "sample_seconds": 0}
    bot = statewise.Dialogue(
        source=str(folder / "tuner.yaml"),
        hosts=hook[0],
        hidden_size=24,
        embedding=16,
        filters=8,
        batch_size=16,
        updates=100,
        learning_rate=0.01,
        validation=0.0,
        **small,
    )
    heard: dict[str, Any] = {"learning_rate": 0.02, "join": 3, "speed": 0.02, "masks": 0, "dropout": 0.0, "warmup": 5}
    speech = statewise.Speech(
        source=str(recordings(folder / "said", 90)),
        split="utterance",
        bands=20,
        units="words",
        hidden_size=24,
        layers=1,
        batch_size=12,
        updates=250,
        validation=0.1,
        **heard,
        **small,
    )
    return {
        "tuner": statewise.train(bot, run=folder / "tuner").load(),
        "ears": statewise.train(speech, run=folder / "ears").load(),
    }


@asynccontextmanager
async def asking(
    runs: dict[str, Any], store: Store | None = None, log: Path | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    application = Application(runs, store or MemoryStore(), ServerSettings(conversation_log=log))
    transport = httpx.ASGITransport(app=application.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost/v1/bots/tuner", timeout=30) as client:
        yield client
    await application.close()


def wav(word: str) -> bytes:
    samples = (said([word], 1.02, 7) * 32767).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(RATE)
        written.writeframes(samples.tobytes())
    return file.getvalue()


async def begun(client: httpx.AsyncClient) -> str:
    made = await client.post("/sessions")
    assert made.status_code == 201, made.text
    return f"/sessions/{made.json()['sessionId']}"


async def answered(asked: Any) -> Any:
    answer = await asked
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_sound_fills_slots_over_three_turns_a_hook_is_asked_once_and_a_voice_answers(
    runs: dict[str, Any], hook: tuple[str, list[Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out.wav").write_bytes(wav("low"))
    program = tmp_path / "espeak-ng"
    program.write_text(f"#!/bin/sh\ncat > {tmp_path}/read.txt\ncat {tmp_path}/out.wav\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    hook[1].clear()

    async def go() -> list[Any]:
        async with asking(runs) as client:
            session, told = await begun(client), []
            for number, word in enumerate(("low", "mid", "high")):
                sound, kind = wav(word), "audio/wav"
                if number == 1:  # as bare samples
                    sound, kind = sound[44:], f"audio/l16; rate={RATE}; channels=1"
                told.append(
                    await answered(
                        client.post(f"{session}/utterance?voice=true", content=sound, headers={"content-type": kind})
                    )
                )
            return told

    first, second, third = asyncio.run(go())
    assert [one["inputTranscript"] for one in (first, second, third)] == ["low", "mid", "high"]
    assert first["sessionState"]["dialogAction"] == {"type": "ElicitSlot", "slotToElicit": "first"}
    assert second["sessionState"]["dialogAction"]["slotToElicit"] == "second"
    assert third["sessionState"]["dialogAction"]["type"] == "Close"
    assert third["sessionState"]["intent"]["state"] == "Fulfilled"
    assert third["messages"] == [{"content": "It is tuned.", "contentType": "PlainText"}]
    (asked,) = hook[1]
    assert asked["invocationSource"] == "FulfillmentCodeHook"
    slots = asked["sessionState"]["intent"]["slots"]
    assert {name: slot["value"]["interpretedValue"] for name, slot in slots.items()} == {
        "first": "mid",
        "second": "high",
    }
    with wave.open(io.BytesIO(base64.b64decode(third["audio"]))) as spoken:
        assert spoken.getframerate() == RATE
        assert np.frombuffer(spoken.readframes(10**6), "<i2").any()
    assert (tmp_path / "read.txt").read_text() == "It is tuned."


def test_a_log_of_the_server_has_a_line_a_turn_and_no_name_of_a_session(runs: dict[str, Any], tmp_path: Path) -> None:
    log = tmp_path / "talk.jsonl"

    async def go() -> str:
        async with asking(runs, log=log) as client:
            session = await begun(client)
            for text in ("low", "mid"):
                await answered(client.post(f"{session}/text", json={"text": text}))
            await answered(client.get(session))
            return session.rsplit("/", 1)[1]

    session = asyncio.run(go())
    turns = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(one["heard"], one["action"], one["slots"]) for one in turns] == [
        ("low", "ElicitSlot", {}),
        ("mid", "ElicitSlot", {"first": "mid"}),
    ]
    assert session not in log.read_text()
    assert len({one["conversation"] for one in turns}) == 1


def test_a_turn_is_answered_where_it_cannot_be_logged_and_the_server_says_so(
    runs: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def go() -> Any:
        async with asking(runs, log=tmp_path / "no" / "talk.jsonl") as client:
            return await answered(client.post(f"{await begun(client)}/text", json={"text": "low"}))

    assert asyncio.run(go())["sessionState"]["intent"]["name"] == "Tune"
    assert "cannot be written" in caplog.text


def test_a_session_is_gotten_put_moved_to_another_server_and_deleted(runs: dict[str, Any]) -> None:
    async def go() -> None:
        store = MemoryStore()
        async with asking(runs, store) as client:
            session = await begun(client)
            told = await answered(client.post(f"{session}/text", json={"text": "low", "requestAttributes": {"a": "b"}}))
            assert told["requestAttributes"] == {"a": "b"}
            assert told["messages"][0]["content"] == "Which is first?"
            seen = await answered(client.get(session))
            assert seen["sessionState"] == told["sessionState"]
            assert seen["messages"] == []
            state = {
                "intent": {"name": "Tune", "slots": {"first": {"value": {"interpretedValue": "high"}}}},
                "sessionAttributes": {"room": "9"},
                "dialogAction": {"type": "Delegate"},
            }
            put = await answered(client.put(session, json={"sessionState": state}))
            assert put["messages"][0]["content"] == "Which is second?"
        async with asking(runs, store) as other:
            seen = await answered(other.get(session))
            assert seen["sessionState"]["sessionAttributes"] == {"room": "9"}
            assert seen["sessionState"]["dialogAction"] == {"type": "ElicitSlot", "slotToElicit": "second"}
            assert (await other.delete(session)).json() == {"sessionId": session.rsplit("/", 1)[1]}
            assert (await other.get(session)).status_code == 410

    asyncio.run(go())


def test_what_cannot_be_asked_is_refused_in_words_and_changes_nothing(runs: dict[str, Any]) -> None:
    async def go() -> None:
        async with asking(runs) as client:
            session = await begun(client)
            await answered(client.post(f"{session}/text", json={"text": "low"}))
            before = (await answered(client.get(session)))["sessionState"]
            refused = [
                (client.post(f"{session}/text", json={}), 422),
                (client.post(f"{session}/text", json={"text": "x" * 2000}), 422),
                (client.post(f"{session}/text", json={"text": "low", "sessionState": {"intent": {"name": "No"}}}), 422),
                (client.put(session, json={"sessionState": {"dialogAction": {"type": "Dance"}}}), 422),
                (client.post(f"{session}/utterance", content=b""), 422),
                (client.post(f"{session}/utterance?speech=tuner", content=b"RIFF"), 404),
                (client.post(f"{session}/utterance", content=b"not a sound"), 422),
                (client.post("/sessions/nothing/text", json={"text": "low"}), 404),
                (client.post("http://localhost/v1/bots/ears/sessions"), 404),
            ]
            for asked, status in refused:
                answer = await asked
                assert answer.status_code == status, answer.text
                assert "\n" not in answer.json()["error"]["message"]
            assert (await answered(client.get(session)))["sessionState"] == before

    asyncio.run(go())


def test_several_bots_are_served_by_one_process_each_with_its_own_sessions(runs: dict[str, Any]) -> None:
    bots = {}
    for number in range(5):
        model = copy.deepcopy(runs["tuner"].model)
        with torch.no_grad():
            next(model.parameters()).add_(1e-6 * number)
        bots[f"bot{number}"] = replace(runs["tuner"], model=model)

    async def go() -> None:
        async with asking(bots) as client:
            for number in range(5):
                address = f"http://localhost/v1/bots/bot{number}/sessions"
                session = (await client.post(address)).json()["sessionId"]
                told = await answered(client.post(f"{address}/{session}/text", json={"text": "low"}))
                assert told["messages"][0]["content"] == "Which is first?"
                other = f"http://localhost/v1/bots/bot{(number + 1) % 5}/sessions/{session}"
                assert (await client.get(other)).status_code == 404

    asyncio.run(go())
