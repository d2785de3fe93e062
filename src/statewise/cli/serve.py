"""`statewise serve`: models over HTTP, and how to ask them."""

import ipaddress
import json
import logging
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from socket import socket
from typing import Annotated, Any

import typer

from statewise.cli.flags import Parameter, flags_of_fields, given_of, parameter, with_parameters
from statewise.errors import MissingExtra, UsageError
from statewise.run.config import build, fields_of
from statewise.run.run_names import folder_of
from statewise.server.settings import ListenOptions, ServerSettings

REFUSED = ("ASGI callable returned without completing", "Invalid HTTP request", "Unsupported upgrade")
"What uvicorn says of requests that were refused, which a client could fill a disk with."

WAIT_SECONDS = 10.0
"The longest that a request may take to come."

OTHER_FILES = 100
"So many files may be open that are not connections: the store, the models, the log."

TOKEN = "awk 'NF {print $NF; exit}'"
CURL = "curl -sw '\\n'"
BOT_ID = r"""sed 's/.*"sessionId":"\([^"]*\).*/\1/'"""
ID = r"""sed 's/.*"session":"\([^"]*\).*/\1/'"""
"The id out of what a server answers, for a shell."


def serve_runs(runs: list[Path], given: dict[str, Any], *, quiet: bool) -> None:
    """Load the runs, open the store and serve until a signal; exit code 0 where nothing was lost."""
    listen = build(ListenOptions, {name: given[name] for name in given if name in fields_of(ListenOptions)})
    needs_token(listen)
    try:
        from statewise.server.app import Application
        from statewise.server.process import bind, serve
    except ModuleNotFoundError as error:
        raise MissingExtra(f"serving needs {error.name}: pip install 'statewise[serve]'") from None
    from statewise.store import open_store
    from statewise.verbs import load

    limits = {name: given[name] for name in given if name not in fields_of(ListenOptions)}
    settings = server_settings(listen, build(ServerSettings, limits))
    models = {name: load(path) for name, path in named_runs(runs).items()}
    store = open_store(listen.store, 3600 * listen.ttl_hours)
    application = Application(models, store, settings)
    listening = bind(listen.host, listen.port)
    quiet_logs()
    for warning in store.warnings():
        logging.getLogger(__name__).warning(warning)

    def ready() -> None:
        shown = shown_address(listening)
        print(f"{', '.join(models)} at {shown}, sessions in {_shown(listen.store)}", flush=True)
        if not quiet:
            print(_lines(shown, next(iter(models)), application, listen.token_file), file=sys.stderr, flush=True)

    serve(application, listening, ready)
    if not quiet:
        print("stopped: every answered step is in the store", file=sys.stderr)


def serve_command(runs: list[Path], quiet: bool, **given: Any) -> None:
    """Serve models over HTTP. Sessions can be stepped, forked, saved, restored and moved to another server."""
    serve_runs(runs, given_of(given), quiet=quiet)


with_parameters(
    serve_command,
    [
        parameter(
            "runs",
            Annotated[
                list[Path],
                typer.Argument(metavar="RUN", help="runs, each a model: directories, .zip, zoo:NAME or hub:NAME"),
            ],
            Parameter.empty,
        ),
        *flags_of_fields(ListenOptions),
        *flags_of_fields(ServerSettings),
        parameter("quiet", Annotated[bool, typer.Option("--quiet", help="print nothing but the result")], False),
    ],
)


def needs_token(listen: ListenOptions) -> None:
    """Raise `UsageError` for an address that other machines can reach, where no token is asked for."""
    if not _is_loopback(listen.host) and listen.token_file is None:
        raise UsageError(
            f"{listen.host} can be reached from other machines: give --token-file FILE, which is made if it is missing"
        )


def shown_address(listening: socket) -> str:
    """Return where a socket listens, as a browser is told it."""
    at = listening.getsockname()
    return f"http://{'[' + at[0] + ']' if ':' in at[0] else at[0]}:{at[1]}"


def server_settings(listen: ListenOptions, settings: ServerSettings) -> ServerSettings:
    """Return the settings of a server with its tokens, hosts and origins. Raises `UsageError` for a bad token file."""
    from statewise.server.process import most_files
    from statewise.server.tokens import read_tokens

    hosts = {name.lower() for name in (*listen.allow_host, listen.host) if name not in ("0.0.0.0", "::")}
    wait = min(WAIT_SECONDS, settings.idle_seconds)
    return replace(
        settings,
        owners=read_tokens(listen.token_file) if listen.token_file else {},
        hosts=settings.hosts | hosts,
        origins=frozenset(listen.allow_origin),
        key_file=listen.key_file,
        conversation_log=listen.conversation_log,
        accept_foreign_snapshots=listen.accept_foreign_snapshots,
        header_seconds=wait,
        body_seconds=wait,
        max_connections=max(1, min(settings.max_connections, most_files() - OTHER_FILES)),
    )


def _lines(address: str, model: str, application: Any, token_file: Path | None) -> str:
    """Return lines that can be pasted into a shell as they are."""
    token = f' -H "Authorization: Bearer $({TOKEN} {shlex.quote(str(token_file))})"' if token_file else ""
    curl, served = f"{CURL}{token}", application.sessions.models[model]

    def post(path: str, **body: Any) -> str:
        said = shlex.quote(json.dumps(body))
        return f"{curl} -H 'Content-Type: application/json' -d {said} {address}/v1/{path}"

    if served.is_bot:
        bot = f"{address}/v1/bots/{model}/sessions"
        lines = [
            f"{curl} {address}/v1/models",
            f"SESSION=$({curl} -X POST {bot} | {BOT_ID})",
            post(f"bots/{model}/sessions/$SESSION/text", **served.example_question),
            f"{curl} {bot}/$SESSION",
            post("predict", model=model, **served.example_question),
        ]
        return "\n".join(lines)
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


def named_runs(runs: list[Path]) -> dict[str, Path]:
    """Return where each run lies, by the name that it is served under. Raises `UsageError` where two have one name."""
    named: dict[str, Path] = {}
    for run in map(folder_of, runs):
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


def quiet_logs() -> None:
    """Log warnings, and nothing that a client could fill a disk with."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(message)s")
    logging.getLogger("uvicorn.error").addFilter(lambda record: not record.getMessage().startswith(REFUSED))
