"""The site: every public name, command, setting, metric and baseline is in its reference, and links stay inside."""

import doctest
import importlib
import json
import pkgutil
import re
import subprocess
import sys
import typing
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import command_pages
import measure_pages
import pytest
import python_pages
import yaml
from markdown_of_docstrings import as_markdown

import statewise
from statewise import registry
from statewise.errors import flag_of

ROOT = Path(__file__).parents[2]
IMPORTED = re.compile(r"^from (statewise[a-z_.]*) import (.+)$", re.MULTILINE)


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All pages of the site as Markdown."""
    build = tmp_path_factory.mktemp("site")
    subprocess.run([sys.executable, "docs/site/stage.py", str(build)], cwd=ROOT, check=True, timeout=300)
    return build / "pages"


def shown_paths() -> set[str]:
    return {path for module in python_pages.modules() for name in module.names for path in (name.path, name.origin)}


def resolved(path: str) -> Any:
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError:  # of an extra that is not installed here
        return None


def packages() -> Iterator[str]:
    for one in pkgutil.walk_packages(statewise.__path__, "statewise."):
        if one.ispkg:
            yield one.name


def test_every_name_that_a_package_exports_is_in_the_reference() -> None:
    shown = shown_paths()
    values = {id(resolved(path)) for path in shown}
    for package in ["statewise", *packages()]:
        names = getattr(importlib.import_module(package), "__all__", [])
        missing = [
            name
            for name in names
            if f"{package}.{name}" not in shown and id(getattr(importlib.import_module(package), name)) not in values
        ]
        assert set(missing) <= {"__version__"}, package


def test_every_name_that_a_page_or_an_example_imports_is_in_the_reference() -> None:
    shown, missing = shown_paths(), set()
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.py")]:
        for module, names in IMPORTED.findall(path.read_text()):
            for name in re.split(r", ?", names.partition("#")[0].strip(" ()")):
                whole = f"{module}.{name.partition(' as ')[0].strip()}"
                place = ROOT / "src" / whole.replace(".", "/")
                is_module = place.is_dir() or place.with_suffix(".py").is_file()
                if not is_module and not module.startswith("statewise.tasks."):  # tasks have pages of their own
                    missing |= {whole} - shown - {f"{module}.{one}" for one in _exported_by(module)}
    assert missing == set()


def _exported_by(module: str) -> list[str]:
    return list(getattr(importlib.import_module(module), "__all__", []))


def test_every_name_of_the_reference_is_documented() -> None:
    assert [name.path for module in python_pages.modules() for name in module.names if not name.line] == []


def test_every_shown_name_is_where_its_page_says(pages: Path) -> None:
    for page in (pages / "reference" / "python").rglob("*.md"):
        for path in re.findall(r"^::: (\S+)$", page.read_text(), flags=re.MULTILINE):
            module, _, name = path.rpartition(".")
            if not module.startswith("statewise_lab"):
                assert hasattr(importlib.import_module(module), name), path


def test_every_command_and_option_is_in_the_reference(pages: Path) -> None:
    for name, command in command_pages.commands():
        text = (pages / "reference" / "commands" / f"{name.replace(' ', '-')}.md").read_text()
        one = command.get_command(None, "text") if name in command_pages.BY_TASK else command
        task = (pages / "reference" / "tasks" / "text.md").read_text() if name in command_pages.BY_TASK else ""
        for option in one.params:
            for spelled in option.opts if option.param_type_name == "option" else []:
                assert spelled == "--help" or f"`{spelled}" in text + task or f", {spelled}" in text, (name, spelled)


@pytest.mark.parametrize("task", registry.names("tasks"))
def test_every_setting_of_a_task_is_in_the_reference_with_its_default(task: str, pages: Path) -> None:
    kind: Any = registry.find("tasks", task)
    text = (pages / "reference" / "tasks" / f"{task}.md").read_text()
    hints = typing.get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        if typing.get_origin(hints[field.name]) is typing.Annotated and field.name != "source":
            (row,) = re.findall(
                rf"^\| `{flag_of(field.name)}`.*$", text.partition("## Evaluate")[0], flags=re.MULTILINE
            )
            if isinstance(field.default, int | float) and not isinstance(field.default, bool):
                assert f"| {field.default} |" in row


def test_bounds_of_a_setting_are_in_words() -> None:
    assert "| whole number, from 1 to 1,000 |" in command_pages.task_page("text")


SERIES = {"forecast", "stocks", "traffic"}
"Tasks whose results are kept in one file."


def scored_names(found: Any, task: str) -> Iterator[tuple[str, str, str]]:
    """Yield the kind, task and name of all metrics and baselines in results that were kept."""
    if isinstance(found, dict):
        if isinstance(found.get("metrics"), dict) and isinstance(found.get("baselines"), dict):
            yield from (
                ("Metric", task, name) for name, value in found["metrics"].items() if not isinstance(value, dict)
            )
            yield from (("Baseline", task, name) for name in found["baselines"])
        for inner in found.values():
            yield from scored_names(inner, task)
    elif isinstance(found, list):
        for inner in found:
            yield from scored_names(inner, task)


def test_every_metric_and_baseline_of_a_kept_result_has_a_definition() -> None:
    files = {task: ROOT / "proofs" / "results" / f"{task}.json" for task in registry.names("tasks")}
    kept = {
        one
        for task, path in files.items()
        if path.is_file()
        for one in scored_names(json.loads(path.read_text()), task)
    }
    assert len(kept) > 100
    undefined = [
        (kind, task, name)
        for kind, task, name in kept
        if not measure_pages.is_defined(kind, name, SERIES if task in SERIES else {task})
    ]
    assert undefined == []


def test_every_definition_belongs_to_tasks_that_are_there() -> None:
    for one in measure_pages.definitions():
        assert set(one.tasks) <= set(registry.names("tasks")), one
        assert one.words, one


def test_every_page_has_one_place_in_the_navigation(pages: Path) -> None:
    def places(nav: Any) -> Iterator[str]:
        for one in nav if isinstance(nav, list) else [nav]:
            if isinstance(one, str):
                yield one
            else:
                for inner in one.values():
                    yield from places(inner)

    found = list(places(yaml.safe_load((pages.parent / "mkdocs.yml").read_text())["nav"]))
    assert len(found) == len({*found})
    named = {path for path in found if not path.startswith("project/")}
    assert named == {str(path.relative_to(pages)) for path in pages.rglob("*.md")} - project_pages(pages)


def project_pages(pages: Path) -> set[str]:
    """Name the pages from outside of docs."""
    return {str(path.relative_to(pages)) for path in (pages / "project").rglob("*.md")}


def test_every_link_of_a_page_of_the_site_leads_to_a_file_of_it(pages: Path) -> None:
    for page in pages.rglob("*.md"):
        assert not any(part.startswith(".") for part in page.relative_to(pages).parts)
        text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)
        for link in re.findall(r"\]\(([^)#\s]+)", text):
            if not re.match(r"[a-z]+:", link):
                assert (page.parent / link).is_file(), f"{page}: {link}"


def test_the_start_page_says_what_the_kept_result_says() -> None:
    kept = json.loads((ROOT / "proofs" / "results" / "shakespeare.json").read_text())
    text = " ".join((ROOT / "docs" / "README.md").read_text().split())
    bits = kept["bits_per_character"]
    assert f"{bits['this model']:.3f} bits per character after {kept['minutes']:.1f} minutes" in text
    assert f"the 6-gram {bits['6-gram']:.3f}" in text


@pytest.mark.parametrize(
    "module", ["command_pages", "hooks", "markdown_of_docstrings", "measure_pages", "python_pages", "stage"]
)
def test_the_examples_of_what_lays_out_the_site_hold(module: str) -> None:
    assert doctest.testmod(importlib.import_module(module)).failed == 0


def test_a_signature_shows_types_without_what_is_noted_of_them() -> None:
    griffe = pytest.importorskip("griffe", reason="`make site` installs the tools of the site")
    from bare_annotations import without_notes

    code = "from typing import Annotated\ndef f(x: Annotated[int | None, 'a note'], y: str): ..."
    found = griffe.visit("made", filepath=Path("made.py"), code=code)["f"].parameters
    assert [str(without_notes(one.annotation)) for one in found] == ["int | None", "str"]


def test_a_docstring_becomes_markdown_whose_examples_are_code() -> None:
    text = "Say <it>, as `a < b`.\n\n    y = x\n\nShapes: `[B]`.\nSource: X 1990.\n\n>>> 1 + 1\n2"
    words = "Say &lt;it>, as `a < b`.\n\n    y = x\n\n**Shapes:** `[B]`.\n\n**Source:** X 1990."
    assert as_markdown(text) == f"{words}\n\n```pycon\n>>> 1 + 1\n2\n```"
