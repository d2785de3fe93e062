"""A package adds a command through the entry-point group `statewise.commands`."""

from typing import Annotated

import pytest
import typer

from statewise import registry
from statewise.cli.main import run


def greet(name: str, times: Annotated[int, typer.Option(help="how often")] = 1) -> None:
    """Greet a person."""
    typer.echo(" ".join([f"hello {name}"] * times))


def fail() -> None:
    """End with an exit code of its own."""
    raise typer.Exit(3)


@pytest.fixture(autouse=True)
def with_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {**registry._registered})
    registry.register("commands", "greet", greet)
    registry.register("commands", "fail", fail)


def test_a_command_of_a_package_stands_in_the_help_and_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    assert "greet        Greet a person." in capsys.readouterr().out
    assert run(["greet", "Ada", "--times", "2"]) == 0
    assert capsys.readouterr().out == "hello Ada hello Ada\n"


def test_its_bad_usage_and_its_exit_code_are_those_of_any_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["greet", "Ada", "--times", "often"]) == 2
    assert "'--times'" in capsys.readouterr().err
    assert run(["fail"]) == 3


def test_a_mistyped_one_is_told_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["gret", "Ada"]) == 2
    assert "did you mean 'greet'?" in capsys.readouterr().err


def test_speed_and_the_papers_are_commands_of_this_kind() -> None:
    assert {"bench", "classics"} <= set(registry.names("commands"))
