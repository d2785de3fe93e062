"""Long lists of inputs and answers, a portion at a time, so that the event loop serves others in between."""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from statewise.errors import UsageError
from statewise.server.served import How, Served, dumps
from statewise.server.settings import Settings

INPUTS = 32
"So many inputs are made tensors before others have their turn, which takes about a millisecond."

NUMBERS = 1024
"So many numbers are written as JSON before others have their turn, which takes about a millisecond too."


async def inputs_of(
    served: Served, given: str | Sequence[Any], how: How, settings: Settings, *, each: bool = False
) -> list[Tensor]:
    """Return what a text or a list asks to read. Raises `UsageError` for what cannot be read, or too much."""
    if len(given) > served.max_inputs:
        raise UsageError(
            f"{len(given)} inputs are too many for one call: give at most {served.max_inputs} now, the rest later"
        )
    numbers = served.numbers(how) * len(given)
    if each and numbers > settings.max_answer_numbers:
        raise UsageError(
            f"an answer of {numbers:,} numbers is too long: give fewer inputs for `each`, or ask for fewer choices "
            f"(at most {settings.max_answer_numbers:,} numbers)"
        )
    given = served.codes(given) if isinstance(given, str) else given
    inputs: list[Tensor] = []
    async with asyncio.timeout(settings.deadline_seconds):
        for start in range(0, len(given), INPUTS):
            inputs += served.inputs(given[start : start + INPUTS])
            await asyncio.sleep(0)
    return inputs


def digest_of(inputs: Sequence[Tensor]) -> str:
    """Return what tells a list of inputs from any other."""
    sha = hashlib.sha256()
    for x in inputs:
        sha.update(f"{list(x.shape)}".encode() + x.numpy().tobytes())
    return sha.hexdigest()


async def answer_in_json(answer: dict[str, Any], told: Sequence[Any], numbers: int, *, each: bool) -> bytes:
    """Return an answer with what was told last, or with `each`; one told has about so many numbers."""
    if not each:
        return dumps({**answer, **told[0]})
    portion, parts = max(1, NUMBERS // numbers), list[bytes]()
    for start in range(0, len(told), portion):
        parts.append(dumps(told[start : start + portion])[1:-1])
        await asyncio.sleep(0)
    return dumps(answer)[:-1] + b',"each":[' + b",".join(parts) + b"]}"
