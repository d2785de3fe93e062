"""A shell asks how a command line may go on: commands, tasks and flags, those of a run too, and no traceback ever."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"torch", "lightning_fabric"}
ASKS = """
import sys
from statewise.cli.main import run
code = run([])
print(*sys.modules, file=sys.stderr)
sys.exit(code)
"""


def asked(line: str) -> "subprocess.CompletedProcess[str]":
    """Ask as bash does, with the cursor at the end of the line."""
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1), "_STATEWISE_COMPLETE": "complete_bash"}
    program = [sys.executable, "-c", ASKS]
    answered = subprocess.run(program, env={**os.environ, **words}, capture_output=True, text=True, check=False)
    assert answered.returncode == 0, answered.stderr
    assert "Traceback" not in answered.stderr
    return answered


@pytest.mark.parametrize(
    ("line", "among"),
    [
        ("statewise ", {"train", "resume", "serve", "doctor"}),
        ("statewise res", {"resume"}),
        ("statewise train ", {"text", "forecast", "recommend"}),
        ("statewise train text --hid", {"--hidden-size"}),
        ("statewise train text --optimizer a", {"adam", "adamw", "adagrad"}),
        ("statewise serve --max-re", {"--max-requests", "--max-requests-per-owner"}),
    ],
)
def test_what_may_come_next_is_offered_and_nothing_heavy_is_loaded(line: str, among: set[str]) -> None:
    answered = asked(line)
    offered = set(answered.stdout.split())
    assert among <= offered
    assert all(one.startswith(line.rpartition(" ")[2]) for one in offered)
    assert HEAVY & {*answered.stderr.split()} == set()


@pytest.mark.parametrize("line", ["statewise foo ", "statewise train nothing --", "statewise evaluate no-run --"])
def test_after_a_wrong_word_nothing_is_offered(line: str) -> None:
    assert asked(line).stdout.strip() == ""


def test_the_flags_of_a_run_are_those_of_its_task(run_path: Path) -> None:
    assert {"--dynamic", "--scored"} & set(asked("statewise evaluate run --").stdout.split())
    assert "--temperature" in asked("statewise predict run --te").stdout.split()


def test_completion_is_shown_and_installed_as_typer_does_it(tmp_path: Path) -> None:
    def answer(flag: str) -> str:
        command = [sys.executable, "-m", "statewise", flag, "bash"]
        environment = {**os.environ, "HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    script = answer("--show-completion")
    assert "_STATEWISE_COMPLETE=complete_bash" in script
    assert "complete -o default" in script
    assert answer("--install-completion").startswith("bash completion installed in ")
    assert (tmp_path / ".bash_completions" / "statewise.sh").read_text().strip() == script.strip()
    assert ".bash_completions/statewise.sh" in (tmp_path / ".bashrc").read_text()
