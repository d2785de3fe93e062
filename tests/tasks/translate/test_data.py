"""Batches of translations: what is read after the end of one changes nothing."""

from pathlib import Path

import pytest
import torch

import statewise
from statewise.data.pairs.pair_batches import PairBatches


def test_rows_that_read_on_unscored_lose_what_rows_that_sleep_do(tmp_path: Path) -> None:
    lines = [f"{'a ' * (n % 5 + 1)}{n}\t{'b ' * (n % 7 + 1)}{n}" for n in range(60)]
    (tmp_path / "pairs.tsv").write_text("\n".join(lines))
    task = statewise.Translate(
        source=str(tmp_path / "pairs.tsv"), hidden_size=5, embedding=4, held_out=0.2, validation=0.1
    )
    data = task.prepare(tmp_path)
    torch.manual_seed(0)
    model = task.model(data.codec).eval()
    window = data.windows("training", rows=16)[0]
    assert window.mask is None
    assert window.scored is not None
    asleep = window._replace(mask=window.scored, scored=None)
    with torch.no_grad():
        ours, theirs = (model.loss(one, model.begin(16))[0] for one in (window, asleep))
    assert int(ours.places) == int(theirs.places)
    assert float(ours.nats) == pytest.approx(float(theirs.nats), rel=1e-5)


def test_every_training_pair_is_read_once_an_epoch_in_another_order(tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_text("\n".join(f"a {n}\tb {n}" for n in range(99)))
    task = statewise.Translate(source=str(tmp_path / "pairs.tsv"), held_out=0.2, validation=0.1, batch_size=7)
    windows = task.prepare(tmp_path).windows("training")
    assert isinstance(windows, PairBatches)
    epochs = [[place for batch in windows.batches.order(epoch) for place in batch] for epoch in (0, 1)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(len(windows.batches.lengths)))
    assert epochs[0] != epochs[1]
