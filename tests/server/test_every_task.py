"""Any task is served by what its users have: stepped, asked, described, and as the printed lines say."""

import csv
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from made_bots import bot_file
from made_dialogues import dialogues
from made_films import sounding_films
from made_gestures import sensor_table
from made_log import train_in
from made_pictures import pictures
from made_speech import recordings
from made_stories import stories
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

import statewise
from statewise import registry
from statewise.client import Client, RefusedByServer
from statewise.tasks.forecast.task import Forecast
from statewise.tasks.forecast.traffic import Traffic
from statewise.tasks.stocks.task import Stocks

HOURS = [str(np.datetime64("2026-11-02T00", "s") + np.timedelta64(t, "h")) for t in range(260)]
DAYS = [str(day) for day in np.busday_offset("2020-01-01", np.arange(260), roll="forward")]
SMALL: dict[str, Any] = {"hidden_size": 4, "batch_size": 4, "updates": 2, "threads": 1, "sample_seconds": 0}
SERIES: dict[str, Any] = {**SMALL, "context": "12h", "horizon": "3h", "held_out": "24h"}
BOOK = "It was the best of times, it was the worst of times.\n" * 60


def table(folder: Path, name: str, head: str, rows: list[str]) -> str:
    path = folder / f"{name}.csv"
    path.write_text("\n".join([head, *rows]) + "\n")
    return str(path)


def text(folder: Path) -> None:
    (folder / "book.txt").write_text(BOOK)
    task = statewise.Text(source=str(folder / "book.txt"), embedding=4, sequence_length=16, orders=1, **SMALL)
    statewise.train(task, run=folder / "run")


def forecast(folder: Path) -> None:
    timed = [(n, t) for n in range(2) for t in range(len(HOURS))]
    rows = [f"{HOURS[t]},{'ab'[n]},{50 + t % 24 + 9 * n},{t % 5}" for n, t in timed]
    source = table(folder, "load", "time,place,load,rain", rows)
    task = Forecast(source=source, target="load", series="place", past="rain", **SERIES)
    statewise.train(task, run=folder / "run")


def traffic(folder: Path) -> None:
    rows = [f"{hour},{50 + t % 24}" for t, hour in enumerate(HOURS)]
    source = table(folder, "cars", "time,traffic_volume", rows)
    statewise.train(Traffic(source=source, holidays=None, yearly=False, members=1, **SERIES), run=folder / "run")


def stocks(folder: Path) -> None:
    rows = [f"{day},{100 + t % 7},{90 + t % 5}" for t, day in enumerate(DAYS)]
    source = table(folder, "prices", "Date,A,B", rows)
    statewise.train(
        Stocks(source=source, context="12b", held_out="40b", sequence_length=16, **SMALL), run=folder / "run"
    )


def sketch(folder: Path) -> None:
    lines = [json.dumps({"strokes": [[[0, 0], [n, 90], [60, n]], [[5, 5], [9, n]]]}) for n in range(40)]
    (folder / "drawings.jsonl").write_text("\n".join(lines))
    source = str(folder / "drawings.jsonl")
    statewise.train(statewise.Sketch(source=source, components=2, held_out=0.3, **SMALL), run=folder / "run")


def handwriting(folder: Path) -> None:
    lines = [
        json.dumps({"text": "ab", "writer": str(n % 4), "strokes": [[[0, 0], [n, 90], [60, n]], [[5, 5], [9, n]]]})
        for n in range(40)
    ]
    (folder / "lines.jsonl").write_text("\n".join(lines))
    source = str(folder / "lines.jsonl")
    statewise.train(statewise.Handwriting(source=source, components=2, hills=2, **SMALL), run=folder / "run")


def language(folder: Path) -> None:
    (folder / "book.txt").write_text(BOOK)
    task = statewise.Language(
        source=str(folder / "book.txt"), embedding=4, sequence_length=16, orders=2, cutoffs="4,8", **SMALL
    )
    statewise.train(task, run=folder / "run")


