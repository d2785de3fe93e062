"""How replies are shown: one to what was said, or a conversation line by line."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from statewise.data.naming import path_of
from statewise.disk.reading import read_file
from statewise.errors import DataError, UsageError
from statewise.tasks.chat.live import ConversationUnderWay
from statewise.tasks.shared.conversing import lines_typed

LARGEST_LIST = 1 << 20


def talk(conversation: ConversationUnderWay) -> Iterator[str]:
    """Reply to each line that is typed; what cannot be replied to is said, and changes nothing."""
    with closing(lines_typed()) as lines:
        for line in lines:
            try:
                yield f"{conversation.push(line)}\n"
            except UsageError as error:
                print(error.with_flags, file=sys.stderr, flush=True)


def words_of_file(name: str) -> str:
    """Return the words that a file has, one or several a line. Raises `DataError` where it cannot be read."""
    path = path_of(name)
    try:
        return read_file(path, LARGEST_LIST, DataError).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8: save it as UTF-8") from None


def no_object() -> dict[str, Any]:
    """Raise `UsageError`: a conversation is no single object."""
    raise UsageError("--interactive contradicts --json: give one of them")


def check_conversation(text: str, best: int) -> None:
    """Raise `UsageError` for what a conversation does not take."""
    if text or best > 1:
        raise UsageError("--interactive takes neither a text nor --best: type what you say, a line each")


def turns_given(context: Sequence[str]) -> tuple[str, ...]:
    """Return turns that were given as a tuple, also where one was given."""
    return (context,) if isinstance(context, str) else tuple(context)
