"""Hooks are called with bounds: a server that hangs, lies, redirects or is not allowed does no harm."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from statewise.data.utterances.bot import Hook
from statewise.errors import UsageError
from statewise.tasks.dialogue.hooks import MOMENT, SIGNATURE, HookFailed, HookRunner, read_key, signature_of

KEY = b"0123456789abcdef"
Answer = Callable[[Any], None]


class Hooked:
    """A server whose answers are told, and what it was asked."""

    def __init__(self) -> None:
        self.answer: Answer = lambda handler: reply(handler, 200, {})
        self.asked: list[tuple[dict[str, str], bytes]] = []
        hooked = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hooked.asked.append((dict(self.headers), body))
                hooked.answer(self)

            def log_message(self, *given: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.place = f"127.0.0.1:{self.server.server_port}"

    def hook(self, seconds: float = 2.0, retries: int = 1) -> Hook:
        return Hook("http", f"http://{self.place}/do?x=1", seconds, retries)

    def runner(self, key: bytes | None = None) -> HookRunner:
        return HookRunner(frozenset({self.place}), key)


def reply(handler: Any, status: int, told: Any, **headers: str) -> None:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def hooked() -> Iterator[Hooked]:
    found = Hooked()
    yield found
    found.server.shutdown()
    found.server.server_close()


def test_a_hook_is_asked_once_and_its_body_is_signed(hooked: Hooked) -> None:
    hooked.answer = lambda handler: reply(handler, 200, {"messages": [{"content": "done"}]})
    assert hooked.runner(KEY).ask(hooked.hook(), {"a": 1}) == {"messages": [{"content": "done"}]}
    ((headers, body),) = hooked.asked
    assert json.loads(body) == {"a": 1}
    assert headers[SIGNATURE] == f"sha256={signature_of(KEY, headers[MOMENT], body)}"


def test_an_error_of_the_server_is_tried_again_and_a_refusal_is_not(hooked: Hooked) -> None:
    hooked.answer = lambda handler: reply(handler, 503 if len(hooked.asked) < 2 else 200, {"x": 1})
    assert hooked.runner().ask(hooked.hook(retries=1), {}) == {"x": 1}
    assert len(hooked.asked) == 2
    hooked.asked.clear()
    hooked.answer = lambda handler: reply(handler, 403, {})
    with pytest.raises(HookFailed, match="it answered 403"):
        hooked.runner().ask(hooked.hook(retries=3), {})
    assert len(hooked.asked) == 1


@pytest.mark.parametrize("begins", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"])
def test_a_server_that_sends_a_byte_now_and_then_is_left(hooked: Hooked, begins: bytes) -> None:
    def drip(handler: Any) -> None:
        handler.wfile.write(begins)
        for _ in range(40):
            handler.wfile.write(b" ")
            time.sleep(0.25)

    def left(handler: Any) -> None:
        try:
            drip(handler)
        except OSError:
            return

    hooked.answer = left
    begun = time.monotonic()
    with pytest.raises(HookFailed, match=r"it took longer than 0\.3 seconds"):
        hooked.runner().ask(hooked.hook(seconds=0.3, retries=0), {})
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize(
    ("status", "told", "headers", "said"),
    [
        (302, {}, {"Location": "http://example.com/"}, "it redirects, which is not followed"),
        (200, b"<html>", {}, "its answer is not JSON"),
        (200, b'{"a": 1, "a": 2}', {}, "its answer is not JSON"),
        (200, b" " * 70_000, {}, "it answered more than 65,536 bytes"),
    ],
)
def test_a_server_that_lies_is_refused(
    hooked: Hooked, status: int, told: Any, headers: dict[str, str], said: str
) -> None:
    hooked.answer = lambda handler: reply(handler, status, told, **headers)
    with pytest.raises(HookFailed, match=said):
        hooked.runner().ask(hooked.hook(), {})
    assert len(hooked.asked) == 1


def test_a_host_that_is_not_allowed_is_not_asked(hooked: Hooked) -> None:
    with pytest.raises(HookFailed, match="is not among those that may be called"):
        HookRunner(frozenset({"127.0.0.1"})).ask(hooked.hook(), {})
    assert hooked.asked == []
    with pytest.raises(HookFailed, match=r"failed: .*refused"):
        HookRunner(frozenset({"127.0.0.1:1"})).ask(Hook("http", "http://127.0.0.1:1/", 1.0, 0), {})


def test_a_function_is_called_by_its_name_and_may_answer_a_message(tmp_path: Any) -> None:
    runner = HookRunner(functions={"greet": lambda request: f"hello {request['who']}", "fail": lambda request: 1 / 0})
    assert runner.ask(Hook("python", "greet"), {"who": "ann"}) == {"messages": [{"content": "hello ann"}]}
    with pytest.raises(HookFailed, match="function 'fail' raised ZeroDivisionError"):
        runner.ask(Hook("python", "fail"), {})
    with pytest.raises(HookFailed, match="function 'other' is not known here"):
        runner.ask(Hook("python", "other"), {})
    (tmp_path / "key").write_bytes(b"short")
    with pytest.raises(UsageError, match="holds a key of 5 bytes: give 16 or more"):
        read_key(str(tmp_path / "key"))
