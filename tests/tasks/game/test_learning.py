"""What is learned from: odds as when it was played, advantages within episodes, legal actions, exact resuming."""

from typing import Any

import numpy as np
import pytest
import torch

from statewise.errors import RunError
from statewise.learning.learner import Learner
from statewise.model import evaluating
from statewise.state import map_leaves
from statewise.tasks.game.advantages import advantages_of
from statewise.tasks.game.collecting import Playing
from statewise.tasks.game.policy import Played, Policy, PolicyParams, as_policy
from statewise.tasks.game.task import Game

SMALL: dict[str, Any] = {
    "envs": 6,
    "rollout": 28,
    "sequence_length": 7,
    "batch_size": 8,
    "hidden_size": 5,
    "passes": 2,
    "threads": 1,
    "updates": 99,
}


def learner_of(source: str, tmp_path: Any, **how: Any) -> Learner:
    task = Game(source=f"made_games:{source}", **{**SMALL, **how})
    data = task.prepare(tmp_path)
    torch.manual_seed(0)
    model = task.model(data.codec)
    return Learner(model, data.windows("training"), task)


def ratios_of(learner: Learner) -> tuple[torch.Tensor, torch.Tensor]:
    """Return how much likelier actions are than when they were played, and how far values are, in the next window."""
    window = learner.order[learner.window_number]
    with torch.no_grad():
        params, _ = learner.model.scan(window, None)
    targets = window.targets
    assert isinstance(targets, Played)
    likely = as_policy(learner.model).log_probability(params, targets.actions)
    return (likely - targets.log_probabilities).exp(), params.value - targets.values


@pytest.mark.parametrize(
    ("source", "how"),
    [
        ("Recall", {}),
        ("Recall", {"cell": "gru", "critic": "separate", "normalize": "none"}),
        ("Recall", {"cell": "lru"}),
        ("Recall", {"memory": False}),
        ("Masked", {"cell": "layer_norm_lstm"}),
        ("Steering", {"noise_correlation": 0.8}),
        ("Mixed", {"critic": "separate"}),
        ("Cut", {}),
    ],
)
def test_every_ratio_is_one_before_a_rollout_is_learned_from(source: str, how: dict[str, Any], tmp_path: Any) -> None:
    learner = learner_of(source, tmp_path, layers=2, learning_rate=0.01, **how)
    for _ in range(3):  # the first rollout, and two after normalization and weights have changed
        ratios, away = ratios_of(learner)
        window = learner.order[learner.window_number]
        assert window.reset is not None
        assert bool(window.reset[1:].any()), "episodes begin within the sequences"
        assert float((ratios - 1).abs().max()) < 2e-5
        assert float(away.abs().max()) < 2e-5
        for _ in range(len(learner.windows)):
            learner.update()
    assert learner.window_number == 3 * len(learner.windows)


def test_ratios_are_others_once_it_has_learned(tmp_path: Any) -> None:
    learner = learner_of("Recall", tmp_path, learning_rate=0.01)
    learner.update()
    ratios, _ = ratios_of(learner)
    assert float((ratios - 1).abs().max()) > 1e-3


def test_advantages_are_those_of_the_formula_and_do_not_cross_the_end_of_an_episode() -> None:
    rewards, values = np.array([[1.0], [2.0], [4.0], [8.0]]), np.array([[0.5], [0.25], [1.0], [2.0]])
    ended = np.array([[False], [True], [False], [False]])
    following = np.array([[0.25], [0.0], [2.0], [3.0]])
    found = advantages_of(rewards, values, following, ended, discount=0.5, decay=0.8)
    last = 8 + 0.5 * 3 - 2
    third = 4 + 0.5 * 2 - 1 + 0.4 * last
    second = 2 - 0.25
    first = 1 + 0.5 * 0.25 - 0.5 + 0.4 * second
    np.testing.assert_allclose(found[:, 0], [first, second, third, last])
    rewards[2:] *= 100
    np.testing.assert_array_equal(
        advantages_of(rewards, values, following, ended, discount=0.5, decay=0.8)[:2], found[:2]
    )


