"""Recordings on their way into a folder: even samples, labels, and what is usual of them."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from statewise.data.left_out import LeftOutCount
from statewise.data.movement.movement_codec import MovementCodec, MovementExample, Samples
from statewise.data.movement.movement_files import WANTED
from statewise.data.movement.prepared_movement import LABELS, SAMPLES, TOLD, MovementFacts, PreparedMovement
from statewise.data.movement.recording import Movement, MovementPart, NotRead
from statewise.errors import DataError

PARTS: tuple[MovementPart, ...] = ("training", "validation", "held_out")
EXAMPLES, EXAMPLE_NUMBERS = 3, 100_000
SMALLEST_DEVIATION = 1e-4


class MovementWriter:
    """Recordings on their way into a folder: samples as they come, and all that is known besides."""

    def __init__(self, codec: MovementCodec, folder: Path) -> None:
        self.codec, self.folder = codec, folder
        self.told: list[MovementFacts] = []
        self.named: list[list[str] | None] = []
        self.parts: list[MovementPart | None] = []
        self.digests: list[bytes] = []
        self.left_out = LeftOutCount("recording")
        self.left_out_notes: list[str] = []
        self.late = 0

    def take(self, recordings: Iterator[Movement | NotRead]) -> None:
        """Write the samples of recordings; what cannot be used is counted."""
        with (self.folder / SAMPLES).open("wb") as file:
            for one in recordings:
                if isinstance(one, NotRead):
                    self.left_out.add(one.why, one.where)
                    continue
                try:
                    even, names, seconds = self._even(one)
                except DataError as error:
                    self.left_out.add("that cannot be read", f"{one.name}: {error}"[:300])
                    continue
                even.tofile(file)
                self.told.append(MovementFacts(one.name, one.label, one.person, "", len(even), seconds))
                self.named.append(names)
                self.parts.append(one.part)
                self.digests.append(hashlib.sha256(even.tobytes()).digest())
        if not self.told:
            raise DataError(f"no recording can be used: {'; '.join(self.left_out.told())[:300] or WANTED}")

    def _even(self, one: Movement) -> tuple[Samples, list[str] | None, float]:
        codec = self.codec
        if one.is_film != codec.is_film:
            raise DataError("some recordings are films and some are numbers: give sources of one kind")
        if codec.is_film:
            return self._even_film(one)
        values: Any = one.values
        if values.shape[1] != len(codec.columns):
            raise DataError(f"it has {values.shape[1]} numbers in a sample, where others have {len(codec.columns)}")
        times = np.arange(len(values)) / codec.untimed if one.times is None else one.times
        is_timed = np.isfinite(times)
        if not is_timed.any():
            raise DataError("it has no time at any sample")
        if not np.isfinite(values).any():
            raise DataError("all its numbers are missing")
        self.late += int((~is_timed).sum())
        times, values = times[is_timed], values[is_timed]
        even = codec.even_steps()
        found = even.push(times, codec.cleaned(values))
        self.late += even.left_out
        names = None
        if one.labels is not None:
            own = [name for name, is_there in zip(one.labels, is_timed, strict=True) if is_there]
            places = np.searchsorted(np.maximum.accumulate(times), times[0] + np.arange(len(found)) / codec.rate + 1e-6)
            names = [own[max(0, place - 1)] for place in places]
        return found, names, float(np.nanmax(times) - times[0])

    def _even_film(self, one: Movement) -> tuple[Samples, None, float]:
        even, parts, began, last = self.codec.even_steps(), [], None, 0.0
        for frame in one.values.frames(self.codec.look):  # type: ignore[union-attr]
            began = frame.seconds if began is None else began
            last = frame.seconds
            parts.append(even.push(np.array([frame.seconds]), frame.picture[None]))
        if began is None:
            raise DataError("it has no frame")
        self.late += even.left_out
        return np.concatenate(parts), None, last - began

    def finish(
        self,
        codec: MovementCodec,
        told: Sequence[MovementFacts],
        named: Sequence[Sequence[str] | None],
        contents: str,
        *,
        is_new: bool,
    ) -> None:
        """Write labels, and what is known; a codec that is new learns what is usual."""
        told = self._labelled(codec, told, named)
        prepared = PreparedMovement(codec, self.folder, tuple(told), {})
        if is_new:
            codec = _usual(prepared)
            prepared = replace(prepared, codec=codec)
            codec = replace(codec, examples=_examples(prepared))
        facts = _facts(codec, told, self.left_out, contents, is_new=is_new)
        facts |= {"samples_left_out": self.late, "remarks": self.left_out_notes}
        written = {"facts": facts, "codec": codec.as_json(), "told": [list(one) for one in told]}
        (self.folder / TOLD).write_text(json.dumps(written))

    def _labelled(
        self, codec: MovementCodec, told: Sequence[MovementFacts], named: Sequence[Sequence[str] | None]
    ) -> list[MovementFacts]:
        """Write the label of every sample; a recording of a class that was never trained is of no part."""
        found = []
        usual = codec.classes[codec.background] if codec.background is not None else ""
        with (self.folder / LABELS).open("wb") as file:
            for one, names in zip(told, named, strict=True):
                each = [one.label or usual] * one.samples if names is None else [name or usual for name in names]
                numbers = np.array([codec.number_of(name) for name in each], np.int16)
                numbers.tofile(file)
                if not (numbers >= 0).any():
                    self.left_out.add("of a class that was never trained", f"{one.name}: {one.label}")
                    one = one._replace(part="")  # noqa: PLW2901
                found.append(one)
        return found


def _usual(prepared: PreparedMovement) -> MovementCodec:
    """Return the codec with means and deviations of the training part, and the middle of its mirror."""
    codec, count = prepared.codec, None
    inside = seen = 0
    for number in prepared.numbers("training"):
        samples = prepared.samples(int(number))
        found = codec.compared_numbers(samples).astype(np.float64)
        if count is None:
            count, sums, squares = (np.zeros(found.shape[1]) for _ in range(3))
        is_there = np.isfinite(found)
        known = np.where(is_there, found, 0.0)
        count += is_there.sum(axis=0)
        sums += known.sum(axis=0)
        squares += (known**2).sum(axis=0)
        for group in codec.groups:
            own = samples[:, group.start : group.stop : group.channels]
            own = own[np.isfinite(own)]
            inside, seen = inside + int(((own >= 0) & (own <= 1)).sum()), seen + len(own)
    if count is None:
        raise DataError("no recording is left to learn from: give more, or other shares")
    if (
        codec.is_film
    ):  # one mean and one deviation for all pixels: a corner that is always dark is no news when it is not
        count, sums, squares = (np.full(len(part), part.sum()) for part in (count, sums, squares))
    means = sums / np.maximum(1, count)
    deviations = np.sqrt((squares / np.maximum(1, count) - means**2).clip(0))
    about = 0.5 if seen and inside > 0.8 * seen else 0.0
    steady = np.where(deviations < SMALLEST_DEVIATION * np.maximum(1.0, np.abs(means)), 1.0, deviations)
    return replace(codec.with_usual(means, steady), mirror_about=about)


def _examples(prepared: PreparedMovement) -> tuple[MovementExample, ...]:
    """Return a few recordings of different classes that are not learned, their beginnings where they are long."""
    part: MovementPart = "validation" if len(prepared.numbers("validation")) else "held_out"
    codec, chosen = prepared.codec, dict[str, MovementExample]()
    most = max(1, EXAMPLE_NUMBERS // codec.numbers)
    for number in prepared.numbers(part):
        one = prepared.told[int(number)]
        labels = prepared.labels(int(number))
        name = one.label or codec.classes[int(labels[(labels >= 0).argmax()])]
        if name not in chosen:
            chosen[name] = MovementExample.of(name, codec.steps(prepared.samples(int(number)))[:most])
        if len(chosen) == EXAMPLES:
            break
    return tuple(chosen.values())


def _facts(
    codec: MovementCodec, told: Sequence[MovementFacts], left_out: LeftOutCount, contents: str, *, is_new: bool
) -> dict[str, Any]:
    facts: dict[str, Any] = {"unit": "recording", "classes": list(codec.classes), "kind": codec.kind}
    for part in PARTS:
        own = [one for one in told if one.part == part]
        if own:
            facts[part], facts[f"{part}_seconds"] = len(own), round(sum(one.seconds for one in own), 2)
            facts[f"{part}_people"] = sorted({one.person for one in own if one.person is not None})
    for part in ("training", "held_out") if is_new else ("held_out",):
        if part not in facts:
            raise DataError(
                f"of {len(told):,} recordings none is left for the {part.replace('_', '-')} part: give more, or other "
                f"shares ({'; '.join(left_out.told())[:200] or 'none was left out'})"
            )
    return {**facts, **left_out.facts(), "sha256": contents}
