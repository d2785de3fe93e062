"""Speech under way: sound comes in pieces, each answered by what became final and by what was heard so far."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from statewise.data.audio.sound import Samples, of_pcm
from statewise.errors import DataError, UsageError
from statewise.inputs import Inputs
from statewise.plain.strict_json import read_json
from statewise.state import read_tensors, write_tensors
from statewise.task import Live
from statewise.tasks.speech.decoding import Transcript
from statewise.tasks.speech.recogniser import Recogniser

FINISH, RESTART = "finish", "restart"
WORDS = 'sound as 16-bit samples in base 64, or as numbers [x, ...] from -1 to 1; "finish" at its end, or "restart"'
MOST_SAMPLES = 1_000_000
"Of one input."


@dataclass(frozen=True)
class HeardSoFar:
    """What became final within the last piece of sound, and what was heard since, which may change yet."""

    final: tuple[Transcript, ...]
    partial: Transcript
    seconds: float

    def __str__(self) -> str:
        lines = [str(one) for one in self.final]
        if self.partial.text:
            lines.append(str(self.partial))
        return "\n".join(lines) or f"{self.seconds:8.2f} s"

    @property
    def settled(self) -> str:
        """What will not change any more, a line each; empty where nothing became final."""
        return "\n".join(map(str, self.final))

    @property
    def under_way(self) -> str:
        """What was heard since, which may change."""
        return self.partial.text

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        final = [one.as_json() for one in self.final]
        return {"final": final, "partial": self.partial.text, "seconds": round(self.seconds, 4)}


@dataclass
class SpeechUnderWay(Live):
    """Hears pieces of sound of any length; `make` begins a recogniser for a sound of some rate."""

    make: Callable[[int], Recogniser]
    rate: int
    recogniser: Recogniser = field(init=False)

    def __post_init__(self) -> None:
        self.recogniser = self.make(self.rate)

    @property
    def inputs(self) -> Inputs:
        """What `push` takes: a piece of sound, `finish` or `restart`."""
        return Inputs(
            WORDS,
            ("array", "string"),
            [0.0, 0.1, 0.0, -0.1],
            binary=lambda pcm: base64.b64encode(pcm).decode(),
            unit=2,
            last=FINISH,
        )

    def push(self, line: Any) -> HeardSoFar:
        """Read a piece of sound; or end it, or forget it.

        Raises `UsageError` for what is no sound, `DataError` for half a sample and for samples that are not numbers;
        nothing has changed then.
        """
        given = line.strip() if isinstance(line, str) else line
        if isinstance(given, str) and given == RESTART:
            self.recogniser = self.make(self.rate)
            final: list[Transcript] = []
        elif isinstance(given, str) and given == FINISH:
            final = self.recogniser.finish()
        else:
            final = self.recogniser.push(samples_of(given))
        return HeardSoFar(tuple(final), self.recogniser.partial(), self.recogniser.seconds)

    def save(self) -> bytes:
        """Return the samples since the last pause, from which all follows, their rate, and how many came before."""
        known = self.recogniser
        numbers = {"rate": torch.tensor([self.rate]), "begun": torch.tensor([known.begun])}
        return write_tensors({"samples": torch.from_numpy(known.held.copy()), **numbers})

    @classmethod
    def open(cls, make: Callable[[int], Recogniser], saved: bytes, rate: int | None) -> "SpeechUnderWay":
        """Go on from saved bytes. Raises `DataError` where they are something else, `UsageError` for another rate."""
        try:
            told, _ = read_tensors(saved, "the saved speech")
            samples, begun, own = told["samples"], int(told["begun"][0]), int(told["rate"][0])
            is_sound = samples.dim() == 1 and samples.dtype == torch.float32 and bool(samples.isfinite().all())
            is_sound = is_sound and 0 <= begun < 2**62 and own > 0
        except (KeyError, ValueError, IndexError, TypeError, OverflowError):
            is_sound = False
        if not is_sound:
            raise DataError("the saved speech is damaged, or is something else: start again")
        if rate not in (None, own) and (begun or len(samples)):
            raise UsageError(f"this sound has {own:,} samples a second and --rate {rate:,} was given: begin another")
        found = cls(make, own if rate is None else rate)
        found.recogniser.begun = begun
        found.recogniser.push(samples.numpy())
        return found


def samples_of(given: Any) -> Samples:
    """Return samples that came as numbers, as JSON, or as 16-bit samples in base 64."""
    if isinstance(given, str) and given.startswith("["):
        try:
            given = read_json(given.encode())
        except ValueError:
            raise UsageError(f"the line is not a list of numbers: give {WORDS}") from None
    if isinstance(given, str):
        try:
            return of_pcm(base64.b64decode(given, validate=True))
        except ValueError:
            raise UsageError(f"the line is not base 64: give {WORDS}") from None
    try:
        found = np.asarray(given)
    except ValueError:
        found = np.zeros((0, 0))
    if found.ndim != 1 or not 0 < len(found) <= MOST_SAMPLES or found.dtype.kind not in "fiu":
        raise UsageError(f"this is not a sound: give {WORDS}, at most {MOST_SAMPLES:,} samples at once")
    if not (np.abs(found) <= 1e6).all():
        raise DataError("the sound holds samples that are not numbers, or are too large: give numbers from -1 to 1")
    return found.astype(np.float32)
