"""How captions become codes, and what a run has to know of the pictures that it was trained on."""

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np

from statewise.data.codec import Codec
from statewise.data.pairs.pair import MARKS
from statewise.data.pairs.subwords import END, UNKNOWN, Subwords
from statewise.data.pictures.captioned import LONGEST_CAPTION, plain_caption
from statewise.data.pictures.feature_store import Seen
from statewise.errors import DataError

LONGEST = 2000
"Subwords of a caption."
MOST_NUMBERS = 1 << 22
"Of one picture: places times features."
MOST_EXAMPLES = 16
LARGEST_PACKED = 1 << 24


class PictureSight(NamedTuple):
    """What looks at pictures: its name, an identity of all that what it sees depends on, and the form of that.

    `rows` by `columns` places have `features` numbers each; it sees squares of `side` points, 0 where it sees no
    pictures, since what is seen was made elsewhere.
    """

    name: str
    identity: str
    rows: int
    columns: int
    features: int
    side: int

    @property
    def places(self) -> int:
        """How many places a picture has."""
        return self.rows * self.columns


@final
@dataclass(frozen=True, eq=False)
class PictureExample:
    """A picture that was not learned, as it is seen, with a caption of it: what samples show."""

    name: str
    caption: str
    packed: str

    @classmethod
    def of(cls, name: str, caption: str, seen: Seen) -> "PictureExample":
        """Return an example that holds what is seen in a picture."""
        packed = zlib.compress(seen.astype(np.float16).tobytes(), 9)
        return cls(name, caption, base64.b64encode(packed).decode())

    def seen(self, sight: PictureSight) -> Seen:
        """Return what is seen in it. Raises `DataError` where that is damaged."""
        size = 2 * sight.places * sight.features
        try:
            opened = zlib.decompressobj()
            content = opened.decompress(base64.b64decode(self.packed, validate=True), size)
        except (ValueError, zlib.error):
            content = b""
        if len(content) != size:
            raise DataError("codec.json has a damaged example: it was changed, or is of another version")
        return np.frombuffer(content, np.float16).astype(np.float32).reshape(sight.places, sight.features)


@final
@dataclass(frozen=True, eq=False)
class CaptionCodec(Codec):
    """What turns captions into codes and codes into captions, with what looks at the pictures.

    `longest` is how many codes a caption may have with its end; with `capitals` capital letters are learned.
    """

    subwords: Subwords
    sight: PictureSight
    longest: int
    capitals: bool
    examples: tuple[PictureExample, ...] = ()

    @property
    def symbols(self) -> Sequence[str]:
        """The subwords."""
        return [self.subwords.piece(code) for code in range(self.subwords.size)]

    def encode(self, caption: str) -> list[int]:
        """Return a caption as codes, the end as the last."""
        return [*self.subwords.encode(self.plain(caption)).codes, END]

    def plain(self, caption: str) -> str:
        """Return a caption as it is learned."""
        return plain_caption(caption, capitals=self.capitals)

    def decode(self, codes: Sequence[int]) -> str:
        """Return the caption of some codes; what is unknown is not shown."""
        return " ".join(self.subwords.decode([code for code in codes if code != UNKNOWN]).split())

    def words(self, codes: Sequence[int]) -> list[tuple[str, list[int]]]:
        """Return the words of a caption, each with the places of its codes."""
        found: list[tuple[str, list[int]]] = []
        for at, code in enumerate(codes):
            if code == END:
                continue
            if found and not self.subwords.begins_word(code):
                found[-1][1].append(at)
            else:
                found.append(("", [at]))
        return [(self.decode([codes[at] for at in places]), places) for _, places in found]

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "subwords": self.subwords.as_json(),
            "sight": self.sight._asdict(),
            "longest": self.longest,
            "capitals": self.capitals,
            "examples": [vars(one) for one in self.examples],
        }

    @classmethod
    def read(cls, written: Any) -> "CaptionCodec":
        """Return what `as_json` wrote. Raises `DataError` for anything else."""
        try:
            sight, longest, capitals = _sight(written["sight"]), written["longest"], written["capitals"]
            examples = tuple(_example(one) for one in written["examples"])
            is_sound = type(longest) is int and 1 < longest <= LONGEST + 1 and type(capitals) is bool
            is_sound = is_sound and len(examples) <= MOST_EXAMPLES
            subwords = Subwords.read(written["subwords"])
        except (KeyError, TypeError, AttributeError, ValueError):
            is_sound = False
        if not is_sound:
            raise DataError("codec.json is not one of captions: it is damaged, or of another version")
        return cls(subwords, sight, longest, capitals, examples)


def _sight(written: Mapping[str, Any]) -> PictureSight:
    found = PictureSight(**written)
    texts, numbers = found[:2], found[2:]
    if not all(isinstance(text, str) and len(text) < 4096 for text in texts):
        raise ValueError("names")
    if not all(type(number) is int and 0 <= number <= MOST_NUMBERS for number in numbers):
        raise ValueError("numbers")
    check_sight(found)
    return found


def check_sight(sight: PictureSight) -> None:
    """Raise `ValueError` for a picture of no places or numbers, and for one of too many."""
    if not (sight.places > 0 and sight.features > 0 and sight.places * sight.features <= MOST_NUMBERS):
        raise ValueError(f"{sight.places} places of {sight.features} numbers")


def _example(written: Mapping[str, Any]) -> PictureExample:
    found = PictureExample(**written)
    texts = (found.name, found.caption, found.packed)
    if not all(isinstance(text, str) for text in texts) or len(found.packed) > LARGEST_PACKED:
        raise ValueError("an example")
    if len(found.caption) > LONGEST_CAPTION or any(mark in found.caption for mark in MARKS):
        raise ValueError("an example")
    return found
