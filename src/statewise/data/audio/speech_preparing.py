"""How recordings are made ready: the settings that frames, labels and parts depend on."""

from dataclasses import dataclass
from typing import Literal, final

from statewise.data.audio.front_end import FrontEnd
from statewise.data.audio.speech_codec import SpeechCodec, Units
from statewise.data.audio.steps import PRIOR_FRAMES, Normalize, Stacking

FRAMES_PER_SECOND = 100.0
"Of frames that are given as arrays, as all programs of the field make them."
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
    normalize: Normalize = "fixed"
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
        usual, tail = ((0.0,) * numbers, (1.0,) * numbers), round(self.tail * per_second) + self.stack
        stacking = Stacking(self.stack, self.stride, self.normalize, *usual, self.prior, tail)
        return SpeechCodec(front_end, per_second, stacking, self.units, (), self.tail, self.longest)