def translate(folder: Path) -> None:
    words = {"one": "un", "two": "deux", "three": "trois", "cats": "chats", "dogs": "chiens", "see": "voient"}
    lines = [f"{a} {b} {c}\t{words[a]} {words[b]} {words[c]}" for a in words for b in words for c in words]
    (folder / "pairs.tsv").write_text("\n".join(lines))
    source = str(folder / "pairs.tsv")
    task = statewise.Translate(source=source, embedding=4, subwords=60, held_out=0.1, **SMALL)
    statewise.train(task, run=folder / "run")


def answer(folder: Path) -> None:
    task = statewise.QuestionAnswering(source=str(stories(folder)), held_out=0.2, **SMALL)
    statewise.train(task, run=folder / "run")


def chat(folder: Path) -> None:
    source = str(dialogues(folder))
    task = statewise.Chat(source=source, embedding=4, subwords=60, held_out=0.2, validation=0.1, **SMALL)
    statewise.train(task, run=folder / "run")


def dialogue(folder: Path) -> None:
    task = statewise.Dialogue(source=str(bot_file(folder)), embedding=4, filters=4, **SMALL)
    statewise.train(task, run=folder / "run")


def speech(folder: Path) -> None:
    source = str(recordings(folder / "said"))
    statewise.train(statewise.Speech(source=source, bands=13, **SMALL), run=folder / "run")


def gesture(folder: Path) -> None:
    source = str(sensor_table(folder / "moved"))
    (folder / "moved" / "asked.csv").rename(folder / "asked.csv")
    statewise.train(statewise.Gesture(source=source, held_out=0.25, **SMALL), run=folder / "run")


def caption(folder: Path) -> None:
    source = str(pictures(folder / "shown"))
    how: dict[str, Any] = {"encoder": "pixels", "embedding": 4, "subwords": 60, "held_out": 0.3, "validation": 0.1}
    statewise.train(statewise.Caption(source=source, **how, **SMALL), run=folder / "run")


def sound(folder: Path) -> None:
    source = str(sounding_films(folder / "seen"))
    how: dict[str, Any] = {"height": 8, "embedding": 4, "rate": 9000, "bands": 4, "highest": 4000.0, "pieces": 4}
    statewise.train(statewise.Sound(source=source, **how, **SMALL), run=folder / "run")


def game(folder: Path) -> None:
    pytest.importorskip("gymnasium")
    how: dict[str, Any] = {"envs": 2, "rollout": 16, "sequence_length": 8, "passes": 1, "compare": False}
    statewise.train(statewise.Game(source="CartPole-v1", **how, **SMALL), run=folder / "run")


TOLD = ("choices", "answer", "params")
"What a step says, by what the head of a model is over."
PAGE = Path(__file__).parents[2] / "docs" / "serving.md"
RUNS: dict[str, Callable[[Path], object]] = {
    "text": text,
    "recommend": train_in,
    "forecast": forecast,
    "traffic": traffic,
    "stocks": stocks,
    "sketch": sketch,
    "handwriting": handwriting,
    "translate": translate,
    "answer": answer,
    "language": language,
    "chat": chat,
    "dialogue": dialogue,
    "speech": speech,
    "caption": caption,
    "game": game,
    "gesture": gesture,
    "sound": sound,
}


