"""How recordings are made ready: the settings that samples, labels and parts depend on."""

from dataclasses import dataclass, field
from typing import final

from statewise.data.movement.landmark_layouts import Layout
from statewise.data.movement.movement_split import MovementSplit
from statewise.data.movement.recording import MovementReading


@final
@dataclass(frozen=True)
class MovementPreparing:
    """How recordings are made ready: the settings that samples, labels and parts depend on."""

    reading: MovementReading = field(default_factory=MovementReading)
    layout: Layout = "auto"
    rate: float | None = None
    stack: int | None = None
    stride: int | None = None
    size: int = 32
    grey: bool = True
    gap: float = 0.5
    background: str | None = None
    split: MovementSplit = "person"
    held_out: float = 0.2
    validation: float = 0.1
    held_out_people: tuple[str, ...] = ()
