"""Settings of sound for film: how clips are read and split, and the size of the network that watches them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_doc import Doc
from annotated_types import Ge, Gt, Le, Lt

from statewise.bounds import MOST_LAYERS, MOST_UNITS
from statewise.task import Sources
from statewise.tasks.shared.sourced import Sourced

if TYPE_CHECKING:
    from statewise.data.sounding.prepared_sounding import SoundingPreparing


@dataclass(frozen=True, kw_only=True)
class SoundSettings(Sourced):
    """How clips are read, split and varied, and the size of the network that watches them."""

    source: Annotated[
        Sources,
        Doc(
            "clips with sound: MP4, MKV, WebM or MOV, or frames as .npy with WAV; next to them, where known, what is "
            "struck as .csv (seconds, strength, material) or _times.txt"
        ),
    ]
    untimed: Annotated[float, Doc("frames a second of .npy"), Ge(1), Le(1000)] = 25.0
    height: Annotated[int, Doc("height in pixels at which frames are read"), Ge(8), Le(512)] = 32
    grey: Annotated[bool, Doc("read brightness alone, not colors")] = False
    picture_rate: Annotated[
        float | None, Doc("frames a second at most; if not given, as many as films have, up to 30"), Ge(1), Le(240)
    ] = None
    look_ahead: Annotated[
        float | None, Doc("seconds that are seen before their sound is made; if not given, 3 frames"), Ge(0), Le(2)
    ] = None
    moves: Annotated[int, Doc("differences between frames that a step sees"), Ge(1), Le(16)] = 3
    rate: Annotated[int, Doc("samples a second of the sound, a multiple of 90"), Ge(9_000), Le(96_300)] = 22_050
    bands: Annotated[int, Doc("bands of the ear"), Ge(2), Le(128)] = 32
    lowest: Annotated[float, Doc("lowest frequency that is heard, in Hz"), Ge(10), Le(10_000)] = 60.0
    highest: Annotated[float, Doc("highest frequency that is heard, in Hz"), Ge(100), Le(48_000)] = 10_000.0
    pieces: Annotated[int, Doc("recorded pieces that are kept to put sound together from"), Ge(0), Le(5_000)] = 120
    split: Annotated[Literal["clip", "folder"], Doc("hold out clips, or whole folders of them")] = "clip"
    held_out: Annotated[float, Doc("share of them kept from training"), Gt(0), Lt(1)] = 0.2
    validation: Annotated[float, Doc("share of them kept for checks"), Ge(0), Lt(1)] = 0.1

    mirror: Annotated[bool, Doc("training: every second clip as in a mirror")] = True
    shift: Annotated[int, Doc("training: frames move by up to so many pixels"), Ge(0), Le(100)] = 1
    light: Annotated[float, Doc("training: brightness varies by up to this share"), Ge(0), Lt(0.9)] = 0.1
    dropout: Annotated[float, Doc("dropout of features and of what the layers write"), Ge(0), Lt(1)] = 0.1
    embedding: Annotated[int, Doc("features of a frame"), Ge(2), Le(100_000)] = 64
    maps: Annotated[int, Doc("maps of the first convolution; of the next two twice as many"), Ge(1), Le(1024)] = 16
    glances: Annotated[int, Doc("places of a frame that attention picks out"), Ge(0), Le(64)] = 4

    cell: Annotated[str, Doc("cell, by name (see `statewise list cells`)")] = "lstm"
    hidden_size: Annotated[int, Doc("hidden size: units in each layer"), Ge(1), Le(MOST_UNITS)] = 96
    layers: Annotated[int, Doc("number of layers"), Ge(1), Le(MOST_LAYERS)] = 1
    batch_size: Annotated[int, Doc("clips in a batch"), Ge(1), Le(65536)] = 16
    sequence_length: Annotated[int, Doc("most steps of a clip that are read at once"), Ge(1), Le(100_000)] = 90

    @property
    def preparing(self) -> "SoundingPreparing":
        """How clips are made ready."""
        from statewise.data.sounding.prepared_sounding import SoundingPreparing

        return SoundingPreparing(
            self.untimed,
            self.height,
            self.grey,
            self.picture_rate,
            self.look_ahead,
            self.rate,
            self.bands,
            self.lowest,
            self.highest,
            self.moves,
            self.split,
            self.held_out,
            self.validation,
            self.pieces,
        )
