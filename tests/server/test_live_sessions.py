"""A live stream of a task is a session as any other: numbered, forked, taken away, forged in vain, or not served."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import small_tasks
import torch

import statewise
from statewise.cli.main import run as command
from statewise.client import AsyncClient, Client, RefusedByServer
from statewise.errors import DataError, UsageError
from statewise.inputs import Inputs
from statewise.server.app import Application
from statewise.server.calls import CallKey
from statewise.server.live_sessions import LiveSessions
from statewise.server.metrics import Metrics
from statewise.server.model import ServedModel
from statewise.server.session_kind import LIVE, OutputOptions
from statewise.server.settings import ServerSettings
from statewise.state import read_tensors, seal, unsigned, write_tensors
from statewise.store import MemoryStore
from statewise.task import Live
from statewise.tasks.forecast.task import Forecast

LINES = ["It was the best", "of times", "it was the worst"]


def live_of(run: Path, settings: ServerSettings | None = None) -> LiveSessions:
    kind = ServedModel("run", statewise.load(run), settings or ServerSettings(), Metrics()).kinds[LIVE]
    assert isinstance(kind, LiveSessions)
    return kind


def test_a_live_session_is_answered_as_the_live_stream_on_any_server_and_in_any_company(
    serve: Any, tmp_path: Path, trained_once: Path
) -> None:
    addresses = [serve("--quiet", "--store", f"sqlite:{tmp_path / 'sessions.db'}").address for _ in range(2)]
    trained = statewise.load(trained_once / "run")

    async def go(number: int) -> list[Any]:
        async with AsyncClient(addresses[0]) as one, AsyncClient(addresses[1]) as other:
            session, told = await one.create(live=True), []
            for line in LINES[number % 3 :]:
                told.append((await session.step(line))["answer"])
                session = await (one, other)[(number + len(told)) % 2].session(session.id)
            fork = await session.fork()
            last = await asyncio.gather(session.run("one\ntwo", each=True), fork.run("one\ntwo", each=True))
            assert last[0]["each"] == last[1]["each"]
            return told + [one["answer"] for one in last[0]["each"]]

    async def main() -> list[list[Any]]:
        return await asyncio.gather(*(go(number) for number in range(6)))

    for number, told in enumerate(asyncio.run(main())):
        live = trained.live()
        wanted = [live.push(line).as_json() for line in [*LINES[number % 3 :], "one", "two"]]
        assert told == json.loads(json.dumps(wanted))


def test_a_sequence_of_which_one_cannot_be_read_leaves_the_session_where_it_was(serving: Any) -> None:
    with Client(serving.address) as client:
        session = client.create(live=True)
        first = session.step("It was")
        with pytest.raises(RefusedByServer, match=r"the input 3 cannot be read: give a line of text"):
            session.run(["It was", 3])
        with pytest.raises(RefusedByServer, match="a live session answers no prompts"):
            list(session.predict("It"))
        with pytest.raises(RefusedByServer, match="show and choices"):
            session.step("It was", show="params")
        with pytest.raises(RefusedByServer, match="unknown argument 'k': give none"):
            session.step("It was", k=3)
        assert session.refresh() == 1
        again = client.restore(session.snapshot(), live=True)
        assert again.step("of")["answer"] == session.step("of")["answer"]
        assert first["steps"] == 1


def test_a_repeated_call_of_a_live_session_is_answered_again_and_not_applied_again(serving: Any) -> None:
    made = httpx.post(f"{serving.address}/v1/sessions", json={"live": True}).json()["session"]
    address = f"{serving.address}/v1/sessions/{made}/step"
    for key in ({"key": "mine"}, {}):
        body = {"input": "It was", "steps": httpx.get(address.removesuffix("/step")).json()["steps"], **key}
        first, again = (httpx.post(address, json=body) for _ in range(2))
        assert (first.status_code, first.content) == (200, again.content)
    assert httpx.get(address.removesuffix("/step")).json()["steps"] == 2
    assert httpx.post(address, json={"input": "other", "steps": 1}).status_code == 409


def test_settings_of_a_live_stream_are_those_of_its_task_and_bounded(by_recommender: Path) -> None:
    kind = live_of(by_recommender / "run")
    live = statewise.load("run").live(k=2)

    def told(**settings: Any) -> Any:
        how = kind.how(OutputOptions.asked(None, None, settings))
        return asyncio.run(kind.read(kind.fresh, kind.check(["7"]), how, each=False)).told[0]

    assert told(k=2)["answer"] == json.loads(json.dumps(live.push("7").as_json()))
    assert len(told()["answer"]["items"]) == 10
    for settings, message in (
        ({"k": 1001}, "k 1001 is too much for one call: give at most 1000"),
        ({"k": "many"}, "k: Input should be a valid integer"),
        ({"saved": "x"}, "unknown argument 'saved': known are k, "),
    ):
        with pytest.raises(UsageError, match=message):
            told(**settings)
    notices = asyncio.run(kind.read(kind.fresh, ["Fiml D"], kind.how(OutputOptions()), each=False)).told[0]["notices"]
    assert notices == ["'Fiml D' is read as 'Film D (1993)'"]


def test_a_live_stream_says_no_more_at_once_than_an_answer_may_hold(by_recommender: Path) -> None:
    kind = live_of(by_recommender / "run", ServerSettings(max_answer_numbers=20))

    def told(inputs: int, *, each: bool, **settings: Any) -> int:
        how = kind.how(OutputOptions.asked(None, None, settings))
        return len(asyncio.run(kind.read(kind.fresh, kind.check(["7"] * inputs), how, each=each)).told)

    assert told(8, each=False, k=2) == 1
    assert told(2, each=True, k=2) == 2
    for inputs, each, k in ((40, True, 2), (1, False, 10)):
        with pytest.raises(UsageError, match="more than 20 values is too long: ask for less at once"):
            told(inputs, each=each, k=k)


def test_a_live_stream_that_was_forged_is_none(by_recommender: Path) -> None:
    kind = live_of(by_recommender / "run")
    tensors, words = read_tensors(kind.fresh)
    good = kind.fresh
    assert kind.admit(good) == good
    forged = [
        good[:-1],
        good + b"x",
        b"",
        write_tensors(tensors),
        seal(write_tensors({**tensors, "seen": torch.tensor([999], dtype=torch.int32)}, {**words, "sha256": "0" * 64})),
        seal(write_tensors({"seen": tensors["seen"]}, {**words, "sha256": "0" * 64})),
    ]
    for data in forged:
        with pytest.raises(DataError):
            kind.admit(data)
    assert unsigned(good) == good


def test_a_run_whose_users_cannot_step_it_is_refused_at_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"2026-11-{1 + t // 24:02d} {t % 24:02d}:00,{50 + t % 24}" for t in range(260)]
    (tmp_path / "load.csv").write_text("\n".join(["time,load", *rows]) + "\n")
    how: dict[str, Any] = {"hidden_size": 4, "batch_size": 4, "updates": 2, "threads": 1, "sample_seconds": 0}
    statewise.train(Forecast(source="load.csv", context="12h", horizon="3h", held_out="24h", **how), run="run")
    (tmp_path / "load.csv").unlink()
    assert command(["serve", "run"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("statewise: run cannot be served: '")
    assert "load.csv' is neither a file nor a corpus" in err
    assert err.count("\n") == 1


class Echo(Live):
    """A live stream whose bytes are none of tensors."""

    def push(self, line: Any) -> Any:
        return line

    def save(self) -> bytes:
        return b"nothing of tensors"


def made(trained_once: Path, **methods: Any) -> Callable[[], ServedModel]:
    """A run whose task is another, as far as a server asks."""
    trained = statewise.load(trained_once / "run")
    task = SimpleNamespace(name="other", predict=lambda model, codec: iter(()), inputs=lambda codec: None, **methods)
    fake: Any = SimpleNamespace(
        task=task,
        model=trained.model,
        codec=trained.codec,
        live=lambda saved=None, **how: task.live(trained.model, trained.codec, saved, **how),
        stream=trained.stream,
    )
    return lambda: ServedModel("mine", fake, ServerSettings(), Metrics())


def test_a_task_of_which_no_session_can_be_kept_is_refused_in_one_line(trained_once: Path) -> None:
    def none(*given: Any, **how: Any) -> Live:
        raise UsageError("other does not work on lines as they come")

    with pytest.raises(UsageError, match=r"^mine cannot be served: other does not work on lines"):
        made(trained_once, live=none)()
    with pytest.raises(
        UsageError, match=r"mine cannot be served: what the live stream saves .* let it save by statewise"
    ):
        made(trained_once, live=lambda *given, **how: Echo())()


def test_an_example_that_cannot_be_read_is_no_example(trained_once: Path) -> None:
    class Refusing(Echo):
        inputs = Inputs("a line", ("string",), 3)

        def save(self) -> bytes:
            return write_tensors({"x": torch.ones(1)})

    with pytest.raises(UsageError, match="mine cannot be served: the input 3 cannot be read: give a line"):
        made(trained_once, live=lambda *given, **how: Refusing())()


def test_several_models_are_told_apart_and_described_together(trained_once: Path, by_recommender: Path) -> None:
    trained = {"writer": statewise.load(trained_once / "run"), "shop": statewise.load(by_recommender / "run")}
    app = Application(trained, MemoryStore(), ServerSettings())
    described = app.openapi()
    body = described["paths"]["/v1/sessions/{id}/step"]["post"]["requestBody"]["content"]["application/json"]
    assert set(body["examples"]) == {"writer", "shop"}
    words = described["components"]["schemas"]["StepRequest"]["properties"]["input"]["description"]
    assert "writer: one character" in words
    assert "shop: the id or the title of an item" in words

    async def main() -> None:
        sessions = app.sessions
        for name, x in (("writer", "a"), ("shop", trained["shop"].codec.name(0))):
            id, held = await sessions.create("me", name)
            assert held.served.name == name
            answer = json.loads(await sessions.read("me", id, [x], CallKey(), OutputOptions()))
            assert answer["steps"] == 1
            assert len(answer["choices"]) == 5
        await sessions.close()

    asyncio.run(main())


def test_a_live_session_begins_with_settings_of_its_task(tmp_path: Path) -> None:
    statewise.train(small_tasks.TASKS["handwriting"](tmp_path), run=tmp_path / "run")
    live = live_of(tmp_path / "run")

    async def first(settings: dict[str, Any]) -> Any:
        told = await live.read(await live.begin(settings), ["write"], OutputOptions(), each=False)
        return told.told[0]["answer"]

    async def main() -> None:
        assert (await first({"text": "ab ab"}))["letters"] == 5
        assert (await first({}))["letters"] == len(statewise.load(tmp_path / "run").live().text)  # type: ignore[attr-defined]
        for wrong in ({"txet": "a"}, {"text": 3}, {"text": "never seen: Q"}):
            with pytest.raises(UsageError):
                await live.begin(wrong)
        await live.close()

    asyncio.run(main())
