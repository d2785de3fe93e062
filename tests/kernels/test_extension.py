"""How wide vectors may be is limited from outside: within the limit the best is used, beyond it nothing is."""

import json
import os
import subprocess
import sys

import pytest

from statewise.errors import UsageError
from statewise.kernels import extension
from statewise.kernels.extension import LEVELS, levels_within, use


def doctor(limit: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "statewise", "doctor", "--json"]
    environment = {**os.environ, extension.VARIABLE: limit}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("limit", ["baseline", "none"])
def test_a_limit_is_kept_and_doctor_shows_it(limit: str) -> None:
    found = json.loads(doctor(limit).stdout)
    assert found["vector_limit"] == limit
    assert found["vectors"]["statewise"] == ("none" if extension.ABSENT == extension.NOT_BUILT else limit)
    assert found["kernels"]["peephole_lstm"] == (
        ["reference"] if found["native_kernels"] is None else ["native", "reference"]
    )
    assert "torch" in found["kernels"]["lstm"]


def test_a_limit_that_is_not_known_is_refused_in_one_line() -> None:
    refused = doctor("avx3")
    assert refused.returncode == 2
    assert refused.stderr.startswith("statewise: unknown STATEWISE_VECTOR_LEVEL 'avx3': did you mean 'avx2'?")
    assert refused.stderr.count("\n") == 1


def test_a_limit_leaves_what_is_not_above_it() -> None:
    assert levels_within("") == LEVELS
    assert [levels_within(level)[0] for level in LEVELS] == LEVELS
    assert levels_within("avx512") == ["avx512", "avx2", "baseline"]
    assert levels_within("none") == []
    with pytest.raises(UsageError, match="unknown STATEWISE_VECTOR_LEVEL 'sse'"):
        levels_within("sse")


@pytest.mark.skipif(extension.instructions() is None, reason=f"native kernels {extension.ABSENT}")
def test_beyond_the_limit_nothing_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    before = extension.instructions()
    monkeypatch.setattr(extension, "LIMIT", "baseline")
    for name in ("avx2", "avx512", "no such one"):
        with pytest.raises(ValueError, match=f"this processor has no {name}, or STATEWISE_VECTOR_LEVEL forbids it"):
            use(name)
    use("best")
    assert extension.instructions() == "baseline"
    monkeypatch.undo()
    use("best")
    assert extension.instructions() == before
