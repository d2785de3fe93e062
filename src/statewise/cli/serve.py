"""`statewise serve`: models behind HTTP, and how to ask them."""

import ipaddress
import json
import logging
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from statewise.errors import MissingExtra, UsageError

if TYPE_CHECKING:
    from statewise.server.settings import Settings

REFUSED = ("ASGI callable returned without completing", "Invalid HTTP request", "Unsupported upgrade")
"What uvicorn says of requests that were refused, which anybody could fill a disk with."

WAIT_SECONDS = 10.0
"The longest that a request may take to come."

FILES_BESIDE = 100
"So many files may be open that are no connections: the store, the models, the log."

TOKEN = "awk 'NF {print $NF; exit}'"
CURL = "curl -sw '\\n'"
ID = r"""sed 's/.*"session":"\([^"]*\).*/\1/'"""
"The id out of what a server answers, for a shell."


@dataclass(frozen=True, kw_only=True)
class Listening:
    """Where to listen, who may ask there, and where sessions lie."""

    host: str
    port: int
    store: str
    token_file: Path | None
    key_file: Path | None
    accept_foreign_snapshots: bool
    allow_host: list[str]
    allow_origin: list[str]
    keep_seconds: float


def serve_runs(runs: list[Path], where: Listening, limits: dict[str, Any], *, quiet: bool) -> None:
    """Load the runs, open the store and serve until a signal; exit code 0 where nothing was lost."""
    if not _is_loopback(where.host) and where.token_file is None:
        raise UsageError(
            f"{where.host} can be reached from elsewhere: give --token-file FILE, which is made if need be"
        )
    try:
        from statewise.server.app import Application
        from statewise.server.process import bind, serve
    except ModuleNotFoundError as error:
        raise MissingExtra(f"serving needs {error.name}: pip install 'statewise[serve]'") from None
    from statewise.store import open_store
    from statewise.verbs import load

    settings = _settings(where, limits)
    models = {name: load(path) for name, path in _named(runs).items()}
    store = open_store(where.store, where.keep_seconds)
    application = Application(models, store, settings)
    listening = bind(where.host, where.port)
    _quiet_logs()
    for warning in store.warnings():
        logging.getLogger(__name__).warning(warning)

    def ready() -> None:
        at = listening.getsockname()
        shown = f"http://{'[' + at[0] + ']' if ':' in at[0] else at[0]}:{at[1]}"
        print(f"{', '.join(models)} at {shown}, sessions in {_shown(where.store)}", flush=True)
        if not quiet:
            print(_lines(shown, next(iter(models)), application, where.token_file), file=sys.stderr, flush=True)

    serve(application, listening, ready)
    if not quiet:
        print("stopped: every answered step is in the store", file=sys.stderr)


def _settings(where: Listening, limits: dict[str, Any]) -> "Settings":
    from statewise.server.process import most_files
    from statewise.server.settings import Settings
    from statewise.server.tokens import read_tokens

    hosts = {name.lower() for name in (*where.allow_host, where.host) if name not in ("0.0.0.0", "::")}
    wait = min(WAIT_SECONDS, limits["idle_seconds"])
    connections = max(1, min(limits["most_connections"], most_files() - FILES_BESIDE))
    return Settings(
        owners=read_tokens(where.token_file) if where.token_file else {},
        hosts=frozenset(hosts | {"localhost", "127.0.0.1", "::1"}),
        origins=frozenset(where.allow_origin),
        key_file=where.key_file,
        accept_foreign_snapshots=where.accept_foreign_snapshots,
        header_seconds=wait,
        body_seconds=wait,
        **{**limits, "most_connections": connections},
    )


def _lines(address: str, model: str, application: Any, token_file: Path | None) -> str:
    """Return lines that can be pasted into a shell as they are."""
    token = f' -H "Authorization: Bearer $({TOKEN} {shlex.quote(str(token_file))})"' if token_file else ""
    curl, served = f"{CURL}{token}", application.sessions.models[model]

    def post(path: str, **body: Any) -> str:
        said = shlex.quote(json.dumps(body))
        return f"{curl} -H 'Content-Type: application/json' -d {said} {address}/v1/{path}"

    lines = [
        f"{curl} {address}/v1/models",
        f"SESSION=$({post('sessions', model=model)} | {ID})",
        post("sessions/$SESSION/step", input=served.usual.inputs.example),
        f"{curl} -X POST {address}/v1/sessions/$SESSION/fork",
        f"{curl} -o session.safetensors {address}/v1/sessions/$SESSION/snapshot",
        post("predict", model=model, **served.example_question),
    ]
    if served.takes("length", "temperature"):
        lines.append(post("completions", model=model, prompt="It was", max_tokens=80))
    return "\n".join(lines)


def _named(runs: list[Path]) -> dict[str, Path]:
    named: dict[str, Path] = {}
    for run in runs:
        name = run.resolve().name
        if name in named:
            raise UsageError(f"{named[name]} and {run} have one name, {name}: rename one of the folders")
        named[name] = run
    return named


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _shown(store: str) -> str:
    """Return a store's name without a password."""
    head, at, tail = store.rpartition("@")
    return f"{head.split('//')[0]}//{tail}" if at else store


def _quiet_logs() -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(message)s")
    logging.getLogger("uvicorn.error").addFilter(lambda record: not record.getMessage().startswith(REFUSED))
