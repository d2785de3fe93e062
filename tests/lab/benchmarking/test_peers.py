"""A peer is a process spoken to by lines; whatever goes wrong with it is a reason, not an end."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from statewise.cli.main import run
from statewise_lab.benchmarking import peers
from statewise_lab.benchmarking.measure import Absent
from statewise_lab.benchmarking.peers import FAMILIES, WORKERS, Child, ChildError, Family, Peers

FAKE = """
import os, time

VERSIONS = ("numpy",)


def prepare(work, settings, arrays):
    print("this is not an answer")
    if work == "unknown":
        raise NotImplementedError("knows no such work")
    if work == "end":
        raise SystemExit("out of memory")

    def call():
        time.sleep(settings["seconds"])

    return call, lambda: {"ys": arrays["xs"] * 2, "threads": settings["threads"]}
"""


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Child]:
    shutil.copy(WORKERS / "serving.py", tmp_path)
    (tmp_path / "with_fake.py").write_text(FAKE)
    monkeypatch.setattr(peers, "WORKERS", tmp_path)
    monkeypatch.setattr(peers, "FAMILIES", {"fake": Family(())})
    child = Child(Path(sys.executable), "fake", 1, tmp_path)
    yield child
    child.close()


def test_a_peer_is_sent_arrays_computes_turns_and_sends_outputs(child: Child) -> None:
    assert child.versions == {"numpy": np.__version__}
    way = child.prepare("work", {"seconds": 0.01}, {"xs": np.arange(3.0)})
    found = way.outputs()
    assert found["ys"].tolist() == [0.0, 2.0, 4.0]
    assert found["threads"] == 1
    assert 0.03 <= way.turn(3) < 1


def test_two_ways_of_one_peer_are_kept_apart_until_it_is_cleared(child: Child) -> None:
    one, two = (child.prepare("work", {"seconds": 0}, {"xs": np.full(1, value)}) for value in (1.0, 3.0))
    assert [way.outputs()["ys"].item() for way in (one, two)] == [2.0, 6.0]
    child.clear()
    with pytest.raises(ChildError, match="KeyError"):
        one.turn(1)


def test_what_a_peer_does_not_know_is_said_and_it_goes_on(child: Child) -> None:
    with pytest.raises(ChildError, match="knows no such work"):
        child.prepare("unknown", {}, {})
    assert child.prepare("work", {"seconds": 0}, {"xs": np.ones(1)}).turn(1) < 1


def test_a_peer_that_ends_leaves_its_last_words(child: Child) -> None:
    with pytest.raises(ChildError, match="out of memory"):
        child.prepare("end", {}, {})
    with pytest.raises(ChildError, match="out of memory"):
        child.prepare("work", {}, {})
    child.clear()


def test_a_peer_that_does_not_install_is_absent_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(peers, "FAMILIES", {"missing": Family(("statewise-missing==0",))})
    company = Peers(tmp_path / "peers", 1)
    found = company.way("missing", "training", {}, {})
    company.close()
    assert isinstance(found, Absent)
    assert found.reason.startswith("does not install: ")
    assert "statewise-missing" in found.reason
    assert company.versions() == {"missing": found.reason}


def test_without_a_folder_no_peer_is_made() -> None:
    company = Peers(None, 1)
    assert company.way("jax", "training", {}, {}) == Absent("not asked for (--peers)")
    company.close()


@pytest.mark.peers
@pytest.mark.parametrize("question", ["training", "inference", "streaming"])
def test_every_peer_computes_what_we_do(
    question: str, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path_factory.getbasetemp() / "peers"
    assert run(["bench", question, "--quick", "--rounds", "1", "--peers", str(folder), "--quiet"]) == 0
    shown = capsys.readouterr().out
    assert "differ" not in shown
    assert "does not" not in shown
    assert set(FAMILIES) >= {path.name for path in folder.iterdir()}
