"""The small version of proofs/ranks.py: a training in two processes loses one of them twice, and is none the worse."""

import json
import subprocess
import sys
from pathlib import Path

RANKS = Path(__file__).parents[2] / "proofs" / "ranks.py"


def test_a_training_that_loses_a_process_twice_ends_in_the_same_bits(tmp_path: Path) -> None:
    result = tmp_path / "ranks.json"
    command = [sys.executable, str(RANKS), "--kills", "2", "--updates", "150", "--fork", "--save", str(result)]
    proved = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert proved.returncode == 0, proved.stdout + proved.stderr
    told = json.loads(result.read_text())
    assert (told["same_bits"], told["every_update_there"], told["kills"]) == (True, True, 2)
    assert told["ended_alone_within_seconds"] < 10