def test_what_an_episode_that_was_cut_would_have_brought_is_the_value_of_its_last_observation(tmp_path: Any) -> None:
    learner = learner_of("Cut", tmp_path, normalize="none", passes=1, decay=0.0, envs=2, batch_size=8)
    window_of = learner.order[0]
    playing = learner.windows
    assert isinstance(playing, Playing)
    assert learner.rollouts is not None
    rollout = learner.rollouts.rollout
    with torch.no_grad(), evaluating(learner.model):
        for row in range(2):
            state = learner.model.begin(1)
            for step, seen in enumerate(rollout["inputs"][:, row]):
                state = learner.model.begin(1) if step % 5 == 0 else state
                _, state = learner.model.step(seen.unsqueeze(0), state)
                if step % 5 == 4:  # the episode is cut after this step, and would have shown noughts
                    value = learner.model.step(torch.zeros(1, 2), state)[0].value
                    wanted = 1 + 0.99 * float(value)
                    assert float(rollout["returns"][step, row]) == pytest.approx(wanted, abs=1e-5)
    assert window_of.steps == 7


def test_an_episode_that_terminated_brings_nothing_more(tmp_path: Any) -> None:
    learner = learner_of("Short", tmp_path, normalize="none")
    _ = learner.order[0]
    assert learner.rollouts is not None
    assert bool((learner.rollouts.rollout["returns"] == 1).all())
    assert bool(learner.rollouts.rollout["begun"].all())


def test_advantages_are_normalized_over_a_rollout(tmp_path: Any) -> None:
    learner = learner_of("Recall", tmp_path)
    _ = learner.order[0]
    assert learner.rollouts is not None
    advantages = learner.rollouts.rollout["advantages"]
    assert float(advantages.mean()) == pytest.approx(0, abs=1e-5)
    assert float(advantages.std()) == pytest.approx(1, abs=0.01)


def test_of_a_million_draws_none_is_illegal() -> None:
    draw = torch.Generator().manual_seed(0)
    head = Policy(4 + 9, (5, 4), legal=9)
    legal = torch.rand(250_000, 9, generator=draw) < 0.4
    legal[:, 0] |= ~legal[:, :5].any(dim=1)
    legal[:, 5] |= ~legal[:, 5:].any(dim=1)
    features = torch.cat([30 * torch.randn(250_000, 4, generator=draw), legal.float()], dim=1)
    with torch.no_grad():
        head.chosen.weight.mul_(1000)
        params = head(features)
        noise = head.noise(250_000, generator=draw)
        noise[:1000] = torch.where(legal[:1000], -float(np.log(30 * np.log(10))), 17.0)  # the least and the largest
        for temperature in (1.0, 0.0):
            chosen = head.choose(params, noise, temperature=temperature)
            for at, part in enumerate((legal[:, :5], legal[:, 5:])):
                assert bool(part.gather(1, chosen[:, at : at + 1]).all())
        odds = params.action[:, :5].softmax(dim=1)
    assert bool((odds[~legal[:, :5]] == 0).all())
    entropy = head.entropy(params)
    assert bool(entropy.isfinite().all())
    assert bool((entropy >= 0).all())


def test_the_entropy_of_masked_choices_is_that_of_the_legal_ones() -> None:
    head = Policy(2 + 4, (4,), legal=4)
    params = head(torch.tensor([[0.0, 0.0, 1.0, 0.0, 1.0, 0.0]]))
    assert float(head.entropy(params).detach()) == pytest.approx(np.log(2), abs=1e-6)


