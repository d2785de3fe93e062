"""Self-play: past selves stay what they were, are exchanged between matches alone, and are drawn by their quality."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from statewise.errors import RunError
from statewise.learning.learner import Learner
from statewise.tasks.game.acting import Actor
from statewise.tasks.game.collecting import Playing
from statewise.tasks.game.task import Game
from statewise.tasks.game.teams.pool import Pool
from statewise.tasks.game.teams.self_play import LATEST, SelfPlay

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
    "self_play": True,
    "past_every": 1,
    "past_share": 0.5,
    "past_selves": 3,
    "learning_rate": 0.01,
}


def learner_of(folder: Path, **how: Any) -> Learner:
    task = Game(**{"source": "made_teams:Strike", **SMALL, **how})
    data = task.prepare(folder)
    torch.manual_seed(0)
    return Learner(task.model(data.codec), data.windows("training"), task)


def seats_of(learner: Learner) -> SelfPlay:
    playing = learner.windows
    assert isinstance(playing, Playing)
    assert isinstance(playing.seats, SelfPlay)
    return playing.seats


def learn_all(learner: Learner, rollouts: int = 1) -> None:
    for _ in range(rollouts * len(learner.windows)):
        learner.update()


def test_past_selves_stay_bitwise_what_they_were_and_are_at_most_so_many(tmp_path: Path) -> None:
    learner = learner_of(tmp_path)
    kept: dict[int, dict[str, torch.Tensor]] = {}
    acted: dict[int, torch.Tensor] = {}
    seen = np.ones((2, 3), np.float32)
    for _ in range(8):
        learn_all(learner)
        pool = seats_of(learner).pool
        assert len(pool.past) <= 3
        for one in pool.past:
            known = kept.setdefault(one.rollout, {name: part.clone() for name, part in one.weights.items()})
            assert all(torch.equal(part, one.weights[name]) for name, part in known.items())
            actor = pool.actor(one.rollout)
            params, _ = actor.step(seen, actor.model.begin(2))
            assert torch.equal(params.action, acted.setdefault(one.rollout, params.action.clone()))
    assert len(kept) >= 5, "others were kept meanwhile"
    last = learner.model.state_dict()
    assert not all(torch.equal(part, last[name]) for name, part in kept[max(kept)].items())


def test_an_opponent_is_exchanged_between_two_matches_alone(tmp_path: Path) -> None:
    learner = learner_of(tmp_path)
    learn_all(learner, 2)
    seats, changes = seats_of(learner), 0
    actions, met = np.zeros(24, np.int64), set()
    for step in range(60):
        before = seats.against.copy(), seats.side.copy(), seats.seeds.copy()
        stepped = seats.step(actions, range(1000 * step, 1000 * step + 24))
        assert stepped.over is not None
        over = stepped.over.reshape(6, 4)[:, 0]
        for was, now in zip(before, (seats.against, seats.side, seats.seeds), strict=True):
            assert (was == now)[~over].all()
        changes += int((before[0] != seats.against).sum())
        met |= set(seats.against.tolist())
    assert changes > 5
    assert LATEST in met
    assert len(met) > 2


def test_what_past_selves_do_is_theirs_and_is_not_learned_from(tmp_path: Path) -> None:
    learner = learner_of(tmp_path, past_share=0.9)
    learn_all(learner, 3)
    seats = seats_of(learner)
    seats.reset(range(24))
    assert (seats.against != LATEST).any()
    theirs = ((seats.against != LATEST)[:, None] & (seats.team_of == seats.side[:, None])).reshape(-1)
    taken = np.full(24, -7)
    taken[~theirs] = 1
    stepped = seats.step(taken, range(24))
    assert set(taken[theirs].tolist()) <= {0, 1}, "what was done is written down, to be played again"
    assert stepped.real is not None
    assert (stepped.real == ~theirs).all()


def test_a_past_self_has_a_memory_of_its_own_that_begins_with_the_match(tmp_path: Path) -> None:
    learner = learner_of(tmp_path, past_share=0.9)
    learn_all(learner, 2)
    seats = seats_of(learner)
    seats.reset(range(24))
    match = int(np.flatnonzero(seats.against != LATEST)[0])
    rows = match * 4 + np.flatnonzero(seats.team_of == seats.side[match])
    actor = Actor(seats.pool.actor(int(seats.against[match])).model)
    state = actor.model.begin(2)
    for _ in range(3):
        seen = seats.observations[rows].copy()
        _, state = actor.step(seen, state)
        seats.step(np.zeros(24, np.int64), range(24))
        torch.testing.assert_close(seats.memory[0][torch.from_numpy(rows)], state[0])


def test_a_share_of_matches_is_against_the_past(tmp_path: Path) -> None:
    learner = learner_of(tmp_path, past_share=0.3, envs=40, batch_size=32)
    learn_all(learner)
    seats = seats_of(learner)
    found = []
    for at in range(20):
        seats.reset(range(1000 * at, 1000 * at + 160))
        found += (seats.against != LATEST).tolist()
    assert np.mean(found) == pytest.approx(0.3, abs=0.06)


def test_the_harder_ones_are_drawn_more_often_and_the_easiest_goes_first(tmp_path: Path) -> None:
    task = Game(source="made_teams:Strike", **SMALL)
    data = task.prepare(tmp_path)
    pool = Pool(lambda: task.model(data.codec), most=3)
    model = task.model(data.codec)
    for rollout in range(3):
        pool.add(model, rollout, set())
    np.testing.assert_allclose(pool.odds(), [1 / 3] * 3)
    pool.note(1, 1.0)
    assert pool.past[1].quality == pytest.approx(-0.01 / (3 * (1 / 3)))
    pool.note(0, 0.0)
    assert pool.past[0].quality == 0
    for _ in range(200):
        pool.note(1, 1.0)
    drawn = np.random.default_rng(0)
    counts = np.bincount([pool.draw(drawn) for _ in range(2000)], minlength=3)
    assert counts[1] < 0.5 * min(counts[0], counts[2])
    pool.add(model, 3, busy={1})
    assert [one.rollout for one in pool.past] == [1, 2, 3], "one in a match stays"
    pool.add(model, 4, busy=set())
    assert [one.rollout for one in pool.past] == [2, 3, 4]
    pool.add(model, 5, busy={2, 3, 4})
    assert [one.rollout for one in pool.past] == [2, 3, 4]
    assert pool.past[-1].quality == 0, "a new one is as good as the best"


def test_the_pool_is_in_the_checkpoint_and_one_of_another_training_is_refused(tmp_path: Path) -> None:
    one, other, unlike = learner_of(tmp_path), learner_of(tmp_path), learner_of(tmp_path, past_selves=1)
    learn_all(one, 3)
    other.restore(one.snapshot())
    ours, theirs = seats_of(one), seats_of(other)
    assert [past.rollout for past in ours.pool.past] == [past.rollout for past in theirs.pool.past]
    assert (ours.against == theirs.against).all()
    assert ours.pool.save()["told"].tolist() == theirs.pool.save()["told"].tolist()
    with pytest.raises(RunError):
        unlike.restore(one.snapshot())


def test_teams_of_unequal_size_play_past_selves(tmp_path: Path) -> None:
    learner = learner_of(tmp_path, source="made_teams:Uneven", past_share=0.9)
    learn_all(learner, 3)
    seats = seats_of(learner)
    seats.reset(range(24))
    counts = {int((seats.team_of == side).sum()) for side in seats.side[seats.against != LATEST]}
    assert counts == {1, 3}, "a past self has one team here and the other there"
    seats.step(np.zeros(24, np.int64), range(24))


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("rollouts", torch.zeros(3)),
        ("side", torch.full((6,), 7)),
        ("pool.told", torch.full((1, 4), torch.nan, dtype=torch.float64)),
        ("pool.told", torch.full((1, 4), torch.inf, dtype=torch.float64)),
        ("pool.told", torch.zeros(1, 4, dtype=torch.complex64)),
        ("pool.0.core.bias", None),
        ("pool.0.core.bias", torch.zeros(3)),
        ("pool.0.core.bias", torch.full((20,), torch.nan)),
    ],
)
def test_a_pool_that_was_changed_is_refused(name: str, part: torch.Tensor | None, tmp_path: Path) -> None:
    learner = learner_of(tmp_path)
    learn_all(learner, 2)
    seats = seats_of(learner)
    saved = seats.save()
    seats.load(saved)
    assert name in saved
    changed = {key: value for key, value in saved.items() if key != name}
    with pytest.raises(RunError, match="does not hold the past selves"):
        seats.load(changed if part is None else {**changed, name: part})


def test_an_interrupt_in_the_first_rollout_leaves_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner, plain = (learner_of(tmp_path) for _ in range(2))
    playing = learner.windows
    assert isinstance(playing, Playing)
    meet = SelfPlay.meet

    def interrupted(seats: Any, model: Any) -> None:
        meet(seats, model)
        raise KeyboardInterrupt

    monkeypatch.setattr(SelfPlay, "meet", interrupted)
    with pytest.raises(KeyboardInterrupt):
        learner.update()
    monkeypatch.setattr(SelfPlay, "meet", meet)
    for _ in range(2 * len(learner.windows)):
        assert learner.update().nats == plain.update().nats
