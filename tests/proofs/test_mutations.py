"""The small version of proofs/mutations.py: 300 damaged checkpoints, none of them used for what it is not."""

import json
import subprocess
import sys
from pathlib import Path

MUTATIONS = Path(__file__).parents[2] / "proofs" / "mutations.py"


def test_damaged_checkpoints_are_refused_and_change_nothing(tmp_path: Path) -> None:
    result = tmp_path / "mutations.json"
    command = [sys.executable, str(MUTATIONS), "--mutations", "300", "--save", str(result)]
    proved = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert proved.returncode == 0, proved.stdout + proved.stderr
    outcomes = json.loads(result.read_text())["outcomes"]
    by_digest = outcomes["refused by its digest"] + outcomes["changed nothing"]
    assert by_digest == 300
    assert outcomes["refused by its digest"] > 200
    assert outcomes["past digests: refused"] + outcomes["past digests: fits the model"] == 300
