"""Every setting that is a number has bounds, which are checked where settings are read; none is left out."""

import math
import typing
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from annotated_types import Ge, Gt, Le, Lt

import statewise
from statewise import registry
from statewise.cli.main import run
from statewise.errors import UsageError, flag_of
from statewise.run.config import build
from statewise.run.recipe import Recipe

KINDS: list[type] = [Recipe, *(registry.find("tasks", name) for name in registry.names("tasks"))]  # type: ignore[list-item]


def numbers_of(kind: type) -> list[tuple[str, type, tuple[Any, ...]]]:
    """Return the settings that are numbers, each with its type and what is said of it."""
    found = []
    hints = typing.get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        hint = hints[field.name]
        parts, notes = (hint.__origin__, hint.__metadata__) if typing.get_origin(hint) is Annotated else (hint, ())
        for part in typing.get_args(parts) or (parts,):
            own = part.__metadata__ if typing.get_origin(part) is Annotated else ()
            number = part.__origin__ if own else part
            if number in (int, float):
                found.append((field.name, number, (*notes, *own)))
    return found


SETTINGS = [(kind, *told) for kind in KINDS for told in numbers_of(kind)]
NAMES = [f"{kind.__name__}-{name}" for kind, name, _, _ in SETTINGS]


def refusal_of(kind: type, name: str, value: Any) -> str:
    given = {} if kind is Recipe else {"source": "a.txt"}
    with pytest.raises(UsageError) as raised:
        build(kind, {**given, name: value})
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_the_walk_sees_the_settings_of_every_task() -> None:
    assert {kind.__name__ for kind, *_ in SETTINGS} >= {"Recipe", "Text", "Recommend", "Forecast", "Stocks", "Traffic"}
    assert {"seed", "threads", "layers", "members", "epochs"} <= {name for _, name, _, _ in SETTINGS}
    assert len(SETTINGS) > 100


@pytest.mark.parametrize(("kind", "name", "part", "notes"), SETTINGS, ids=NAMES)
def test_a_number_beyond_its_bounds_is_refused_in_one_line(
    kind: type, name: str, part: type, notes: tuple[Any, ...]
) -> None:
    if part is int:
        assert any(isinstance(note, Ge | Gt) for note in notes), f"{name} has no least value"
        most: list[Any] = [note.le if isinstance(note, Le) else note.lt for note in notes if isinstance(note, Le | Lt)]
        assert most, f"{name} has no largest value"
        assert most[0] <= 10**12
        assert f"setting {name} of" in refusal_of(kind, name, most[0] + 1)
        assert f"setting {name} of" in refusal_of(kind, name, 10**400)
    else:
        for endless in (math.nan, math.inf, -math.inf, 10**400):
            assert f"setting {name} of" in refusal_of(kind, name, endless)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_window_of_more_places_than_are_held_at_once_is_refused(kind: type) -> None:
    given = {} if kind is Recipe else {"source": "a.txt"}
    bounds = [notes for name, _, notes in numbers_of(kind) if name == "sequence_length"]
    own: list[Any] = [note.le for notes in bounds for note in notes if isinstance(note, Le)]
    longest = min([10**4, *own])
    rows = 10**8 // longest
    if not hasattr(kind, "rollout"):  # sequences of a game must also divide its rollouts
        assert build(kind, {**given, "batch_size": rows, "sequence_length": longest}) is not None
    with pytest.raises(
        UsageError, match=rf"^batch_size {rows + 1:,} times sequence_length {longest:,} is more than the 100,000,000"
    ):
        build(kind, {**given, "batch_size": rows + 1, "sequence_length": longest})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bounds")
    (folder / "book.txt").write_text("a small text, to be read again and again. " * 40)
    task = statewise.Text(
        source=str(folder / "book.txt"),
        hidden_size=4,
        batch_size=3,
        sequence_length=7,
        embedding=5,
        gap=9,
        orders=1,
        updates=2,
        threads=1,
    )
    return statewise.train(task, run=folder / "run", quiet=True).path


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 2**40),
        ("sequence_length", 2**40),
        ("threads", 100_000),
        ("layers", 3_000_000),
        ("hidden_size", 10**9),
        ("seed", 2**40),
        ("epochs", 1e300),
    ],
)
@pytest.mark.parametrize("verb", ["inspect", "predict", "evaluate", "resume"])
def test_a_run_that_asks_for_too_much_is_refused_before_anything_is_built(
    verb: str,
    name: str,
    value: float,
    trained: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def built(*given: object, **how: object) -> None:
        raise AssertionError("it was built, or a thread was started")

    monkeypatch.setattr(statewise.Text, "model", built)
    monkeypatch.setattr("torch.set_num_threads", built)
    config = trained / "run.yaml"
    before = config.read_text()
    told = yaml.safe_load(before)
    told["settings"] |= {"updates": None, name: value}
    try:
        config.write_text(yaml.safe_dump(told, sort_keys=False))
        code = run([verb, str(trained), *(["--quiet"] if verb in ("evaluate", "resume") else [])])
    finally:
        config.write_text(before)
    out, err = capsys.readouterr()
    assert code == (0 if verb == "inspect" else 2), err
    if verb != "inspect":  # which shows what it says, and uses nothing
        assert err.startswith(f"statewise: setting {flag_of(name)} of text cannot be ")
        assert (err.count("\n"), out) == (1, "")
