"""Lists are those of all scores sorted, however many are in memory at once."""

import pytest
import torch

from statewise.errors import UsageError
from statewise.tasks.recommend.lists import top

V = 23


@pytest.mark.parametrize("at_once", [1, 12, 35, 1000])
def test_a_list_made_in_blocks_is_that_of_all_scores_sorted(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("statewise.tasks.recommend.lists.BLOCK_SCORES", at_once)
    torch.manual_seed(0)
    scores = torch.randn(3, V)
    seen = torch.tensor([[0, 5], [2, 22], [0, 0], [0, 5]])
    found = top(lambda start, stop: scores[:, start:stop], V, 4, rows=3, seen=seen)
    hidden = scores.clone()
    hidden[0, 5] = hidden[2, 22] = hidden[0, 0] = -torch.inf
    assert torch.equal(found.items, hidden.argsort(dim=1, descending=True)[:, :4])
    assert torch.equal(found.scores, hidden.sort(dim=1, descending=True).values[:, :4])


@pytest.mark.parametrize(("k", "words"), [(0, "a list of 0 says nothing"), (3, "a list of 3 .* but 2 items are left")])
def test_a_list_that_cannot_be_filled_is_refused(k: int, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        top(lambda a, b: torch.zeros(1, 3)[:, a:b], 3, k, seen=torch.tensor([[0, 1]]))
