"""The three small demonstrations of the engine reach the figures that they are about."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch

EXAMPLES = Path(__file__).parents[2] / "examples"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def reward_of_staying_where_it_paid(bandit: ModuleType, games: int = 20_000) -> float:
    """What a player without memory gets that stays at an arm that paid, and else tries one of the others."""
    draw = torch.Generator().manual_seed(0)
    paying, arm = torch.randint(bandit.ARMS, (2, games), generator=draw)
    rewards = []
    for _ in range(bandit.PULLS):
        rewards.append(torch.bernoulli(bandit.ODDS[(arm == paying).long()], generator=draw))
        other = (arm + 1 + torch.randint(bandit.ARMS - 1, (games,), generator=draw)) % bandit.ARMS
        arm = torch.where(rewards[-1] > 0, arm, other)
    return float(torch.stack(rewards).mean())


def test_attention_reverses_sequences_that_were_never_seen() -> None:
    assert script("reverse").run() > 0.9


def test_the_answer_alone_is_scored_and_learned() -> None:
    assert script("answer_last").run() > 0.95


def test_a_bandit_with_memory_beats_a_player_without() -> None:
    bandit = script("bandit")
    assert reward_of_staying_where_it_paid(bandit) == pytest.approx(0.70, abs=0.01)
    assert bandit.run() > 0.73


@pytest.mark.parametrize("name", ["reverse", "answer_last", "bandit"])
def test_a_demonstration_has_at_most_80_lines(name: str) -> None:
    assert len((EXAMPLES / f"{name}.py").read_text().splitlines()) <= 80
