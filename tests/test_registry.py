"""Names lead to things: announced by installed packages, given in this process, or not known and helpfully so."""

import subprocess
import sys

import pytest

from statewise import registry
from statewise.cells import GRU, LSTM, Elman
from statewise.errors import UsageError
from statewise.heads import Categorical
from statewise.registry import find, names, register, unknown


@pytest.fixture(autouse=True)
def own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {})


@pytest.mark.parametrize(("name", "cell"), [("elman", Elman), ("lstm", LSTM), ("gru", GRU)])
def test_every_announced_cell_is_found(name: str, cell: type) -> None:
    assert name in names("cells")
    assert find("cells", name) is cell


def test_the_announced_head_is_found() -> None:
    assert find("heads", "categorical") is Categorical


@pytest.mark.parametrize("kind", ["cells", "heads", "corpora"])
def test_everything_announced_can_be_imported(kind: registry.Kind) -> None:
    assert all(find(kind, name) is not None for name in names(kind))


def test_names_are_in_order_and_each_once() -> None:
    register("cells", "aardvark", object())
    register("cells", "lstm", object())
    assert names("cells") == sorted(set(names("cells")))
    assert names("cells")[0] == "aardvark"


def test_a_name_given_here_is_of_its_kind_only() -> None:
    register("heads", "mine", "a head")
    assert find("heads", "mine") == "a head"
    assert "mine" not in names("cells")
    with pytest.raises(UsageError, match="unknown cell 'mine'"):
        find("cells", "mine")


def test_a_name_given_here_goes_before_an_announced_one() -> None:
    register("cells", "lstm", "my own")
    assert find("cells", "lstm") == "my own"


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"^unknown cell 'lstn': did you mean 'lstm'\? \(known: .*elman.*lstm"):
        find("cells", "lstn")


def test_a_name_like_no_other_is_answered_with_all() -> None:
    assert unknown("head", "zzz", ["categorical", "gaussian"]) == "unknown head 'zzz': known are categorical, gaussian"


def test_naming_imports_nothing_heavy() -> None:
    asked = "from statewise.registry import names; import sys; assert names('cells'); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", asked], check=True)
