"""Games: a policy with a memory learns by playing an environment, by proximal policy optimization (PPO)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_doc import Doc
from annotated_types import Ge, Gt, Le, Lt

from statewise.bounds import MOST_SEQUENCES, MOST_STEPS
from statewise.data.source_forms import InMemory
from statewise.errors import UsageError
from statewise.inputs import OF_COMMANDS, Inputs
from statewise.task import Answer, Data, Live, Score, Scoring
from statewise.tasks.game.teams.settings import TeamTask

if TYPE_CHECKING:
    from torch import Tensor

    from statewise.heads import Loss
    from statewise.model import Model
    from statewise.stream import Stream
    from statewise.tasks.game.data import GameData
    from statewise.tasks.game.environment import GameCodec
    from statewise.tasks.game.rollout_memory import RolloutSettings
    from statewise.tasks.game.showing import Shown, Theatre

MOST_ENVS, MOST_EPISODES = 10_000, 100_000
LONGEST_SAMPLE = 2000
"Steps of the environments that a sample plays."
OTHERWISE = {"vary": 0.0, "shuffle": 0, "stride": None, "truncate": "window"}
"Settings of training that mean nothing here, as they are where nothing is said."


@dataclass(frozen=True, kw_only=True)
class Game(TeamTask):
    """Learn to play an environment of Gymnasium, with a memory of what was seen before.

    >>> Game(source="CartPole-v1").label
    'CartPole-v1'
    """

    name: ClassVar[str] = "game"
    title: ClassVar[str] = "Learn to play a game, remembering what was seen"
    example: ClassVar[str] = "CartPole-v1"
    page: ClassVar[str] = "game"
    in_memory: ClassVar[InMemory] = InMemory(("function",))

    source: Annotated[
        str,
        Doc(
            "the environment: an id of Gymnasium, as CartPole-v1, or of PettingZoo, as magent2/battle_v4, or a "
            "function that makes one, as module:function"
        ),
    ]
    hide: Annotated[
        tuple[Annotated[int, Ge(0), Le(10**6)], ...],
        Doc("hide this number of an observation, counted from 0, such as a velocity"),
    ] = ()
    envs: Annotated[int, Doc("how many environments are played at once"), Ge(1), Le(MOST_ENVS)] = 16
    rollout: Annotated[
        int, Doc("steps of each environment between two stretches of learning"), Ge(1), Le(MOST_STEPS)
    ] = 128
    workers: Annotated[
        int,
        Doc("processes that step the environments, for those whose steps take long; 0 steps them here"),
        Ge(0),
        Le(256),
    ] = 0
    vectorized: Annotated[
        bool, Doc("step all environments as one, by the vector form that some have: faster, but not resumed exactly")
    ] = False
    steps_total: Annotated[
        float | None, Doc("budget in steps of all environments together, such as 1e6"), Ge(1), Le(1e15)
    ] = None
    longest: Annotated[int, Doc("steps after which an episode is cut, if it has not ended"), Ge(1), Le(10**6)] = 10_000
    passes: Annotated[int, Doc("how many times a rollout is learned from (PPO epochs)"), Ge(1), Le(1000)] = 10
    discount: Annotated[float, Doc("discount of rewards to come (gamma)"), Gt(0), Le(1)] = 0.99
    decay: Annotated[float, Doc("decay of what later surprises count (lambda of GAE)"), Ge(0), Le(1)] = 0.95
    clip_ratio: Annotated[
        float, Doc("how far the odds of an action may change within a rollout, as a share"), Gt(0), Lt(1)
    ] = 0.2
    clip_value_change: Annotated[
        float, Doc("how far the value of a state may change within a rollout; 0 leaves it free"), Ge(0)
    ] = 0.0
    target_kl: Annotated[
        float,
        Doc("leave a rollout once the odds of its actions have changed by so many nats (KL); 0 never does"),
        Ge(0),
    ] = 0.0
    entropy: Annotated[float, Doc("what a nat of entropy is worth in the objective"), Ge(0)] = 0.0
    entropy_last: Annotated[
        float | None, Doc("what it is worth at the end, to which it goes evenly; if not given, the same"), Ge(0)
    ] = None
    value_weight: Annotated[float, Doc("weight of the loss of values"), Ge(0)] = 0.5
    normalize: Annotated[
        Literal["both", "observations", "rewards", "none"],
        Doc("normalize observations by their running mean and deviation, rewards by the deviation of returns"),
    ] = "both"
    deviation: Annotated[float, Doc("of actions that are numbers, the deviation at first"), Gt(0), Le(100)] = 1.0
    noise_correlation: Annotated[
        float,
        Doc("of actions that are numbers, how much of its noise a step keeps from the one before it"),
        Ge(0),
        Lt(1),
    ] = 0.0
    critic: Annotated[
        Literal["shared", "separate"], Doc("let the values come from the same memory as actions, or from their own")
    ] = "shared"
    memory: Annotated[bool, Doc("remember what was seen; without, the cells begin again at every step")] = True
    frames: Annotated[
        int, Doc("without memory: observations that are seen at once, the last so many"), Ge(1), Le(64)
    ] = 1
    compare: Annotated[bool, Doc("also train a policy without memory as long, to be compared with")] = True
    compare_frames: Annotated[
        int,
        Doc("also train one that sees so many last observations, to be compared with; 0 leaves it out"),
        Ge(0),
        Le(64),
    ] = 0
    check_episodes: Annotated[int, Doc("episodes that each check plays"), Ge(1), Le(MOST_EPISODES)] = 20

    cell: Annotated[str, Doc("cell, by name (see `statewise list cells`)")] = "lstm"
    hidden_size: Annotated[int, Doc("hidden size: units in each layer"), Ge(1), Le(65536)] = 64
    batch_size: Annotated[int, Doc("batch size: sequences in a batch"), Ge(1), Le(MOST_SEQUENCES)] = 16
    sequence_length: Annotated[
        int, Doc("sequence length: steps of an environment that are learned from at once"), Ge(1), Le(MOST_STEPS)
    ] = 32
    learning_rate: Annotated[float, Doc("maximum learning rate"), Gt(0)] = 0.0005
    warmup: Annotated[int, Doc("warmup: updates during which the learning rate rises from 0"), Ge(0), Le(10**9)] = 0
    clip: Annotated[float, Doc("gradient clipping: maximum norm; 0 turns it off"), Ge(0)] = 0.5
    sample_seconds: Annotated[float, Doc("seconds between two samples; 0 turns them off"), Ge(0)] = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        budgets = {f"--{name}": getattr(self, name) for name in ("minutes", "epochs", "updates")}
        other = next((f"{flag} {value:g}" for flag, value in budgets.items() if value is not None), None)
        if self.steps_total is not None and other:
            raise UsageError(f"--steps-total {self.steps_total:g} and {other} contradict each other: give one of them")
        for name, otherwise in OTHERWISE.items():
            if getattr(self, name) != otherwise:
                raise UsageError(f"--{name} is not for games, whose sequences are cut from rollouts: leave it out")
        if self.vectorized and self.workers:
            raise UsageError(f"--vectorized steps as one, and --workers {self.workers} in processes: give one of them")
        self._refuse_uneven()
        if self.frames > 1 and self.memory:
            raise UsageError(f"--frames {self.frames} is for a policy without memory: give --no-memory, too")

    def _refuse_uneven(self) -> None:
        if self.rollout % self.sequence_length:
            raise UsageError(
                f"--rollout {self.rollout} is not a multiple of --sequence-length {self.sequence_length}: "
                "give one that is"
            )

    @property
    def label(self) -> str:
        """The last part of the environment's name."""
        return self.source.replace(":", "/").rsplit("/", 1)[-1] or self.name

    @property
    def is_timed(self) -> bool:
        """Whether the budget is one of time."""
        return self.steps_total is None and self.updates is None and self.epochs is None

    @property
    def rollout_settings(self) -> "RolloutSettings":
        """How rollouts are played and learned from."""
        from statewise.tasks.game.rollout_memory import RolloutSettings

        normalizes = (self.normalize in ("both", "observations"), self.normalize in ("both", "rewards"))
        lengths = (self.rollout, self.sequence_length, self.batch_size, self.passes)
        return RolloutSettings(*lengths, self.discount, self.decay, *normalizes, self.noise_correlation, self.target_kl)

    def fraction(self, update: int, epoch_updates: int, seconds: float) -> float:
        """Return how much of the training is done; `epoch_updates` learn from one rollout."""
        if self.steps_total is None:
            return super().fraction(update, epoch_updates, seconds)
        rollouts = -(-int(self.steps_total) // (self.envs * self.rollout))
        return min(1.0, update / (rollouts * epoch_updates))

    def prepare(self, cache: Path) -> "GameData":
        """Look at the environment: what it shows, and what it takes."""
        from statewise.tasks.game.data import GameData
        from statewise.tasks.game.environment import examine

        found = examine(self.source, self.hide)
        self.refuse_agents(found.agents)
        return GameData(self, found.codec, cache, found.told, found.agents, found.is_scripted)

    def codec(self, written: Mapping[str, Any]) -> "GameCodec":
        """Return what is seen and done in a run."""
        from statewise.tasks.game.environment import GameCodec

        return GameCodec.read(written)

    def model(self, codec: "GameCodec") -> "Model[Any]":
        """Return an untrained policy: sight, cells, and actor and critic."""
        from statewise.tasks.game.network import PolicySettings, policy_network

        sizes = (self.cell, self.hidden_size, self.layers, self.critic)
        clips = (self.clip_ratio, self.clip_value_change)
        return policy_network(
            codec.observed, codec.actions, PolicySettings(*sizes, *clips, self.deviation, self.memory, self.frames)
        )

    def weighed(self, name: str, term: "Tensor", update: int, fraction: float) -> "Tensor":
        """Weigh the loss of values and the entropy; what is only watched counts nothing."""
        from statewise.tasks.game.policy import ENTROPY, VALUE

        last = self.entropy if self.entropy_last is None else self.entropy_last
        weights = {VALUE: self.value_weight, ENTROPY: -(self.entropy + (last - self.entropy) * fraction)}
        return term * weights.get(name, 0.0)

    def metrics(self, loss: "Loss") -> dict[str, float]:
        """Return the mean loss of actions."""
        return {"policy_loss": float(loss.mean)}

    def gauge(self, nats: float) -> str:
        """Return the loss of the policy, which says little; checks and samples tell the return."""
        return f"{nats:+.4f} policy loss"

    def size(self, facts: Mapping[str, Any]) -> str:
        """Say what is seen and done, and in how many environments."""
        several = f", {facts['agents']}" if "agents" in facts else ""
        return f"{facts['observation']} to {facts['actions']}, {facts['training']:,} environments at once{several}"

    def score(  # type: ignore[override]  # its settings are its own
        self,
        model: "Model[Any]",
        data: Data,
        *,
        episodes: Annotated[int | None, Doc("how many episodes to play [default: 100]")] = None,
        sampled: Annotated[bool, Doc("draw actions by their odds, instead of taking the likeliest")] = False,
    ) -> Scoring:
        """Play episodes of fixed seeds, and again with the memory erased before every step."""
        from statewise.tasks.game.scoring import scored

        return (yield from scored(model, data, self._count(episodes), is_sampled=sampled))

    @staticmethod
    def _count(episodes: int | None) -> int | None:
        from statewise.bounds import check_whole

        if episodes is not None:
            check_whole("--episodes", episodes, 1, MOST_EPISODES)
        return episodes

    def remarks(self, score: Score, data: Data) -> Sequence[str]:
        """Say how it was scored, whether the best baseline is beaten beyond doubt, and what the memory is worth."""
        from statewise.tasks.game.scoring import said_of

        return said_of(score, data)

    def sample(self, model: "Model[Any]", codec: "GameCodec") -> str:
        """Return how the likeliest actions do in a few episodes, always the same ones."""
        from statewise.tasks.game.scoring import sample_of

        return sample_of(model, codec, self.source, self.longest, LONGEST_SAMPLE)

    def stream(self, model: "Model[Any]", codec: "GameCodec") -> "Stream[Any]":
        """Return a stream that reads observations."""
        from statewise.stream import Stream
        from statewise.tasks.game.live import encoder_of

        return Stream(model, encode=encoder_of(codec))

    def inputs(self, codec: "GameCodec") -> Inputs:
        """Return what a step reads: an observation."""
        from statewise.tasks.game.live import inputs_of

        return inputs_of(codec)

    def predict(
        self,
        model: "Model[Any]",
        codec: "GameCodec",
        *,
        episodes: Annotated[int, Doc("how many episodes to play")] = 1,
        seed: Annotated[int, Doc("seed of the first episode; the others follow from it")] = 0,
        sampled: Annotated[bool, Doc("draw actions by their odds, instead of taking the likeliest")] = False,
        erased: Annotated[bool, Doc("empty the memory before every step")] = False,
        every_step: Annotated[bool, Doc("also tell what was seen and done at every step, in JSON")] = False,
        against: Annotated[
            Literal["itself", "random", "scripted"], Doc("of two teams: the one that the other team is played by")
        ] = "itself",
    ) -> "Iterator[Shown]":
        """Play episodes, and yield what each returned; with `every_step` also what was seen, done and paid."""
        theatre = self._theatre(codec)
        if every_step:
            from statewise.tasks.game.showing import mode_to_watch

            theatre = replace(theatre, mode=mode_to_watch(self.source), watch=True)
        return theatre.shows(*self._cast(model, episodes, seed, is_sampled=sampled, is_erased=erased, against=against))

    def _theatre(self, codec: "GameCodec", mode: str | None = None) -> "Theatre":
        from statewise.tasks.game.showing import Theatre

        return Theatre(self.source, codec, self.longest, mode)

    def _cast(
        self, model: "Model[Any]", episodes: int, seed: int, *, against: str, **how: bool
    ) -> tuple[Any, list[int], str]:
        from statewise.bounds import LARGEST_SEED, check_whole
        from statewise.tasks.game.playing import SHOWN, PolicyPlayer
        from statewise.tasks.game.seats import episode_seed

        self._count(episodes)
        check_whole("--seed", seed, 0, LARGEST_SEED)
        seeds = [episode_seed(SHOWN, seed, number) for number in range(episodes)]
        return PolicyPlayer(model.eval(), **how), seeds, against

    def answer(
        self,
        model: "Model[Any]",
        codec: "GameCodec",
        *,
        watch: Annotated[
            bool, Doc("show each step as characters, where the environment has them"), OF_COMMANDS
        ] = False,
        video: Annotated[str | None, Doc("also write what was seen to this film, as .gif or .mp4"), OF_COMMANDS] = None,
        episodes: int = 1,
        seed: int = 0,
        sampled: bool = False,
        erased: bool = False,
        every_step: bool = False,
        against: str = "itself",
    ) -> Answer:
        """Return a line for each episode, and the steps before it or a film, where asked."""
        from statewise.tasks.game.showing import answer_of

        if watch and video is not None:
            raise UsageError("--watch and --video are shown in two ways: give one of them")
        cast = {"episodes": episodes, "seed": seed, "sampled": sampled, "erased": erased, "against": against}
        if every_step and not watch and video is None:
            return super().answer(model, codec, **cast, every_step=True)
        theatre = self._theatre(codec, "ansi" if watch else "rgb_array" if video is not None else None)
        how: dict[str, Any] = {"is_sampled": sampled, "is_erased": erased, "against": against}
        return answer_of(theatre, video, lambda: theatre.shows(*self._cast(model, episodes, seed, **how)))

    def live(
        self,
        model: "Model[Any]",
        codec: "GameCodec",
        saved: bytes | None = None,
        *,
        sampled: Annotated[bool, Doc("draw actions by their odds, instead of taking the likeliest")] = False,
    ) -> Live:
        """Begin to answer observations by actions, or go on from there."""
        import torch

        from statewise.stream import Stream
        from statewise.tasks.game.live import GameUnderWay

        stream: Stream[Any] = Stream(model) if saved is None else Stream.open(model, saved)
        return GameUnderWay(stream, codec, torch.Generator() if sampled else None)
