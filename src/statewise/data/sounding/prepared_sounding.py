"""Films with sound made ready once: frames, envelopes and strokes of all clips, by content hash, in three parts."""

import hashlib
import json
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from statewise.data.audio.cochleagram import CELLS_A_SECOND, Cochlea, Envelopes, loudness
from statewise.data.audio.onsets import onsets, strength_at
from statewise.data.cache import kept
from statewise.data.left_out import LeftOutCount
from statewise.data.sounding.film_hits import FilmHit
from statewise.data.sounding.recorded_pieces import RecordedPiece, chosen_pieces, stretches, struck_pieces
from statewise.data.sounding.sounding_clips import (
    HeardPicture,
    NotSounding,
    SoundingClip,
    SoundingPart,
    sounding_clips,
)
from statewise.data.sounding.sounding_codec import SoundingCodec, UsualPixels
from statewise.data.video.film import LONGEST_SECONDS, Look, Picture
from statewise.disk.reading import read_file
from statewise.errors import DataError, UsageError
from statewise.plain.strict_json import read_json
from statewise.shown import in_line

FORMAT = 1
"What is kept in a cache is made again where this is another number."
NAMES = FRAMES, CELLS, TOLD = "frames.bin", "cells.bin", "clips.json"
PARTS: tuple[SoundingPart, ...] = ("training", "validation", "held_out")
LARGEST_TOLD = 1 << 28
MOST_RATE = 30.0
LOOK_AHEAD_FRAMES = 3
SILENT = 1e-4
"A clip whose loudest sample is below this is silent."
QUIET_SHARE, QUIET_ABOVE = 0.05, 0.03
"So loud are the softest cells of what is learned from, and what counts as sound is so much louder."
Told = tuple[float, float, int]


@final
@dataclass(frozen=True)
class SoundingPreparing:
    """How clips are made ready: the settings that frames, envelopes and parts depend on."""

    untimed: float = 25.0
    height: int = 32
    grey: bool = False
    picture_rate: float | None = None
    look_ahead: float | None = None
    rate: int = 22_050
    bands: int = 32
    lowest: float = 60.0
    highest: float = 10_000.0
    moves: int = 3
    split: str = "clip"
    held_out: float = 0.2
    validation: float = 0.1
    pieces: int = 120


class SoundingFacts(NamedTuple):
    """What is known of a clip, besides its frames and envelopes; `hits` are when, how strong, of which material."""

    name: str
    part: str
    seconds: float
    times: tuple[float, ...]
    cells: int
    hits: tuple[Told, ...]


@dataclass(frozen=True)
class PreparedSounding:
    """Frames and envelopes of all clips one after another in files, of which one clip at a time is read."""

    codec: SoundingCodec
    folder: Path
    told: tuple[SoundingFacts, ...]
    facts: dict[str, Any]
    notice: str | None = None

    def numbers(self, part: SoundingPart) -> NDArray[np.int64]:
        """Return which clips are of a part."""
        return np.array([n for n, one in enumerate(self.told) if one.part == part], np.int64)

    def _starts(self, of: str) -> NDArray[np.int64]:
        known = vars(self).setdefault("_known", {})
        if of not in known:
            counts = [len(one.times) if of == FRAMES else one.cells for one in self.told]
            known[of] = np.cumsum([0, *counts])
        found: NDArray[np.int64] = known[of]
        return found

    def frames(self, number: int) -> Picture:
        """Return the frames of a clip `[T, H, W, C]`."""
        shape = self.codec.shape
        size = shape[0] * shape[1] * shape[2]
        first, count = int(self._starts(FRAMES)[number]), len(self.told[number].times)
        found = np.fromfile(self.folder / FRAMES, np.uint8, count * size, offset=first * size)
        return found.reshape(-1, *shape)

    def envelopes(self, number: int) -> Envelopes:
        """Return the compressed envelopes of a clip `[cells, bands]`."""
        bands = self.codec.ear.bands
        first, count = int(self._starts(CELLS)[number]), self.told[number].cells
        found = np.fromfile(self.folder / CELLS, np.float32, count * bands, offset=4 * first * bands)
        return found.reshape(-1, bands)


def prepare_sounding(
    sources: Sequence[str], preparing: SoundingPreparing, cache: Path
) -> Generator[float, None, PreparedSounding]:
    """Return clips in three parts, yielding how much is done; they are kept in `cache` by their contents.

    What has no sound, cannot be read or is too long is left out and counted. Raises `DataError` where nothing is left
    of a part.
    """
    clips, left_out = _listed(sources, preparing.untimed)
    digests = [clip.digest for clip in clips]
    asked = json.dumps([FORMAT, _names(clips), [one.hex() for one in digests], left_out.facts(), asdict(preparing)])
    key = hashlib.sha256(asked.encode()).hexdigest()[:16]
    yield 0.0

    def make(folder: Path) -> None:
        codec = codec_for(clips, preparing)
        parts = parts_of_clips(clips, digests, preparing)
        _Written(codec, folder, left_out, preparing.pieces).take(clips, parts, digests, is_new=True)

    found, notice = kept(cache, key, NAMES, make, _read)
    return replace(found, notice=notice)


