"""What clients send wrongly is answered with the documented status, one line and nothing of the inside, never 500."""

import atexit
import contextlib
import json
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

import statewise
from statewise.server.app import Application
from statewise.server.errors import ApiError
from statewise.server.settings import ServerSettings
from statewise.store import MemoryStore

HTTP = httpx.Client()
atexit.register(HTTP.close)
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def session(serving: Any) -> str:
    created = HTTP.post(f"{serving.address}/v1/sessions")
    assert created.status_code == 201
    return f"{serving.address}/v1/sessions/{created.json()['session']}"


def problem(answer: httpx.Response) -> tuple[int, str]:
    error = answer.json()["error"]
    assert set(error) >= {"code", "message"}
    assert "Traceback" not in answer.text
    assert "/" not in error["message"].replace("GET /v1/models", "").replace("NaN/", "").replace("application/json", "")
    return answer.status_code, error["code"]


BAD_STEPS: list[tuple[Any, int]] = [
    (b"{", 400),
    (b"\xff\xfe", 400),
    (b"[" * 100_000, 400),
    (b'{"input": ' + b"9" * 10_000 + b"}", 400),
    (b"", 422),
    (b"null", 422),
    (b"[1]", 422),
    (b'{"input": NaN}', 422),
    (b'{"input": Infinity}', 422),
    (b'{"input": "\\ud800"}', 200),
    ({}, 422),
    ({"input": "ab"}, 422),
    ({"input": ""}, 422),
    ({"input": 999}, 422),
    ({"input": -1}, 422),
    ({"input": 2**80}, 422),
    ({"input": None}, 422),
    ({"input": 0.5}, 422),
    ({"input": 2.0}, 422),
    ({"input": True}, 422),
    ({"input": 2**31}, 422),
    ({"input": 2**63}, 422),
    ({"input": -(2**63) - 1}, 422),
    ({"input": 1, "choices": 2**63}, 422),
    ({"input": 1, "choices": True}, 422),
    ({"input": [1, [2]]}, 422),
    ({"input": {"a": 1}}, 422),
    ({"input": 1, "steps": -1}, 422),
    ({"input": 1, "steps": "0"}, 422),
    ({"input": 1, "steps": 2**60}, 422),
    ({"input": 1, "steps": 7}, 409),
    ({"input": 1, "key": "mine"}, 422),
    ({"input": 1, "steps": 0, "key": "x" * 65}, 422),
    ({"input": 1, "steps": 0, "key": "\n"}, 422),
    ({"input": 1, "show": "all"}, 422),
    ({"input": 1, "choices": 0}, 422),
    ({"input": 1, "inptu": 2}, 422),
]


@pytest.mark.parametrize(("body", "status"), BAD_STEPS, ids=range(len(BAD_STEPS)))
def test_a_step_that_cannot_be_taken_says_why(session: str, body: Any, status: int) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body)
    answer = HTTP.post(f"{session}/step", content=content, headers=JSON)
    assert answer.status_code == status, answer.text
    if status != 200:
        problem(answer)
        assert HTTP.get(session).json()["steps"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"inputs": []},
        {"text": ""},
        {"inputs": [1], "text": "a"},
        {"inputs": [1, 999]},
        {"inputs": [1] * 10_001},
        {"text": "a" * 10_001},
    ],
)
def test_a_sequence_is_read_whole_or_not_at_all(session: str, body: Any) -> None:
    assert problem(HTTP.post(f"{session}/run", json=body)) == (422, "unreadable")
    assert HTTP.get(session).json()["steps"] == 0


@pytest.mark.parametrize(
    "how",
    [
        {"length": 0},
        {"length": 10_001},
        {"length": "many"},
        {"lenght": 3},
        {"length": 2**63},
        {"length": True},
        {"length": 2.5},
        {"temperature": -1},
        {"temperature": 1e31},
        {"temperature": 10**400},
        {"temperature": True},
        {"top_p": 2},
        {"top_p": -0.5},
        {"top_k": 0},
        {"top_k": 2**31},
        {"top_k": 2**63},
        {"top_k": 2.5},
        {"top_k": True},
        {"seed": 2**64},
        {"seed": -(2**70)},
        {"seed": 0.5},
        {"seed": True},
        {"stream": 1},
    ],
)
def test_settings_of_a_prediction_are_checked(session: str, how: Any) -> None:
    assert problem(HTTP.post(f"{session}/predict", json={"prompt": "It", **how})) == (422, "unreadable")
    assert problem(HTTP.post(f"{session}/predict", json={"prompt": 7})) == (422, "unreadable")
    assert HTTP.get(session).json()["steps"] == 0


def test_what_is_not_there_or_not_done_that_way(serving: Any, session: str) -> None:
    address = serving.address
    assert problem(HTTP.get(f"{address}/v1/nothing")) == (404, "not_found")
    assert problem(HTTP.get(f"{address}/v1/sessions/{'x' * 22}")) == (404, "not_found")
    assert problem(HTTP.get(f"{address}/v1/sessions/..%2f..%2fetc")) == (404, "not_found")
    assert problem(HTTP.get(f"{address}/v1/sessions/a%00b")) == (422, "unreadable")
    assert problem(HTTP.put(session)) == (405, "bad_method")
    assert problem(HTTP.post(f"{address}/v1/sessions", json={"model": "other"})) == (404, "not_found")
    assert problem(HTTP.post(f"{session}/step", content=b'{"input": 1}')) == (422, "unreadable")


