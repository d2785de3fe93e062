"""Settings of gestures: how recordings are read, split and varied, and the size of the network that watches."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_doc import Doc
from annotated_types import Ge, Gt, Le, Lt

from statewise.task import Several, Sources
from statewise.tasks.shared.sourced import Sourced

if TYPE_CHECKING:
    from statewise.data.movement.movement_preparing import MovementPreparing
    from statewise.data.movement.recording import MovementReading


@dataclass(frozen=True, kw_only=True)
class GestureSettings(Sourced):
    """How recordings are read, split and varied, and the size of the network that watches them."""

    source: Annotated[
        Sources,
        Doc(
            "recorded movements: folders of clips (MP4, WebM, GIF, pictures) or arrays by class, a table of sensors or "
            "landmarks, .npz, .ts, .arff, or a list of clips as Jester's"
        ),
    ]
    person: Annotated[
        str | None,
        Doc("keep people on one side of the split: a column; or for files `name` (before the first _) or `folder`"),
    ] = None
    label_column: Annotated[str | None, Doc("column of labels; if not given, label, class, gesture or activity")] = None
    time_column: Annotated[str | None, Doc("column of times; if not given, time, timestamp or seconds")] = None
    recording_column: Annotated[
        str | None, Doc("column that tells recordings apart; if not given, recording, session, sequence or id")
    ] = None
    columns: Annotated[Several, Doc("columns that count; if not given, all other columns of numbers")] = ()
    channels: Annotated[int, Doc("numbers of a point, where a row of a table is a whole sequence"), Ge(1), Le(1000)] = 2
    untimed: Annotated[float, Doc("samples or frames a second where nothing says their times"), Gt(0), Le(10_000)] = (
        30.0
    )
    layout: Annotated[
        Literal["auto", "none", "hand", "hands", "pose", "holistic"],
        Doc("landmarks in a sample, as MediaPipe orders them; auto goes by how many numbers there are"),
    ] = "auto"
    rate: Annotated[
        float | None,
        Doc("samples a second to read at; if not given, that of the recordings, at most 60, of films 15"),
        Gt(0),
        Le(1000),
    ] = None
    stack: Annotated[
        int | None,
        Doc("samples side by side in one step; if not given, 2 frames, or a twelfth of a second"),
        Ge(1),
        Le(1000),
    ] = None
    subsample: Annotated[
        int | None, Doc("samples from one step to the next; if not given, all new ones"), Ge(1), Le(1000)
    ] = None
    height: Annotated[int, Doc("films: height of a frame in pixels"), Ge(8), Le(512)] = 32
    color: Annotated[bool, Doc("films: read colors, not only brightness")] = False
    gap: Annotated[float, Doc("seconds without a sample beyond which numbers are missing"), Gt(0), Le(600)] = 0.5
    background: Annotated[
        str | None, Doc("the class in which there is no gesture; if not given, one called none, idle or background")
    ] = None
    split: Annotated[
        Literal["person", "recording", "block"],
        Doc("hold out people where they are known, recordings, or blocks of neighbors, for windows that overlap"),
    ] = "person"
    held_out: Annotated[float, Doc("share of people or recordings kept from training"), Gt(0), Lt(1)] = 0.2
    validation: Annotated[float, Doc("share of them kept for checks"), Ge(0), Lt(1)] = 0.1
    held_out_people: Annotated[Several, Doc("keep these people from training, by name")] = ()

    early: Annotated[
        float,
        Doc("how little the beginning of a gesture counts: 0 as much as its end, 1 more from step to step"),
        Ge(0),
        Le(20),
    ] = 1.0
    mirror: Annotated[bool, Doc("training: every second recording as in a mirror; not where left and right differ")] = (
        False
    )
    speed: Annotated[float, Doc("training: tempo varies by up to this share"), Ge(0), Lt(0.9)] = 0.1
    noise: Annotated[float, Doc("training: noise, in standard deviations of each number"), Ge(0), Le(10)] = 0.05
    shift: Annotated[int, Doc("training: frames move by up to so many pixels"), Ge(0), Le(100)] = 0
    dropout: Annotated[float, Doc("dropout of what the layers write"), Ge(0), Lt(1)] = 0.2
    embedding: Annotated[int, Doc("films: features of a frame"), Ge(1), Le(100_000)] = 64
    two_way: Annotated[bool, Doc("also read from the end; such a network cannot stream")] = False

    hidden_size: Annotated[int, Doc("hidden size: units in each layer"), Ge(1), Le(100_000)] = 64
    layers: Annotated[int, Doc("number of layers"), Ge(1), Le(1000)] = 1
    batch_size: Annotated[int, Doc("recordings in a batch"), Ge(1), Le(65536)] = 32
    sequence_length: Annotated[
        int, Doc("most steps of a recording that are read at once in training"), Ge(1), Le(100_000)
    ] = 150
    cell: Annotated[str, Doc("cell, by name (see `statewise list cells`)")] = "gru"

    @property
    def reading(self) -> "MovementReading":
        """How sources are read."""
        from statewise.data.movement.recording import MovementReading

        names = (self.columns,) if isinstance(self.columns, str) else tuple(self.columns)
        return MovementReading(
            self.untimed, self.time_column, self.label_column, self.person, self.recording_column, names, self.channels
        )

    @property
    def preparing(self) -> "MovementPreparing":
        """How recordings are made ready."""
        from statewise.data.movement.movement_preparing import MovementPreparing

        alone = self.held_out_people
        return MovementPreparing(
            self.reading,
            self.layout,
            self.rate,
            self.stack,
            self.subsample,
            self.height,
            not self.color,
            self.gap,
            self.background,
            self.split,
            self.held_out,
            self.validation,
            (alone,) if isinstance(alone, str) else tuple(alone),
        )
