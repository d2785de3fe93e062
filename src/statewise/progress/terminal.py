"""Where a command writes: nothing that it says moves a cursor or clears a screen, wherever the words came from."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO, cast

from statewise.shown import in_block


class Harmless:
    """A stream through which text goes `in_block`; all else is that of the stream beneath it."""

    def __init__(self, beneath: TextIO) -> None:
        self.beneath = beneath

    def write(self, text: str) -> int:
        """Write text without what would do more than be read."""
        self.beneath.write(in_block(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.beneath, name)


@contextmanager
def harmless_streams() -> Iterator[None]:
    """Within this block standard output and standard error are `Harmless`."""
    out, err = (cast(TextIO, Harmless(stream)) for stream in (sys.stdout, sys.stderr))
    with redirect_stdout(out), redirect_stderr(err):
        yield


def beneath(stream: TextIO) -> TextIO:
    """Return what lies beneath a stream: for what draws with escape codes of its own."""
    return stream.beneath if isinstance(stream, Harmless) else stream


def exact() -> TextIO:
    """Return standard output for text that has to arrive as it is: harmless in a terminal, exact in a file or pipe."""
    return sys.stdout if sys.stdout.isatty() else beneath(sys.stdout)