def test_a_body_that_is_not_marked_as_json_is_answered_with_the_header_to_add(session: str) -> None:
    for headers in ({}, {"content-type": "application/x-www-form-urlencoded"}):
        answer = HTTP.post(f"{session}/step", content=b'{"input": 1}', headers=headers)
        assert answer.json()["error"]["message"].endswith("add the header Content-Type: application/json")
    unreadable = HTTP.post(f"{session}/step", content=b"[1]", headers={"content-type": "application/json"})
    assert "header" not in unreadable.json()["error"]["message"]


def test_an_argument_that_is_not_known_is_answered_with_the_nearest(serving: Any) -> None:
    answer = HTTP.post(f"{serving.address}/v1/predict", json={"prompt": "It", "lenght": 3})
    assert answer.status_code == 422
    assert "unknown argument 'lenght': did you mean 'length'?" in answer.json()["error"]["message"]


def test_a_session_that_ended_is_gone(session: str) -> None:
    assert HTTP.delete(session).status_code == 204
    assert HTTP.delete(session).status_code == 204  # a repeat of what is done
    for asked in (HTTP.get(session), HTTP.post(f"{session}/step", json={"input": 1}), HTTP.post(f"{session}/fork")):
        assert problem(asked) == (410, "gone")
    assert problem(HTTP.delete(session.rsplit("/", 1)[0] + "/" + "x" * 22)) == (404, "not_found")


def test_a_repeated_call_is_answered_again_and_another_is_told_where_the_session_is(session: str) -> None:
    first = HTTP.post(f"{session}/step", json={"input": 1, "steps": 0, "key": "mine"})
    again = HTTP.post(f"{session}/step", json={"input": 1, "steps": 0, "key": "mine"})
    other = HTTP.post(f"{session}/step", json={"input": 1, "steps": 0, "key": "yours"})
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert problem(other) == (409, "conflict")
    assert other.json()["error"]["steps"] == 1
    unnamed = [HTTP.post(f"{session}/run", json={"text": "It", "steps": 1}) for _ in range(2)]
    assert unnamed[0].content == unnamed[1].content
    assert problem(HTTP.post(f"{session}/run", json={"text": "st", "steps": 1})) == (409, "conflict")
    assert HTTP.get(session).json()["steps"] == 3


def test_a_prediction_repeated_writes_the_same_and_moves_once(session: str) -> None:
    body = {"prompt": "It", "length": 20, "steps": 0, "key": "mine"}
    first, again = (HTTP.post(f"{session}/predict", json=body).text for _ in range(2))
    done = [text.split("event: done\ndata: ")[1] for text in (first, again)]
    assert done[0] == done[1]
    assert len(json.loads(done[0])["text"]) == 20
    assert HTTP.get(session).json()["steps"] == 22


def test_bodies_too_large_are_refused_early_and_late(serving: Any, session: str) -> None:
    large = b'{"text": "' + b"a" * (1 << 20) + b'"}'
    assert problem(HTTP.post(f"{session}/run", content=large, headers=JSON)) == (413, "too_large")
    streamed = HTTP.post(f"{session}/run", content=iter([large[: 1 << 19]] * 3), headers=JSON)
    assert problem(streamed) == (413, "too_large")
    assert streamed.headers["connection"] == "close"


def test_a_snapshot_that_is_damaged_or_foreign_is_refused(serving: Any, session: str) -> None:
    restore = f"{serving.address}/v1/sessions/restore"
    data = HTTP.get(f"{session}/snapshot").content
    assert HTTP.post(restore, content=data).status_code == 201
    for bad in (b"", data[:-1], data[:-1] + b"\x01", data.replace(b"F32", b"I32"), b"\x00" * 100, data + b"x"):
        assert problem(HTTP.post(restore, content=bad)) == (422, "unreadable")


def test_a_silent_client_is_disconnected(strict: Any) -> None:
    with socket.create_connection(("127.0.0.1", strict.port)) as slow:
        slow.settimeout(30)
        slow.sendall(b"GET /livez HTTP/1.1\r\nHost: local")
        with contextlib.suppress(ConnectionResetError):
            assert slow.recv(100) == b""
    with socket.create_connection(("127.0.0.1", strict.port)) as idle:
        idle.settimeout(30)
        idle.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        began = time.monotonic()
        data = b""
        while more := idle.recv(1000):
            data += more
        assert data.startswith(b"HTTP/1.1 200")
        assert time.monotonic() - began < 10
    with socket.create_connection(("127.0.0.1", strict.port)) as stuck:
        stuck.settimeout(30)
        stuck.sendall(b"POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{")
        assert stuck.recv(1000).startswith(b"HTTP/1.1 400")


