"""A learner reads windows, carries the state, changes the weights; put back, it goes on bit for bit."""

import copy
import json
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from statewise.cells import GRU, LSTM, Chain
from statewise.data.window import Window
from statewise.errors import DataError, RunError, UsageError
from statewise.heads import Categorical
from statewise.learning.device import make_fabric
from statewise.learning.guard import NotFinite
from statewise.learning.learner import Learner
from statewise.learning.precision import LossScale
from statewise.learning.snapshot import load_weights
from statewise.model import Model
from statewise.numerics import devices
from statewise.run.recipe import Recipe
from statewise.state import detach, leaves

T, B, D, H, V = 7, 3, 5, 4, 6
PLAIN: dict[str, Any] = {
    "updates": 9,
    "warmup": 0,
    "schedule": "constant",
    "optimizer": "sgd",
    "learning_rate": 0.5,
    "clip": 0,
}

FILES = ["weights.safetensors", "optimizer.safetensors", "state.safetensors", "random.safetensors", "place.json"]


def make_model(seed: int = 0, *, units: int = 2, dropout: float = 0.0) -> Model[Tensor]:
    torch.manual_seed(seed)
    encoder = nn.Sequential(nn.Embedding(V, D), nn.Dropout(dropout))
    return Model(encoder, Chain(LSTM(D, H), GRU(H, units)), Categorical(units, V))


def make_windows(count: int = 5) -> list[Window]:
    codes = torch.randint(V, (count * T + 1, B), generator=torch.Generator().manual_seed(1))
    mask = torch.rand(T, B, generator=torch.Generator().manual_seed(2)) > 0.2
    pieces = [codes[i * T : (i + 1) * T + 1] for i in range(count)]
    return [Window(piece[:-1], piece[1:], mask=mask if i == 1 else None) for i, piece in enumerate(pieces)]


def make_learner(seed: int = 0, **settings: Any) -> Learner:
    dropout = settings.pop("dropout", 0.0)
    return Learner(make_model(seed, dropout=dropout), make_windows(), Recipe(**{**PLAIN, **settings}))


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "rmsprop", "sgd", "averaged_sgd", "adagrad"])
@pytest.mark.parametrize("accumulate", [1, 2, 7])
@pytest.mark.parametrize("before", [0, 1, 3])
def test_a_learner_put_back_goes_on_bit_for_bit(optimizer: str, accumulate: int, before: int) -> None:
    how: dict[str, Any] = {
        "optimizer": optimizer,
        "accumulate": accumulate,
        "dropout": 0.3,
        "learning_rate": 0.01,
        "schedule": "cosine",
        "average_from": 0.2,
    }
    one, other = make_learner(**how), make_learner(seed=5, **how)
    for _ in range(before):
        one.update()
    one.seconds = 12.25
    kept = one.snapshot()
    expected = [one.update() for _ in range(3)]
    other.update()  # what it did before is forgotten
    other.restore(kept)
    assert other.snapshot() == kept
    assert [other.update() for _ in range(3)] == expected
    assert other.snapshot() == one.snapshot()


def test_a_learner_may_be_put_back_to_its_own_past() -> None:
    learner = make_learner(dropout=0.5)
    learner.update()
    kept = learner.snapshot()
    first = learner.update()
    learner.restore(kept)
    assert learner.update() == first


def test_a_snapshot_is_of_plain_bytes_under_the_names_of_the_run_directory() -> None:
    learner = make_learner(accumulate=2)
    learner.update()
    kept = learner.snapshot()
    assert list(kept) == FILES
    assert json.loads(kept["place.json"]) == {
        "update": 1,
        "window": 2,
        "seconds": 0.0,
        "averaged": 0,
        "progress": {"checks": 0, "best": None, "waited": 0, "scale": 1.0, "tries": 0},
        "usual": {"seen": 1, "norm": json.loads(kept["place.json"])["usual"]["norm"]},
        "loss_scale": {"factor": 1.0, "updates": 0},
    }


def test_one_update_follows_the_mean_of_all_its_places_with_the_state_carried_and_cut() -> None:
    model, windows = make_model(), make_windows()
    learner = Learner(copy.deepcopy(model), windows, Recipe(**{**PLAIN, "accumulate": 2}))
    first, state = model.loss(windows[0], model.begin(B))
    second, last = model.loss(windows[1], detach(state))
    ((first.nats + second.nats) / (first.places + second.places)).backward()  # type: ignore[no-untyped-call]
    expected = [w - 0.5 * w.grad for w in model.parameters() if w.grad is not None]
    norm = torch.cat([w.grad.flatten() for w in model.parameters() if w.grad is not None]).norm()
    updated = learner.update()
    torch.testing.assert_close(list(learner.model.parameters()), expected)
    torch.testing.assert_close(leaves(learner.state), leaves(detach(last)))
    assert not any(leaf.requires_grad for leaf in leaves(learner.state))
    nats, places = float((first.nats + second.nats).detach()), int(first.places + second.places)
    assert windows[1].mask is not None
    assert places == T * B + int(windows[1].mask.sum())
    assert (updated.update, updated.epoch, updated.fraction, updated.places) == (1, 0, 1 / 9, places)
    assert (updated.nats, updated.norm) == pytest.approx((nats / places, float(norm)), rel=1e-5)


