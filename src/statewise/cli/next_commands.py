"""What may be typed after a training: the commands that use the run, ready to be pasted."""

import inspect
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from statewise.errors import flag_of
from statewise.shown import in_line

if TYPE_CHECKING:
    from statewise.task import Task

LONGEST = 200
"An example of more characters, such as a sound for a server, is typed by no person."
A_TABLE = "{}"
"Stands for a table that a server is sent: on a command line it is a file."


def next_words(run: Path, task: "Task") -> str:
    """Return one line with the commands to try on a run."""
    from statewise.run.directory import RunDirectory

    codec = task.codec(RunDirectory(run).read_codec())
    return f"next: {', or '.join(in_line(shlex.join(command)) for command in next_commands(str(run), task, codec))}"


def next_commands(run: str, task: "Task", codec: Any) -> list[list[str]]:
    """Return the commands that use a run, each as its words: one question, lines as they come, a server."""
    from statewise.task import Task

    arguments = list(_arguments(task, codec))
    if any(len(word) > LONGEST or word == A_TABLE for word in arguments):
        arguments = ["--help"]
    commands = [["statewise", "predict", run, *arguments]]
    if type(task).live is not Task.live:
        commands.append(["statewise", "stream", run])
    return [*commands, ["statewise", "serve", run]]


def _arguments(task: "Task", codec: Any) -> Iterator[str]:
    parameters = inspect.signature(task.predict).parameters
    for name, value in task.example_question(codec).items():
        words = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        words = A_TABLE if isinstance(value, dict) else words
        if name in parameters and parameters[name].kind is inspect.Parameter.KEYWORD_ONLY:
            yield flag_of(name)
        if value is not True:
            yield words
