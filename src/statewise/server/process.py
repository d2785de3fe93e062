"""A server process: sockets, signals, and an end that loses nothing."""

import asyncio
import gc
import logging
import socket
import sys
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from typing import Any, final

import uvicorn

from statewise.errors import UsageError
from statewise.server.app import Application
from statewise.server.protocol import HttpConnection, WebSocketConnection
from statewise.stopping import is_said_again, to_answer

LISTENING, MOST_FILES = 2048, 1 << 20
COLLECTED_AFTER = 50_000
"After so many new objects Python looks for unreachable cycles; with its default of 700 that took 40 % of the time."
TURN_SECONDS = 1e-4
"So long a thread waits for its turn, again and again; with Python's usual 5 ms, 8 % fewer steps were made."


def most_files() -> int:
    """Let this process open as many files and connections as it may at all, and return how many those are."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows has no such limit
        return MOST_FILES
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if most == resource.RLIM_INFINITY else min(most, MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens. Raises `UsageError` where the address cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=LISTENING)
    except (OSError, OverflowError) as error:
        raise UsageError(f"cannot listen at {host}:{port} ({error}): give another --host or --port") from None


def serve(application: Application, listening: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM, SIGINT or SIGHUP, then finish what is under way; `ready` is called once it answers.

    On the first signal: not ready, connections closed as they are answered, WebSockets closed with code 1012, states
    flushed. On the second: at once, but for a hangup, which is often sent twice.
    """
    gc.collect()
    gc.freeze()  # models and libraries stay
    gc.set_threshold(COLLECTED_AFTER)
    sys.setswitchinterval(TURN_SECONDS)
    with asyncio.Runner(loop_factory=uvicorn.Config(application.app, log_config=None).get_loop_factory()) as runner:
        runner.run(_serve(application, listening, ready))


def _configured(application: Application) -> uvicorn.Config:
    settings, admission = application.settings, application.app
    http: Any = partial(HttpConnection, admission, settings.header_seconds)
    return uvicorn.Config(
        admission,
        http=http,
        ws=WebSocketConnection,
        ws_max_size=settings.max_body_bytes,
        ws_per_message_deflate=False,
        ws_ping_interval=settings.idle_seconds / 2,
        ws_ping_timeout=settings.idle_seconds / 2,
        lifespan="off",
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=int(settings.idle_seconds),
        timeout_graceful_shutdown=int(settings.stop_seconds),
        backlog=LISTENING,
    )


async def _serve(application: Application, listening: socket.socket, ready: Callable[[], None]) -> None:
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    server = _Server(_configured(application))

    def stop(number: int) -> None:
        if is_said_again(number, stopping.is_set()):
            return
        if stopping.is_set():
            server.should_exit = server.force_exit = True
        stopping.set()

    for number in to_answer():
        loop.add_signal_handler(number, stop, number)
    serving = asyncio.create_task(server.serve([listening]))
    sweeping = asyncio.create_task(application.sweep_for_ever())
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    ready()
    await asyncio.wait({serving, asyncio.create_task(stopping.wait())}, return_when=asyncio.FIRST_COMPLETED)
    await application.drain()
    server.should_exit = True
    await serving
    sweeping.cancel()
    await application.close()


@final
class _Server(uvicorn.Server):
    """uvicorn's, whose signals are ours."""

    @contextmanager
    def capture_signals(self) -> Any:
        """Leave signals alone."""
        yield
