"""The name of a source: a path, without any other meaning."""

from pathlib import Path

from statewise.errors import UsageError

LONGEST_NAME = 255
"Bytes of one part of a path, which no common file system exceeds."
SHOWN = 40


def path_of(source: str | Path) -> Path:
    """Return the path that a source names. Raises `UsageError` for what is a text itself, not the name of one.

    >>> path_of("~nobody/book.txt").name
    'book.txt'
    """
    text = str(source)
    parts = text.split("/")
    if (
        any(mark in text for mark in "\n\r\0")
        or max(len(part.encode(errors="replace")) for part in parts) > LONGEST_NAME
    ):
        begun = " ".join(text.split())[:SHOWN]
        raise UsageError(
            f"'{begun} ...' is a text of {len(text):,} characters, not the name of one: write it to a file, and give "
            "the path of that"
        )
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~NAME of a user that this machine does not have
        return Path(text)
