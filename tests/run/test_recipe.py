"""How long a training is, is said one way; and how much of it is done follows from that."""

import dataclasses
from typing import Any

import pytest

from statewise.errors import UsageError
from statewise.run.recipe import Recipe


@pytest.mark.parametrize(
    ("budget", "update", "seconds", "done"),
    [
        ({"updates": 8}, 2, 1e6, 0.25),
        ({"epochs": 2.0}, 15, 1e6, 0.75),
        ({"epochs": 0.25}, 1, 0.0, 0.5),  # 2.5 updates, rounded to an even 2
        ({"minutes": 0.5}, 10**6, 6.0, 0.2),
        ({}, 10**6, 150.0, 0.25),  # ten minutes where nothing was said
    ],
)
def test_the_fraction_is_of_the_budget_that_was_given(
    budget: dict[str, Any], update: int, seconds: float, done: float
) -> None:
    assert Recipe(**budget).fraction(update, epoch_updates=10, seconds=seconds) == pytest.approx(done)


@pytest.mark.parametrize("budget", [{"updates": 8}, {"epochs": 2.0}, {"minutes": 0.5}, {}])
def test_a_training_begins_at_0_and_is_never_more_than_done(budget: dict[str, Any]) -> None:
    recipe = Recipe(**budget)
    assert recipe.fraction(0, epoch_updates=10, seconds=0.0) == 0.0
    assert recipe.fraction(99, epoch_updates=10, seconds=9999.0) == 1.0


def test_less_than_one_update_of_epochs_is_one_update() -> None:
    recipe = Recipe(epochs=0.01)
    assert recipe.fraction(0, epoch_updates=3, seconds=0.0) == 0.0
    assert recipe.fraction(1, epoch_updates=3, seconds=0.0) == 1.0


@pytest.mark.parametrize(
    ("budgets", "said"),
    [
        ({"minutes": 1.0, "epochs": 2.5}, "minutes 1 and epochs 2.5"),
        ({"epochs": 3.0, "updates": 7}, "epochs 3 and updates 7"),
        ({"minutes": 0.5, "epochs": 3.0, "updates": 7}, "minutes 0.5 and epochs 3 and updates 7"),
    ],
)
def test_two_budgets_contradict_each_other(budgets: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        Recipe(**budgets)
    assert str(raised.value) == f"{said} contradict each other: give one of minutes, epochs and updates"


def test_a_recipe_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Recipe().batch_size = 3  # type: ignore[misc]
