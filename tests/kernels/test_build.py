"""A build of the native kernels says at its beginning that it takes a while."""

import shutil
import subprocess
from pathlib import Path

import pytest

NATIVE = Path(__file__).parents[2] / "native"


@pytest.mark.skipif(not (shutil.which("cmake") and shutil.which("c++")), reason="no cmake or C++ compiler here")
def test_a_build_says_what_is_compiled_and_that_it_takes_minutes(tmp_path: Path) -> None:
    command = ["cmake", "-S", str(NATIVE), "-B", str(tmp_path / "build")]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    (line,) = [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("statewise: ")]
    assert "compiling native kernels for " in line
    assert line.endswith(" instruction sets, several minutes on a slow machine")
