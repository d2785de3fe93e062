"""Errors of the house as refusals of the server."""

import re

from statewise.batcher import Busy
from statewise.errors import DataError, UsageError
from statewise.server.refusals import BUSY, FULL, UNREADABLE, Refused
from statewise.store import StoreError, StoreFull

FOLDERS = re.compile(r"(?<![\w.~/])/(?:[^\s/'\"]+/)+")
"Where a file lies, which is nothing to a client."


def as_refused(error: BaseException) -> Refused | None:
    """Return what a client is told of an error; None for one that is the server's own fault."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, Busy):
        return Refused(BUSY, "too much is waiting: try again in a moment")
    if isinstance(error, StoreFull):
        return Refused(FULL, str(error))
    if isinstance(error, StoreError):
        return Refused(BUSY, "the store does not answer: try again in a moment, with the same steps and key")
    if isinstance(error, TimeoutError):
        return Refused(BUSY, "this took too long: try again, with the same steps and key")
    if isinstance(error, UsageError | DataError):
        return Refused(UNREADABLE, FOLDERS.sub("", str(error)))
    return None
