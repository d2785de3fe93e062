"""What was trained on 128 steps runs for 4,096: the same all at once and step by step, no larger and no worse."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from statewise.cells import LRU, MLSTM, RGLRU, MinGRU, MinLSTM, Recurrent
from statewise.state import leaves

B, D, H = 3, 5, 4
TRAINED, LONG = 128, 4096
UPDATES = 60
FADING = 0.5
CELLS: dict[str, Callable[[], Recurrent[Any]]] = {
    "min-gru": lambda: MinGRU(D, H),
    "min-lstm": lambda: MinLSTM(D, H),
    "lru": lambda: LRU(D, H, modes=6),
    "rg-lru": lambda: RGLRU(D, H),
    "mlstm": lambda: MLSTM(D, H, heads=2),
}


def make_task(steps: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return inputs, and the fading mean of the first feature that is to be told at every step."""
    xs = torch.randn(steps, B, D, generator=torch.Generator().manual_seed(seed))
    means, mean = [], torch.zeros(B)
    for x in xs:
        mean = FADING * mean + (1 - FADING) * x[:, 0]
        means.append(mean)
    return xs, torch.stack(means)


def train(cell: Recurrent[Any]) -> nn.Linear:
    """Train a cell and a readout on windows of 128 steps, and return the readout."""
    readout = nn.Linear(H, 1)
    optimizer = torch.optim.Adam([*cell.parameters(), *readout.parameters()], lr=0.05)
    for update in range(UPDATES):
        xs, wanted = make_task(TRAINED, seed=update)
        ys, _ = cell.scan(xs, cell.initial(B))
        loss = (readout(ys).squeeze(-1) - wanted).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return readout


@pytest.mark.parametrize("name", CELLS)
def test_what_was_trained_on_128_steps_runs_for_4096(name: str) -> None:
    torch.manual_seed(0)
    cell = CELLS[name]()
    readout = train(cell)
    xs, wanted = make_task(LONG, seed=UPDATES)
    ys, last = cell.scan(xs, cell.initial(B))
    grads = torch.autograd.grad(ys.square().mean(), list(cell.parameters()), retain_graph=True)
    assert all(part.isfinite().all() for part in (ys, *leaves(last), *grads))
    with torch.no_grad():
        state, stepped = cell.initial(B), []
        for x in xs:
            y, state = cell.step(x, state)
            stepped.append(y)
        for found, expected in zip((ys, *leaves(last)), (torch.stack(stepped), *leaves(state)), strict=True):
            assert (found - expected).norm() <= 1e-5 * expected.norm()
        first, *beyond = (readout(ys).squeeze(-1) - wanted).square().split(TRAINED)
        assert first.mean() < 0.6 * wanted.square().mean()  # it has learned
        assert torch.stack(beyond).mean() < 1.5 * first.mean()  # and tells as well where no training went
