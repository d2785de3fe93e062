"""`statewise studio`: the page in the browser over the runs of a folder."""

import sys
import threading
import webbrowser
from pathlib import Path
from typing import Annotated, Any

import typer

from statewise.cli.flags import flags_of_fields, given_of, parameter, with_parameters
from statewise.cli.serve import needs_token, quiet_logs, server_settings, shown_address
from statewise.errors import MissingExtra
from statewise.run.config import build
from statewise.server.settings import ServerSettings
from statewise.studio.options import StudioOptions


def open_studio(runs: list[Path], given: dict[str, Any], *, quiet: bool) -> None:
    """Serve the page until a signal; trainings that it started go on."""
    options = build(StudioOptions, given)
    needs_token(options)
    try:
        from statewise.server.process import bind, serve
        from statewise.studio.application import studio
    except ModuleNotFoundError as error:
        raise MissingExtra(f"the studio needs {error.name}: pip install 'statewise[serve]'") from None
    from statewise.store import open_store

    settings = server_settings(options, ServerSettings())
    store = open_store(options.store, 3600 * options.ttl_hours)
    listening = bind(options.host, options.port)
    application = studio(runs, store, settings, options, listening.getsockname()[1])
    quiet_logs()

    def ready() -> None:
        address = shown_address(listening)
        print(f"studio at {address}, runs in {options.runs_folder}", flush=True)
        page = address + _token(options.token_file)
        if not quiet:
            print(f"open {page} in a browser; Ctrl-C ends the studio, and no training", file=sys.stderr, flush=True)
        if options.browser:
            threading.Thread(target=webbrowser.open, args=(page,), daemon=True).start()

    serve(application, listening, ready)


def _token(file: Path | None) -> str:
    """Return the first token as the fragment of an address, which no browser sends on."""
    if file is None:
        return ""
    lines = [line.split() for line in file.read_text(encoding="ascii").splitlines() if not line.startswith("#")]
    return f"/#token={next(words[-1] for words in lines if words)}"


def studio_command(runs: list[Path] | None, quiet: bool, **given: Any) -> None:
    """Open the page over all runs in the browser: draw, write, forecast, train, look inside."""
    open_studio(runs or [], given_of(given), quiet=quiet)


with_parameters(
    studio_command,
    [
        parameter(
            "runs",
            Annotated[
                list[Path] | None, typer.Argument(metavar="[RUN]...", help="runs to show besides those of the folder")
            ],
        ),
        *flags_of_fields(StudioOptions),
        parameter("quiet", Annotated[bool, typer.Option("--quiet", help="print nothing but the result")], False),
    ],
)