def test_windows_are_read_round_and_round_and_epochs_are_counted() -> None:
    learner = make_learner(accumulate=2, updates=None, epochs=2.0)
    assert learner.epoch_updates == 2
    told = [learner.update() for _ in range(5)]
    assert learner.window_number == 10
    assert [updated.epoch for updated in told] == [0, 0, 1, 1, 2]
    assert [updated.fraction for updated in told] == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_more_windows_an_update_than_there_are_make_an_epoch_of_one_update() -> None:
    assert make_learner(accumulate=9).epoch_updates == 1


def test_the_rate_of_each_update_is_the_schedules() -> None:
    learner = make_learner(warmup=4, schedule="cosine", learning_rate=1.0, updates=2)
    rates = [learner.update().rate for _ in range(3)]
    assert rates == pytest.approx([0.25 * 1.0, 0.5 * (0.01 + 0.99 / 2), 0.75 * 0.01])
    assert learner.optimizer.param_groups[0]["lr"] == rates[-1]


def test_the_gradient_is_clipped_and_its_norm_told_as_it_was() -> None:
    loose, tight = make_learner(clip=0), make_learner(clip=0.01)
    before = [w.detach().clone() for w in tight.model.parameters()]
    assert tight.update().norm == loose.update().norm > 0.01
    moved = torch.cat([(w - b).flatten() for w, b in zip(tight.model.parameters(), before, strict=True)])
    assert float(moved.detach().norm()) == pytest.approx(0.5 * 0.01, rel=1e-3)


def test_the_numbers_of_the_gradient_are_bounded_after_its_norm() -> None:
    loose, tight = make_learner(clip=0.05), make_learner(clip=0.05, clip_value=0.004)
    begun = [w.detach().clone() for w in tight.model.parameters()]
    assert tight.update().norm == loose.update().norm > 0.05
    pairs = list(zip(begun, loose.model.parameters(), tight.model.parameters(), strict=True))
    assert any((before - far).abs().max() > 0.5 * 0.005 for before, far, _ in pairs)
    for before, far, near in pairs:
        torch.testing.assert_close(near, before + (far - before).clamp(-0.5 * 0.004, 0.5 * 0.004), rtol=0, atol=1e-7)


def test_a_model_learns_again_after_it_was_scored() -> None:
    learner = make_learner()
    learner.model.eval()
    learner.update()
    assert learner.model.training


def test_a_window_with_nothing_to_predict_changes_nothing() -> None:
    empty = make_windows()[0]._replace(mask=torch.zeros(T, B, dtype=torch.bool))
    learner = Learner(make_model(), [empty], Recipe(**PLAIN))
    before = learner.snapshot()["weights.safetensors"]
    updated = learner.update()
    assert (updated.nats, updated.norm, updated.places) == (0.0, 0.0, 0)
    assert learner.snapshot()["weights.safetensors"] == before


@pytest.mark.parametrize("name", FILES)
def test_a_snapshot_that_lacks_a_file_is_refused(name: str) -> None:
    learner = make_learner()
    files = learner.snapshot()
    del files[name]
    with pytest.raises((RunError, DataError)) as raised:
        learner.restore(files)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("place", [b"", b"[]", b"3", b"{}", b'{"update": "x", "window": 1, "seconds": 0}', b"\xff"])
def test_a_place_that_cannot_be_read_is_refused_and_nothing_is_changed(place: bytes) -> None:
    learner = make_learner()
    files = learner.snapshot()
    learner.update()
    now = learner.snapshot()
    with pytest.raises(RunError, match="the checkpoint lacks what training goes on from: it was made by another"):
        learner.restore({**files, "place.json": place})
    assert learner.snapshot() == now


def test_weights_of_another_model_are_refused_by_the_first_that_differs_and_none_is_changed() -> None:
    model = make_model()
    before = copy.deepcopy(model.state_dict())
    files = Learner(make_model(units=3), make_windows(), Recipe(**PLAIN)).snapshot()
    with pytest.raises(
        RunError, match=r"weights\.safetensors does not fit this model at 'core\.parts\.1\..*another model"
    ):
        load_weights(model, files)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    with pytest.raises(DataError, match="does not begin with a tensor header"):
        load_weights(model, {})


