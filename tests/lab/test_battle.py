"""The battle: six against six who see what is near, in places that the seed draws, and a script that attacks."""

from typing import Any

import numpy as np
import pytest

from statewise_lab.battle import BLOWS, STEPS, THEIRS, attack_nearest, six_against_six

pytest.importorskip("magent2")


def test_a_match_begins_by_its_seed_and_shows_what_is_near() -> None:
    env = six_against_six()
    seen, other, again = ({**env.reset(seed=seed)[0]} for seed in (1, 2, 1))
    assert [*seen] == [f"{team}_{n}" for team in ("red", "blue") for n in range(6)]
    for agent, own in seen.items():
        assert env.observation_space(agent).contains(own)
        assert own.shape == (9, 9, 5)
        assert own[4, 4, 1] == 1, "a fighter is in the middle of what it sees"
        np.testing.assert_array_equal(own, again[agent])
    assert any((seen[agent] != other[agent]).any() for agent in seen)


def test_the_script_kills_a_team_that_acts_at_random() -> None:
    env, draw = six_against_six(), np.random.default_rng(0)
    got = dict.fromkeys(("red", "blue"), 0.0)
    for seed in range(2):
        seen, _ = env.reset(seed=seed)
        while env.agents:
            acts: dict[str, Any] = {
                agent: attack_nearest(own, draw) if agent.startswith("red") else int(draw.integers(21))
                for agent, own in seen.items()
                if agent in env.agents
            }
            seen, rewards, *_ = env.step(acts)
            for agent, reward in rewards.items():
                got[agent.partition("_")[0]] += reward
    assert got["red"] > 2 * 5 * 5, "at least five of six are killed"
    assert got["blue"] < 0


@pytest.mark.parametrize("blow", range(8))
def test_the_script_strikes_what_is_next_to_it(blow: int) -> None:
    seen = np.zeros((9, 9, 5), np.float32)
    row, column = BLOWS[blow]
    seen[4 + row, 4 + column, THEIRS] = 1
    assert attack_nearest(seen, np.random.default_rng(0)) == len(STEPS) + blow


def test_the_script_goes_to_what_is_far_and_wanders_where_nothing_is_seen() -> None:
    seen = np.zeros((9, 9, 5), np.float32)
    draw = np.random.default_rng(0)
    assert len({attack_nearest(seen, draw) for _ in range(100)}) > 5
    seen[4, 8, THEIRS] = 1
    assert STEPS[attack_nearest(seen, draw)] == (0, 2)
