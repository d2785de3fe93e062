"""Five errors, each with the exit code that a shell sees, and one name that catches them all."""

import pytest

from statewise import errors
from statewise.errors import DataError, MissingExtra, RunError, StatewiseError, TrainingError, UsageError

CODES = {UsageError: 2, DataError: 2, RunError: 2, MissingExtra: 2, TrainingError: 1}


@pytest.mark.parametrize("error", CODES)
def test_each_error_has_its_exit_code_and_is_caught_by_the_common_name(error: type[StatewiseError]) -> None:
    with pytest.raises(StatewiseError, match=r"^the message$") as caught:
        raise error("the message")
    assert caught.value.exit_code == CODES[error]


def test_a_usage_error_is_a_value_error_too_so_that_libraries_understand_it() -> None:
    assert issubclass(UsageError, ValueError)


def test_there_are_no_others() -> None:
    here = {thing for thing in vars(errors).values() if isinstance(thing, type)}
    assert here == {StatewiseError, *CODES}


def test_python_is_told_names_of_arguments_and_a_command_line_flags() -> None:
    error = UsageError("--batch-size 5 of '--odd' is too much: give --held-out, as in `train --batch-size 3`")
    assert str(error) == "batch_size 5 of '--odd' is too much: give held_out, as in `train --batch-size 3`"
    assert error.with_flags == "--batch-size 5 of '--odd' is too much: give --held-out, as in `train --batch-size 3`"
    assert str(DataError(f"line 3: {error.with_flags}")).startswith("line 3: batch_size 5 of")
