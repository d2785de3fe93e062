"""Which part of the recordings an utterance is of: to learn from, for checks, or held out."""

import hashlib
from collections.abc import Callable, Sequence

from statewise.data.audio.front_end import Frames
from statewise.data.audio.speech_preparing import SpeechPreparing
from statewise.data.audio.utterance import Utterance
from statewise.errors import UsageError

PartOf = Callable[[Utterance, Frames], str]


def parting(utterances: Sequence[Utterance], preparing: SpeechPreparing) -> PartOf:
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


def _by_speaker(held_out: Sequence[str], others: Sequence[str], preparing: SpeechPreparing) -> PartOf:
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
