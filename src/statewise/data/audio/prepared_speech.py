"""Speech made ready once: the frames and labels of all utterances, by content hash, in three parts."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from statewise.data.archives import BROKEN
from statewise.data.audio.front_end import Frames, FrontEnd
from statewise.data.audio.manifests import read_utterances
from statewise.data.audio.sound import TooLong
from statewise.data.audio.speech_codec import (
    MOST_NUMBERS,
    MOST_SYMBOLS,
    SpeechCodec,
    SpokenExample,
    Units,
    cleaned,
    needed_steps,
    pieces_of,
)
from statewise.data.audio.steps import PRIOR_FRAMES, Stacking
from statewise.data.audio.utterance import LARGEST_MEMBER, FrameArray, NotTaken, Part, Utterance, is_silent
from statewise.data.cache import kept
from statewise.data.texts import digest, find_files
from statewise.disk.reading import read_file
from statewise.errors import DataError, UsageError
from statewise.plain.strict_json import read_json

FORMAT = 1
"What is kept in a cache is made again where this is another number."
NAMES = FRAMES, TEXTS = "frames.bin", "texts.json"
PARTS: tuple[Part, ...] = ("training", "validation", "held_out")
LARGEST_TOLD = 1 << 28
USUAL_RATE = 16_000
FRAMES_PER_SECOND = 100.0
"Of frames that are given as arrays, as all programs of the field make them."
OF_THE_END = 2
"The last frames of a sound are half of the silence that follows it: what is usual is that of the sound alone."
EXAMPLES, LONGEST_EXAMPLE = 3, 600
Split = Literal["speaker", "utterance"]


@final
@dataclass(frozen=True)
class SpeechPreparing:
    """How sounds are made ready: the settings that frames, labels and parts depend on."""

    rate: int | None = None
    kind: Literal["log_mel", "mfcc"] = "log_mel"
    bands: int = 40
    stack: int = 3
    stride: int = 3
    normalize: Literal["fixed", "running"] = "fixed"
    prior: int = PRIOR_FRAMES
    units: Units = "characters"
    tail: float = 0.3
    longest: int = 600
    split: Split = "speaker"
    held_out: float = 0.1
    validation: float = 0.1
    held_out_speakers: tuple[str, ...] = ()
    joins: bool = False

    def codec(self, front_end: FrontEnd | None, numbers: int) -> SpeechCodec:
        """Return a codec that makes frames and cannot yet say what is usual, or what labels stand for."""
        per_second = FRAMES_PER_SECOND if front_end is None else front_end.rate / front_end.hop_samples
        stacking = Stacking(self.stack, self.stride, self.normalize, (0.0,) * numbers, (1.0,) * numbers, self.prior)
        return SpeechCodec(front_end, per_second, stacking, self.units, (), self.tail, self.longest)


class UtteranceFacts(NamedTuple):
    """What is known of an utterance, besides its frames."""

    name: str
    text: str
    speaker: str | None
    part: str
    frames: int
    seconds: float


@dataclass(frozen=True)
class PreparedSpeech:
    """Frames of all utterances one after another in a file, of which one at a time is read, and what was said."""

    codec: SpeechCodec
    file: Path
    told: tuple[UtteranceFacts, ...]
    facts: dict[str, Any]
    notice: str | None = None

    def numbers(self, part: Part) -> NDArray[np.int64]:
        """Return which utterances are of a part."""
        return np.array([n for n, one in enumerate(self.told) if one.part == part], np.int64)

    def frames(self, number: int) -> Frames:
        """Return the frames of an utterance, as its sound has them, `[T, numbers]`."""
        if "_starts" not in vars(self):
            vars(self)["_starts"] = np.cumsum([0, *(one.frames for one in self.told)])
        width = len(self.codec.stacking.means)
        first, count = int(vars(self)["_starts"][number]), self.told[number].frames
        found = np.fromfile(self.file, np.float32, count * width, offset=4 * first * width)
        return found.reshape(-1, width)

    def labels(self, number: int) -> NDArray[np.int64]:
        """Return the labels of an utterance."""
        return self.codec.encode(self.told[number].text)


def prepare_speech(sources: Sequence[str], preparing: SpeechPreparing, cache: Path) -> PreparedSpeech:
    """Return utterances as frames and labels in three parts; they are made once, and kept in `cache` by their contents.

    What cannot be read, is silent, too long, or too short for its text is left out and counted. Raises `DataError`
    where a list cannot be read or a part is empty.
    """
    utterances, left_out, contents = _listed(sources)
    asked = json.dumps([FORMAT, contents, [one.name for one in utterances], asdict(preparing)])
    found, notice = kept(
        cache,
        hashlib.sha256(asked.encode()).hexdigest()[:16],
        NAMES,
        lambda folder: _build(utterances, left_out, contents, preparing, folder),
        _read,
    )
    return replace(found, notice=notice)


def speech_with(codec: SpeechCodec, sources: Sequence[str], cache: Path) -> PreparedSpeech:
    """Return other utterances, all of them held out, by a codec that there is; those of other letters are left out."""
    utterances, left_out, contents = _listed(sources)
    told = [FORMAT, contents, [one.name for one in utterances], codec.as_json()]
    found, notice = kept(
        cache,
        hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16],
        NAMES,
        lambda folder: _write(codec, utterances, left_out, lambda one, frames: "held_out", contents, folder),
        _read,
    )
    return replace(found, notice=notice)


def _listed(sources: Sequence[str]) -> tuple[list[Utterance], Counter[str], str]:
    """Return the utterances of sources, what was left out of them, and the digest of all files that they lie in."""
    left_out, utterances = Counter[str](), []
    files = find_files(sources, "speech")
    for found in read_utterances(files):
        if isinstance(found, NotTaken):
            left_out[found.reason] += 1
        else:
            utterances.append(found)
    if not utterances:
        raise DataError(f"{', '.join(sources)} has no sound with its text to learn from: {_counted(left_out)}")
    contents = digest(sorted({*files, *(one.sound.path for one in utterances)}))
    return utterances, left_out, contents


def _build(
    utterances: Sequence[Utterance], left_out: Counter[str], contents: str, preparing: SpeechPreparing, folder: Path
) -> None:
    codec = _codec_for(utterances, preparing)
    part_of = _parting(utterances, preparing)
    _write(codec, utterances, Counter(left_out), part_of, contents, folder, joins=preparing.joins)


def _codec_for(utterances: Sequence[Utterance], preparing: SpeechPreparing) -> SpeechCodec:
    """Return how frames are made, by what the first sounds are: at their rate, but no more than 16 kHz."""
    arrays = [one.sound for one in utterances if isinstance(one.sound, FrameArray)]
    if arrays and len(arrays) < len(utterances):
        raise DataError("some utterances are sounds and some are arrays: give sources of one kind")
    if arrays:
        return preparing.codec(None, _Arrays().read(arrays[0]).shape[1])
    rate = preparing.rate or min(USUAL_RATE, _first_rate(utterances))
    front_end = FrontEnd(rate, preparing.kind, preparing.bands)
    if int((front_end.filters.sum(axis=0) > 0).sum()) < preparing.bands:
        raise UsageError(f"--bands {preparing.bands} are too many for {rate:,} samples a second: give fewer")
    return preparing.codec(front_end, front_end.numbers)


def _first_rate(utterances: Sequence[Utterance]) -> int:
    for one in utterances:
        assert not isinstance(one.sound, FrameArray)
        try:
            return one.sound.file().rate()
        except DataError:
            continue
    raise DataError(f"none of the {len(utterances):,} sounds can be read: give WAV, FLAC, OGG or MP3")


class _Arrays:
    """Arrays of frames, of which one file is open at a time."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._opened: Any = None

    def read(self, array: FrameArray) -> Frames:
        """Return the frames of an array. Raises `DataError` where it is not a matrix of numbers, or too large."""
        try:
            if array.path != self._path:
                if not array.path.is_file():
                    raise DataError(f"{array.path} is not a plain file: give one that is")
                self._opened, self._path = np.load(array.path, allow_pickle=False), array.path
            if self._opened.zip.getinfo(f"{array.name}.npy").file_size > LARGEST_MEMBER:
                raise DataError(f"{array.title} is refused: it has more than {LARGEST_MEMBER:,} bytes")
            found = np.asarray(self._opened[array.name])
        except BROKEN as error:
            raise DataError(f"{array.title} cannot be read ({' '.join(str(error).split())[:80]})") from None
        if found.ndim != 2 or not 0 < found.shape[1] <= MOST_NUMBERS or found.dtype.kind not in "fiu" or not len(found):
            raise DataError(f"{array.title} is not an array of frames: give numbers [T, F]")
        return found.astype(np.float32)


