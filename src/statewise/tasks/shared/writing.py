"""How a model of text writes on from a prompt, a choice at a time, and where it ends."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from annotated_doc import Doc

from statewise.bounds import check_whole
from statewise.errors import UsageError

if TYPE_CHECKING:
    from statewise.stream import Stream

LONGEST = 2**31 - 1
AHEAD = 16
"So many characters are written at once where the user sees no difference: it takes about a millisecond."
PromptOf = Annotated[str, Doc("what to go on from")]
TemperatureOfText = Annotated[
    float, Doc("sampling temperature: 0 takes the most likely choice, 1 the model's own distribution")
]
TopKOf = Annotated[int | None, Doc("top-k sampling: choose among the K most likely only")]
TopPOf = Annotated[float | None, Doc("top-p sampling: choose among the most likely with this total probability")]
SeedOfText = Annotated[int | None, Doc("random seed: the same seed writes the same")]
StopOf = Annotated[str | None, Doc("end before this string")]


def choices_from(
    stream: "Stream[Any]", prompt: list[int], *, length: int, ahead: int, never: list[int], **how: Any
) -> Iterator[int]:
    """Return so many choices from what a stream has read and a prompt on; it is read once all settings are right.

    Raises `UsageError` for a `length` below 1 or settings that leave no choice.
    """
    from statewise.decode import sample

    check_whole("--length", length, 1, LONGEST)
    codes = sample(stream, never=never, ahead=min(ahead, length), **how)
    stream.push_many(prompt)
    return (code for _, code in zip(range(length), codes, strict=False))


def before(pieces: Iterator[str], stop: str) -> Iterator[str]:
    """Yield text up to a stopping string, holding back only what might be its beginning.

    >>> "".join(before(iter("to be, or"), ", "))
    'to be'
    """
    held = ""
    for piece in pieces:
        held += piece
        if stop in held:
            yield held[: held.index(stop)]
            return
        kept = next((n for n in range(min(len(stop) - 1, len(held)), 0, -1) if stop.startswith(held[-n:])), 0)
        yield held[: len(held) - kept]
        held = held[len(held) - kept :]
    yield held


def check_prompt(prompt: Any) -> None:
    """Raise `UsageError` where a prompt is not text."""
    if not isinstance(prompt, str):
        raise UsageError(f"the prompt {prompt!r} is not text: give a string")
