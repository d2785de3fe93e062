"""The network of a policy: sight, cells, and a head of actor and critic."""

from dataclasses import dataclass
from typing import Any, Literal

from statewise.cells.ensemble import Ensemble
from statewise.cells.last_inputs import Frames
from statewise.cells.memoryless import Memoryless
from statewise.cells.passing import Passing
from statewise.model import Model
from statewise.task import stacked_core
from statewise.tasks.game.policy import Policy, PolicyParams
from statewise.tasks.game.sight import Sight
from statewise.tasks.game.spaces import Actions, ObservationSpace


@dataclass(frozen=True)
class PolicySettings:
    """How a policy is built, and by what it learns."""

    cell: str
    hidden_size: int
    layers: int
    critic: Literal["shared", "separate"] = "shared"
    clip_ratio: float = 0.2
    clip_value: float = 0.0
    first_deviation: float = 1.0
    remembers: bool = True
    frames: int = 1


def policy_network(observed: ObservationSpace, actions: Actions, how: PolicySettings) -> Model[PolicyParams]:
    """Return an untrained policy for what is observed and done.

    A critic of its own has cells as large as the actor's next to them. One that does not remember begins again at every
    step, and has as many weights; or it is given the last `frames` observations at once, side by side.
    """
    sight = Sight(observed, how.hidden_size)
    cores = [
        stacked_core(how.cell, how.frames * sight.features, how.hidden_size, how.layers)
        for _ in range(2 if how.critic == "separate" else 1)
    ]
    core: Any = cores[0] if len(cores) == 1 else Ensemble(cores)
    if not how.remembers:
        core = Frames(core, how.frames) if how.frames > 1 else Memoryless(core)
    core = Passing(core, observed.legal) if observed.legal else core
    head = Policy(
        core.units,
        actions.choices,
        actions.width if actions.is_continuous else 0,
        is_single=actions.is_single,
        legal=observed.legal,
        apart=how.critic == "separate",
        width=how.hidden_size,
        clip_ratio=how.clip_ratio,
        clip_value=how.clip_value,
        first_deviation=how.first_deviation,
    )
    return Model(sight, core, head)
