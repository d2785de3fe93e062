"""Every cell, by its name, learns a text."""

from pathlib import Path

import pytest

import statewise
from statewise.learning.events import Updated
from statewise.registry import names


@pytest.mark.parametrize("cell", names("cells"))
def test_a_cell_learns_text_in_twenty_updates(cell: str, book: Path, tmp_path: Path) -> None:
    text = statewise.Text(
        source=str(book),
        cell=cell,
        hidden_size=16,
        layers=1,
        batch_size=4,
        sequence_length=16,
        updates=20,
        orders=1,
        learning_rate=0.02,
        warmup=0,
        threads=1,
    )
    nats = [event.nats for event in statewise.training(text, run=tmp_path / "run") if isinstance(event, Updated)]
    assert len(nats) == 20
    assert sum(nats[-4:]) < 0.85 * sum(nats[:4])
