"""A table to draw by has the very odds it was made of, and never draws what has none."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from statewise.heads.alias_table import AliasTable

SHARES = st.lists(st.sampled_from([0.0, 0.1, 1.0, 2.0, 7.0]), min_size=1, max_size=9).filter(any)


def odds_of(table: AliasTable) -> Tensor:
    return table.kept.index_add(0, table.other, 1 - table.kept) / len(table.kept)


@given(SHARES)
def test_the_odds_of_a_table_are_those_it_was_made_of(shares: list[float]) -> None:
    wanted = torch.tensor(shares, dtype=torch.float64) / sum(shares)
    found = odds_of(AliasTable.of(wanted))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
    assert bool((found[wanted == 0] == 0).all())


@pytest.mark.parametrize("count", [3, 7, 10_000])
def test_equal_odds_and_odds_of_many_sizes_are_kept(count: int) -> None:
    for shares in (torch.ones(count), (10 + torch.arange(count)) ** -0.5, torch.rand(count) ** 8):
        wanted = shares.double() / shares.double().sum()
        torch.testing.assert_close(odds_of(AliasTable.of(shares)), wanted, rtol=0, atol=1e-12)


def test_numbers_are_drawn_as_often_as_their_odds_say() -> None:
    torch.manual_seed(1)
    shares = torch.tensor([0.0, 1.0, 5.0, 0.5, 3.5])
    drawn = torch.bincount(AliasTable.of(shares).draw(40_000), minlength=5) / 40_000
    assert drawn[0] == 0
    assert bool(((drawn - shares / 10).abs() <= 5 * (shares / 10 / 40_000).sqrt()).all())
