"""Pictures that come one after another, each a line of base 64, and what is in each."""

from dataclasses import dataclass
from typing import Any

import torch

from statewise.bounds import shown
from statewise.errors import DataError, UsageError
from statewise.inputs import Inputs
from statewise.state import read_tensors, write_tensors
from statewise.task import Live
from statewise.tasks.caption.answers import captioned, given_picture, sent_picture
from statewise.tasks.caption.captioner import Captioner, PictureCaptioned
from statewise.tasks.caption.seeing import Eyes
from statewise.tasks.caption.showing import small_picture

MOST_COUNTED = 1 << 62


@dataclass
class PicturesUnderWay(Live):
    """Says what is in each picture; none depends on those before, of which only the number is known."""

    captioner: Captioner
    eyes: Eyes
    least: float
    count: int = 0

    @property
    def inputs(self) -> Inputs:
        """What `push` takes: the bytes of a picture's file."""
        return Inputs("the bytes of a picture's file in base 64", ("string",), small_picture())

    def push(self, line: Any) -> PictureCaptioned:
        """Take a picture and return its captions. Raises `UsageError` or `DataError` for what is none."""
        if not isinstance(line, str):
            raise UsageError(f"the input {shown(line)} is not a picture: give the bytes of its file in base 64")
        given = given_picture(sent_picture(line.strip()), self.captioner.codec, self.eyes)
        (found,) = captioned(self.captioner, [given._replace(name=f"picture {self.count + 1}")], self.least)
        self.count += 1
        return found

    def fork(self) -> "PicturesUnderWay":
        """Return another that has seen as many."""
        return PicturesUnderWay(self.captioner, self.eyes, self.least, self.count)

    def save(self) -> bytes:
        """Return how many there were, as bytes."""
        return write_tensors({"count": torch.tensor([self.count])})

    @classmethod
    def open(cls, captioner: Captioner, eyes: Eyes, least: float, saved: bytes) -> "PicturesUnderWay":
        """Go on from saved bytes. Raises `DataError` where they are something else."""
        try:
            tensors, _ = read_tensors(saved, "the saved pictures")
            count = int(tensors["count"].item())
            is_sound = 0 <= count < MOST_COUNTED and tensors["count"].dtype == torch.int64
        except (KeyError, ValueError, TypeError, RuntimeError):
            is_sound = False
        if not is_sound:
            raise DataError("the saved pictures are damaged, or are something else: start again")
        return cls(captioner, eyes, least, count)
