"""Help comes at once: no command loads what is heavy before it is run."""

import subprocess
import sys
from typing import Any

import pytest
from typer.main import get_command

from statewise.cli.app import app
from statewise.cli.main import run

HEAVY = {"torch", "numpy", "lightning_fabric"}
ASKS = """
import sys
from statewise.cli.main import run
code = run([*sys.argv[1:], "--help"])
print(*sys.modules, file=sys.stderr)
sys.exit(code)
"""


def commands(group: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [path]
    for name in group.list_commands(None) if hasattr(group, "list_commands") else []:
        found += commands(group.get_command(None, name), (*path, name))
    return found


COMMANDS = commands(get_command(app))


def test_the_walk_finds_commands_on_both_floors() -> None:
    assert {("train", "text"), ("resume",), ("evaluate",), ("predict",), ("data", "list"), ("doctor",)} <= {*COMMANDS}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(("statewise", *command)))
def test_help_shows_the_command_and_loads_nothing_heavy(command: tuple[str, ...]) -> None:
    program = [sys.executable, "-c", ASKS, *command]
    asked = subprocess.run(program, check=False, capture_output=True, text=True, timeout=60)
    assert asked.returncode == 0
    assert asked.stdout.startswith(f"Usage: {' '.join(('statewise', *command))}")
    assert HEAVY & {*asked.stderr.split()} == set()


@pytest.mark.parametrize("command", [[], ["train"], ["data"]])
def test_a_group_without_a_command_answers_with_its_help(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command) == 2
    said = capsys.readouterr()
    assert said.out == ""
    lines = said.err.splitlines()
    assert lines[0] == f"Usage: {' '.join(['statewise', *command])} [OPTIONS] COMMAND [ARGS]..."
    assert "Commands:" in lines


def test_the_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == "statewise 0.1.0\n"


@pytest.mark.parametrize("command", [[], ["train"], ["tune"], ["data"]])
def test_no_line_of_a_list_of_commands_is_cut_on_80_columns(
    command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run([*command, "--help"]) == 0
    lines = capsys.readouterr().out.partition("Commands:")[2].splitlines()
    assert len(lines) > 2
    assert [line for line in lines if line.endswith("...")] == []


def test_the_commands_of_a_first_day_are_named_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    lines = capsys.readouterr().out.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in lines[:5]] == ["demo", "train", "resume", "evaluate", "predict"]
