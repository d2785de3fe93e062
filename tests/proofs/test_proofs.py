"""The small version of every long proof; and each of them fails where what it proves is broken."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROOFS = Path(__file__).parents[2] / "proofs"
SMALL = {
    "kills": ["--kills=5", "--by-command=0"],
    "faults": [],
    "mutations": ["--mutations=300"],
    "resumes": ["--ways=1", "--in-two=1"],
    "injections": ["--cells=1"],
    "stops": ["--stops=5", "--by-command=1"],
}
LEAST = {
    "kills": [5],
    "faults": [1000, 2000],
    "mutations": [300, 200],
    "resumes": [30],
    "injections": [12],
    "stops": [5],
}
BROKEN = {
    "faults": "import statewise.learning.checkpoint as c; sync = c.sync_folder; "
    "c.sync_folder = lambda folder: sync(folder) if folder.name[0] == '.' else None",
    "mutations": "import statewise.learning.checkpoint as c; c.Entry.__eq__ = lambda one, other: True; "
    "c.Entry.__ne__ = lambda one, other: False",
    "injections": "import statewise.learning.learner as l; l.unusable_in_windows = lambda *given: None",
    "resumes": "import torch; torch.set_rng_state = lambda state: None; "
    "from statewise.learning.snapshot import TrainingPosition as P; "
    "read = P.read; P.read = lambda files: read(files)._replace(window=0)",
}


def prove(name: str, result: Path, *given: str, before: str = "") -> "subprocess.CompletedProcess[str]":
    """Run a proof, with something broken before, in a process of its own."""
    code = f"import runpy, sys; sys.path.insert(0, {str(PROOFS)!r})\n{before}\nsys.argv = sys.argv[1:]\n"
    code += "runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-c", code, str(PROOFS / f"{name}.py"), *given, "--save", str(result)]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300, env=one_thread)


@pytest.mark.parametrize("name", SMALL)
def test_a_small_version_of_a_proof_holds(name: str, tmp_path: Path) -> None:
    proved = prove(name, tmp_path / "result.json", *SMALL[name])
    assert proved.returncode == 0, proved.stdout + proved.stderr
    told: dict[str, Any] = json.loads((tmp_path / "result.json").read_text())
    parts = told.get("parts", [told])
    assert len(parts) == len(LEAST[name])
    for part, least in zip(parts, LEAST[name], strict=True):
        assert part["good"] == part["tried"] >= least
        assert part["failures"] == []
    assert len(told["commit"]) in (0, 40)


@pytest.mark.parametrize("name", BROKEN)
def test_a_proof_fails_where_what_it_proves_is_broken(name: str, tmp_path: Path) -> None:
    small = {"mutations": ["--mutations=60"], "faults": ["--saves=2"]}
    small["resumes"] = ["--ways=1", "--in-two=0", "--epochs=1"]
    proved = prove(name, tmp_path / "result.json", *small.get(name, SMALL[name]), before=BROKEN[name])
    assert proved.returncode == 1, proved.stdout + proved.stderr
    assert "Traceback" not in proved.stderr
    told = json.loads((tmp_path / "result.json").read_text())
    assert not told["holds"]
    assert any(part["failures"] for part in told.get("parts", [told]))
