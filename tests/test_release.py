"""A version is written into every file at once, or into none; the notes are what the changelog says of it."""

import importlib.util
import re
import shutil
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def release() -> ModuleType:
    spec = importlib.util.spec_from_file_location("release", ROOT / ".ci" / "release.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture
def tree(release: ModuleType, tmp_path: Path) -> Path:
    for name in (*release.PLACES, release.CHANGELOG):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_a_version_is_written_everywhere_and_its_notes_are_closed(release: ModuleType, tree: Path) -> None:
    files = release.release("7.5.3", tree)
    assert sorted(files) == sorted([*release.PLACES, "CHANGELOG.md"])
    for name in release.PLACES:
        assert release.place_of(name, (tree / name).read_text())[1] == "7.5.3"
    assert re.search(r"^## 7\.5\.3 \(\d{4}-\d\d-\d\d\)$", (tree / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert "### Added" in release.notes(tree)
    assert "## " not in re.sub("###", "", release.notes(tree))
    with pytest.raises(SystemExit, match="needs one section"):  # there is nothing new to say
        release.release("7.6.0", tree)


@pytest.mark.parametrize(("version", "said"), [("next", "no version such as"), ("0.0.1", "give a version after it")])
def test_what_is_no_later_version_changes_nothing(release: ModuleType, tree: Path, version: str, said: str) -> None:
    before = {name: (tree / name).read_bytes() for name in (*release.PLACES, "CHANGELOG.md")}
    with pytest.raises(SystemExit, match=said):
        release.release(version, tree)
    assert {name: (tree / name).read_bytes() for name in before} == before


def test_every_place_is_of_the_version_that_stands(release: ModuleType) -> None:
    found = {release.place_of(name, (ROOT / name).read_text())[1] for name in release.PLACES}
    assert found == {tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]}


def test_no_kernel_is_compiled_for_the_machine_that_builds_it() -> None:
    for file in (*(ROOT / "native").rglob("*"), ROOT / "pyproject.toml"):
        if file.suffix in (".txt", ".cmake", ".toml"):
            assert not re.search(r"march\s*=\s*native|mtune\s*=\s*native|mcpu\s*=\s*native", file.read_text()), file


def test_the_wheel_has_the_licences_of_what_is_linked_into_it() -> None:
    said = (ROOT / ".ci" / "bill_of_materials.py").read_text()
    for name in re.findall(r'^    "([\w-]+)": \("', said, re.MULTILINE):
        assert (ROOT / "licenses" / f"{name}.txt").read_text().count("\n") > 10, name
