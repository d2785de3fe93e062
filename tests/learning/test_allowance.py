"""A model is built as far as its checkpoint shows that it has weights, and no stranger's settings take more."""

import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import nn

import statewise
from statewise import registry
from statewise.errors import RunError
from statewise.learning.allowance import Allowance, Allowing, allowance_at
from statewise.run.directory import RunDirectory
from statewise.state import write_tensors
from statewise.task import stacked_core

SECONDS = 20
D, H, LAYERS = 5, 4, 2


def allowance_of(module: nn.Module) -> Allowance:
    return Allowance.of(write_tensors(module.state_dict()))


@pytest.mark.parametrize("cell", registry.names("cells"))
def test_every_cell_is_built_within_what_its_own_weights_allow(cell: str, tmp_path: Path) -> None:
    allowed = allowance_of(stacked_core(cell, D, H, LAYERS))
    for spare in (0, 200):  # without what is spared for small ones, too
        part = Allowance(allowed.numbers - (1 << 20) + spare, allowed.calls - 2000 + spare)
        with Allowing(part, tmp_path):
            stacked_core(cell, D, H, LAYERS)


@pytest.mark.parametrize(("width", "layers"), [(60_000, 1), (8, 3_000_000), (1 << 40, 1)])
def test_more_than_the_weights_show_is_refused_before_it_is_made(width: int, layers: int, tmp_path: Path) -> None:
    allowed = allowance_of(stacked_core("lstm", D, H, LAYERS))
    began = time.monotonic()
    tracemalloc.start()
    with (
        pytest.raises(RunError, match="describes a larger model than its checkpoint holds"),
        Allowing(allowed, tmp_path),
    ):
        stacked_core("lstm", D, width, layers)
    assert tracemalloc.get_traced_memory()[1] < 100 << 20
    tracemalloc.stop()
    assert time.monotonic() - began < SECONDS


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.empty(1 << 34),
        lambda: torch.zeros(1 << 17, 1 << 17),
        lambda: torch.full((1 << 34,), 1.0),
        lambda: torch.rand(1 << 34),
        lambda: torch.eye(1 << 17),
        lambda: torch.ones(3).repeat(1 << 33),
        lambda: torch.ones(3).new_zeros(1 << 34),
        lambda: torch.arange(1 << 34),
        lambda: torch.linspace(0, 1, 1 << 34),
    ],
)
def test_each_way_to_make_numbers_out_of_sizes_is_counted_before(make: Any, tmp_path: Path) -> None:
    with pytest.raises(RunError), Allowing(Allowance(1 << 20, 100), tmp_path):
        make()
    with Allowing(Allowance(1 << 20, 100), tmp_path):
        assert torch.ones(3).expand(1 << 34, 3).shape == (1 << 34, 3)  # a view takes no memory


@pytest.mark.parametrize(
    "settings",
    [{"hidden_size": 60_000}, {"embedding": 100_000}, {"layers": 1000}, {"cell": "gru", "hidden_size": 100_000}],
)
@pytest.mark.parametrize("verb", ["load", "resume"])
def test_a_strangers_settings_build_no_larger_model(run_path: Path, settings: dict[str, Any], verb: str) -> None:
    config = RunDirectory(run_path).read_config()
    config["settings"] |= settings
    (run_path / "run.yaml").write_text(yaml.safe_dump(config))
    began = time.monotonic()
    with pytest.raises(RunError, match=r"run describes a larger model than its checkpoint holds: the run is damaged$"):
        getattr(statewise, verb)(run_path)
    assert time.monotonic() - began < SECONDS


def test_checkpoints_allow_as_much_as_the_largest_and_damaged_ones_nothing(run_path: Path, tmp_path: Path) -> None:
    folder = run_path / "checkpoints"
    allowed = allowance_at(folder)
    assert allowed is not None
    newest = max(folder.iterdir()) / "weights.safetensors"
    assert allowed == Allowance.of(newest.read_bytes())
    newest.write_bytes(b"\xff" * 100)
    assert allowance_at(folder) == allowed  # by the one before it
    for path in folder.iterdir():
        (path / "weights.safetensors").unlink()
    assert allowance_at(folder) is None
    assert allowance_at(tmp_path / "nowhere") is None
