"""Environments that are broken, odd or unknown: one line says which and what to do."""

import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import statewise
from statewise.cli.main import run as command
from statewise.errors import DataError, MissingExtra, RunError, StatewiseError, TrainingError, UsageError
from statewise.tasks.game.making import maker_of
from statewise.tasks.game.seats import Seats
from statewise.tasks.game.spaces import actions_of, observations_of, spaces_as_json, spaces_from_json, without
from statewise.tasks.game.task import Game

SMALL: dict[str, Any] = {
    "envs": 3,
    "rollout": 12,
    "sequence_length": 6,
    "batch_size": 2,
    "hidden_size": 4,
    "passes": 1,
    "threads": 1,
    "updates": 6,
    "sample_seconds": 0,
    "compare": False,
}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("raising", r"raising failed at step 3 of the episode of seed \d+: RuntimeError: the motor is broken"),
        ("nan_reward", r"gave a reward of nan at step 3"),
        ("worded_reward", r"gave the reward 'much' at step 3"),
        ("nan_observation", r"gave an observation that is not finite at step 3"),
        ("other_shape", r"gave an observation of shape \[3\], where \[2\] was declared at step 3"),
        ("NothingLegal", r"allows no action at all at step 3"),
    ],
)
def test_a_broken_environment_is_named_with_the_step(source: str, words: str, tmp_path: Path) -> None:
    seats = Game(source=f"made_games:{source}", **SMALL).prepare(tmp_path).seats(2)
    seats.reset([1, 2])
    with pytest.raises(TrainingError, match=words):
        play_five_steps(seats)


def play_five_steps(seats: Seats) -> None:
    for _ in range(5):
        legal = seats.observations[:, 2:]
        seats.step(legal.argmax(axis=1) if legal.size else np.zeros(2, np.int64), [3, 4])


