"""How speech becomes what a network reads, and texts the labels that it learns."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any, Literal, NamedTuple, final, get_args

import numpy as np
from numpy.typing import NDArray

from statewise.data.audio.front_end import Frames, FrontEnd
from statewise.data.audio.sound import Samples
from statewise.data.audio.steps import PRIOR_FRAMES, Normalize, Stacking
from statewise.data.codec import Codec
from statewise.data.composing import compose
from statewise.data.packed_numbers import packed, unpacked
from statewise.errors import DataError, UsageError

BLANK = 0
"The label of CTC that stands for nothing."
MOST_SYMBOLS, MOST_NUMBERS, LONGEST_SYMBOL = 20_000, 4096, 200
UNHEARD = re.compile(r"[^\w' ]+")
"What is not spoken: punctuation."
Units = Literal["characters", "words"]


def cleaned(text: str) -> str:
    """Return a text as it is learned: in lower case, without punctuation but apostrophes, with single spaces.

    >>> cleaned("  Don't, he said. ")
    "don't he said"
    """
    return " ".join(UNHEARD.sub(" ", compose(text).lower().replace("’", "'").replace("_", " ")).split())


def pieces_of(text: str, units: Units) -> Sequence[str]:
    """Return what a text is written with.

    >>> pieces_of("a b", "characters"), pieces_of("a b", "words")
    ('a b', ['a', 'b'])
    """
    return text if units == "characters" else text.split(" ")


class SpokenExample(NamedTuple):
    """What was said, and its frames in half precision, in base 64."""

    text: str
    packed: str

    @classmethod
    def of(cls, text: str, frames: Frames) -> "SpokenExample":
        """Pack some frames."""
        return cls(text, packed(frames))

    def frames(self, numbers: int) -> Frames:
        """Return the frames, of so many numbers each. Raises `DataError` where they are damaged."""
        return unpacked(self.packed, numbers)


@final
@dataclass(frozen=True)
class SpeechCodec(Codec):
    """What turns sounds into steps and texts into labels.

    Label 0 is the blank, label n the n-th of `pieces`, which are those of the training part. `front_end` is None where
    frames were given as arrays, `frames_per_second` of them. So many seconds of silence, `tail`, follow every sound, in
    training as in use: a network that reads one way says a word only once it is over. `longest` is how many steps an
    utterance may have. `examples` are a few utterances that are not learned, to be shown while a network learns.
    """

    front_end: FrontEnd | None
    frames_per_second: float
    stacking: Stacking
    units: Units
    pieces: tuple[str, ...]
    tail: float
    longest: int
    examples: tuple["SpokenExample", ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        told = {name: getattr(self, name) for name in ("frames_per_second", "units", "tail", "longest")}
        front_end = None if self.front_end is None else asdict(self.front_end)
        usual = {name: list(getattr(self.stacking, name)) for name in ("means", "deviations")}
        told |= {"front_end": front_end, "stacking": {**asdict(self.stacking), **usual}, "pieces": list(self.pieces)}
        return {**told, "examples": [list(one) for one in self.examples]}

    @classmethod
    def read(cls, written: Any) -> "SpeechCodec":
        """Return what `as_json` wrote. Raises `DataError` for anything else."""
        try:
            front_end = None if written["front_end"] is None else _front_end(written["front_end"])
            stacking = _stacking(written["stacking"])
            pieces, units = tuple(written["pieces"]), written["units"]
            examples = tuple(SpokenExample(*one) for one in written["examples"])
            is_sound = all(isinstance(part, str) for one in examples for part in one)
            second, tail, longest = float(written["frames_per_second"]), float(written["tail"]), written["longest"]
            is_sound = (
                is_sound and units in ("characters", "words") and 0 < len(pieces) == len(set(pieces)) <= MOST_SYMBOLS
            )
            is_sound = is_sound and all(isinstance(p, str) and 0 < len(p) <= LONGEST_SYMBOL for p in pieces)
            is_sound = is_sound and 0 < second < 1e6 and 0 <= tail <= 60 and type(longest) is int and 0 < longest < 1e9
            is_sound = is_sound and (front_end is None or front_end.numbers == len(stacking.means))
        except (KeyError, TypeError, ValueError, OverflowError):
            is_sound = False
        if not is_sound:
            raise DataError("codec.json is not one of speech: it is damaged, or of another version")
        return cls(front_end, second, stacking, units, pieces, tail, longest, examples)

    @property
    def symbols(self) -> Sequence[str]:
        """The blank, and the pieces that texts are written with."""
        return ["", *self.pieces]

    @property
    def seconds_per_step(self) -> float:
        """How much later the next step begins."""
        return self.stacking.stride / self.frames_per_second

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {piece: number for number, piece in enumerate(self.pieces, start=1)}

    def encode(self, text: str) -> NDArray[np.int64]:
        """Return the labels of a text. Raises `UsageError`, naming what was never trained."""
        pieces = pieces_of(cleaned(text), self.units)
        if unknown := sorted(set(pieces) - set(self.pieces)):
            few = ", ".join(repr(piece) for piece in unknown[:10])
            raise UsageError(f"this run was never trained on {few}: give what is written with what it knows")
        return np.array([self._numbers[piece] for piece in pieces], np.int64)

    def decode(self, labels: Sequence[int]) -> str:
        """Return the text of labels without blanks."""
        found = [self.pieces[label - 1] for label in labels]
        return " ".join("".join(found).split()) if self.units == "characters" else " ".join(found)

    def tail_samples(self) -> int:
        """How many samples of silence follow a sound, so that its last frames fill a step."""
        how = self.front_end
        assert how is not None
        return round(self.tail * how.rate) + how.window_samples + self.stacking.count * how.hop_samples

    def frames(self, samples: Samples) -> Frames:
        """Return the frames of a whole sound, the silence after it among them."""
        if self.front_end is None:
            raise UsageError("this run reads frames of another program, not sound: give them as .npz or .npy")
        return self.front_end.frames(np.concatenate([samples, np.zeros(self.tail_samples(), np.float32)]))

    def frames_of_array(self, frames: Frames) -> Frames:
        """Return the frames of an array, the last one repeated for as long as the silence would be."""
        count = round(self.tail * self.frames_per_second) + self.stacking.count
        return np.concatenate([frames, np.repeat(frames[-1:], count, axis=0)])


def needed_steps(labels: NDArray[np.int64]) -> int:
    """Return how many steps CTC needs for labels: one each, and a blank between two that are alike.

    >>> needed_steps(np.array([3, 3, 5]))
    4
    """
    return len(labels) + int((labels[1:] == labels[:-1]).sum())


def _front_end(written: Mapping[str, Any]) -> FrontEnd:
    kinds = {field.name: field.type for field in fields(FrontEnd)}
    if set(written) != set(kinds) or written["kind"] not in ("log_mel", "mfcc"):
        raise ValueError("the front end is of another version")
    whole = {name: written[name] for name in ("rate", "bands", "coefficients")}
    real = {name: float(written[name]) for name in ("window", "hop", "emphasis")}
    if any(type(number) is not int or not 0 < number <= 768_000 for number in whole.values()):
        raise ValueError("a number of the front end is out of bounds")
    if whole["bands"] > MOST_NUMBERS or whole["coefficients"] > whole["bands"]:
        raise ValueError("the front end has too many numbers")
    if not (0 < real["hop"] <= 1 and 0 < real["window"] <= 1 and 0 <= real["emphasis"] < 1):
        raise ValueError("a time of the front end is out of bounds")
    known: dict[str, Any] = {**whole, **real}
    return FrontEnd(**known, kind=written["kind"])


def _stacking(written: Mapping[str, Any]) -> Stacking:
    means, deviations = (tuple(float(n) for n in written[name]) for name in ("means", "deviations"))
    count, stride, normalize = (written[name] for name in ("count", "stride", "normalize"))
    prior, tail = written.get("prior", PRIOR_FRAMES), written.get("tail", 0)
    is_sound = 0 < len(means) == len(deviations) <= MOST_NUMBERS and normalize in get_args(Normalize)
    is_sound = is_sound and all(type(n) is int and 0 < n <= 1000 for n in (count, stride, prior))
    is_sound = is_sound and type(tail) is int and 0 <= tail <= 1_000_000
    is_sound = is_sound and all(abs(m) < 1e9 for m in means) and all(0 < d < 1e9 for d in deviations)
    if not is_sound:
        raise ValueError("frames are stacked as by another version")
    return Stacking(count, stride, normalize, means, deviations, prior, tail)
