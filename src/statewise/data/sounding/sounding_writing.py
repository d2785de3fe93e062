"""Clips as they are written to a cache: frames and envelopes one after another, and what is usual of them."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from statewise.data.audio.cochleagram import CELLS_A_SECOND, Envelopes, loudness
from statewise.data.audio.onsets import onsets, strength_at
from statewise.data.left_out import LeftOutCount
from statewise.data.sounding.film_hits import FilmHit
from statewise.data.sounding.recorded_pieces import RecordedPiece, chosen_pieces, stretches, struck_pieces
from statewise.data.sounding.sounding_clips import HeardPicture, SoundingClip
from statewise.data.sounding.sounding_codec import SoundingCodec, UsualPixels
from statewise.data.video.film import LONGEST_SECONDS
from statewise.data.video.part_folders import ClipPart
from statewise.errors import DataError

NAMES = FRAMES, CELLS, TOLD = "frames.bin", "cells.bin", "clips.json"
PARTS: tuple[ClipPart, ...] = ("training", "validation", "held_out")
SILENT = 1e-4
"A clip whose loudest sample is below this is silent."
QUIET_SHARE, QUIET_ABOVE = 0.05, 0.03
"So loud are the softest cells of what is learned from, and what counts as sound is so much louder."
Told = tuple[float, float, int]


class SoundingFacts(NamedTuple):
    """What is known of a clip, besides its frames and envelopes; `hits` are when, how strong, of which material."""

    name: str
    part: str
    seconds: float
    times: tuple[float, ...]
    cells: int
    hits: tuple[Told, ...]


class SoundingWriting:
    """Writes frames, envelopes and facts of clips one after another, and learns what is usual of them."""

    def __init__(self, codec: SoundingCodec, folder: Path, left_out: LeftOutCount, most_pieces: int) -> None:
        self.codec, self.folder, self.most_pieces = codec, folder, most_pieces
        self.left_out = LeftOutCount(left_out.unit, Counter(left_out.counts), dict(left_out.first))
        self.told: list[SoundingFacts] = []
        self.named: list[list[FilmHit] | None] = []
        self.counts: Counter[str] = Counter()
        self.pieces: list[RecordedPiece] = []
        self.sums = np.zeros(5)
        self.loud: list[NDArray[np.float32]] = []

    def take(
        self, clips: Sequence[SoundingClip], parts: Sequence[ClipPart], digests: Sequence[bytes], *, is_new: bool
    ) -> None:
        """Read all clips and write what is known of them."""
        goes_on = self.codec.goes_on if not is_new else all(clip.table is None for clip in clips)
        with (self.folder / FRAMES).open("wb") as frames, (self.folder / CELLS).open("wb") as cells:
            for clip, part in zip(clips, parts, strict=True):
                heard = self._read_clip(clip)
                if heard is None:
                    continue
                envelopes = self.codec.ear.of(heard.samples)
                heard.frames.tofile(frames)
                envelopes.tofile(cells)
                hits = clip.hits()
                self.named.append(hits)
                self._take(clip, part, heard, envelopes, hits)
                if is_new and part == "training":
                    self._learn(heard, envelopes, goes_on=goes_on)
        self._finish(digests, is_new=is_new, goes_on=goes_on)

    def _read_clip(self, clip: SoundingClip) -> HeardPicture | None:
        try:
            heard = clip.read(self.codec.look, self.codec.ear.rate, LONGEST_SECONDS)
            clip.hits()
        except DataError as error:
            self.left_out.add("that cannot be read", f"{clip.name}: {error}")
            return None
        if float(np.abs(heard.samples).max(initial=0.0)) < SILENT:
            self.left_out.add("that are silent", clip.name)
            return None
        self.counts["frames_left_out"] += heard.left_out
        return heard

    def _take(
        self, clip: SoundingClip, part: str, heard: HeardPicture, envelopes: Envelopes, hits: list[FilmHit] | None
    ) -> None:
        found: list[Told] = []
        if hits is None:
            seconds, strengths = onsets(envelopes)
            found = [(float(t), float(s), -1) for t, s in zip(seconds, strengths, strict=True)]
        else:
            inside = [hit for hit in hits if 0 <= hit.seconds < heard.seconds]
            self.counts["hits_outside"] += len(hits) - len(inside)
            places = np.array([min(len(envelopes) - 1, int(h.seconds * CELLS_A_SECOND)) for h in inside], np.int64)
            strong = strength_at(envelopes, places)
            found = [
                (hit.seconds, float(own) if hit.strength is None else hit.strength, -1)
                for hit, own in zip(inside, strong, strict=True)
            ]
            self.named[-1] = inside
        times = tuple(round(float(t), 6) for t in heard.times)
        self.told.append(SoundingFacts(clip.name, part, heard.seconds, times, len(envelopes), tuple(found)))

    def _learn(self, heard: HeardPicture, envelopes: Envelopes, *, goes_on: bool) -> None:
        """Count what is usual in a clip that is learned from, and keep pieces of its sound."""
        sample = heard.frames[:: max(1, len(heard.frames) // 20)].astype(np.float64)
        grey = heard.frames[:60].mean(axis=-1, dtype=np.float32)
        moved = np.diff(grey, axis=0)
        self.sums += [sample.size, sample.sum(), np.square(sample).sum(), moved.size, float(np.square(moved).sum())]
        self.loud.append(loudness(envelopes))
        if goes_on:
            self.pieces += stretches(heard.samples, envelopes, self.codec.ear)
        else:
            own = self.named[-1] or ()
            struck = [(hit.seconds, hit.material) for hit in own]
            self.pieces += struck_pieces(heard.samples, envelopes, struck, self.codec.ear)
        if len(self.pieces) > 20 * max(1, self.most_pieces):
            self.pieces = self.pieces[::2]

    def _finish(self, digests: Sequence[bytes], *, is_new: bool, goes_on: bool) -> None:
        for part in ("training", "held_out") if is_new else ("held_out",):
            if not any(one.part == part for one in self.told):
                raise DataError(
                    f"no clip is left for the {part.replace('_', '-')} part ({'; '.join(self.left_out.told())}): give "
                    "more, or other shares"
                )
        codec = self._learned(goes_on=goes_on) if is_new else self.codec
        told, unknown = self._numbered(codec)
        facts: dict[str, Any] = {"unit": "step"}
        for part in PARTS:
            own = [one for one in told if one.part == part]
            if own:
                facts[part], facts[f"{part}_seconds"] = len(own), round(sum(one.seconds for one in own), 2)
                facts[f"{part}_hits"] = sum(len(one.hits) for one in own)
        facts |= {"materials": list(codec.materials), "labelled": not goes_on, **self.left_out.facts()}
        facts |= {"frames_left_out": self.counts["frames_left_out"], "hits_outside": self.counts["hits_outside"]}
        facts |= {"materials_unknown": unknown, "sha256": hashlib.sha256(b"".join(digests)).hexdigest()}
        written = {"facts": facts, "codec": codec.as_json(), "told": [one._asdict() for one in told]}
        (self.folder / TOLD).write_text(json.dumps(written))

    def _learned(self, *, goes_on: bool) -> SoundingCodec:
        pixels, total, squares, changes, moved = self.sums
        mean = total / max(1, pixels)
        usual = UsualPixels(
            float(mean),
            float(max(4.0, (max(0.0, squares / max(1, pixels) - mean**2)) ** 0.5)),
            float(max(1.0, (moved / max(1, changes)) ** 0.5)),
        )
        names = {
            hit.material
            for one, hits in zip(self.told, self.named, strict=True)
            if one.part == "training" and hits
            for hit in hits
            if hit.material
        }
        quiet = float(np.quantile(np.concatenate(self.loud), QUIET_SHARE)) + QUIET_ABOVE
        pieces = chosen_pieces(self.pieces, self.most_pieces)
        if self.most_pieces and not pieces:
            raise DataError(
                "no sound of what is learned from can be kept as a piece: give clips with strokes a tenth of a second "
                "apart, or --pieces 0"
            )
        return self.codec.with_learned(
            materials=tuple(sorted(names)), goes_on=goes_on, usual=usual, quiet=quiet, pieces=pieces
        )

    def _numbered(self, codec: SoundingCodec) -> tuple[list[SoundingFacts], int]:
        told, unknown = [], 0
        for one, hits in zip(self.told, self.named, strict=True):
            if hits is not None:
                numbers = [codec.number_of(hit.material) for hit in hits]
                unknown += sum(number < 0 and bool(hit.material) for number, hit in zip(numbers, hits, strict=True))
                found = [(t, s, n) for (t, s, _), n in zip(one.hits, numbers, strict=True)]
                one = one._replace(hits=tuple(found))  # noqa: PLW2901
            told.append(one)
        return told, unknown
