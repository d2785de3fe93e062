"""Words that occur once, read as unknown in half of the epochs: so a network learns how often a word is unknown."""

from collections.abc import Sequence
from typing import final

import numpy as np
import torch

from statewise.data.window import Epochs, Window
from statewise.data.words.prepared_words import WordCodec

SHARE = 0.5


@final
class RareAsUnknown(Epochs):
    """Windows of words of which those that occur once are read as unknown at every second place, drawn by the epoch.

    A vocabulary of all words leaves none of the training part unknown. A network then learns that unknown words do not
    occur, and pays for it at each one of another text. How often a word occurs that was not seen before is about the
    share of those seen once (Good 1953); here it is half of that, and the other half are learned as themselves.
    """

    def __init__(self, windows: Sequence[Window], once: torch.Tensor, unknown: int, seed: int) -> None:
        self.windows, self.once, self.unknown, self.seed = windows, once, unknown, seed

    @classmethod
    def of(cls, windows: Sequence[Window], codec: WordCodec, seed: int) -> Sequence[Window]:
        """Return the windows as they are where some words of training are unknown as it is, or none can be."""
        once = torch.tensor(codec.counts) == 1
        if codec.unknown is None or codec.counts[codec.unknown] or not bool(once.any()):
            return windows
        return cls(windows, once, codec.unknown, seed)

    def __len__(self) -> int:
        return len(self.windows)

    def in_epoch(self, epoch: int, index: int) -> Window:
        """Return a window of an epoch."""
        window = self.windows[index]
        codes = torch.cat([window.inputs[:1], window.targets])
        drawn = np.random.default_rng([self.seed, epoch, index]).random(codes.shape) < SHARE
        codes = codes.masked_fill(self.once[codes] & torch.from_numpy(drawn), self.unknown)
        return window._replace(inputs=codes[:-1], targets=codes[1:])
