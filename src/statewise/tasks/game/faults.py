"""What an environment did wrong, in words: its own code may raise anything, and say anything."""

from contextlib import suppress
from typing import Any

from statewise.shown import in_line

LONGEST = 300


def error_told(error: BaseException) -> str:
    r"""Return what an environment raised as one line, without what a terminal would obey.

    >>> error_told(ValueError("no\nroom")), error_told(SystemExit())
    ('ValueError: no room', 'SystemExit')
    """
    return f"{type(error).__name__}: {in_line(' '.join(str(error).split()), LONGEST)}".rstrip(": ")


def close(env: Any) -> None:
    """Close an environment; one that cannot be closed is left."""
    with suppress(Exception, SystemExit):
        env.close()