def _parting(utterances: Sequence[Utterance], preparing: SpeechPreparing) -> Any:
    """Return what says the part of an utterance.

    By what the list says; else by the speaker, where there are several that are known; else by the frames themselves,
    so that a sound that is there twice is in one part.
    """
    if any(one.part for one in utterances) and len({one.part for one in utterances}) > 1:
        return lambda one, frames: one.part or "training"
    speakers = sorted({one.speaker for one in utterances if one.speaker}, key=_order)
    if missing := [name for name in preparing.held_out_speakers if name not in speakers]:
        raise UsageError(
            f"there is no speaker {missing[0]}: there are {', '.join(sorted(speakers)[:20]) or 'none known'}"
        )
    if preparing.held_out_speakers:
        others = [name for name in speakers if name not in preparing.held_out_speakers]
        return _by_speaker(preparing.held_out_speakers, others, preparing)
    if preparing.split == "speaker" and len(speakers) > 1:
        held_out = speakers[: max(1, round(preparing.held_out * len(speakers)))]
        return _by_speaker(held_out, speakers[len(held_out) :], preparing)
    return lambda one, frames: _by_share(hashlib.sha256(frames.tobytes()).digest(), preparing)


def _by_speaker(held_out: Sequence[str], others: Sequence[str], preparing: SpeechPreparing) -> Any:
    """Hold some speakers out; of the others some are for checks, or where there are few, some utterances of each."""
    count = round(preparing.validation * len(others))
    checks = others[:count]

    def part_of(one: Utterance, frames: Frames) -> str:
        if one.speaker in held_out:
            return "held_out"
        if count or not preparing.validation:
            return "validation" if one.speaker in checks else "training"
        share = _share(hashlib.sha256(frames.tobytes()).digest())
        return "validation" if share < preparing.validation else "training"

    return part_of


