"""Settings are checked once, at the border: by name, by type, and with the nearest name where one is wrong."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from statewise import registry
from statewise.errors import UsageError, flag_of
from statewise.run.config import as_yaml, build, check, fields_of, plain, read_yaml, schema
from statewise.run.recipe import Recipe
from statewise.tasks.forecast.task import Forecast
from statewise.tasks.recommend.task import Recommend
from statewise.tasks.text.task import Text


def test_values_of_another_type_become_what_they_stand_for() -> None:
    task = build(Text, {"source": "a.txt", "hidden_size": "64", "learning_rate": "1e-3", "minutes": None, "epochs": 2})
    assert (task.hidden_size, task.learning_rate, task.minutes, task.epochs) == (64, 0.001, None, 2.0)
    assert (type(task.hidden_size), type(task.epochs)) == (int, float)


def test_a_list_of_sources_becomes_a_tuple_and_one_source_stays_one() -> None:
    assert build(Text, {"source": ["a.txt", "b.txt"]}).source == ("a.txt", "b.txt")
    assert build(Text, {"source": "a.txt"}).source == "a.txt"


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("hiden_size", "hidden_size"),
        ("sequense_length", "sequence_length"),
        ("optimiser", "optimizer"),
        ("heldout", "held_out"),
    ],
)
def test_an_unknown_setting_names_the_nearest(wrong: str, nearest: str) -> None:
    with pytest.raises(UsageError) as raised:
        build(Text, {"source": "a.txt", wrong: 1})
    assert str(raised.value) == f"unknown setting '{wrong}' of text: did you mean '{nearest}'?"


@pytest.mark.parametrize("unlike", ["qqqqqq", 7, None])
def test_a_setting_like_no_other_is_answered_with_all_of_them(unlike: Any) -> None:
    with pytest.raises(UsageError) as raised:
        build(Recipe, {unlike: 1})
    assert str(raised.value) == f"unknown setting '{unlike}' of Recipe: it has {', '.join(fields_of(Recipe))}"


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(UsageError, match=r"^setting source of text is missing: give it$"):
        build(Text, {"hidden_size": 3})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"hidden_size": -1}, "setting hidden_size of text cannot be -1: input should be greater than or equal to 0"),
        ({"held_out": 1}, "setting held_out of text cannot be 1: input should be less than 1"),
        ({"learning_rate": "fast"}, "setting learning_rate of text cannot be 'fast': input should be a valid number"),
        ({"hidden_size": 2.5}, "setting hidden_size of text cannot be 2.5: input should be a valid integer"),
        ({"unit": "word"}, "setting unit of text cannot be 'word': input should be 'character' or 'byte'"),
        ({"learning_rate": float("nan")}, "setting learning_rate of text cannot be nan"),
        ({"source": {"a": 1}}, "setting source of text cannot be {'a': 1}"),
    ],
)
def test_a_value_that_does_not_fit_is_named_in_one_line(values: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        build(Text, {"source": "a.txt", **values})
    assert str(raised.value).startswith(said)
    assert "\n" not in str(raised.value)


def test_settings_that_contradict_each_other_keep_their_own_words() -> None:
    with pytest.raises(UsageError, match=r"^epochs 1.5 and updates 7 contradict each other: give one of"):
        build(Text, {"source": "a.txt", "epochs": 1.5, "updates": 7})


@pytest.mark.parametrize("name", registry.names("tasks"))
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("hidden_size", "big"),
        ("hidden_size", -3),
        ("learning_rate", None),
        ("cell", 7.5),
        ("optimizer", "adamant"),
        ("freeze", 3),
        ("seed", 2.5),
    ],
)
def test_every_task_refuses_a_value_of_another_type_when_it_is_made(name: str, setting: str, value: Any) -> None:
    kind: Any = registry.find("tasks", name)
    with pytest.raises(UsageError, match=f"^setting {setting} of {name} cannot be ") as raised:
        kind(source="a.txt", **{setting: value})
    assert raised.value.with_flags.startswith(f"setting {flag_of(setting)} of {name} cannot be ")


def test_a_task_made_by_hand_has_the_values_of_one_from_a_file() -> None:
    task = Text(source=["a.txt", Path("b.txt")], hidden_size=np.int64(3))  # type: ignore[arg-type]
    assert (task.source, type(task.hidden_size)) == (("a.txt", "b.txt"), int)
    assert check(task) == task == build(Text, {"source": ("a.txt", "b.txt"), "hidden_size": 3})
    assert dataclasses.replace(task, layers=2).layers == 2
    with pytest.raises(UsageError, match="setting layers of text cannot be 'two'"):
        dataclasses.replace(task, layers="two")  # type: ignore[arg-type]


def test_what_a_flag_takes_as_text_may_be_a_path_a_number_or_one_word() -> None:
    given: dict[str, Any] = {"source": Path("a.csv"), "horizon": 24, "held_out": np.int64(7), "target": "load"}
    assert check(Forecast(**given)) == Forecast(source="a.csv", horizon="24", held_out="7", target=("load",))
    assert check(Recommend(source=[Path("a"), "b"])).source == ("a", "b")
    assert build(Recommend, {"source": "a", "types": "view"}).types == ("view",)
    assert build(Text, {"source": "a", "hidden_size": np.int64(5)}).hidden_size == 5
    for wrong in (True, 2.5, [24]):
        with pytest.raises(UsageError, match=r"^setting horizon of forecast cannot be"):
            build(Forecast, {"source": "a", "horizon": wrong})


def test_a_long_value_that_does_not_fit_is_cut_and_stays_on_one_line() -> None:
    with pytest.raises(UsageError) as raised:
        build(Text, {"source": np.zeros((400, 5))})
    assert len(str(raised.value)) < 250
    assert "\n" not in str(raised.value)


def test_settings_survive_yaml_whatever_they_are(tmp_path: Path) -> None:
    task = Text(source=("bücher/日本.txt", "yes", "1e5"), learning_rate=1e-05, minutes=None, updates=3, cell="gru")
    path = tmp_path / "settings.yaml"
    path.write_text(as_yaml(plain(task)), encoding="utf-8")
    assert build(Text, read_yaml(path)) == task
    assert "bücher/日本.txt" in path.read_text(encoding="utf-8")


def test_plain_values_come_in_the_order_of_the_fields() -> None:
    values = plain(Text(source=("a.txt",)))
    assert list(values) == [field.name for field in dataclasses.fields(Text)] == fields_of(Text)
    assert values["source"] == ["a.txt"]
    assert as_yaml({"z": 1, "a": 2}) == "z: 1\na: 2\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"hidden_size: [1", "is not YAML"),
        (b"\xff\xfe", "is not YAML"),
        (b"", "holds NoneType, not settings: give lines like `hidden_size: 256`"),
        (b"- 1", "holds list, not settings"),
        (b"hidden_size", "holds str, not settings"),
        (b"!!python/object/apply:os.getcwd []", "is not YAML"),
    ],
)
def test_a_file_that_is_no_table_of_settings_is_named_in_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "settings.yaml"
    path.write_bytes(content)
    with pytest.raises(UsageError) as raised:
        read_yaml(path)
    assert said in str(raised.value)
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)


def test_a_settings_file_that_is_not_there_or_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^cannot read .*no\.yaml \(No such file or directory\): check the path"):
        read_yaml(tmp_path / "no.yaml")
    with pytest.raises(UsageError, match=r"\(Is a directory\): check the path"):
        read_yaml(tmp_path)


def test_the_schema_holds_every_setting_with_its_bounds_choices_and_default() -> None:
    described = schema(Text)
    properties = described["properties"]
    assert list(properties) == fields_of(Text)
    assert described["required"] == ["source"]
    assert (
        properties["hidden_size"]["type"],
        properties["hidden_size"]["minimum"],
        properties["hidden_size"]["default"],
    ) == (
        "integer",
        0,
        0,
    )
    assert properties["held_out"]["exclusiveMaximum"] == 1
    assert properties["unit"]["enum"] == ["character", "byte"]
    assert {"type": "null"} in properties["minutes"]["anyOf"]


def test_old_names_of_settings_are_refused_in_one_line() -> None:
    old = {"source": "a.txt", "rate": 0.1, "rows": 3, "steps": 7, "width": 4}
    with pytest.raises(UsageError) as caught:
        build(Text, old)
    assert str(caught.value) == (
        "text no longer reads the settings rate, rows, steps, width: rename them to learning_rate, batch_size, "
        "sequence_length, hidden_size in the settings file or run.yaml"
    )


def test_a_name_that_is_old_elsewhere_is_read_by_a_task_that_has_it() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Mine:
        name: ClassVar[str] = "mine"
        rate: float = 0.5
        batch_size: int = 3

    assert build(Mine, {"rate": 2.0}).rate == 2.0
    with pytest.raises(UsageError, match="mine no longer reads the settings rows: rename them to batch_size"):
        build(Mine, {"rows": 2})
