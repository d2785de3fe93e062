"""Captions as windows: a caption a row, with what is seen in its picture as context."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.data.batches import Batches, Example, collated
from statewise.data.left_out import LeftOutCount
from statewise.data.pairs.subwords import START
from statewise.data.pictures.caption_codec import CaptionCodec
from statewise.data.pictures.captioned import CaptionPart
from statewise.data.pictures.prepared_captions import (
    CaptionPreparing,
    PreparedCaptions,
    captions_with,
    listed,
    prepare_captions,
)
from statewise.data.window import Epochs, Window
from statewise.task import Data, Part
from statewise.tasks.caption.baselines import Baseline, blind_caption, commonest_caption, nearest_captions
from statewise.tasks.caption.metrics import JudgedCaptions, judged_captions
from statewise.tasks.caption.seeing import seen_pictures
from statewise.underway import returned

BLIND = "blind: the network without the picture"
SCORED_ROWS = 32


@final
class CaptionBatches(Epochs):
    """Batches of captions of about equal length; what is read at a place follows from seed, epoch and place.

    A row that is shorter than others reads on, unscored, instead of sleeping.
    """

    def __init__(
        self, captions: PreparedCaptions, numbers: NDArray[np.int64], rows: int, *, sees: bool, seed: int | None = None
    ) -> None:
        self.captions, self.numbers, self.rows, self.sees = captions, numbers, rows, sees
        lengths = [len(captions.codes[number]) for number in numbers]
        self.batches = Batches(range(len(lengths)), lengths, rows, seed=seed)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.batches)

    def in_epoch(self, epoch: int, index: int) -> Window:
        """Return a batch of an epoch."""
        numbers = [int(self.numbers[place]) for place in self.batches.order(epoch)[index]]
        window = collated([self._example(number) for number in numbers], self.rows)
        return window._replace(mask=None, scored=window.mask)

    def _example(self, number: int) -> Example:
        wanted = torch.from_numpy(self.captions.codes[number])
        read = torch.cat([torch.tensor([START]), wanted[:-1]])
        seen = torch.from_numpy(self.captions.seen(int(self.captions.owners[number]))) if self.sees else None
        return Example(read, wanted, context=seen)


@dataclass(frozen=True)
class CaptionData(Data):
    """Pictures in three parts, with what simple methods say of the held-out ones."""

    task: Any  # a Caption, whose module imports this one
    captions: PreparedCaptions
    left_out: LeftOutCount
    cache: Path
    scored: CaptionPart = "held_out"
    found: dict[str, Baseline] = field(default_factory=dict, compare=False)

    @property
    def codec(self) -> CaptionCodec:
        """What turns captions into codes, with what looks at pictures."""
        return self.captions.codec

    @property
    def facts(self) -> dict[str, Any]:
        """How many pictures there are, what was left out and why, how they were split, and the digest."""
        return self.captions.facts

    @property
    def notices(self) -> Sequence[str]:
        """What was left out."""
        return LeftOutCount.of("picture", self.facts).told()

    def windows(self, part: Part, *, rows: int | None = None, steps: int | None = None) -> Sequence[Window]:
        """Return batches of whole captions, however many `steps` are asked for."""
        is_training = part == "training"
        numbers = self.captions.captions("training" if is_training else self.scored)
        many = rows or (self.task.batch_size if is_training else SCORED_ROWS)
        sees = self.task.look != "nothing"
        if is_training:
            return CaptionBatches(self.captions, numbers, many, sees=sees, seed=self.task.seed)
        return CaptionBatches(self.captions, numbers, min(many, len(numbers)), sees=sees)

    @cached_property
    def asked(self) -> NDArray[np.int64]:
        """Which pictures are captioned to be scored: at most so many as the task says, evenly taken."""
        most = self.task.scored if self.scored == "held_out" else self.task.checked
        found = self.captions.numbers(self.scored)
        return found[np.linspace(0, len(found) - 1, most).astype(int)] if most and len(found) > most else found

    @property
    def references(self) -> list[tuple[str, ...]]:
        """What is said of each of those pictures."""
        return [self.captions.pictures[int(number)].captions for number in self.asked]

    def judged(self, said: Sequence[str]) -> JudgedCaptions:
        """Return how good captions of what is asked are."""
        return judged_captions(said, self.references)

    def prepare_baselines(self) -> Iterator[float]:
        """Let simple methods say what is in the pictures, yielding how much is done."""
        if self.found:
            return
        made: dict[str, Baseline] = {}
        said = nearest_captions(self.captions, self.asked)
        made["caption of the nearest picture"] = Baseline(said, self.judged(said))
        yield 0.2
        common = [commonest_caption(self.captions)] * len(self.asked)
        made["commonest caption"] = Baseline(common, self.judged(common))
        blind = blind_caption(self)
        while True:
            try:
                yield 0.2 + 0.8 * next(blind)
            except StopIteration as done:
                told = [done.value.text] * len(self.asked)
                made[BLIND] = Baseline(told, self.judged(told), done.value.nats_per_subword, done.value.updates)
                break
        self.found.update(made)

    def baselines(self) -> Mapping[str, dict[str, float]]:
        """Return what simple methods score."""
        for _ in self.prepare_baselines():
            pass
        return {name: one.metrics for name, one in self.found.items()}

    def validating(self) -> "CaptionData":
        """Return these pictures with those for checks as what is scored, where some were kept for it."""
        return replace(self, scored="validation", found={}) if "validation" in self.facts else self

    def on(self, source: Sequence[str], cache: Path) -> "CaptionData":
        """Return this training part with other pictures to be scored, all of them."""
        left_out = LeftOutCount("picture")
        found = listed(source, self.task.pictures, left_out, capitals=self.codec.capitals)
        _, store, looked_at = returned(seen_pictures(found, self.task.encoder, cache, left_out))
        return replace(
            self,
            captions=joined_captions(self.captions, captions_with(self.codec, looked_at, store, left_out)),
            left_out=left_out,
            scored="held_out",
            found={},
        )


def joined_captions(one: PreparedCaptions, other: PreparedCaptions) -> PreparedCaptions:
    """Return the training part of some captions with other pictures as the held-out part."""
    own = [number for number, picture in enumerate(one.pictures) if picture.part == "training"]
    place = {number: at for at, number in enumerate(own)}
    kept = [at for at, owner in enumerate(one.owners) if int(owner) in place]
    owners = [place[int(one.owners[at])] for at in kept] + [len(own) + int(owner) for owner in other.owners]
    return PreparedCaptions(
        one.codec,
        one.store,
        tuple(one.pictures[number] for number in own) + other.pictures,
        tuple(one.codes[at] for at in kept) + other.codes,
        np.array(owners, np.int64),
        {**one.facts, **other.facts, "training": one.facts["training"]},
    )


def caption_data(task: Any, cache: Path) -> Generator[float, None, CaptionData]:
    """Read pictures and captions and look at the pictures, yielding how much is done."""
    from statewise.data.naming import path_of
    from statewise.tasks.caption.seeing import FeatureFile, is_file_of_features

    left_out = LeftOutCount("picture")
    elsewhere = FeatureFile(path_of(task.encoder)).arrays if is_file_of_features(task.encoder) else ()
    found = listed(task.sources, task.pictures, left_out, capitals=task.capitals, seen_elsewhere=elsewhere)
    sight, store, looked_at = yield from seen_pictures(found, task.encoder, cache, left_out)
    preparing = CaptionPreparing(
        task.subwords, task.sequence_length, task.capitals, task.held_out, task.validation, task.split
    )
    captions = prepare_captions(looked_at, store, sight, preparing, left_out)
    return CaptionData(task, captions, left_out, cache)
