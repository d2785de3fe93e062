"""Bearer tokens of at least 128 bits; the server keeps their digests only."""

import hashlib
import hmac
import os
import re
import secrets
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from statewise.errors import UsageError

TOKEN = re.compile(r"[A-Za-z0-9_.~+/=-]{22,200}")
"As many characters of 64 kinds as 128 bits need, or more."


def digest(token: str) -> bytes:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode()).digest()


def owner_of(authorization: str, owners: Mapping[bytes, str]) -> str | None:
    """Return the owner of the token in an `Authorization` header, or None; every token is compared, in constant time.

    >>> owner_of("Bearer secret", {digest("secret"): "me"}), owner_of("Bearer guess", {digest("secret"): "me"})
    ('me', None)
    """
    kind, _, token = authorization.partition(" ")
    given, found = digest(token.strip()), None
    for known, owner in owners.items():
        if hmac.compare_digest(given, known):
            found = owner
    return found if kind.lower() == "bearer" else None


def bearer_in_cookie(headers: Sequence[bytes], name: str) -> list[bytes]:
    """Return what an `Authorization` header would say, out of the cookie of that name; nothing where there is none.

    >>> bearer_in_cookie([b"a=1; mine=secret"], "mine"), bearer_in_cookie([b"a=1"], "mine"), bearer_in_cookie([], "")
    ([b'Bearer secret'], [], [])
    """
    pairs = [pair.strip().partition(b"=") for header in headers for pair in header.split(b";")] if name else []
    return [b"Bearer " + value for key, _, value in pairs if key == name.encode()]


def read_tokens(path: Path) -> dict[bytes, str]:
    """Return the owners in a file of lines `TOKEN` or `NAME TOKEN`; a file that is not there is made, with one token.

    Raises `UsageError` where others can read it, or a line is no token of at least 22 characters.
    """
    if not path.exists():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(24) + "\n")
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"cannot read tokens from {path}: give a file of lines TOKEN or NAME TOKEN") from None
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        raise UsageError(f"others can read the tokens in {path}: chmod 600 {path}")
    owners: dict[bytes, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        *name, token = line.split()
        if len(name) > 1 or not TOKEN.fullmatch(token):
            raise UsageError(
                f"line {number} of {path} is no token: give at least 22 letters and digits, as 128 bits need"
            )
        owners[digest(token)] = name[0] if name else digest(token).hex()[:16]
    if not owners:
        raise UsageError(f"there is no token in {path}: remove it, and one is made")
    return owners
