"""Help comes at once: no command loads what is heavy before it is run."""

import re
import subprocess
import sys
from typing import Any

import pytest
from typer.main import get_command

from statewise import registry
from statewise.cli.app import app
from statewise.cli.flags import flags_of_methods
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


RIDDLE = re.compile(r"\bnone (?!of\b|for\b)\w+s\b|0 is none|\bmakes none|\bsuch as \W*$|\[default: (\]|\()")


def test_helps_say_what_happens_where_a_flag_is_not_given() -> None:
    found = [
        f"{' '.join(command)}: {words}"
        for command in COMMANDS
        for words in _help_texts(command)
        if RIDDLE.search(words)
    ]
    assert found == []


@pytest.mark.parametrize("text", ["the column of times; none finds it", "width; 0 is none", "a mark [default: ]"])
def test_the_search_for_riddles_finds_those_that_were_there(text: str) -> None:
    assert RIDDLE.search(text)


@pytest.mark.parametrize("name", registry.names("tasks"))
def test_methods_of_tasks_say_what_happens_where_an_argument_is_not_given(name: str) -> None:
    kind: Any = registry.find("tasks", name)
    taken = flags_of_methods([getattr(kind, method) for method in ("score", "answer", "predict", "live")])
    texts = [str(parameter.annotation.__metadata__[0].help) for parameter in taken]
    assert len(texts) > 1
    assert [text for text in texts if RIDDLE.search(text)] == []


def _help_texts(command: tuple[str, ...]) -> list[str]:
    found: Any = get_command(app)
    for name in command:
        found = found.get_command(None, name)
    return [str(found.help), *(str(getattr(parameter, "help", None)) for parameter in found.params)]


def test_the_commands_of_a_first_day_are_named_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    lines = capsys.readouterr().out.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in lines[:5]] == ["demo", "train", "resume", "evaluate", "predict"]
