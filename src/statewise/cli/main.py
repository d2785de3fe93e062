"""Where `statewise` begins: it runs one command and turns what went wrong into one line and an exit code."""

import sys

FAILED, INTERRUPTED = 1, 130


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    try:
        sys.exit(run(arguments))
    except KeyboardInterrupt:
        print("interrupted: nothing was left half written", file=sys.stderr)
        sys.exit(INTERRUPTED)


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code: 0, 1 for a failed run, 2 for bad usage, 130 or 143 if stopped."""
    # Imported here, so that an interrupt while modules load is caught too.
    from typer.exceptions import TyperException
    from typer.main import get_command

    from statewise.cli.app import app
    from statewise.errors import StatewiseError

    try:
        code = get_command(app)(arguments, prog_name="statewise", standalone_mode=False)
    except StatewiseError as error:
        return complain(str(error), error.exit_code)
    except TyperException as error:
        return complain(error.format_message(), error.exit_code)
    except OSError as error:
        return complain(
            f"{error.strerror or error}: {error.filename or 'the system said so'}; nothing was lost", FAILED
        )
    return code if isinstance(code, int) else 0


def complain(message: str, exit_code: int) -> int:
    """Say in one line what went wrong, and return the exit code."""
    line = " ".join(message.split())
    print(f"statewise: {line}" if line else "statewise: give a command, as in `statewise --help`", file=sys.stderr)
    return exit_code


if __name__ == "__main__":
    main()