def sounding_with(codec: SoundingCodec, sources: Sequence[str], cache: Path) -> PreparedSounding:
    """Return other clips, all of them held out, by a codec that there is."""
    clips, left_out = _listed(sources, codec.untimed)
    digests = [clip.digest for clip in clips]
    plain = codec.with_learned(pieces=())
    asked = json.dumps([FORMAT, _names(clips), [one.hex() for one in digests], left_out.facts(), plain.as_json()])
    key = hashlib.sha256(asked.encode()).hexdigest()[:16]

    def make(folder: Path) -> None:
        _Written(plain, folder, left_out, 0).take(clips, ["held_out"] * len(clips), digests, is_new=False)

    found, notice = kept(cache, key, NAMES, make, _read)
    return replace(found, codec=codec, notice=notice)


def _names(clips: Sequence[SoundingClip]) -> list[list[Any]]:
    return [[clip.name, clip.part, bool(clip.sound), bool(clip.table)] for clip in clips]


def _listed(sources: Sequence[str], untimed: float) -> tuple[list[SoundingClip], LeftOutCount]:
    left_out, clips = LeftOutCount("clip"), []
    for found in sounding_clips(sources, untimed):
        if isinstance(found, NotSounding):
            left_out.add(found.why, found.where)
        else:
            clips.append(found)
    if not clips:
        told = "; ".join(left_out.told()) or "no film and no array of frames"
        raise DataError(
            f"{', '.join(sources)} holds no film with sound ({told}): give MP4, MKV, WebM or MOV with sound"
        )
    return clips, left_out


def codec_for(clips: Sequence[SoundingClip], preparing: SoundingPreparing) -> SoundingCodec:
    """Return how clips become steps, by what the first ones are."""
    rates, shape, why = [], None, ""
    for clip in clips:
        try:
            picture = clip.first_frame(Look(grey=preparing.grey)).picture
            rates.append(_rate_of(clip))
        except DataError as error:
            why = str(error)
            continue
        if shape is None:
            high, wide, channels = picture.shape
            side = max(8, round(preparing.height * wide / high))
            shape = (preparing.height, min(8 * preparing.height, side), channels)
        if len(rates) == 20:
            break
    if shape is None:
        raise DataError(f"no clip can be read ({why}): give MP4, MKV, WebM or MOV with sound")
    rate = preparing.picture_rate or min(MOST_RATE, float(np.median(rates)))
    ahead = preparing.look_ahead if preparing.look_ahead is not None else LOOK_AHEAD_FRAMES / rate
    ear = Cochlea(preparing.rate, preparing.bands, preparing.lowest, preparing.highest)
    return SoundingCodec(shape, rate, ahead, ear, preparing.untimed, preparing.moves)


def _rate_of(clip: SoundingClip) -> float:
    from statewise.data.video.film import USUAL_RATE, Film

    if clip.path.suffix.lower() == ".npy":
        return clip.untimed
    return Film(clip.path).facts().rate or USUAL_RATE


def parts_of_clips(
    clips: Sequence[SoundingClip], digests: Sequence[bytes], preparing: SoundingPreparing
) -> list[SoundingPart]:
    """Return the part of each clip: what its folder says; else by its contents, or by folder; equal ones in one part.

    Raises `UsageError` where there are too few.
    """
    if len({clip.part for clip in clips} - {None}) > 1:
        given: list[SoundingPart] = [clip.part or "training" for clip in clips]
        if "validation" in given or not preparing.validation:
            return given
        own = [n for n, part in enumerate(given) if part == "training"]
        count = round(preparing.validation * len(own)) if len(own) > 3 else 0
        for n in sorted(own, key=lambda n: digests[n])[:count]:
            given[n] = "validation"
        return given
    groups = [_group(clip, digest, preparing.split) for clip, digest in zip(clips, digests, strict=True)]
    order = sorted(set(groups), key=lambda group: hashlib.sha256(group).digest())
    scored = max(1, round(preparing.held_out * len(order)))
    checks = max(1, round(preparing.validation * len(order))) if preparing.validation and len(order) >= 5 else 0
    if scored + checks >= len(order):
        raise UsageError(
            f"of {len(order):,} {preparing.split}s {scored + checks:,} would be kept from training: give more clips, "
            "or smaller shares"
        )
    part_of: dict[bytes, SoundingPart] = dict.fromkeys(order, "training")
    part_of |= dict.fromkeys(order[:scored], "held_out")
    part_of |= dict.fromkeys(order[scored : scored + checks], "validation")
    return [part_of[group] for group in groups]


def _group(clip: SoundingClip, digest: bytes, split: str) -> bytes:
    return str(Path(clip.name).parent).encode() if split == "folder" else digest


class _Written:
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
        self, clips: Sequence[SoundingClip], parts: Sequence[SoundingPart], digests: Sequence[bytes], *, is_new: bool
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
        facts: dict[str, Any] = {"unit": "clip"}
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


def _read(folder: Path) -> PreparedSounding:
    """Return the clips that a folder holds. Raises `DataError` where its files do not fit each other."""
    written = read_json(read_file(folder / TOLD, LARGEST_TOLD, DataError), most_values=1 << 26)
    codec = SoundingCodec.read(written["codec"])
    told = []
    for one in written["told"]:
        hits = tuple((float(t), float(s), int(m)) for t, s, m in one["hits"])
        told.append(SoundingFacts(**{**one, "times": tuple(one["times"]), "hits": hits}))
    size = codec.shape[0] * codec.shape[1] * codec.shape[2] * sum(len(one.times) for one in told)
    cells = 4 * codec.ear.bands * sum(one.cells for one in told)
    if (folder / FRAMES).stat().st_size != size or (folder / CELLS).stat().st_size != cells:
        raise DataError(f"{in_line(str(folder))} holds files that do not fit each other")
    return PreparedSounding(codec, folder, tuple(told), written["facts"])
