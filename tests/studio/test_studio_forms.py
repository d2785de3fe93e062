"""The forms of a studio: of every task, checked, and told as a command line."""

import shutil
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import small_tasks
from made_studio import problem

from statewise import registry
from statewise.cli import train as training_commands
from statewise.run.config import build, plain
from statewise.studio.forms import arguments_of, form_of, task_named
from statewise.task import Task

TOKEN = "a" * 22
SOON_SECONDS = 90


def test_every_task_has_a_form_whose_command_line_says_the_same_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[tuple[type[Task], dict[str, Any]]] = []
    monkeypatch.setattr(training_commands, "train", lambda kind, given, **_: said.append((kind, given)))
    for name, make in small_tasks.TASKS.items():
        try:
            task = make(tmp_path)
        except pytest.skip.Exception:
            continue
        form = form_of(type(task))
        assert all(setting["description"] and setting["flag"] for setting in form["settings"]), name
        words = arguments_of(type(task), plain(task))
        with training_commands.command_for(task.name).make_context(task.name, list(words)) as context:
            context.command.invoke(context)
        kind, given = said.pop()
        assert as_said(build(kind, given)) == as_said(task), name
    assert set(registry.names("tasks")) <= {row["name"] for row in _tasks()}


def test_every_page_that_a_task_names_is_there() -> None:
    pages = files("statewise.studio") / "web" / "pages"
    named = {name: getattr(registry.find("tasks", name), "page", "") for name in registry.names("tasks")}
    assert [name for name, page in named.items() if page and not (pages / f"{page}.js").is_file()] == []
    assert named["speech"] == "speech"


def as_said(task: Task) -> dict[str, Any]:
    """The settings that a command line can say, in which one source and a list of one are the same."""
    said = {name: value for name, value in plain(task).items() if value is not None and name != "holidays"}
    source = said.get("source")
    return {**said, "source": [source] if isinstance(source, str) else source}


def _tasks() -> list[dict[str, Any]]:
    from statewise.studio.forms import tasks

    return tasks()


def test_a_form_has_the_limits_help_and_default_of_each_setting(asked: Any) -> None:
    form = asked.get("/studio/tasks/text").json()
    known = {setting["name"]: setting for setting in form["settings"]}
    assert set(known) == {field.name for field in fields(task_named("text"))}
    assert known["layers"]["minimum"] == 1
    assert known["layers"]["default"] == 1
    assert known["source"]["required"] is True
    assert "lstm" in known["cell"]["suggestions"]
    assert known["unit"]["enum"] == ["character", "byte"]
    assert problem(asked.get("/studio/tasks/txet"))[0] == 422


def test_settings_are_checked_and_told_as_a_command_line(asked: Any, book: Path, tmp_path: Path) -> None:
    shutil.copy(book, tmp_path / "data" / "book.txt")
    body = {"task": "text", "settings": {"source": ["book.txt"], "hidden_size": 8, "updates": 3}}
    told = asked.post("/studio/command", json=body).json()
    assert told == {
        "run": "text-book-1",
        "command": "statewise train text data/book.txt --updates 3 --hidden-size 8 --run runs/text-book-1",
    }
    body["settings"] = {"source": ["book.txt"], "hidden_size": -1}
    assert "hidden" in problem(asked.post("/studio/command", json=body))[1]


@pytest.mark.parametrize(
    "source",
    [
        "/etc/passwd",
        "../book.txt",
        "book.txt",
        "data/../book.txt",
        "~/x",
        "../*.txt",
        "os:system",
        "-",
        "--config=x",
        "data/link",
    ],
)
def test_a_source_outside_the_folders_of_data_is_refused(asked: Any, book: Path, tmp_path: Path, source: str) -> None:
    (tmp_path / "data" / "link").symlink_to(book)
    status, said = problem(asked.post("/studio/train", json={"task": "text", "settings": {"source": [source]}}))
    assert status == 422
    assert "does not lie in data" in said


def test_other_settings_name_no_place_outside_either(asked: Any) -> None:
    body = {"task": "text", "settings": {"source": "shakespeare", "freeze": ["../../etc"]}}
    assert problem(asked.post("/studio/train", json=body))[0] == 422
