"""Word dropout loses whole vectors in training, at its rate, and keeps the mean."""

import pytest
import torch

from statewise.encoders import Table, WordDropout
from statewise.errors import UsageError


def test_whole_words_are_lost_at_the_rate_and_the_mean_is_kept() -> None:
    torch.manual_seed(0)
    encoder = WordDropout(Table(5, 3), words=0.3)
    codes = torch.full((4000,), 2)
    vectors, whole = encoder(codes), encoder.table(torch.tensor(2))
    lost = (vectors == 0).all(dim=-1)
    assert float(lost.float().mean()) == pytest.approx(0.3, abs=0.03)
    assert torch.allclose(vectors[~lost], whole / 0.7)
    assert torch.allclose(vectors.mean(dim=0), whole, atol=0.05)


def test_single_numbers_are_lost_apart_from_words() -> None:
    torch.manual_seed(0)
    vectors = WordDropout(Table(5, 9), values=0.4)(torch.full((500,), 2))
    assert float((vectors == 0).float().mean()) == pytest.approx(0.4, abs=0.03)
    assert not bool((vectors == 0).all(dim=-1).any())


@pytest.mark.parametrize("rates", [{"words": 1.0}, {"values": -0.1}])
def test_a_rate_that_loses_all_or_less_than_nothing_is_refused(rates: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="WordDropout was given the rate"):
        WordDropout(Table(5, 3), **rates)