def test_a_training_in_a_broken_environment_leaves_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in SMALL.items() if name != "compare"]
    assert command(["train", "game", "made_games:raising", *flags, "--no-compare", "--quiet"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "the motor is broken" in line


@pytest.mark.parametrize("source", ["Endless", "Short"])
def test_an_environment_that_never_ends_or_ends_at_once_is_trained_in(source: str, tmp_path: Path) -> None:
    run = statewise.train(Game(source=f"made_games:{source}", longest=9, **SMALL), run=tmp_path / "run")
    assert run.metrics["steps"] == run.metrics["return"] == (9 if source == "Endless" else 1)


@pytest.mark.parametrize(
    ("source", "words", "kind"),
    [
        ("CartPole-v9", "did you mean 'CartPole-v1'", UsageError),
        ("Cartpol-v1", "did you mean 'CartPole-v1'", UsageError),
        ("nothing at all", "give an id of Gymnasium, or module:function", UsageError),
        ("no_such_module:make", "there is no module no_such_module", UsageError),
        ("made_games:nothing", "has no function nothing", UsageError),
        ("made_games:SEEN", "has no function SEEN", UsageError),
        ("os:abort", "has no function abort", UsageError),
        ("made_games:no_environment", "returns a int", UsageError),
        ("made_games:Wordy", "observations of a Text are not read", UsageError),
    ],
)
def test_what_is_no_environment_is_refused_with_the_nearest(
    source: str, words: str, kind: type[StatewiseError], tmp_path: Path
) -> None:
    with pytest.raises(kind, match=words) as refused:
        Game(source=source).prepare(tmp_path)
    assert "\n" not in str(refused.value)


def test_a_missing_package_is_named_with_the_line_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "popgym", None)
    with pytest.raises(MissingExtra, match="popgym-RepeatFirstEasy-v0 needs popgym: pip install popgym"):
        Game(source="popgym-RepeatFirstEasy-v0").prepare(tmp_path)
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(MissingExtra, match=r"pip install 'statewise\[game\]'"):
        Game(source="CartPole-v1").prepare(tmp_path)


def test_a_function_is_found_in_the_folder_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "folder_of_mine.py").write_text(
        "import gymnasium\ndef make():\n    return gymnasium.make('CartPole-v1')\n"
    )
    assert maker_of("folder_of_mine:make")().spec.id == "CartPole-v1"
    (tmp_path / "broken_of_mine.py").write_text("1 / 0\n")
    with pytest.raises(UsageError, match="cannot be imported: ZeroDivisionError"):
        maker_of("broken_of_mine:make")


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"rollout": 100}, "rollout 100 is not a multiple of sequence_length 32"),
        ({"batch_size": 12}, "batch_size 12 does not divide: give 8"),
        ({"steps_total": 10, "updates": 3}, "contradict each other"),
        ({"vary": 3.0}, "vary is not for games"),
        ({"shuffle": 3}, "shuffle is not for games"),
        ({"hide": (7,)}, "hide 7 is not some of 4 numbers"),
        ({"hide": (0, 1, 2, 3)}, "is not some of 4 numbers"),
    ],
)
def test_settings_that_contradict_are_refused(how: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        Game(source="CartPole-v1", **how).prepare(tmp_path)


def test_numbers_of_an_observation_are_hidden() -> None:
    observed = without(observations_of(gymnasium.make("CartPole-v1").observation_space), (3, 1))
    row = np.zeros(2, np.float32)
    observed.write(np.array([0.1, 9, 0.3, 9], np.float32), {}, row)
    np.testing.assert_allclose(row, [0.1, 0.3], rtol=1e-6)
    assert (observed.seen, observed.words()) == (2, "4 numbers (2 hidden)")


@pytest.mark.parametrize(
    "space",
    [
        spaces.Discrete(3, start=-1),
        spaces.MultiDiscrete([2, 3]),
        spaces.MultiBinary(4),
        spaces.Box(-1, np.array([2.0, np.inf]), dtype=np.float64),
    ],
)
def test_actions_are_of_their_space_and_come_back_from_json(space: Any) -> None:
    actions, draw = actions_of(space), np.random.default_rng(0)
    observed = observations_of(spaces.Dict({"a": space, "b": spaces.Discrete(2)}))
    assert spaces_from_json(spaces_as_json(observed, actions)) == (observed, actions)
    if actions.is_continuous:
        chosen = 5 * draw.standard_normal((50, actions.width)).astype(np.float32)
    else:
        chosen = np.stack([draw.integers(count, size=50) for count in actions.choices], axis=1)
    made = actions.made(chosen[:, 0] if actions.is_single else chosen)
    assert all(space.contains(action if not isinstance(action, int) else np.int64(action)) for action in made)


def test_a_number_with_two_bounds_is_squashed_between_them() -> None:
    actions = actions_of(spaces.Box(np.array([-2.0], np.float32), np.array([4.0], np.float32)))
    made = np.concatenate(actions.made(np.array([[0.0], [-99.0], [99.0]], np.float32)))
    np.testing.assert_allclose(made, [1.0, -2.0, 4.0])


@pytest.mark.parametrize(
    "space", [spaces.Text(3), spaces.Box(0, 3, (2,), np.int32), spaces.Dict({"a": spaces.Discrete(2)})]
)
def test_actions_that_are_not_chosen_are_named(space: Any) -> None:
    with pytest.raises(UsageError, match=f"actions of a {type(space).__name__} are not chosen"):
        actions_of(space)


def test_a_codec_that_was_changed_is_refused() -> None:
    written = spaces_as_json(observations_of(spaces.Discrete(3)), actions_of(spaces.Discrete(2)))
    for spoiled in ({}, {**written, "actions": {}}, {**written, "observations": {"parts": [{"path": 3}]}}):
        with pytest.raises(RunError):
            spaces_from_json(spoiled)


def test_a_mask_for_numbers_is_refused(tmp_path: Path) -> None:
    class Odd(gymnasium.Wrapper[Any, Any, Any, Any]):
        def reset(self, **how: Any) -> Any:
            return self.env.reset(**how)[0], {"action_mask": np.ones(1)}

    import made_games

    made_games.odd_mask = lambda: Odd(made_games.Steering())  # type: ignore[attr-defined]
    with pytest.raises(DataError, match="action_mask for actions that are numbers"):
        Game(source="made_games:odd_mask").prepare(tmp_path)