def _order(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def _share(digested: bytes) -> float:
    return int.from_bytes(digested[:8], "big") / 2**64


def _by_share(digested: bytes, preparing: SpeechPreparing) -> str:
    share = _share(digested)
    if share < preparing.held_out:
        return "held_out"
    return "validation" if share < preparing.held_out + preparing.validation else "training"


def _write(
    codec: SpeechCodec,
    utterances: Sequence[Utterance],
    left_out: Counter[str],
    part_of: Any,
    contents: str,
    folder: Path,
    *,
    joins: bool = False,
) -> None:
    """Write the frames and what is known of them; a codec that knows no labels yet learns them, and what is usual."""
    is_new, told = not codec.pieces, []
    moments = _Moments(len(codec.stacking.means))
    with (folder / FRAMES).open("wb") as file:
        for one, frames, seconds in _heard(codec, utterances, left_out):
            part = part_of(one, frames)
            if is_new and part == "training":
                moments.add(frames[: max(1, round(seconds * codec.frames_per_second) - OF_THE_END)])
            frames.tofile(file)
            told.append(UtteranceFacts(one.name, cleaned(one.text), one.speaker, part, len(frames), seconds))
    if is_new:
        codec = _learned(codec, told, moments, joins=joins)
    told = _spelled(codec, told, left_out)
    if is_new:
        codec = replace(codec, examples=_examples(PreparedSpeech(codec, folder / FRAMES, tuple(told), {})))
    facts = _facts(told, left_out, contents, is_new=is_new)
    written = {"facts": facts, "codec": codec.as_json(), "told": [list(one) for one in told]}
    (folder / TEXTS).write_text(json.dumps(written))


def _examples(speech: PreparedSpeech) -> tuple[SpokenExample, ...]:
    """Return a few short utterances of different texts that are not learned."""
    part: Part = "validation" if len(speech.numbers("validation")) else "held_out"
    short = [int(n) for n in speech.numbers(part) if speech.told[n].frames <= LONGEST_EXAMPLE]
    chosen = list({speech.told[n].text: n for n in short}.values())[:EXAMPLES]
    return tuple(SpokenExample.of(speech.told[n].text, speech.frames(n)) for n in chosen)


class _Moments:
    """Means and deviations of frames that come one sound after another."""

    def __init__(self, numbers: int) -> None:
        self.count, self.sums, self.squares = 0, np.zeros(numbers), np.zeros(numbers)

    def add(self, frames: Frames) -> None:
        """Count some frames."""
        exact = frames.astype(np.float64)
        self.count += len(exact)
        self.sums += exact.sum(axis=0)
        self.squares += (exact**2).sum(axis=0)

    def means(self) -> NDArray[np.float64]:
        """Return the mean of each number."""
        found: NDArray[np.float64] = self.sums / max(1, self.count)
        return found

    def deviations(self) -> NDArray[np.float64]:
        """Return the standard deviation of each number, 1 where it never varies."""
        found: NDArray[np.float64] = np.sqrt((self.squares / max(1, self.count) - self.means() ** 2).clip(0))
        return np.where(found < 1e-6, 1.0, found)


def _heard(
    codec: SpeechCodec, utterances: Sequence[Utterance], left_out: Counter[str]
) -> Iterator[tuple[Utterance, Frames, float]]:
    """Yield utterances with their frames and seconds; those that cannot be used are counted."""
    longest, arrays = codec.longest * codec.seconds_per_step, _Arrays()
    for one in utterances:
        try:
            frames, seconds = _frames_of(codec, one, longest, arrays)
        except TooLong:
            left_out[f"that are longer than {longest:.3g} s"] += 1
            continue
        except DataError:
            left_out["that cannot be read, or are empty"] += 1
            continue
        steps = 1 + (len(frames) - codec.stacking.count) // codec.stacking.stride
        if seconds == 0:
            left_out["that are silent"] += 1
        elif steps > codec.longest:
            left_out[f"that are longer than {longest:.3g} s"] += 1
        elif not cleaned(one.text):
            left_out["whose text has no letter"] += 1
        elif frames.shape[1] != len(codec.stacking.means):
            left_out["with another number of numbers in a frame"] += 1
        elif not np.isfinite(frames).all():
            left_out["with numbers that are not finite"] += 1
        else:
            yield one, frames, seconds


def _frames_of(codec: SpeechCodec, one: Utterance, longest: float, arrays: _Arrays) -> tuple[Frames, float]:
    """Return the frames of an utterance, and its seconds: none where it is silent."""
    if isinstance(one.sound, FrameArray):
        frames = arrays.read(one.sound)
        return codec.frames_of_array(frames), len(frames) / codec.frames_per_second
    if codec.front_end is None:
        raise DataError(f"{one.sound.title} is sound, and this run reads arrays")
    samples, rate = one.sound.samples(codec.front_end.rate, longest)
    return codec.frames(samples), 0.0 if is_silent(samples) else len(samples) / rate


def _learned(codec: SpeechCodec, told: Sequence[UtteranceFacts], moments: _Moments, *, joins: bool) -> SpeechCodec:
    """Return a codec that knows the labels of the training part, and what its frames usually are."""
    training = [one.text for one in told if one.part == "training"]
    found = {piece for text in training for piece in pieces_of(text, codec.units)}
    if joins and found and codec.units == "characters":
        found.add(" ")  # between utterances that are joined
    pieces = tuple(sorted(found))
    if not pieces:
        counts = Counter(one.part for one in told)
        raise DataError(f"none of {len(told):,} utterances is left to learn from ({dict(counts)}): give more")
    if len(pieces) > MOST_SYMBOLS:
        raise DataError(f"there are {len(pieces):,} different {codec.units}: give texts of at most {MOST_SYMBOLS:,}")
    usual: dict[str, Any] = {name: tuple(getattr(moments, name)().tolist()) for name in ("means", "deviations")}
    return replace(codec, pieces=pieces, stacking=replace(codec.stacking, **usual))


def _spelled(codec: SpeechCodec, told: Sequence[UtteranceFacts], left_out: Counter[str]) -> list[UtteranceFacts]:
    """Return the utterances with texts that are known and fit; of the others, the frames stay where they are."""
    found, known = [], set(codec.pieces)
    for one in told:
        steps = max(0, 1 + (one.frames - codec.stacking.count) // codec.stacking.stride)
        if not known.issuperset(pieces_of(one.text, codec.units)):
            left_out["with letters that the training part does not have"] += 1
            found.append(one._replace(part=""))
        elif needed_steps(codec.encode(one.text)) > steps:
            left_out["whose text is longer than the sound allows"] += 1
            found.append(one._replace(part=""))
        else:
            found.append(one)
    return found


def _facts(
    told: Sequence[UtteranceFacts], left_out: Mapping[str, int], contents: str, *, is_new: bool
) -> dict[str, Any]:
    facts: dict[str, Any] = {"unit": "utterance"}
    for part in PARTS:
        own = [one for one in told if one.part == part]
        if own:
            facts[part], facts[f"{part}_seconds"] = len(own), round(sum(one.seconds for one in own), 2)
            facts[f"{part}_speakers"] = len({one.speaker for one in own if one.speaker})
    for part in ("training", "held_out") if is_new else ("held_out",):
        if part not in facts:
            raise DataError(
                f"of {len(told):,} utterances none is left for the {part.replace('_', '-')} part: give more, or other "
                f"shares ({_counted(left_out)})"
            )
    return {**facts, "left_out": dict(left_out), "sha256": contents}


def _read(folder: Path) -> PreparedSpeech:
    """Return the utterances that a folder holds. Raises `DataError` where its files do not fit each other."""
    told = read_json(read_file(folder / TEXTS, LARGEST_TOLD, DataError), most_values=1 << 26)
    codec = SpeechCodec.read(told["codec"])
    known = tuple(UtteranceFacts(*one) for one in told["told"])
    size = 4 * len(codec.stacking.means) * sum(one.frames for one in known)
    if (folder / FRAMES).stat().st_size != size:
        raise DataError(f"{folder} holds files that do not fit each other")
    return PreparedSpeech(codec, folder / FRAMES, known, told["facts"])


def _counted(left_out: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in left_out.items()) or "none was left out"
