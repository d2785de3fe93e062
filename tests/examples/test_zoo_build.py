"""What makes a run of the zoo: trained by its recipe, packed to the same bits each time, with a card and a digest."""

import importlib.util
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

import statewise

SCRIPT = Path(__file__).parents[2] / "zoo" / "build.py"
RECIPE = """source: {source}
hidden_size: 4
batch_size: 3
sequence_length: 7
updates: 4
orders: 2
seed: 5
threads: 1
"""


@pytest.fixture
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("zoo_build", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_a_run_is_made_by_its_recipe_and_described(build: ModuleType, book: Path, tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(RECIPE.format(source=book))
    entry = build.Entry(
        task="text",
        title="A small text",
        recipe=str(tmp_path / "small.yaml"),
        data="a book",
        licence="none",
        tutorial="docs/tutorials/text.md",
        differs="It is tiny.",
        try_=[["It was"]],
    )
    package = tmp_path / "package"
    package.mkdir()
    run = build.trained("small", entry, tmp_path / "trainings")
    archive = build.packed("small", run, package)
    before = archive.read_bytes()
    assert build.packed("small", build.trained("small", entry, tmp_path / "trainings"), package).read_bytes() == before
    card = build.card("small", entry, archive)
    assert card.startswith("# A small text\n")
    assert "$ statewise predict zoo:small 'It was'" in card
    assert "seed 5, 4 updates on one thread" in card
    report = statewise.evaluate(archive, quiet=True)
    assert report.markdown() in card
    build.write_digests(package)
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=package, check=True, capture_output=True)


def test_a_run_that_is_too_large_is_not_kept(
    build: ModuleType, run_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "MOST_BYTES", 100)
    with pytest.raises(SystemExit, match="more than 100: give its recipe fewer units"):
        build.packed("large", run_path, tmp_path)
    assert not (tmp_path / "large.zip").exists()


def test_a_name_that_is_not_listed_is_answered_with_the_nearest(build: ModuleType) -> None:
    with pytest.raises(SystemExit, match="did you mean 'shakespeare'"):
        build.make(["shakespear"])


def test_a_run_whose_data_are_not_there_is_left_out_and_said(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.yaml").write_text(RECIPE.format(source=tmp_path / "book.txt"))
    words = {"title": "Mine", "data": "mine", "licence": "none", "tutorial": "docs/tutorials/text.md", "differs": ""}
    entry = build.Entry(task="text", recipe=str(tmp_path / "mine.yaml"), try_=[["It was"]], **words)
    monkeypatch.setattr(build, "entries", lambda: {"mine": entry})
    monkeypatch.setattr(build, "PACKAGE", tmp_path / "package")
    monkeypatch.chdir(tmp_path)
    build.make([])
    assert re.fullmatch(r"mine is left out: .*book\.txt.*\n", capsys.readouterr().err)
    with pytest.raises(SystemExit, match=r"book\.txt"):
        build.make(["mine"])