def test_the_objective_is_clipped_as_the_paper_has_it() -> None:
    head = Policy(4, (2,), clip_ratio=0.2)
    params = PolicyParams(torch.tensor([[[0.0, 1.0]], [[0.0, 1.0]], [[0.0, 1.0]]]), torch.tensor([[1.0], [2.0], [3.0]]))
    likely = torch.tensor([0.0, 1.0]).log_softmax(0)[1]
    ratios = torch.tensor([[1.5], [0.5], [1.5]])
    targets = Played(
        torch.ones(3, 1, dtype=torch.long),
        likely - ratios.log(),
        torch.tensor([[2.0], [-1.0], [-1.0]]),
        torch.zeros(3, 1),
        torch.zeros(3, 1),
        torch.full((3, 1), 7.0),
    )
    loss = head.loss(params, targets)
    assert float(loss.nats.detach()) == pytest.approx(-(1.2 * 2 - 0.8 * 1 - 1.5 * 1), abs=1e-6)
    told = {name: float(term.mean) for name, term in loss.terms.items()}
    assert told["value"] == pytest.approx((1 + 4 + 9) / 6)
    assert told["clipped"] == 1
    assert told["episode_return"] == 7
    masked = head.loss(params, targets, torch.tensor([[True], [False], [False]]))
    assert float(masked.nats.detach()) == pytest.approx(-2.4)


def test_of_ratios_of_one_the_gradient_is_that_of_an_actor_and_critic() -> None:
    torch.manual_seed(0)
    head = Policy(4, (3,))
    features, actions, advantages = torch.randn(7, 2, 4), torch.randint(3, (7, 2)), torch.randn(7, 2)
    params = head(features)
    likely = head.log_probability(params, actions)
    other = torch.zeros(7, 2)
    targets = Played(actions, likely.detach(), advantages, other, other, other)
    ours = torch.autograd.grad(head.loss(params, targets).nats, [*head.actor.parameters()], retain_graph=True)
    plain = torch.autograd.grad(-(likely * advantages).sum(), [*head.actor.parameters()])
    for one, other in zip(ours, plain, strict=True):
        torch.testing.assert_close(one, other)


def test_a_batch_has_as_many_sequences_as_asked_and_a_pass_has_each_once(tmp_path: Any) -> None:
    learner = learner_of("Recall", tmp_path)
    windows = [learner.order[at] for at in range(len(learner.windows))]
    assert {(window.steps, window.rows) for window in windows} == {(7, 8)}
    assert len(windows) == 2 * 3
    for part in (windows[:3], windows[3:]):
        values = torch.cat([window.targets.values for window in part], dim=1)
        assert learner.rollouts is not None
        whole = learner.rollouts.rollout["values"]
        assert sorted(values.flatten().tolist()) == sorted(whole.flatten().tolist())


def test_once_the_odds_are_too_far_a_rollout_changes_nothing_more_until_the_next(tmp_path: Any) -> None:
    learner = learner_of("Recall", tmp_path, learning_rate=0.05, target_kl=0.001, passes=4)
    changed = []
    for _ in range(2 * len(learner.windows)):
        before = {name: part.clone() for name, part in learner.model.state_dict().items()}
        told = learner.update()
        same = all(torch.equal(part, before[name]) for name, part in learner.model.named_parameters())
        assert same == (told.rate == 0)
        changed.append(not same)
        assert told.terms is not None
    half = len(learner.windows)
    for part in (changed[:half], changed[half:]):
        assert part[0]
        assert part == sorted(part, reverse=True), "after the first that changes nothing, none does"
        assert not part[-1]


def test_where_a_rollout_was_left_is_in_the_checkpoint(tmp_path: Any) -> None:
    one, other = (learner_of("Recall", tmp_path, learning_rate=0.05, target_kl=0.001, passes=4) for _ in range(2))
    for _ in range(len(one.windows) - 2):
        one.update()
    playing = one.windows
    assert isinstance(playing, Playing)
    assert playing.is_learned
    other.restore(one.snapshot())
    for _ in range(len(one.windows)):
        ours, theirs = one.update(), other.update()
        assert (ours.nats, ours.rate) == (theirs.nats, theirs.rate)


def test_a_change_of_value_is_clipped_where_asked() -> None:
    params = PolicyParams(torch.zeros(1, 1, 2), torch.tensor([[3.0]]))
    zero = torch.zeros(1, 1)
    targets = Played(torch.zeros(1, 1, dtype=torch.long), zero, zero, zero + 4, zero, zero)
    free, held = (Policy(4, (2,), clip_value=bound).loss(params, targets).terms["value"] for bound in (0.0, 0.5))
    assert (float(free.mean), float(held.mean)) == (0.5, (4 - 0.5) ** 2 / 2)


