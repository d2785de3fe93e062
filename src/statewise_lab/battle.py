"""A battle of two small teams in MAgent2, each of whose fighters sees only its surroundings, with a script to beat.

    statewise train game statewise_lab.battle:six_against_six --self-play

Needs `pip install magent2`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from statewise.errors import MissingExtra

MAP_SIZE, EACH, LONGEST, SIGHT = 20, 6, 120, 4
WALLS, OURS, THEIRS = 0, 1, 3
"Places of an observation `[9, 9, 5]` that say where walls are, where the own team is, and where the other is."
OF_MAGENT = 6
"How far MAgent2 lets a fighter see; it is cut to `SIGHT`, so that most of the map is hidden."
STEPS = (
    (-2, 0), (-1, -1), (-1, 0), (-1, 1), (0, -2), (0, -1), (0, 0), (0, 1), (0, 2), (1, -1), (1, 0), (1, 1), (2, 0),
)  # fmt: skip
"Where each of the first actions goes, by rows and columns of what is seen; two at once only along an axis."
BLOWS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))
"Where each of the other actions strikes."


def six_against_six(render_mode: str | None = None) -> Any:
    """Return a battle of six against six on a map of 20 x 20, of which each fighter sees the 9 x 9 around it.

    Each team begins anywhere in its third of the map, by the seed. To strike an opponent pays 0.2, to kill one 5; a
    step costs 0.005, to be killed 0.1, and a blow 0.01: with the 0.1 of MAgent2 fighters first learn never to strike. A
    match is cut after 120 steps.
    """
    try:
        from gymnasium import spaces
        from magent2.environments.battle import battle
    except ImportError:
        raise MissingExtra("the battle needs MAgent2: pip install magent2") from None

    class Skirmish(battle._parallel_env):  # type: ignore[misc, unused-ignore]
        """The battle of MAgent2 with few fighters, which begin in places that are drawn."""

        def reset(self, seed: int | None = None, return_info: bool = False, options: Any = None) -> Any:
            """Begin a match, whose places depend on the seed."""
            self.drawn = np.random.default_rng(seed)
            return super().reset(seed, return_info, options)

        def _compute_observations(self) -> Any:
            """Return what all see, cut to what is near."""
            near = slice(OF_MAGENT - SIGHT, OF_MAGENT + SIGHT + 1)
            return {agent: seen[near, near] for agent, seen in super()._compute_observations().items()}

        def observation_space(self, agent: str) -> Any:
            """Return the space of what is near."""
            return spaces.Box(0.0, 2.0, (2 * SIGHT + 1, 2 * SIGHT + 1, 5), np.float32)

        def generate_map(self) -> None:
            """Place both teams."""
            drawn = getattr(self, "drawn", np.random.default_rng(0))
            third = (MAP_SIZE - 2) // 3
            for handle, first in zip(self.handles, (1, MAP_SIZE - 1 - third), strict=True):
                places = drawn.choice(third * (MAP_SIZE - 2), EACH, replace=False)
                pos = [[first + int(at) % third, 1 + int(at) // third, 0] for at in places]
                self.env.add_agents(handle, method="custom", pos=pos)

        scripted = staticmethod(attack_nearest)

    rewards = {"step_reward": -0.005, "dead_penalty": -0.1, "attack_penalty": -0.01, "attack_opponent_reward": 0.2}
    how = {"minimap_mode": False, "extra_features": False, "render_mode": render_mode}
    return Skirmish(map_size=MAP_SIZE, reward_args=rewards, max_cycles=LONGEST, **how)


def attack_nearest(observation: NDArray[np.float32], draw: np.random.Generator) -> int:
    """Return what a fighter does that strikes an opponent next to it, goes to the nearest it sees, or else anywhere.

    >>> seen = np.zeros((9, 9, 5), np.float32)
    >>> seen[3, 4, THEIRS] = 1
    >>> attack_nearest(seen, np.random.default_rng(0)) == len(STEPS) + BLOWS.index((-1, 0))
    True
    """
    rows, columns = np.nonzero(observation[:, :, THEIRS])
    if not len(rows):
        return int(draw.integers(len(STEPS)))
    away = np.stack([rows, columns], axis=1) - SIGHT
    nearest = away[np.lexsort((draw.random(len(away)), np.abs(away).max(axis=1)))[0]]
    if np.abs(nearest).max() == 1:
        return len(STEPS) + BLOWS.index((int(nearest[0]), int(nearest[1])))
    blocked: NDArray[np.bool_] = np.any(observation[:, :, [WALLS, OURS, THEIRS]], axis=2)
    free = [at for at, (row, column) in enumerate(STEPS) if not blocked[SIGHT + row, SIGHT + column]]
    left = [np.abs(nearest - STEPS[at]).max() + 0.1 * np.abs(nearest - STEPS[at]).sum() for at in free]
    return int(free[int(np.argmin(left))]) if free else STEPS.index((0, 0))