def test_a_client_that_reads_nothing_of_an_answer_does_not_hold_its_place(strict: Any) -> None:
    session = HTTP.post(f"{strict.address}/v1/sessions").json()["session"]
    body = json.dumps({"prompt": "It", "length": 10_000})
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        deaf.connect(("127.0.0.1", strict.port))
        head = f"POST /v1/sessions/{session}/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        deaf.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        for _ in range(400):
            if HTTP.get(f"{strict.address}/v1/sessions/{session}").status_code == 200:
                break
            time.sleep(0.05)
        else:
            pytest.fail("the place is still taken")


def test_clients_that_went_away_in_the_middle_of_an_answer_hold_no_place(serving: Any) -> None:
    sessions = [HTTP.post(f"{serving.address}/v1/sessions").json()["session"] for _ in range(100)]
    body = json.dumps({"prompt": "It", "length": 10_000})
    for session in sessions:  # more than can be written for at once
        with socket.create_connection(("127.0.0.1", serving.port)) as client:
            path = f"/v1/sessions/{session}/predict"
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
            assert client.recv(12) == b"HTTP/1.1 200"
    answer = HTTP.post(f"{serving.address}/v1/sessions/{sessions[0]}/predict", json={"length": 3})
    assert "event: done" in answer.text


def test_more_than_there_is_room_for_is_told_to_come_again(slow: Any) -> None:
    with slow.busy(inputs=40):
        refused = HTTP.post(f"{slow.address}/v1/sessions")
        assert problem(refused) == (503, "busy")
        assert refused.headers["retry-after"] == "1"
        assert HTTP.get(f"{slow.address}/livez").status_code == 200
        for _ in range(100):
            if HTTP.post(f"{slow.address}/v1/sessions").status_code == 201:
                break
            time.sleep(0.05)
        else:
            pytest.fail("an answered request is still counted")
    lines = HTTP.get(f"{slow.address}/metrics").text.splitlines()
    counted = [line for line in lines if line.startswith('statewise_refusals_total{code="busy"}')]
    assert float(counted[0].split()[-1]) >= 1


def answer_on(connection: socket.socket) -> bytes:
    """Return the status line of a whole answer."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(4096)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r")[0])
    while len(body) < length:
        body += connection.recv(4096)
    return head.split(b"\r\n")[0]


def test_a_refused_client_may_ask_again_on_the_same_connection(slow: Any) -> None:
    head = b"POST /v1/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    asked = head + b"Content-Length: 2\r\n\r\n{}"
    with slow.busy(inputs=70), socket.create_connection(("127.0.0.1", slow.port)) as other:
        other.settimeout(10)
        for _ in range(3):
            other.sendall(asked)
            assert answer_on(other) == b"HTTP/1.1 503 Service Unavailable"
        for part in (asked[:9], asked[9:-1], asked[-1:]):
            other.sendall(part)
            time.sleep(0.05)
        assert answer_on(other) == b"HTTP/1.1 503 Service Unavailable"
        other.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert answer_on(other) == b"HTTP/1.1 200 OK"
        for _ in range(200):
            other.sendall(asked)
            if (status := answer_on(other)) == b"HTTP/1.1 201 Created":
                break
            time.sleep(0.02)
        assert status == b"HTTP/1.1 201 Created"


def test_one_connection_too_many_is_told_so_and_closed(strict: Any) -> None:
    with contextlib.ExitStack() as stack:
        statuses = []
        for _ in range(45):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", strict.port)))
            one.settimeout(10)
            one.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            statuses.append(answer_on(one))
    assert statuses[0] == b"HTTP/1.1 200 OK"
    assert statuses[-1] == b"HTTP/1.1 503 Service Unavailable"


def test_the_openapi_has_an_example_for_every_body(serving: Any) -> None:
    described = HTTP.get(f"{serving.address}/openapi.json").json()
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert operation.get("summary"), (method, path)
    for name in ("CreateRequest", "StepRequest", "RunRequest", "SessionPredictRequest", "CompletionRequest"):
        properties = described["components"]["schemas"][name]["properties"]
        assert any("examples" in field for field in properties.values()), name


def test_the_openapi_says_how_a_token_is_shown_and_what_follows_a_session(serving: Any) -> None:
    described = HTTP.get(f"{serving.address}/openapi.json").json()
    assert described["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert described["security"] == [{}, {"token": []}]  # this server wants none
    assert described["paths"]["/livez"]["get"]["security"] == []
    names = {operation["operationId"] for methods in described["paths"].values() for operation in methods.values()}
    for path in ("/v1/sessions", "/v1/sessions/restore", "/v1/sessions/{id}/fork"):
        links = described["paths"][path]["post"]["responses"]["201"]["links"]
        assert {link["operationId"] for link in links.values()} <= names
        assert "step" in links


def test_a_model_that_is_not_named_among_several_is_asked_for(trained_once: Path) -> None:
    trained = statewise.load(trained_once / "run")
    sessions = Application({"one": trained, "two": trained}, MemoryStore(), ServerSettings()).sessions
    with pytest.raises(ApiError, match=r"^2 models are served: give the one you mean as model, by its id$"):
        sessions.model(None)
    assert sessions.model("two") is sessions.models["two"]
