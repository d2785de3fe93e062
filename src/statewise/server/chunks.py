"""Long lists of inputs and answers, a portion at a time, so that the event loop serves others in between."""

import asyncio
from collections.abc import Hashable, Sequence
from typing import Any

from statewise.errors import UsageError
from statewise.server.json_values import dumps
from statewise.server.session_kind import SessionKind
from statewise.server.settings import ServerSettings

INPUTS = 32
"So many inputs are made tensors before others have their turn, which takes about a millisecond."

NUMBERS = 1024
"So many numbers are written as JSON before others have their turn, which takes about a millisecond too."


async def inputs_of(
    kind: SessionKind, given: str | Sequence[Any], how: Hashable, settings: ServerSettings, *, each: bool = False
) -> list[Any]:
    """Return what a text or a list asks to read. Raises `UsageError` for what cannot be read, or too much."""
    _check_length(len(given), settings.max_inputs)
    given = kind.split(given) if isinstance(given, str) else given
    _check_length(len(given), kind.max_inputs)
    numbers = kind.numbers(how) * len(given)
    if each and numbers > settings.max_answer_numbers:
        raise UsageError(
            f"an answer of {numbers:,} numbers is too long: give fewer inputs for `each`, or ask for fewer choices "
            f"(at most {settings.max_answer_numbers:,} numbers)"
        )
    if not given:
        raise UsageError("the text holds no input: give at least one")
    inputs = kind.check(given[:INPUTS])
    for start in range(INPUTS, len(given), INPUTS):
        await asyncio.sleep(0)
        inputs += kind.check(given[start : start + INPUTS])
    return inputs


def _check_length(length: int, most: int) -> None:
    if length > most:
        raise UsageError(f"{length} inputs are too many for one call: give at most {most} now, the rest later")


async def answer_in_json(answer: dict[str, Any], told: Sequence[Any], numbers: int, *, each: bool) -> bytes:
    """Return an answer with what was told last, or with `each`; one told has about so many numbers."""
    if not each:
        return dumps({**answer, **told[0]})
    portion, parts = max(1, NUMBERS // numbers), list[bytes]()
    for start in range(0, len(told), portion):
        parts.append(dumps(told[start : start + portion])[1:-1])
        await asyncio.sleep(0)
    return dumps(answer)[:-1] + b',"each":[' + b",".join(parts) + b"]}"