def test_a_state_of_another_model_is_refused() -> None:
    files = Learner(make_model(units=3), make_windows(), Recipe(**PLAIN)).snapshot()
    with pytest.raises(DataError, match=r"state\.safetensors holds .*: open it with the model that made it"):
        make_learner().restore(files)


def test_a_device_that_is_not_there_is_refused_in_one_line() -> None:
    with pytest.raises(UsageError) as raised:
        make_learner(device="abacus")
    there = ", ".join(devices())
    assert str(raised.value) == f"device 'abacus' is not on this machine, which has {there}: give device cpu"


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_an_accelerator_that_is_not_there_is_refused_with_what_there_is(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("statewise.learning.device.devices", lambda: ["cpu"])
    with pytest.raises(UsageError) as raised:
        make_learner(device=device)
    assert raised.value.with_flags == f"device '{device}' is not on this machine, which has cpu: give --device cpu"


class Stop(KeyboardInterrupt):
    """A signal in the middle of an update."""


@pytest.mark.parametrize("where", ["model", "optimizer"])
def test_an_interrupted_update_is_undone_and_made_again_the_same(where: str) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise Stop

    learner = make_learner(dropout=0.3, accumulate=2, optimizer="adam")
    learner.update()
    before, expected = learner.snapshot(), learner.update()
    after = learner.snapshot()
    learner.restore(before)
    hook: Any = learner.model.head.register_forward_hook(stop) if where == "model" else None
    hook = hook or learner.optimizer.register_step_post_hook(stop)
    with pytest.raises(Stop):
        learner.update()
    hook.remove()
    assert learner.is_whole
    assert learner.snapshot() == before
    assert learner.update() == expected
    assert learner.snapshot() == after


def test_an_update_that_is_done_but_not_counted_must_not_be_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    learner = make_learner(average=0.9, average_from=0.0)
    before = learner.snapshot()

    def stop(*_: Any) -> None:
        raise Stop

    with monkeypatch.context() as patch:
        patch.setattr("statewise.learning.average.Average.follow", stop)
        with pytest.raises(Stop):
            learner.update()
    assert not learner.is_whole
    learner.restore(before)
    assert learner.is_whole


def test_half_precision_scales_the_loss_until_its_gradient_fits_and_remembers_by_how_much() -> None:
    how: dict[str, Any] = {"precision": "16-mixed", "updates": 99, "learning_rate": 0.05}
    learner, single = make_learner(**how), make_learner(**{**how, "precision": "32-true"})
    learner.loss_scale = LossScale(2.0**40)  # far too large for numbers up to 65,504
    assert learner.update().nats == pytest.approx(single.update().nats, rel=1e-2)
    assert 2.0**4 < learner.loss_scale.factor < 2.0**30
    assert learner.loss_scale.updates == 1
    pairs = list(zip(learner.model.parameters(), single.model.parameters(), strict=True))
    assert all(torch.allclose(one, other, atol=2e-3) for one, other in pairs)
    other = make_learner(seed=3, **how)
    kept, expected = learner.snapshot(), [learner.update() for _ in range(3)]
    other.restore(kept)
    assert other.loss_scale.updates == 1
    assert [other.update() for _ in range(3)] == expected
    assert other.snapshot() == learner.snapshot()


def test_a_loss_that_no_scale_mends_is_undone_scale_and_all() -> None:
    learner = make_learner(precision="16-mixed")
    learner.model.head.weights.register_hook(lambda gradient: gradient * math.inf)  # type: ignore[operator]
    before = learner.snapshot()
    with pytest.raises(NotFinite):
        learner.update()
    assert learner.snapshot() == before


def test_a_snapshot_with_a_file_that_is_not_known_is_refused() -> None:
    learner = make_learner()
    files = {**learner.snapshot(), "code.py": b"print()"}
    with pytest.raises(RunError, match=r"holds a file 'code\.py' that is not known: it was made by another version"):
        learner.restore(files)
    with pytest.raises(RunError, match="not known"):
        load_weights(learner.model, files)


@pytest.mark.parametrize(("cores", "most"), [(2, 64), (48, 384), (100, 800)])
def test_more_threads_than_a_machine_can_use_are_refused_before_they_start(
    cores: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    monkeypatch.setattr("torch.set_num_threads", started.append)
    make_fabric(Recipe(threads=most))
    with pytest.raises(UsageError, match=rf"^threads {most + 1} is not a whole number from 1 to {most}: give one$"):
        make_fabric(Recipe(threads=most + 1))
    assert started == [most]