@pytest.mark.parametrize("source", ["Recall", "Masked", "Steering", "Mixed", "Cut", "Endless"])
def test_environments_are_brought_back_to_where_they_were(source: str, tmp_path: Any) -> None:
    one, other = (learner_of(source, tmp_path, rollout=21, batch_size=6, noise_correlation=0.3) for _ in range(2))
    for _ in range(len(one.windows) + 1):  # in the middle of the second rollout
        one.update()
    other.restore(one.snapshot())
    playing = other.windows
    assert isinstance(playing, Playing)
    assert one.snapshot() == other.snapshot()
    for _ in range(2 * len(one.windows)):
        assert one.update().nats == other.update().nats
    ours, theirs = one.snapshot(), other.snapshot()
    assert all(ours[name] == theirs[name] for name in ours if name != "place.json")


def test_an_environment_that_does_not_repeat_begins_a_new_episode(tmp_path: Any) -> None:
    one, other = (learner_of("Unrepeatable", tmp_path) for _ in range(2))
    for _ in range(3):
        one.update()
    kept = one.snapshot()
    other.restore(kept)
    playing = other.windows
    assert isinstance(playing, Playing)
    assert playing.begun.all()
    for _ in range(2 * len(other.windows)):
        other.update()
    notices = Game(source="made_games:Unrepeatable").prepare(tmp_path).notices
    assert "does not repeat from its seed" in notices[0]
    assert not Game(source="made_games:Recall").prepare(tmp_path).notices


def test_rollouts_of_another_training_are_refused_and_nothing_changes(tmp_path: Any) -> None:
    one, other = learner_of("Recall", tmp_path), learner_of("Recall", tmp_path, envs=8)
    one.update()
    other.update()
    before = one.snapshot()
    with pytest.raises(RunError):
        one.restore(other.snapshot())
    assert one.snapshot() == before


def test_an_interrupt_while_it_plays_leaves_the_environments_as_they_were(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner, plain = (learner_of("Recall", tmp_path) for _ in range(2))
    for _ in range(len(learner.windows)):
        learner.update()
        plain.update()
    playing = learner.windows
    assert isinstance(playing, Playing)
    step, calls = playing.seats.step, [0]

    def interrupted(*given: Any) -> Any:
        calls[0] += 1
        if calls[0] == 9:
            raise KeyboardInterrupt
        return step(*given)

    monkeypatch.setattr(playing.seats, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        learner.update()
    for _ in range(len(learner.windows)):
        assert learner.update().nats == plain.update().nats


def test_values_are_those_of_steps_whose_memory_begins_again_with_each_episode(tmp_path: Any) -> None:
    learner = learner_of("Recall", tmp_path)
    _ = learner.order[0]
    assert learner.rollouts is not None
    rollout = learner.rollouts.rollout
    with torch.no_grad(), evaluating(learner.model):
        state = learner.model.begin(6)
        for step in range(28):
            begun = rollout["begun"][step]
            state = map_leaves(lambda leaf, at=begun: torch.where(at.unsqueeze(1), 0, leaf), state)
            params, state = learner.model.step(rollout["inputs"][step], state)
            torch.testing.assert_close(params.value, rollout["values"][step], atol=1e-5, rtol=1e-5)


def test_choices_are_drawn_by_their_odds() -> None:
    head = Policy(1, (2, 3))
    odds = torch.tensor([0.2, 0.8, 0.5, 0.1, 0.4])
    params = PolicyParams(odds.log().expand(40_000, 5), torch.zeros(40_000))
    for temperature in (1.0, 0.5):
        drawn = head.sample(params, temperature=temperature, generator=torch.Generator().manual_seed(0))
        for at, part in enumerate((odds[:2], odds[2:])):
            wanted = part ** (1 / temperature) / (part ** (1 / temperature)).sum()
            found = torch.bincount(drawn[:, at], minlength=len(part)) / 40_000
            torch.testing.assert_close(found, wanted, atol=0.012, rtol=0)
