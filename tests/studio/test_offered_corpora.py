"""What the form of a task offers to learn from."""

from typing import Any, get_args

from statewise import registry
from statewise.data.corpora import Content, listing
from statewise.studio.forms import form_of, task_named


def test_every_corpus_is_offered_with_a_task_and_no_task_reads_what_there_cannot_be() -> None:
    read = {name: form_of(task_named(name))["content"] for name in registry.names("tasks")}
    assert {corpus.holds for corpus in listing()} <= set(read.values())
    assert {name for name, content in read.items() if content not in get_args(Content)} <= {"game", "numbers"}
    for name, content in read.items():
        of_example = {corpus.holds for corpus in listing() if corpus.name == task_named(name).example}
        assert of_example <= {content}, name


def test_a_list_of_data_says_what_each_corpus_holds(asked: Any) -> None:
    told = {one["source"]: one["holds"] for one in asked.get("/studio/data").json()["corpora"]}
    assert told["shakespeare"] == "text"
    assert told["kanji"] == "drawings"
