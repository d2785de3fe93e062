"""What may be said of several agents, and which of it an environment refuses."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_doc import Doc
from annotated_types import Ge, Le, Lt

from statewise.errors import UsageError
from statewise.task import Task

if TYPE_CHECKING:
    from statewise.tasks.game.teams.parallel import Agents


@dataclass(frozen=True, kw_only=True)
class TeamTask(Task):
    """A task whose environments may have several agents, which share one policy."""

    if TYPE_CHECKING:  # what a task of games says itself
        source: str
        envs: int
        rollout: int
        workers: int
        vectorized: bool

    self_play: Annotated[
        bool, Doc("of two teams, let both learn by playing each other, and some matches against past selves")
    ] = False
    past_share: Annotated[float, Doc("share of matches that are against a past self"), Ge(0), Lt(1)] = 0.2
    past_selves: Annotated[int, Doc("so many past selves are kept at most"), Ge(1), Le(256)] = 16
    past_every: Annotated[int, Doc("rollouts between two past selves"), Ge(1), Le(10**6)] = 20
    team_spirit: Annotated[
        float, Doc("of several agents, share of each reward that is the mean of the team's"), Ge(0), Le(1)
    ] = 0.0

    def refuse_agents(self, agents: "Agents | None") -> None:
        """Raise `UsageError` where settings do not fit the agents of an environment; None is one alone."""
        from statewise.tasks.game.teams.parallel import two_teams

        if self.self_play:
            two_teams(self.source, agents)
        stepped = "--vectorized" if self.vectorized else f"--workers {self.workers}" if self.workers else None
        if agents and stepped:
            raise UsageError(f"{self.source} has several agents, which are stepped here: leave out {stepped}")
        self._refuse_batches(len(agents.names) if agents else 1)

    def _refuse_batches(self, agents: int) -> None:
        """Raise `UsageError` where batches do not divide the sequences of a rollout, of so many agents in each."""
        sequences = self.rollout // self.sequence_length * self.envs * agents
        if sequences % self.batch_size:
            nearest = max(n for n in range(1, min(sequences, self.batch_size) + 1) if sequences % n == 0)
            several = f" of {agents} agents" if agents > 1 else ""
            raise UsageError(
                f"a rollout has {sequences:,} sequences (--envs {self.envs}{several} times --rollout {self.rollout} / "
                f"--sequence-length {self.sequence_length}), which --batch-size {self.batch_size} does not divide: "
                f"give {nearest}"
            )
