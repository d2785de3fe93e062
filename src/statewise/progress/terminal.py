"""Where a command writes: nothing that it says moves a cursor or clears a screen, wherever the words came from.

What is said on standard error is a help, so work goes on where that cannot be written, as once a terminal is closed.
Only the end of a pipe stops it, as `2>&1 | head -1` asks.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, TextIO, cast

from statewise.shown import in_block


class Lasting:
    """A stream that writes into nothing once it cannot write any more; all else is that of the stream beneath it.

    Where its reader has gone `BrokenPipeError` is raised once.
    """

    def __init__(self, beneath: TextIO) -> None:
        self.beneath = beneath

    def write(self, text: str) -> int:
        """Write text, if that can be."""
        with self._let_go():
            self.beneath.write(text)
        return len(text)

    def flush(self) -> None:
        """Write what is still held, if that can be."""
        with self._let_go():
            self.beneath.flush()

    @contextmanager
    def _let_go(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            let_go(self.beneath)
            if isinstance(error, BrokenPipeError):
                raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self.beneath, name)


def let_go(stream: TextIO) -> None:
    """Let what a stream still holds and all that it is given from now on vanish, since it cannot be written."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


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
    """Within this block standard output and standard error are `Harmless`, and the latter `Lasting`."""
    with ExitStack() as opened:
        out, err = (stream or opened.enter_context(Path(os.devnull).open("w")) for stream in (sys.stdout, sys.stderr))
        opened.enter_context(redirect_stdout(_harmless(out)))
        opened.enter_context(redirect_stderr(_harmless(cast(TextIO, Lasting(err)))))
        yield


def _harmless(stream: TextIO) -> TextIO:
    return cast(TextIO, Harmless(stream))


def beneath(stream: TextIO) -> TextIO:
    """Return what lies beneath a stream: for what draws with escape codes of its own."""
    return stream.beneath if isinstance(stream, Harmless) else stream


def exact() -> TextIO:
    """Return standard output for text that has to arrive as it is: harmless in a terminal, exact in a file or pipe."""
    return sys.stdout if sys.stdout.isatty() else beneath(sys.stdout)


def width() -> int | None:
    """Return how many columns standard output has where a person reads it; None in a file or pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
