"""One picture with its captions, and how captions are cleaned."""

from pathlib import Path
from typing import Literal, NamedTuple

from statewise.data.pairs.pair import cleaned

CaptionPart = Literal["training", "validation", "held_out"]
LONGEST_CAPTION = 2000
"Characters: a longer text is no caption."
MOST_CAPTIONS = 1000
"Of one picture."


class Captioned(NamedTuple):
    """A picture, where it lies, what it is called in its list, what is said of it, and the part that a list names."""

    path: Path
    name: str
    captions: tuple[str, ...]
    part: CaptionPart | None = None


def plain_caption(text: str, *, capitals: bool = False) -> str:
    """Return a caption as it is learned: in small letters unless capitals are kept, without the full stop at its end.

    >>> plain_caption("A dog  runs. "), plain_caption("The dog is called Rex!", capitals=True)
    ('a dog runs', 'The dog is called Rex!')
    """
    found = cleaned(text)
    found = found[:-1].rstrip() if found.endswith(".") and not found.endswith("..") else found
    return found if capitals else found.lower()
