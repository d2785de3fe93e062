"""The page on the zoo names every run and no other, and each is what its card, its digest and its recipe say."""

import hashlib
import importlib.util
import re
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import statewise
from statewise import registry
from statewise.plain.strict_yaml import read_yaml
from statewise.run.run_names import DIGESTS

ROOT = Path(__file__).parents[2]
ZOO = ROOT / "zoo"
PACKAGE = ZOO / "statewise_zoo"
LISTED: Any = read_yaml((ZOO / "zoo.yaml").read_bytes())
POINTS = tomllib.loads((ZOO / "pyproject.toml").read_text())["project"]["entry-points"]["statewise.zoo"]
PARTS = re.compile(r"(?:run\.yaml|codec\.json|calibration\.json|events\.jsonl|report\.md|checkpoints/\d+/\S+)")
each = pytest.mark.parametrize("name", sorted(LISTED))


def module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem if path.stem != "__init__" else path.parent.name, path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def announced() -> dict[str, Path]:
    package = module(PACKAGE / "__init__.py")
    return {name: getattr(package, point.partition(":")[2]) for name, point in POINTS.items()}


@pytest.fixture
def zoo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(registry, "_registered", {("zoo", name): path for name, path in announced().items()})


def test_what_is_listed_announced_packed_and_shown_is_the_same() -> None:
    page = (ROOT / "docs" / "zoo.md").read_text()
    assert sorted(re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE)) == sorted(LISTED) == sorted(POINTS)
    assert {path.stem for path in PACKAGE.glob("*.zip")} == {path.stem for path in PACKAGE.glob("*.md")} == set(LISTED)
    assert all(path == PACKAGE / f"{name}.zip" for name, path in announced().items())
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}" for p in sorted(PACKAGE.glob("*.zip"))]
    assert (PACKAGE / DIGESTS).read_text().splitlines() == lines


@each
def test_a_run_is_small_has_nothing_but_what_is_read_and_tells_no_place_of_a_machine(name: str) -> None:
    archive = PACKAGE / f"{name}.zip"
    assert archive.stat().st_size <= 3 << 20
    with zipfile.ZipFile(archive) as opened:
        for member in opened.namelist():
            assert PARTS.fullmatch(member), member
            if not member.endswith(".safetensors"):
                assert not re.search(r"/(?:work|home|root|tmp)/", opened.read(member).decode()), member


@each
def test_a_card_says_what_is_kept_and_of_what_it_was_made(name: str, zoo: None) -> None:
    card, of = (PACKAGE / f"{name}.md").read_text(), LISTED[name]
    assert card.startswith(f"# {of['title']}\n")
    assert hashlib.sha256((PACKAGE / f"{name}.zip").read_bytes()).hexdigest() in card
    assert of["recipe"] in card
    assert " ".join(of["differs"].split()) in " ".join(card.split())
    settings: Any = read_yaml((ROOT / of["recipe"]).read_bytes())
    kept = statewise.inspect(f"zoo:{name}")
    assert kept["task"] == of["task"]
    for setting, value in settings.items():
        said = kept["settings"][setting]
        assert (list(said) if isinstance(said, list | tuple) and isinstance(value, list) else said) in (value, [value])
    assert f"{kept['parameters']:,} parameters" in card
    for baseline in kept["baselines"]:
        assert f"| {baseline} |" in card
    assert (ROOT / of["tutorial"]).is_file()


@each
def test_a_run_is_used_at_once(name: str, zoo: None) -> None:
    trained = statewise.load(f"zoo:{name}")
    assert trained.task.name == LISTED[name]["task"]
    assert all(weights.isfinite().all() for weights in trained.model.parameters())
    trained.model.eval()
    if name == "shakespeare":
        assert len("".join(trained.predict("ROMEO:", length=40, seed=1))) == 40
