"""Films with sound made ready once: frames, envelopes and strokes of all clips, by content hash, in three parts."""

import hashlib
import json
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from statewise.data.audio.cochleagram import Cochlea, Envelopes
from statewise.data.cache import kept
from statewise.data.left_out import LeftOutCount
from statewise.data.sounding.sounding_clips import NotSounding, SoundingClip, sounding_clips
from statewise.data.sounding.sounding_codec import SoundingCodec
from statewise.data.sounding.sounding_split import parts_of_clips
from statewise.data.sounding.sounding_writing import CELLS, FRAMES, NAMES, TOLD, SoundingFacts, SoundingWriting
from statewise.data.video.film import USUAL_RATE, Film, Look, Picture
from statewise.data.video.part_folders import ClipPart
from statewise.disk.reading import read_file
from statewise.errors import DataError
from statewise.plain.strict_json import read_json
from statewise.shown import in_line

FORMAT = 1
"What is kept in a cache is made again where this is another number."
LARGEST_TOLD = 1 << 28
MOST_RATE = 30.0
LOOK_AHEAD_FRAMES = 3


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


@dataclass(frozen=True)
class PreparedSounding:
    """Frames and envelopes of all clips one after another in files, of which one clip at a time is read."""

    codec: SoundingCodec
    folder: Path
    told: tuple[SoundingFacts, ...]
    facts: dict[str, Any]
    notice: str | None = None

    def numbers(self, part: ClipPart) -> NDArray[np.int64]:
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
        parts = parts_of_clips(clips, digests, preparing.split, preparing.held_out, preparing.validation)
        SoundingWriting(codec, folder, left_out, preparing.pieces).take(clips, parts, digests, is_new=True)

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
        SoundingWriting(plain, folder, left_out, 0).take(clips, ["held_out"] * len(clips), digests, is_new=False)

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
    if clip.path.suffix.lower() == ".npy":
        return clip.untimed
    return Film(clip.path).facts().rate or USUAL_RATE


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
