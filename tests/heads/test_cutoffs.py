"""Cut-offs by expected cost: the best of all that could be tried, and never worse than usual ones."""

from itertools import combinations

import pytest

from statewise.heads.adaptive_softmax import groups_of
from statewise.heads.cutoffs import Cost, chosen_cutoffs, expected_cost

ZIPF = [1_000_000 // (n + 3) for n in range(60_000)]


def test_a_cost_is_as_by_hand() -> None:
    cost = Cost(product=1.0, score=10.0, weight=100.0, group=1000.0)
    counts = [6, 2, 1, 1]  # 8 places of 10 are told at once, 2 by a group of half the width
    first = 3 * 1 * (10 * 4 * 3) + 10 * 10 * 3 + 100 * 3 * 4 + 1000
    rest = 3 * 1 * (2 * 2 * (2 + 4)) + 10 * 2 * 2 + 100 * 2 * 2 + 1000
    found = expected_cost(counts, [2], features=4, places=10, shrink=2.0, cost=cost)
    assert found == pytest.approx(first + rest)


@pytest.mark.parametrize("units", [64, 256, 512])
@pytest.mark.parametrize("places", [640, 2560])
def test_those_that_are_chosen_cost_no_more_than_any_usual_ones(units: int, places: int) -> None:
    chosen = chosen_cutoffs(ZIPF, features=units, places=places)
    groups_of(len(ZIPF), chosen, units)
    own = expected_cost(ZIPF, chosen, features=units, places=places)
    tried = [2000, 4000, 8000, 16_000, 32_000, 50_000]
    others = [list(cuts) for count in (1, 2, 3) for cuts in combinations(tried, count)]
    assert own <= 1.02 * min(expected_cost(ZIPF, cuts, features=units, places=places) for cuts in others)
    assert 3 * own < expected_cost(ZIPF, [], features=units, places=places)


@pytest.mark.parametrize("choices", [2, 3, 4, 7, 700])
def test_small_vocabularies_are_cut_too(choices: int) -> None:
    counts = [choices - n for n in range(choices)]
    chosen = chosen_cutoffs(counts, features=8, places=21)
    groups_of(choices, chosen, 8)
