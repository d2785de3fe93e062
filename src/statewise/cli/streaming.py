"""What `statewise stream` reads: lines, each answered, or raw bytes as a microphone gives them."""

import io
import sys
from collections.abc import Iterator
from typing import Any, cast

from statewise.errors import StatewiseError, UsageError
from statewise.shown import in_json, in_line
from statewise.task import Live, as_plain

PIECE_BYTES = 8192
"So many bytes are read at once; less, where less is there."


def answered_lines(live: Live, *, json: bool, quiet: bool) -> Iterator[None]:
    """Answer each line of standard input. Raises what a line does, with its number."""
    for number, line in enumerate(sys.stdin, start=1):
        try:
            said = live.push(line.rstrip("\r\n"))
        except StatewiseError as error:
            raise type(error)(f"line {number}: {error.with_flags}") from None
        for notice in () if quiet else getattr(said, "notices", ()):
            print(f"line {number}: {notice}", file=sys.stderr)
        print(in_json(as_plain(said)) if json else said, flush=True)
        yield


def heard_raw(live: Live, *, json: bool, quiet: bool) -> Iterator[None]:
    """Push the bytes of standard input as they come, and print what became final; on a terminal also what may change.

    Raises `UsageError` where the task reads no bytes.
    """
    inputs = live.inputs
    if inputs.binary is None:
        raise UsageError("--raw is for a run that hears: give lines")
    before, shown, source = b"", "", cast("io.BufferedReader", sys.stdin.buffer)
    while piece := source.read1(PIECE_BYTES):
        before += piece
        whole = len(before) - len(before) % inputs.unit
        if not whole:
            continue
        shown = _told(live.push(inputs.binary(before[:whole])), shown, json=json, quiet=quiet)
        before = before[whole:]
        yield
    if before:
        print(f"the last {len(before)} byte is less than a sample: left out", file=sys.stderr)
    if inputs.last is not None:
        _told(live.push(inputs.last), shown, json=json, quiet=quiet)
        yield


def _told(said: Any, shown: str, *, json: bool, quiet: bool) -> str:
    """Print what became final, and show what may change where it has; return what is shown now."""
    if said.settled:
        _show("", shown, quiet=quiet)
        print(in_json(as_plain(said)) if json else said.settled, flush=True)
        shown = ""
    return _show(in_line(said.under_way, 70), shown, quiet=quiet)


def _show(text: str, shown: str, *, quiet: bool) -> str:
    if text != shown and not quiet and sys.stderr.isatty():
        print(f"\r{text:{len(shown)}}" if text else f"\r{'':{len(shown)}}\r", end="", file=sys.stderr, flush=True)
    return text
