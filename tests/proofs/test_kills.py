"""The small version of proofs/kills.py: five runs are killed, and none is the worse for it."""

import json
import subprocess
import sys
from pathlib import Path

KILLS = Path(__file__).parents[2] / "proofs" / "kills.py"


def test_five_killed_runs_resume_to_the_same_bits(tmp_path: Path) -> None:
    result = tmp_path / "kills.json"
    command = [sys.executable, str(KILLS), "--kills", "5", "--by-command", "0", "--save", str(result)]
    proved = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert proved.returncode == 0, proved.stdout + proved.stderr
    told = json.loads(result.read_text())
    assert (told["same_bits"], told["kills"], told["failures"]) == (5, 5, [])
