"""Speech made ready once: the frames and labels of all utterances, by content hash, in three parts."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from statewise.data.audio.frame_moments import FrameMoments
from statewise.data.audio.front_end import Frames
from statewise.data.audio.manifests import read_utterances
from statewise.data.audio.speech_codec import (
    MOST_SYMBOLS,
    SpeechCodec,
    SpokenExample,
    cleaned,
    needed_steps,
    pieces_of,
)
from statewise.data.audio.speech_frames import codec_for, heard_frames
from statewise.data.audio.speech_parts import PartOf, parting
from statewise.data.audio.speech_preparing import SpeechPreparing
from statewise.data.audio.utterance import NotTaken, Part, Utterance
from statewise.data.cache import kept
from statewise.data.texts import digest, find_files
from statewise.disk.reading import read_file
from statewise.errors import DataError
from statewise.plain.strict_json import read_json

FORMAT = 1
"What is kept in a cache is made again where this is another number."
NAMES = FRAMES, TEXTS = "frames.bin", "texts.json"
PARTS: tuple[Part, ...] = ("training", "validation", "held_out")
LARGEST_TOLD = 1 << 28
OF_THE_END = 2
"The last frames of a sound are half of the silence that follows it: what is usual is that of the sound alone."
EXAMPLES, LONGEST_EXAMPLE = 3, 600


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
    asked = json.dumps([FORMAT, contents, [(one.name, one.text) for one in utterances], asdict(preparing)])
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
    told = [FORMAT, contents, [(one.name, one.text) for one in utterances], codec.as_json()]
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
    codec = codec_for(utterances, preparing)
    part_of = parting(utterances, preparing)
    _write(codec, utterances, Counter(left_out), part_of, contents, folder, joins=preparing.joins)


def _write(
    codec: SpeechCodec,
    utterances: Sequence[Utterance],
    left_out: Counter[str],
    part_of: PartOf,
    contents: str,
    folder: Path,
    *,
    joins: bool = False,
) -> None:
    """Write the frames and what is known of them; a codec that knows no labels yet learns them, and what is usual."""
    is_new, told = not codec.pieces, []
    moments = FrameMoments(len(codec.stacking.means))
    with (folder / FRAMES).open("wb") as file:
        for one, frames, seconds in heard_frames(codec, utterances, left_out):
            part = part_of(one, frames)
            if is_new and part == "training":
                moments.add(frames[: max(1, round(seconds * codec.frames_per_second) - OF_THE_END)])
            frames.tofile(file)
            told.append(UtteranceFacts(one.name, cleaned(one.text), one.speaker, part, len(frames), seconds))
    if is_new:
        codec = _learned(codec, told, moments, left_out, joins=joins)
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


def _learned(
    codec: SpeechCodec, told: Sequence[UtteranceFacts], moments: FrameMoments, left_out: Counter[str], *, joins: bool
) -> SpeechCodec:
    """Return a codec that knows the labels of the training part, and what its frames usually are."""
    training = [one.text for one in told if one.part == "training"]
    found = {piece for text in training for piece in pieces_of(text, codec.units)}
    if joins and found and codec.units == "characters":
        found.add(" ")  # between utterances that are joined
    pieces = tuple(sorted(found))
    if not pieces:
        kept = {f"in the {part.replace('_', '-')} part": count for part, count in Counter(o.part for o in told).items()}
        why = ", ".join(f"{count:,} {reason}" for reason, count in {**left_out, **kept}.items())
        total = len(told) + left_out.total()
        raise DataError(f"none of {total:,} utterances is left to learn from ({why}): give more, or smaller shares")
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
