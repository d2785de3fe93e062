"""One player's team against another's: matches of fixed seeds, with sides that change from match to match."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statewise.errors import DataError
from statewise.tasks.game.playing import Player
from statewise.tasks.game.seats import Flags
from statewise.tasks.game.spaces import Actions, Numbers, ObservationSpace
from statewise.tasks.game.teams.matches import Matches

SCRIPTED = "scripted"
"The method of an environment that says what a scripted agent does."
AT_ONCE = 24
"So many matches are played at once: an even number, so that each player has each side as often."


def sides_of(matches: Matches) -> NDArray[np.int64]:
    """Return for each row whether the first player has it, 0, or the second, 1: in every other match sides change."""
    sides: NDArray[np.int64] = (matches.team_of[None, :] + np.arange(matches.matches)[:, None]) % 2
    return sides.reshape(-1)


@dataclass
class TwoPlayers(Player):
    """Plays some rows by one player, and the others by another."""

    one: Player
    other: Player
    sides: NDArray[np.int64]

    def begin(self, rows: int) -> None:
        """Let both begin, each for its rows."""
        self.parts = [
            (player, np.flatnonzero(self.sides == side)) for side, player in enumerate((self.one, self.other))
        ]
        for player, own in self.parts:
            player.begin(len(own))

    def act(self, seen: Numbers, begun: Flags, draws: Sequence[np.random.Generator]) -> NDArray[Any]:
        """Ask both."""
        acted = [
            (own, player.act(seen[own], begun[own], [draws[at] for at in own.tolist()])) for player, own in self.parts
        ]
        (_, first), _ = acted
        chosen = np.empty((len(seen), *first.shape[1:]), first.dtype)
        for own, actions in acted:
            chosen[own] = actions
        return chosen


@dataclass
class ScriptedPlayer(Player):
    """Does what an environment's own script says: `scripted(observation, draw)`, of an agent's observation alone.

    Baseline: `scripted`.
    """

    script: Callable[[Any, np.random.Generator], Any]
    observed: ObservationSpace
    actions: Actions

    def begin(self, rows: int) -> None:
        """There is nothing to forget."""

    def act(self, seen: Numbers, begun: Flags, draws: Sequence[np.random.Generator]) -> NDArray[Any]:
        """Ask the script for each row."""
        shape = self.observed.parts[0].shape
        first, count = self.actions.first[0], self.actions.choices[0]
        chosen = np.array([int(self.script(row.reshape(shape), draw)) for row, draw in zip(seen, draws, strict=True)])
        if ((chosen < first) | (chosen >= first + count)).any():
            raise DataError(f"a scripted agent chose {chosen.max()}, where there are {count} actions: mend the script")
        return chosen - first


def scripted_player(env: Any, observed: ObservationSpace, actions: Actions) -> ScriptedPlayer | None:
    """Return the player that an environment's script is; None where there is none, or where it could not see all."""
    script = getattr(env, SCRIPTED, None)
    if not callable(script) or not observed.is_plain or observed.hidden or not actions.is_single:
        return None
    return ScriptedPlayer(script, observed, actions)
