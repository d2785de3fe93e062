"""Lines that a person types, with a mark before each where it is a terminal."""

import sys
from collections.abc import Generator


def lines_typed() -> Generator[str, None, None]:
    """Yield each line of standard input with its end.

    Close it: then after ^C or ^D the shell begins a line of its own.
    """
    question, end = ("> ", "\n") if sys.stdin.isatty() else ("", "")
    try:
        while line := _asked(question):
            yield line
    finally:
        print(end, end="", file=sys.stderr, flush=True)


def _asked(question: str) -> str:
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline()
