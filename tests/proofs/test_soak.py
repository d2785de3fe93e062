"""The small version of proofs/soak.py: 550 updates through the native kernels, their memory looked at."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from statewise.kernels import extension

SOAK = Path(__file__).parents[2] / "proofs" / "soak.py"


@pytest.mark.skipif(extension.instructions() is None, reason="installed without native kernels")
def test_many_updates_of_many_shapes_hold_no_more_memory_than_a_few(tmp_path: Path) -> None:
    result = tmp_path / "soak.json"
    command = [sys.executable, str(SOAK), "--updates", "550", "--save", str(result)]
    proved = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert proved.returncode == 0, proved.stdout + proved.stderr
    found = json.loads(result.read_text())
    assert found["finite"]
    assert len(found["megabytes"]) >= 100
