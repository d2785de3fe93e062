"""An approximate list has the head's own scores, most of the exact items, and none that was seen."""

import sys

import pytest
import torch

from statewise.errors import MissingExtra, UsageError
from statewise.heads import Ranking
from statewise.tasks.recommend.approximate import ApproximateIndex
from statewise.tasks.recommend.lists import top

V, D = 4000, 8


@pytest.fixture(scope="module")
def head() -> Ranking:
    torch.manual_seed(0)
    head = Ranking(D, torch.ones(V))
    with torch.no_grad():
        centres = torch.randn(40, D)
        head.own_table.weight.copy_(centres[torch.arange(V) % 40] + 0.2 * torch.randn(V, D))
        head.bias.weight.normal_(std=0.1)
    return head


def test_most_of_the_exact_list_is_found_with_the_same_scores(head: Ranking) -> None:
    asked = torch.randn(25, D)
    with torch.no_grad():
        exact = top(lambda a, b: head.scores(asked, a, b), V, 10, rows=25)
        found = ApproximateIndex(head, looked_at=16).top(asked, 10)
        scores = head.scores(asked).gather(1, found.items)
    torch.testing.assert_close(found.scores, scores)
    shared = [len(set(a) & set(b)) for a, b in zip(exact.items.tolist(), found.items.tolist(), strict=True)]
    assert sum(shared) >= 0.9 * 250


def test_looking_everywhere_is_exact_also_without_what_was_seen(head: Ranking) -> None:
    asked = torch.randn(3, D)
    index = ApproximateIndex(head, looked_at=V)
    first = index.top(asked, 4).items
    seen = [first[0].tolist(), [], first[2, :1].tolist()]
    found = index.top(asked, 6, seen=seen)
    pairs = torch.tensor([(row, item) for row, had in enumerate(seen) for item in had])
    with torch.no_grad():
        exact = top(lambda a, b: head.scores(asked, a, b), V, 6, rows=3, seen=pairs)
    assert torch.equal(found.items, exact.items)


def test_a_list_that_cannot_be_filled_is_refused(head: Ranking) -> None:
    with pytest.raises(UsageError, match="fewer than 3000 items were found by the index"):
        ApproximateIndex(head, looked_at=1).top(torch.randn(1, D), 3000)


def test_where_faiss_is_missing_the_line_that_installs_it_is_said(
    head: Ranking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingExtra, match=r"pip install 'statewise\[index\]'"):
        ApproximateIndex(head)
