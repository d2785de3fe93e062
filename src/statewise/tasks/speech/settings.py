"""Settings of speech: how sound becomes steps, what is held out, how it varies in training, and the network."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_doc import Doc
from annotated_types import Ge, Gt, Le, Lt

from statewise.task import Several, Sources
from statewise.tasks.shared.sourced import Sourced

if TYPE_CHECKING:
    from statewise.data.audio.perturbing import Perturbing
    from statewise.data.audio.speech_preparing import SpeechPreparing


@dataclass(frozen=True, kw_only=True)
class SpeechSettings(Sourced):
    """How recordings are read, split and varied, and the size of the network that hears them."""

    source: Annotated[
        Sources,
        Doc(
            "recordings with their texts: a folder or zip of sounds named TEXT_SPEAKER_TAKE or with NAME.txt next to "
            "each, or lists as of LibriSpeech, Common Voice, LJSpeech, Kaldi, NeMo"
        ),
    ]
    rate: Annotated[
        int | None,
        Doc("samples a second to hear at; if not given, those of the first sound, at most 16000"),
        Ge(4000),
        Le(192_000),
    ] = None
    features: Annotated[Literal["log_mel", "mfcc"], Doc("frames: logarithms of mel bands, or their cepstra")] = (
        "log_mel"
    )
    bands: Annotated[int, Doc("mel bands of a frame"), Ge(13), Le(256)] = 24
    stack: Annotated[int, Doc("frames, of 10 ms each, side by side in one step"), Ge(1), Le(100)] = 6
    subsample: Annotated[int, Doc("frames from one step to the next"), Ge(1), Le(100)] = 3
    normalize: Annotated[
        Literal["fixed", "running", "whole"],
        Doc(
            "frames less the mean of all, or going over to that of the sound itself; with --two-way also less the mean "
            "and over the deviation of the whole sound"
        ),
    ] = "running"
    prior_frames: Annotated[
        int, Doc("with a running mean: for how many frames, of 10 ms, the mean of all counts"), Ge(1), Le(1000)
    ] = 100
    units: Annotated[Literal["characters", "words"], Doc("what labels are")] = "characters"
    tail: Annotated[float, Doc("seconds of silence after every sound"), Ge(0), Le(10)] = 0.3
    split: Annotated[
        Literal["speaker", "utterance"],
        Doc("keep whole speakers from training where they are known, or utterances of all"),
    ] = "speaker"
    held_out: Annotated[float, Doc("share of speakers or utterances kept from training"), Gt(0), Lt(1)] = 0.1
    validation: Annotated[float, Doc("share of them kept for checks"), Ge(0), Lt(1)] = 0.05
    held_out_speakers: Annotated[Several, Doc("keep these speakers from training, by name")] = ()
    join: Annotated[
        int,
        Doc("training: up to so many utterances of one speaker, one after another, are one; for recordings of words"),
        Ge(1),
        Le(100),
    ] = 1
    speed: Annotated[float, Doc("training: tempo and pitch vary by up to this share"), Ge(0), Lt(0.9)] = 0.1
    gain: Annotated[float, Doc("training: loudness varies by up to so many nats"), Ge(0), Le(10)] = 1.0
    noise: Annotated[float, Doc("training: share of the sounds that noise is added to"), Ge(0), Le(1)] = 0.3
    masks: Annotated[int, Doc("training: masks of time, and of frequency (SpecAugment)"), Ge(0), Le(100)] = 2
    dropout: Annotated[float, Doc("dropout of what the layers write"), Ge(0), Lt(1)] = 0.2

    hidden_size: Annotated[int, Doc("hidden size: units in each layer"), Ge(1), Le(100_000)] = 128
    two_way: Annotated[bool, Doc("also read from the end; such a network cannot stream")] = False
    layers: Annotated[int, Doc("number of layers"), Ge(1), Le(1000)] = 2
    batch_size: Annotated[int, Doc("utterances in a batch"), Ge(1), Le(65536)] = 32
    sequence_length: Annotated[
        int, Doc("most steps of an utterance; longer ones are left out and counted"), Ge(1), Le(100_000)
    ] = 600

    @property
    def perturbing(self) -> "Perturbing":
        """How sounds vary in training."""
        from statewise.data.audio.perturbing import Perturbing

        return Perturbing(self.speed, self.gain, self.noise, self.masks)

    @property
    def preparing(self) -> "SpeechPreparing":
        """How sounds are made ready."""
        from statewise.data.audio.speech_preparing import SpeechPreparing

        alone = self.held_out_speakers
        return SpeechPreparing(
            self.rate,
            self.features,
            self.bands,
            self.stack,
            self.subsample,
            self.normalize,
            self.prior_frames,
            self.units,
            self.tail,
            self.sequence_length,
            self.split,
            self.held_out,
            self.validation,
            (alone,) if isinstance(alone, str) else tuple(alone),
            self.join > 1,
        )
