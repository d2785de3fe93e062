"""Which process trains a run is found without its lock, however the last one ended."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from statewise.errors import RunError
from statewise.run.directory import LOCK, RunDirectory
from statewise.run.trainer import trainer_of


def test_the_process_that_holds_the_lock_is_found_and_no_other(tmp_path: Path) -> None:
    assert trainer_of(tmp_path) is None
    with RunDirectory(tmp_path).locked():
        assert trainer_of(tmp_path) == os.getpid()
        with pytest.raises(RunError, match="is being trained"), RunDirectory(tmp_path).locked():
            pass
    assert (tmp_path / LOCK).exists()
    assert trainer_of(tmp_path) is None  # this process goes on, and trains no more


def test_the_lock_of_a_killed_process_is_of_none(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from statewise.run.directory import RunDirectory\n"
    code += "lock = RunDirectory(Path(sys.argv[1])).locked(); lock.__enter__(); print('held', flush=True); input()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert trainer_of(tmp_path) == process.pid
        process.kill()
        process.wait()
        assert trainer_of(tmp_path) is None


@pytest.mark.parametrize("words", ["", "process 1 on elsewhere\n", "process x on y", "\xff" * 300])
def test_a_lock_that_says_nothing_of_this_machine_names_no_process(tmp_path: Path, words: str) -> None:
    (tmp_path / LOCK).write_text(words)
    assert trainer_of(tmp_path) is None
