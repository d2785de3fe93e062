"""What is said of a cell is what the cell is."""

import pytest

from statewise.cells import LSTM, Recurrent
from statewise.cells.description import describe_cell
from statewise.errors import UsageError
from statewise.registry import names


@pytest.mark.parametrize("name", names("cells"))
def test_every_registered_cell_has_facts(name: str) -> None:
    facts = describe_cell(name, width=6)
    assert facts.title
    assert not facts.title.endswith(".")
    assert facts.parameters > 0
    assert facts.kernels[-1] == "reference"
    assert facts.steps
    assert facts.parallel == (name in {"lru", "min_gru", "min_lstm", "mlstm", "rg_lru"})


def test_the_facts_of_an_lstm_are_counted() -> None:
    facts = describe_cell("lstm", width=6)
    assert facts.parameters == sum(w.numel() for w in LSTM(6, 6).parameters()) == 4 * (6 * 6 + 6 * 6 + 6)
    assert facts.state == {"hidden": [6], "cell": [6]}
    assert (facts.steps, facts.parallel) == (True, False)
    assert issubclass(LSTM, Recurrent)


def test_an_unknown_cell_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'lstm'"):
        describe_cell("lstn")
