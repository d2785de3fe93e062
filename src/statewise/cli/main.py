"""Where `statewise` begins: it runs one command and turns what went wrong into one line and an exit code."""

import contextlib
import difflib
import errno
import os
import sys
from typing import Any

from statewise.cli.processes import leave, rank_here

FAILED, INTERRUPTED = 1, 130
READER_IS_GONE = {errno.EPIPE, errno.EIO}
"As after `| head -1`, or in a terminal that was closed: it leaves without a word."
COMPLETE = "_STATEWISE_COMPLETE"
"Set by a shell that asks how a command line may go on, where `--install-completion` has told it to."


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    try:
        # Imported here, so that an interrupt while modules load is caught too.
        from statewise.cli.signals import interruptible

        with interruptible():
            code = run(arguments)
    except KeyboardInterrupt as interrupt:
        if rank_here() == 0:  # one of several processes speaks for all
            _say_last("interrupted: nothing was left half written")
        code = getattr(interrupt, "exit_code", INTERRUPTED)
    leave(code)


def _say_last(words: str) -> None:
    with contextlib.suppress(OSError):
        print(words, file=sys.stderr, flush=True)


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 1 for a failed run, 2 for bad usage, from 129 if stopped."""
    from statewise.progress.terminal import harmless_streams

    with harmless_streams():
        return _answered(sys.argv[1:] if arguments is None else arguments)


def _answered(arguments: list[str]) -> int:
    from typer.exceptions import TyperException

    from statewise.errors import DataError, StatewiseError

    try:
        _refuse_bytes(arguments)
        return _invoke(arguments)
    except StatewiseError as error:
        return complain(error.with_flags, error.exit_code, own=isinstance(error, DataError))
    except TyperException as error:
        return complain(_worded(error), error.exit_code)
    except OSError as error:
        if error.errno in READER_IS_GONE and not error.filename:
            return FAILED
        return complain(
            f"{error.strerror or error}: {error.filename or 'the system said so'}; nothing was lost", FAILED, own=True
        )


def _refuse_bytes(arguments: list[str]) -> None:
    """Raise `UsageError` for an argument that is not UTF-8, which no file of a run could hold."""
    from statewise.errors import UsageError

    for number, argument in enumerate(arguments, start=1):
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise UsageError(f"argument {number} is not UTF-8 text: rename what it names") from None


def _invoke(arguments: list[str]) -> int:
    from typer.exceptions import Exit
    from typer.main import get_command

    from statewise.cli.app import app

    if COMPLETE in os.environ:
        return _complete(get_command(app))
    code = 0
    try:
        # Not `main` of the command, which would answer an interrupt itself, without a word.
        with get_command(app).make_context("statewise", list(arguments)) as context:
            context.command.invoke(context)
    except Exit as leaving:
        code = leaving.exit_code
    sys.stdout.flush()
    return code


def _complete(command: Any) -> int:
    """Answer a shell that asks how a command line may go on; where what stands there is wrong, nothing may."""
    from statewise.errors import StatewiseError

    try:
        command.main([], prog_name="statewise")
    except StatewiseError:
        return 0
    except SystemExit as answered:
        return int(answered.code or 0)
    return 0


def _worded(error: Any) -> str:
    """Return what the reader of a command line has to say; for a flag that is not known, the nearest one."""
    from statewise.run.config import RENAMED

    context = getattr(error, "ctx", None)
    if type(error).__name__ == "MissingParameter" and context is not None:
        return f"{error.format_message().rstrip('.')}: `{context.command_path} --help` shows what to give"
    if context is None or not hasattr(error, "possibilities"):
        return str(error.format_message())
    known = [name for one in context.command.get_params(context) for name in (*one.opts, *one.secondary_opts)]
    new = f"--{RENAMED.get(error.option_name[2:].replace('-', '_'), '')}".replace("_", "-")
    flags = [name for name in known if name.startswith("-")]
    near = [new] if new in flags else difflib.get_close_matches(error.option_name, flags, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"`{context.command_path} --help` names those there are"
    return f"unknown flag '{error.option_name}': {hint}"


def complain(message: str, exit_code: int, *, own: bool = False) -> int:
    """Say in one line what went wrong, and return the exit code; a group without a command answers with its help.

    Of several processes that train together the first one speaks for all, but for what only befell another.
    """
    if rank_here() > 0 and not own:
        return exit_code
    words = message if message.startswith("Usage: ") else f"statewise: {' '.join(message.split())}"
    print(words, file=sys.stderr)
    return exit_code


if __name__ == "__main__":
    main()
