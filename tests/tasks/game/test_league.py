"""A league: ratings are those of the model they are said to be, past selves are found, and anchors are in it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import statewise
from statewise.cli.main import run as command
from statewise.errors import UsageError
from statewise.tasks.game.task import Game
from statewise.tasks.game.teams.league import League, league_of
from statewise.tasks.game.teams.rating import PRIOR, rating_intervals, ratings_of
from statewise.underway import returned

pytest.importorskip("pettingzoo")

SMALL: dict[str, Any] = {
    "envs": 12,
    "rollout": 36,
    "sequence_length": 6,
    "batch_size": 16,
    "hidden_size": 16,
    "threads": 1,
    "sample_seconds": 0,
    "self_play": True,
    "past_every": 5,
    "past_selves": 8,
    "learning_rate": 0.006,
    "entropy": 0.01,
    "passes": 4,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("strike")
    statewise.train(Game(source="made_teams:Strike", steps_total=9_000, **SMALL), run=folder / "run")
    return folder / "run"


def test_a_team_that_learned_by_self_play_beats_chance_the_script_and_itself_without_memory(run: Path) -> None:
    report = statewise.evaluate(run, episodes=60)
    assert report.metrics["wins"] > 0.8
    matches = report.tables["Matches, by opponent"]
    assert set(matches) == {
        "scripted",
        "random",
        "itself, its memory erased before each step",
        "without memory, the same steps",
    }
    assert all(row["wins"] > 0.7 for row in matches.values())
    assert all(row["wins_low"] <= row["wins"] <= row["wins_high"] for row in matches.values())


def test_in_a_league_the_policy_stands_above_its_first_self_and_chance_is_nought(run: Path) -> None:
    league: League = returned(league_of(run, matches=12, selves=3))
    standing = {one.name: one for one in league.standings}
    assert standing["random"].rating == 0
    last = max(standing.values(), key=lambda one: one.update or -1)
    assert last.rating_low > 100
    assert {"scripted", "without memory"} < set(standing)
    assert len(league.curve) == 4
    assert league.curve[-1][1] > league.curve[0][1]
    for one, row in league.beats.items():
        for other, share in row.items():
            assert share + league.beats[other][one] == pytest.approx(1)
    assert returned(league_of(run, matches=12, selves=3)) == league, "a league is repeated"


def test_the_command_prints_ratings_and_who_beats_whom(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["league", str(run), "--matches", "4", "--selves", "1", "--quiet"]) == 0
    told = capsys.readouterr().out
    assert "95 % interval" in told
    assert "Percent of matches won by each row against each column:" in told
    assert command(["league", str(run), "--matches", "2", "--selves", "0", "--json", "--quiet"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert {one["name"] for one in plain["standings"]} >= {"random", "scripted"}


def test_a_run_without_self_play_has_no_league(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    how = {**SMALL, "self_play": False}
    statewise.train(Game(source="made_teams:Together", updates=1, compare=False, **how), run=tmp_path / "run")
    assert command(["league", str(tmp_path / "run")]) == 2
    assert "did not learn by self-play" in capsys.readouterr().err
    with pytest.raises(UsageError, match="matches 1 is not"):
        returned(league_of(tmp_path / "run", matches=1))


def test_ratings_are_found_again_from_the_odds_that_they_stand_for() -> None:
    true = np.array([0.0, 150.0, -320.0, 80.0])
    odds = 1 / (1 + 10 ** ((true[None, :] - true[:, None]) / 400))
    wins = 1e7 * odds * (1 - np.eye(4))
    np.testing.assert_allclose(ratings_of(wins), true - true.mean(), atol=0.01)
    alone = ratings_of(np.array([[0.0, 4.0], [0.0, 0.0]]))
    assert alone[0] - alone[1] == pytest.approx(400 * np.log10((4 + PRIOR) / PRIOR))


def test_more_matches_make_an_interval_narrower_and_it_holds_the_rating() -> None:
    widths = []
    for count in (20, 500):
        won = (np.arange(count) % 4 != 0).astype(float)
        ratings, low, high = rating_intervals({(0, 1): won}, 2, anchor=1)
        assert low[0] < ratings[0] < high[0]
        assert ratings[1] == low[1] == high[1] == 0
        widths.append(high[0] - low[0])
    assert widths[1] < 0.4 * widths[0]
