"""The keys by which servers of one store sign the sessions that leave it, in a file that its owner alone can read."""

import os
import re
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from statewise.errors import UsageError

KEY = re.compile(r"[0-9a-f]{64}")
"256 bits in hexadecimal digits, as `openssl rand -hex 32` writes them."


def new_key() -> bytes:
    """Return 256 random bits."""
    return secrets.token_bytes(32)


def read_keys(path: Path) -> list[bytes]:
    """Return the keys in a file, one a line: the first one signs, and what any of them has signed is known.

    A file that is not there is made, with one key and mode 0600; of two processes that make it at once, both read the
    same. Raises `UsageError` where others can read the file, or a line is not a key.
    """
    try:
        if not path.exists():
            _make(path)
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise UsageError(f"others can read the keys in {path}: chmod 600 {path}")
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise UsageError(f"cannot read keys from {path} ({reason}): give a file of lines of 64 hex digits") from None
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1)]
    found = [(number, line) for number, line in lines if line and not line.startswith("#")]
    for number, line in found:
        if not KEY.fullmatch(line):
            raise UsageError(
                f"line {number} of {path} is not a key: give 64 hex digits, as `openssl rand -hex 32` does"
            )
    if not found:
        raise UsageError(f"there is no key in {path}: remove it, and one is made")
    return [bytes.fromhex(line) for _, line in found]


def _make(path: Path) -> None:
    """Write a key to a temporary file and rename it in one step, unless another process was first."""
    made = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(new_key().hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(made, path)
    finally:
        made.unlink(missing_ok=True)
