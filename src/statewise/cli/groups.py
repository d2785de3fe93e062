"""How commands are found by name: ours, those of other packages, one for each task, and those at a run."""

from collections.abc import Callable
from typing import Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

from statewise import registry
from statewise.errors import UsageError
from statewise.registry import unknown

IN_ORDER = (
    *("demo", "train", "resume", "evaluate", "predict", "stream", "studio"),
    *("inspect", "compare", "serve", "export", "tune"),
)
"The commands that a help names first, as a first day with them goes."


def announced_command(name: str) -> Any:
    """Return the command that a package announces in the group `statewise.commands`: a function, as Typer reads it."""
    alone = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
    alone.command(name)(cast(Callable[..., object], registry.find("commands", name)))
    return typer.main.get_command(alone)


class Commands(TyperGroup):
    """Commands by name; one that is not known is answered with the nearest, or with all of them."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command. Raises `UsageError` for one that is not known."""
        found = super().get_command(ctx, cmd_name)
        if found is None and not cmd_name.startswith("-"):
            raise UsageError(unknown("command", cmd_name, self.list_commands(ctx)))
        return found


class AllCommands(Commands):
    """Our commands and those of other packages."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Name the commands, those in the order of use first."""
        names = sorted({*super().list_commands(ctx), *registry.those("commands", callable)})
        return [name for name in IN_ORDER if name in names] + [name for name in names if name not in IN_ORDER]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command. Raises `UsageError` for one that is not known."""
        is_ours = cmd_name in self.commands or cmd_name not in registry.names("commands")
        return super().get_command(ctx, cmd_name) if is_ours else announced_command(cmd_name)


class Tasks(TyperGroup):
    """One command for each known task, made when it is asked for, from the task's own fields."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Name the tasks."""
        return registry.names("tasks")

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command that trains a task. Raises `UsageError` for one that is not known."""
        from statewise.cli.train import command_for

        return command_for(cmd_name)


class Searches(Tasks):
    """The same tasks, each with the command that searches among its settings."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command that tunes a task. Raises `UsageError` for one that is not known."""
        from statewise.cli.tune import command_for

        return command_for(cmd_name)


class AtRun(TyperCommand):
    """A command on a run: its arguments and flags are those that the run's task says it takes."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Read the command line as the command of the run that it names."""
        from statewise.cli.use import command_at, run_among

        run = run_among(args)
        if run is None:
            return super().make_context(info_name, args, parent, **extra)
        return command_at(run, str(info_name)).make_context(info_name, args, parent, **extra)
