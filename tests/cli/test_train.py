"""`statewise train`: every setting is a flag, and what comes later overrules what came before."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from statewise.cli.main import run
from statewise.cli.train import command_for
from statewise.errors import UsageError
from statewise.run.config import fields_of
from statewise.run.directory import RunDirectory
from statewise.tasks.text.task import Text

FILE: dict[str, Any] = {
    "source": "book.txt",
    "hidden_size": 8,
    "batch_size": 4,
    "sequence_length": 16,
    "orders": 2,
    "threads": 1,
    "gap": 9,
}


def settings_of(name: str) -> dict[str, Any]:
    settings: dict[str, Any] = RunDirectory(Path(name)).read_config()["settings"]
    return settings


def write_settings(**settings: Any) -> None:
    Path("settings.yaml").write_text(yaml.safe_dump({**FILE, **settings}))


def test_every_setting_is_a_flag_with_its_words_and_its_default() -> None:
    flags = {option.name: option for option in command_for("text").params}
    assert set(fields_of(Text)) <= set(flags)
    assert {name for name, flag in flags.items() if not flag.opts[0].startswith("--")} == {"source"}
    assert flags["held_out"].opts == ["--held-out"]
    assert flags["layers"].help == "number of layers [default: 1]"
    assert (
        flags["minutes"].help
        == "time budget of the training in minutes; give one budget, or none for 10 minutes at most"
    )


def test_flags_come_before_the_file_and_the_file_before_defaults(book: Path) -> None:
    write_settings(updates=2, hidden_size=6)
    assert run(["train", "text", "--config", "settings.yaml", "--hidden-size", "5", "--run", "one", "--quiet"]) == 0
    made = settings_of("one")
    assert (made["hidden_size"], made["batch_size"], made["optimizer"]) == (5, 4, "adam")


@pytest.mark.parametrize("other", [{"minutes": 9.0}, {"epochs": 99.0}])
def test_a_budget_on_the_command_line_takes_the_place_of_another_in_the_file(book: Path, other: dict[str, Any]) -> None:
    write_settings(**other)
    assert run(["train", "text", "--config", "settings.yaml", "--updates", "2", "--run", "one", "--quiet"]) == 0
    made = settings_of("one")
    assert (made["minutes"], made["epochs"], made["updates"]) == (None, None, 2)


def test_the_settings_of_a_run_train_it_again(book: Path) -> None:
    write_settings(updates=3, seed=4)
    assert run(["train", "text", "--config", "settings.yaml", "--run", "one", "--quiet"]) == 0
    assert run(["train", "text", "--config", "one/run.yaml", "--run", "two", "--quiet"]) == 0
    assert settings_of("two") == {**settings_of("one"), "source": str(book.resolve())}
    one, two = (Path(name, "checkpoints/000003/weights.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two


def test_a_value_of_0_on_the_command_line_is_a_value(book: Path) -> None:
    write_settings(updates=2, seed=4, warmup=7)
    arguments = ["--seed", "0", "--warmup", "0", "--run", "one", "--quiet"]
    assert run(["train", "text", "--config", "settings.yaml", *arguments]) == 0
    assert (settings_of("one")["seed"], settings_of("one")["warmup"]) == (0, 0)


def test_a_run_of_no_settings_is_refused_in_one_line(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("settings.yaml").write_text("settings: 3\n")
    assert run(["train", "text", "book.txt", "--config", "settings.yaml"]) == 2
    assert "settings.yaml holds int, not settings" in capsys.readouterr().err


def test_a_task_that_is_not_there_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown task 'tex': did you mean 'text'"):
        command_for("tex")
