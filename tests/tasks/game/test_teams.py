"""Environments of several agents: each has a seat and a memory, some leave early, and what does not fit is named."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces

import statewise
from statewise.errors import DataError, MissingExtra, StatewiseError, TrainingError, UsageError
from statewise.learning.learner import Learner
from statewise.model import evaluating
from statewise.tasks.game.collecting import Playing
from statewise.tasks.game.policy import Played, as_policy
from statewise.tasks.game.task import Game
from statewise.tasks.game.teams.matches import Matches

pytest.importorskip("pettingzoo")

SMALL: dict[str, Any] = {
    "envs": 6,
    "rollout": 28,
    "sequence_length": 7,
    "batch_size": 8,
    "hidden_size": 5,
    "passes": 2,
    "threads": 1,
    "updates": 99,
    "sample_seconds": 0,
    "compare": False,
}
SELF: dict[str, Any] = {"self_play": True, "past_every": 1, "past_share": 0.5, "past_selves": 3}


def learner_of(source: str, folder: Path, **how: Any) -> Learner:
    task = Game(source=f"made_teams:{source}", **{**SMALL, **how})
    data = task.prepare(folder)
    torch.manual_seed(0)
    return Learner(task.model(data.codec), data.windows("training"), task)


def learn_all(learner: Learner, rollouts: int = 1) -> None:
    for _ in range(rollouts * len(learner.windows)):
        learner.update()


def rollout_of(learner: Learner) -> dict[str, torch.Tensor]:
    _ = learner.order[learner.window_number]
    assert learner.rollouts is not None
    return learner.rollouts.rollout


def seats_of(learner: Learner) -> Any:
    playing = learner.windows
    assert isinstance(playing, Playing)
    return playing.seats


@pytest.mark.parametrize(
    ("source", "how"),
    [
        ("Strike", {}),
        ("Strike", {"cell": "gru", "critic": "separate", **SELF}),
        ("Together", {"team_spirit": 0.3}),
        ("Legal", {**SELF, "memory": False}),
        ("Legal", {**SELF, "memory": False, "frames": 3}),
    ],
)
def test_of_every_agent_the_ratios_are_one_before_a_rollout_is_learned_from(
    source: str, how: dict[str, Any], tmp_path: Path
) -> None:
    learner = learner_of(source, tmp_path, layers=2, learning_rate=0.01, **how)
    left = 0
    for _ in range(3):
        window = learner.order[learner.window_number]
        with torch.no_grad():
            params, _ = learner.model.scan(window, None)
        targets = window.targets
        assert isinstance(targets, Played)
        likely = as_policy(learner.model).log_probability(params, targets.actions)
        real = torch.ones_like(likely, dtype=torch.bool) if window.mask is None else window.mask
        assert float((likely - targets.log_probabilities)[real].abs().max()) < 2e-5
        assert float((params.value - targets.values)[real].abs().max()) < 2e-5
        left += int((~real).sum())
        learn_all(learner)
    assert left, "some agents have left, or were played by past selves"


def test_an_agent_that_left_is_not_learned_from_until_the_next_match(tmp_path: Path) -> None:
    learner = learner_of("Strike", tmp_path, normalize="none")
    rollout = rollout_of(learner)
    real, begun = rollout["real"], rollout["begun"]
    assert bool(real[:4].all()), "none can leave before the fourth step"
    early = ~real[4]
    assert 0 < int(early.sum()) <= 12
    assert bool((real[5] == real[4]).all())
    assert bool(real[6].all()), "all are there in the next match"
    assert bool(begun[6].all())
    assert bool((rollout["returns"][3][early] == 1).logical_or(rollout["returns"][3][early] == -1).all())
    assert float(rollout["advantages"][real].mean()) == pytest.approx(0, abs=1e-5)


def test_each_agent_has_a_memory_of_its_own(tmp_path: Path) -> None:
    learner = learner_of("Together", tmp_path, normalize="none")
    rollout = rollout_of(learner)
    with torch.no_grad(), evaluating(learner.model):
        for row in (1, 2, 7):
            state = learner.model.begin(1)
            for step in range(int(rollout["real"][:6, row].sum())):
                params, state = learner.model.step(rollout["inputs"][step, row : row + 1], state)
                assert float(params.value) == pytest.approx(float(rollout["values"][step, row]), abs=1e-5)


def test_of_a_team_the_share_of_spirit_is_the_mean_of_its_rewards(tmp_path: Path) -> None:
    given = {}
    for spirit in (0.0, 0.25, 1.0):
        seats = seats_of(learner_of("Strike", tmp_path, team_spirit=spirit))
        seats.reset(range(24))
        for _ in range(4):
            stepped = seats.step(np.zeros(24, np.int64), range(24))
        given[spirit] = stepped.rewards.reshape(6, 2, 2).copy()
    mean = given[0.0].mean(axis=2, keepdims=True)
    np.testing.assert_allclose(given[0.25], 0.75 * given[0.0] + 0.25 * mean)
    np.testing.assert_allclose(given[1.0], np.broadcast_to(mean, given[0.0].shape))


@pytest.mark.parametrize(
    ("source", "how"),
    [("Strike", {}), ("Strike", SELF), ("Legal", {**SELF, "cell": "gru"}), ("Together", {"normalize": "none"})],
)
def test_matches_are_brought_back_to_where_they_were(source: str, how: dict[str, Any], tmp_path: Path) -> None:
    one, other = (learner_of(source, tmp_path, rollout=21, batch_size=6, **how) for _ in range(2))
    learn_all(one, 3)
    one.update()
    other.restore(one.snapshot())
    assert one.snapshot() == other.snapshot()
    for _ in range(3 * len(one.windows)):
        assert one.update().nats == other.update().nats
    ours, theirs = one.snapshot(), other.snapshot()
    assert all(ours[name] == theirs[name] for name in ours if name != "place.json")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("Failing", r"Failing failed at step 2 of the match of seed \d+: RuntimeError: the arena is on fire"),
        ("Leaving", r"Leaving failed at step 2 of the match of seed \d+: SystemExit: 0"),
        ("Unlisted", "has no list `agents` of those that act"),
        ("Vanishing", "took agent red_1 out, whose episode it had not ended, at step 2"),
    ],
)
def test_a_broken_match_is_named_with_the_step_and_the_agent(source: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=words) as refused:
        rollout_of(learner_of(source, tmp_path))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("source", "how", "words"),
    [
        ("Unlike", {}, r"agent blue_1 does Discrete\(3\) and red_0 Discrete\(2\), and all agents share one policy"),
        ("InTurns", {}, "lets agents take turns, which PettingZoo cannot make parallel"),
        ("Together", {"self_play": True}, "has 4 one, and self_play is for two teams"),
        ("Strike", {"workers": 2}, "has several agents, which are stepped here: leave out workers 2"),
        ("Strike", {"batch_size": 36}, r"envs 6 of 4 agents times .* does not divide: give 32"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(source: str, how: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words) as refused:
        learner_of(source, tmp_path, **how)
    assert "\n" not in str(refused.value)


def test_one_agent_has_no_team_to_play(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has one agent"):
        Game(source="CartPole-v1", self_play=True).prepare(tmp_path)


@pytest.mark.parametrize("name", ["mpe2/simple_spread_v3", "magent2/battle_v4", "mpe2/simple_spreed_v3"])
def test_ids_of_packages_are_found_or_what_they_need_is_said(name: str, tmp_path: Path) -> None:
    try:
        facts = Game(source=name).prepare(tmp_path).facts
    except (MissingExtra, UsageError) as refused:
        said = str(refused)
        assert f"pip install {name.partition('/')[0]}" in said or "did you mean 'mpe2/simple_spread_v3'" in said
    else:
        assert facts["agents"] in ("3 agent", "81 red against 81 blue")


class Tuples(gymnasium.Env[Any, Any]):
    """Two agents in tuples, as some environments of Gymnasium have them."""

    observation_space = spaces.Tuple([spaces.Box(-1, 1, (2,), np.float32)] * 2)
    action_space = spaces.Tuple([spaces.Discrete(3)] * 2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.at = 0
        return (np.zeros(2, np.float32), np.ones(2, np.float32)), {}

    def step(self, actions: Any) -> Any:
        self.at += 1
        seen = (np.zeros(2, np.float32), np.ones(2, np.float32))
        return seen, [float(action == 2) for action in actions], self.at == 4, False, {}


def tuples() -> Tuples:
    return Tuples()


def test_agents_in_tuples_are_taken_apart(tmp_path: Path) -> None:
    import made_teams

    made_teams.tuples = tuples  # type: ignore[attr-defined]
    seats = Game(source="made_teams:tuples").prepare(tmp_path).seats(2)
    assert isinstance(seats, Matches)
    assert seats.reset([1, 1, 2, 2]).tolist() == [[0, 0], [1, 1]] * 2
    stepped = seats.step(np.array([2, 0, 1, 2]), [3] * 4)
    assert stepped.rewards.tolist() == [1, 0, 0, 1]
    for _ in range(3):
        stepped = seats.step(np.array([2, 0, 1, 2]), [3] * 4)
    assert stepped.terminated.all()


def test_a_team_is_trained_scored_and_shown_match_by_match(tmp_path: Path) -> None:
    how: dict[str, Any] = {**SMALL, "hidden_size": 8, "updates": 12, "checks": 1, "self_play": True}
    run = statewise.train(Game(source="made_teams:Strike", **how), run=tmp_path / "run")
    report = statewise.evaluate(tmp_path / "run", episodes=7)
    assert 0 <= report.metrics["wins_low"] <= report.metrics["wins"] <= report.metrics["wins_high"] <= 1
    assert set(report.baselines) == {"random", "scripted"}
    assert set(report.tables) == {"What the memory is worth", "Matches, by opponent"}
    assert "against the scripted team" in report.remarks[1]
    assert statewise.evaluate(tmp_path / "run", episodes=7).metrics == report.metrics
    model = run.load()
    for against in ("itself", "random", "scripted"):
        (shown,) = model.predict(against=against)
        assert {team for team, _ in shown.teams} == {"red", "blue"}
        assert str(shown).startswith("match 1: red ")
    (shown,) = model.predict(every_step=True, seed=3)
    told = shown.as_json()["told"]
    assert set(told[0]["action"]) == {"red_0", "red_1", "blue_0", "blue_1"}
    assert [step["text"] for step in told] == [f"step {at}" for at in range(7)]
    assert told[-1]["action"] is None
    answer = model.answer(watch=True)
    assert "".join(answer.pieces).splitlines()[:2] == ["step 0", "step 1"]


def test_what_is_against_whom_is_refused_where_it_cannot_be(tmp_path: Path) -> None:
    how: dict[str, Any] = {**SMALL, "updates": 1}
    run = statewise.train(Game(source="made_teams:Together", **how), run=tmp_path / "run")
    with pytest.raises(StatewiseError, match="against random is for two teams"):
        list(run.load().predict(against="random"))


def test_an_environment_that_says_nothing_next_to_what_is_seen_is_played(tmp_path: Path) -> None:
    learner = learner_of("Silent", tmp_path)
    learn_all(learner)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("Twins", "has several agents of one name"),
        ("Teamless", "has no team for agent blue_1 in its table `teams`"),
        ("Spaceless", "cannot be looked at: NotImplementedError: not yet: mend the environment"),
    ],
)
def test_one_that_cannot_be_looked_at_is_refused_in_a_line(source: str, words: str, tmp_path: Path) -> None:
    with pytest.raises((UsageError, DataError), match=words):
        Game(source=f"made_teams:{source}").prepare(tmp_path)
