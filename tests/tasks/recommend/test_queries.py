"""The query at a place is what the model asks after reading its session up to there, and nothing else."""

import numpy as np
import pytest
import torch
from torch import nn

from statewise.cells import GRU
from statewise.data.interactions.session_rows import Places
from statewise.data.interactions.session_table import as_places
from statewise.heads import Ranking
from statewise.model import Model
from statewise.tasks.recommend.queries import queries


@pytest.mark.parametrize("rows", [1, 2, 256])
def test_queries_are_those_of_reading_each_session_by_itself(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("statewise.tasks.recommend.queries.MOST_ROWS", rows)
    torch.manual_seed(0)
    model = Model(nn.Sequential(nn.Embedding(9, 5), nn.Dropout(0.5)), GRU(5, 4), Ranking(4, torch.ones(9)))
    sessions = [[1, 2, 3], [4, 5], [6, 7, 8, 0, 1], [2, 2]]
    items = np.array([item for session in sessions for item in session])
    found = queries(model, Places.of(as_places(items, np.array([len(session) for session in sessions]))))
    assert model.training
    model.eval()
    wanted = []
    for session in sessions:
        state = model.begin(1)
        for item in session[:-1]:
            query, state = model.step(torch.tensor([item]), state)
            wanted.append(query[0])
    torch.testing.assert_close(found, torch.stack(wanted).detach())