@pytest.fixture(scope="module", params=RUNS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        RUNS[request.param](folder)
    return folder / "run"


@pytest.fixture(scope="module")
def server(run: Path, server_of: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    server = server_of(run, tmp_path_factory.mktemp("said"))
    try:
        assert server.address
        yield server
        assert "Traceback" not in server.said.read_text()
    finally:
        server.close()


@pytest.fixture
def model(server: Any) -> Any:
    return httpx.get(f"{server.address}/v1/models").json()["data"][0]


def begun(server: Any, **body: Any) -> str:
    made = httpx.post(f"{server.address}/v1/sessions", json=body)
    assert made.status_code == 201, made.text
    return f"{server.address}/v1/sessions/{made.json()['session']}"


def post(address: str, body: Any) -> Any:
    answer = httpx.post(address, json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(address: str, body: Any) -> str:
    answer = httpx.post(address, json=body)
    assert answer.status_code == 422, answer.text
    return str(answer.json()["error"]["message"])


def test_every_task_is_tried_here() -> None:
    assert set(RUNS) == set(registry.names("tasks"))


def test_the_printed_lines_work_as_they_stand(server: Any, model: Any, tmp_path: Path) -> None:
    for _ in range(500):
        if "/v1/predict" in (lines := server.said.read_text()):
            break
        time.sleep(0.01)
    ran = subprocess.run(["sh", "-ec", lines], capture_output=True, text=True, check=True, cwd=tmp_path)
    answers = [json.loads(line) for line in ran.stdout.splitlines() if line]
    assert [answer for answer in answers if "error" in answer] == []
    models, step, fork, *_ = answers
    assert models["object"] == "list"
    if model["task"] == "dialogue":  # a bot is spoken to, and its session looked at
        assert step["sessionId"] == fork["sessionId"]
        assert step["messages"] or step["sessionState"]["intent"]
        assert step["sessionState"] == fork["sessionState"]
        assert fork["interpretations"] == []
        return
    assert step["steps"] == fork["steps"] == 1
    assert any(step.get(key) for key in TOLD)
    assert (tmp_path / "session.safetensors").stat().st_size > 100


def test_a_step_reads_what_users_have_over_http_and_a_websocket(server: Any, model: Any) -> None:
    session, example = begun(server), model["example"]
    first = post(f"{session}/step", {"input": example})
    again = post(f"{begun(server)}/run", {"inputs": [example], "each": True})
    told = {key: first[key] for key in TOLD if key in first}
    assert again["each"] == [told]
    fork = httpx.post(f"{session}/fork").json()
    assert fork["steps"] == 1
    address = f"ws://127.0.0.1:{server.port}/v1/sessions/{begun(server).rsplit('/', 1)[1]}/stream"
    with connect(address) as socket:
        socket.send(json.dumps({"input": example}))
        answer = json.loads(socket.recv(30))
        assert {key: answer[key] for key in told} == told
        socket.send(json.dumps({"predict": question(server)}))
        answered = json.loads(socket.recv(60))
        assert answered["steps"] == 1
        assert "error" not in answered


def test_a_binary_frame_is_a_piece_of_sound_or_closes_the_socket(server: Any, model: Any) -> None:
    session = httpx.post(f"{server.address}/v1/sessions", json={"live": True}).json()["session"]
    pcm = (np.sin(np.arange(1600) / 9) * 9000).astype("<i2").tobytes()
    with connect(f"ws://127.0.0.1:{server.port}/v1/sessions/{session}/stream") as socket:
        socket.send(pcm)
        if model["task"] == "sound":  # to which a binary frame is a picture
            assert "the frame is not a film that can be read" in json.loads(socket.recv(30))["error"]["message"]
            return
        if model["task"] != "speech":
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(30)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1003
            return
        heard = json.loads(socket.recv(30))
        socket.send(pcm[:-1])
        assert "half a sample" in json.loads(socket.recv(30))["error"]["message"]
        socket.send(json.dumps({"input": "finish"}))
        ended = json.loads(socket.recv(30))
    assert heard["steps"] == 1
    assert heard["answer"]["seconds"] >= 0.1
    assert "final" in ended["answer"]


def question(server: Any) -> Any:
    """What the server itself gives as an example of a question."""
    described = httpx.get(f"{server.address}/openapi.json").json()
    body = described["paths"]["/v1/predict"]["post"]["requestBody"]["content"]["application/json"]
    (example,) = body["examples"].values()
    return {name: value for name, value in example["value"].items() if name != "model"}


@pytest.mark.parametrize("x", [True, None, [[1]], {"nothing": 1}, "\x00", 1e300, 2**200, "x" * 20_000, [], {}])
def test_what_no_user_has_is_refused_in_words_and_changes_nothing(server: Any, model: Any, x: Any) -> None:
    if x == "\x00" and model["task"] in ("text", "dialogue"):
        return  # a character, or a word, that was never seen
    session = begun(server)
    message = refused(f"{session}/step", {"input": x})
    assert "\n" not in message
    for foreign in ("torch", "Tensor", "dtype", "NoneType", "True", "None", "float()", "argument", "push_many"):
        assert foreign not in message
    assert httpx.get(session).json()["steps"] == 0


def test_a_snapshot_goes_on_where_the_session_is(server: Any, model: Any) -> None:
    session = begun(server)
    post(f"{session}/step", {"input": model["example"]})
    data = httpx.get(f"{session}/snapshot").content
    restored = httpx.post(f"{server.address}/v1/sessions/restore", content=data)
    assert restored.status_code == 201, restored.text
    other = f"{server.address}/v1/sessions/{restored.json()['session']}"
    following = {"input": after(model["example"])}
    one, same = (post(f"{each}/step", following) for each in (session, other))
    assert {**one, "session": "", "steps": 0} == {**same, "session": "", "steps": 0}


def after(example: Any) -> Any:
    """An input that may come behind an example: of a time, the next one, which is not named."""
    if isinstance(example, dict):
        return {name: value for name, value in example.items() if name not in ("time", "Date")}
    return example


def test_live_streams_answer_as_the_command_line_does(server: Any, model: Any, run: Path) -> None:
    live = model["sessions"]["live"]
    session, trained = begun(server, live=True), statewise.load(run)
    inputs, here = [live["example"], after(live["example"])], trained.live()
    told = post(f"{session}/run", {"inputs": inputs, "each": True})["each"]
    wanted = [json.loads(json.dumps(here.push(x).as_json())) for x in inputs]
    assert [one["answer"] for one in told] == wanted
    assert httpx.get(session).json() | {"session": ""} == {"session": "", "model": "run", "steps": 2, "live": True}
    refusal = refused(f"{session}/step", {"input": live["example"], "settings": {"nothing": 1}})
    assert "unknown argument 'nothing'" in refusal
    assert "longest_gap" not in live["settings"].get("properties", {})
    assert "takes settings" in refused(f"{session}/step", {"input": live["example"], "choices": 2})


def test_a_served_conversation_takes_an_exchange_back_and_forgets_all(server: Any, model: Any) -> None:
    if model["task"] != "chat":
        return
    session, said = begun(server, live=True), {"input": model["sessions"]["live"]["example"]}
    first = post(f"{session}/step", said)["answer"]
    again = post(f"{session}/step", said)["answer"]
    assert post(f"{session}/step", {"input": "/undo"})["answer"] == {"turns": 2}
    assert post(f"{session}/step", said)["answer"] == again
    assert post(f"{session}/step", {"input": "/forget"})["answer"] == {"turns": 0}
    assert "no turn to take back" in refused(f"{session}/step", {"input": "/undo"})
    assert post(f"{session}/step", said)["answer"] == first


def test_the_description_says_what_each_route_takes(server: Any, model: Any) -> None:
    described = httpx.get(f"{server.address}/openapi.json").json()
    schemas = described["components"]["schemas"]
    assert model["input"] in schemas["StepRequest"]["properties"]["input"]["description"]
    assert schemas["StepRequest"]["properties"]["input"]["examples"] == [model["example"]]
    assert set(model["predict"]["properties"]) <= set(schemas["PredictRequest"]["properties"])
    settings = model["sessions"].get("live", {}).get("settings", {}).get("properties", {})
    assert set(settings) <= set(schemas["StepRequest"]["properties"]["settings"]["properties"])
    body = described["paths"]["/v1/sessions/{id}/step"]["post"]["requestBody"]["content"]["application/json"]
    assert body["examples"]["run"]["value"] == {"input": model["example"]}


def test_a_question_is_answered_as_the_command_line_does(server: Any, run: Path) -> None:
    asked = question(server)
    answer = post(f"{server.address}/v1/predict", {**asked, **({"seed": 3} if "length" in asked else {})})
    wanted = statewise.load(run).answer(**asked, **({"seed": 3} if "length" in asked else {})).as_json()
    assert answer == json.loads(json.dumps(wanted))
    assert "unknown argument 'nothing'" in refused(f"{server.address}/v1/predict", {"nothing": 1})
    for path in ("/etc/passwd", "book.txt", str(run)):
        for name in ("table", "sessions", "csv", "chart", "source", "interactive"):
            assert httpx.post(f"{server.address}/v1/predict", json={name: path}).status_code == 422


def test_a_table_is_sent_as_rows_as_columns_or_as_csv(server: Any, model: Any, run: Path) -> None:
    if "table" not in model["predict"]["properties"]:
        with Client(server.address) as client, pytest.raises(RefusedByServer, match="run reads no table"):
            client.predict(table=b"a,b\n1,2\n")
        return
    (source,) = run.parent.glob("*.csv")
    rows = list(csv.DictReader(source.read_text().splitlines()))
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    draws = "samples" in model["predict"]["properties"]
    how: dict[str, Any] = {"samples": 20, "seed": 3} if draws else {}
    wanted = json.loads(json.dumps(statewise.load(run).answer(str(source), **how).as_json()))
    for sent in (rows, columns):
        assert post(f"{server.address}/v1/predict", {"table": sent, **how}) == wanted
    with Client(server.address) as client:
        assert client.predict(table=source.read_bytes(), **how) == client.predict(table=columns, **how) == wanted
        for body in (b"", b"PK\x03\x04", b"\x1f\x8b\x08", source.read_text().encode("utf-16")):
            with pytest.raises(RefusedByServer, match="the body is no table: send CSV in UTF-8"):
                client.predict(table=body)
        with pytest.raises(RefusedByServer, match=r"^table\.csv has no column"):
            client.predict(table=b"a,b\n1,2\n")
        number, kind = ("samples", "integer") if draws else ("sure", "number")
        with pytest.raises(RefusedByServer, match=f"{number}: Input should be a valid {kind}"):
            client.predict(table=source.read_bytes(), **{number: "many"})
    assert "columns of the table" in refused(f"{server.address}/v1/predict", {"table": {"a": [1], "b": []}})
    assert refused(f"{server.address}/v1/predict", {"table": [{"a": 1}]}).startswith("the table has no column ")


def test_the_questions_of_the_page_are_answered(server: Any, model: Any) -> None:
    bodies = [json.loads(body) for body in re.findall(r"^\$ curl .* -d '(.*)' \S+/v1/predict$", PAGE.read_text(), re.M)]
    assert [set(body) - {"k", "table"} for body in bodies] == [{"session"}, set()]
    of_task = {"recommend": {**bodies[0], "session": [model["example"]]}, "forecast": bodies[1]}
    if body := of_task.get(model["task"]):
        answer = post(f"{server.address}/v1/predict", body)
        assert answer.get("answer") or answer.get("items")


def test_a_completion_counts_what_the_model_reads_and_writes(server: Any, model: Any) -> None:
    if model["task"] not in ("text", "language"):
        return
    body = {"prompt": "It was the worst", "max_tokens": 7, "seed": 3}
    told = httpx.post(f"{server.address}/v1/completions", json=body).json()
    read = {"text": 16, "language": 4}[model["task"]]
    assert told["usage"] == {"prompt_tokens": read, "completion_tokens": 7, "total_tokens": read + 7}
    assert told["choices"][0]["finish_reason"] == "length"
    streamed = httpx.post(f"{server.address}/v1/completions", json={**body, "stream": True}).text
    last = json.loads([line for line in streamed.splitlines() if line][-2].removeprefix("data: "))
    assert last["choices"][0]["finish_reason"] == "length"
