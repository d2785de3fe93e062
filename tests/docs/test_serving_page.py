"""The page on serving says of every task what a step reads."""

import re
from pathlib import Path

from statewise import registry

PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()


def test_the_page_says_of_every_task_what_a_step_reads() -> None:
    table = PAGE.partition("## What a step reads")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([a-z, ]+) \|", table, re.MULTILINE)
    assert {name for row in rows for name in row.split(", ")} - {"task"} == set(registry.names("tasks"))
