"""A run is given as a folder, as a zip, or by a name: all verbs find the same one, and a zip is read with bounds."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import statewise
from statewise import registry
from statewise.cli.main import run
from statewise.errors import DataError, MissingExtra, RunError, UsageError
from statewise.run import run_names
from statewise.run.run_names import folder_of


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "statewise" / "runs"


@pytest.fixture
def archive(run_path: Path, tmp_path: Path) -> Path:
    """A small run as a zip, its weights in bfloat16."""
    return statewise.export(run_path, tmp_path / "small.zip", format="safetensors", storage="bfloat16").path


@pytest.fixture
def zoo(archive: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A zoo of one run, as an installed package has it."""
    monkeypatch.setattr(registry, "_registered", dict(registry._registered))
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    archive.with_name("SHA256SUMS").write_text(f"{digest}  small.zip\n")
    archive.with_suffix(".md").write_text("# A text of its own\n\nmore\n")
    registry.register("zoo", "small", archive)
    return archive


def test_a_zip_is_the_run_that_it_was_made_of_but_for_what_bfloat16_rounds(run_path: Path, archive: Path) -> None:
    ours, theirs = statewise.load(run_path), statewise.load(archive)
    assert theirs.update == ours.update
    for name, weights in ours.model.state_dict().items():
        found = theirs.model.state_dict()[name]
        assert found.dtype == weights.dtype
        assert torch.equal(found, weights.bfloat16().float())
    assert archive.stat().st_size < sum(path.stat().st_size for path in run_path.rglob("*") if path.is_file())
    report = statewise.evaluate(archive, quiet=True)
    assert report.baselines == statewise.evaluate(run_path, quiet=True).baselines


def test_a_zip_that_is_packed_as_a_whole_folder_is_read_from_the_folder_in_it(run_path: Path, tmp_path: Path) -> None:
    packed = tmp_path / "whole.zip"
    with zipfile.ZipFile(packed, "w") as out:
        for path in run_path.rglob("*"):
            out.write(path, Path("runs", "mine", path.relative_to(run_path)))
        out.writestr("notes.txt", "not of the run")
    assert statewise.inspect(packed)["best"] == statewise.inspect(run_path)["best"]
    assert not (folder_of(packed) / "notes.txt").exists()


def test_every_command_finds_a_zip_and_a_name(zoo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for given in ("small.zip", "zoo:small"):
        assert run(["predict", "--length", "9", "--seed", "1", given, "It"]) == 0
        assert run(["evaluate", given, "--json", "--quiet"]) == 0
        assert run(["inspect", given, "--json"]) == 0
        assert run(["inspect", given, "--names"]) == 0
        assert run(["compare", given, given]) == 0
        assert run(["predict", given, "--help"]) == 0
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    scored = [json.loads(line) for line in said.out.splitlines() if line.startswith("{")]
    assert scored[0]["run"] == "small.zip"
    assert scored[2]["run"] == "zoo:small"
    assert scored[0]["metrics"] == scored[2]["metrics"]
    assert scored[1]["finished"]
    assert run(["list", "zoo"]) == 0
    assert "small  A text of its own" in capsys.readouterr().out


def test_a_server_and_the_studio_call_it_by_its_own_name(zoo: Path, tmp_path: Path) -> None:
    pytest.importorskip("uvicorn")
    from statewise.cli.serve import named_runs
    from statewise.studio.runs_folder import RunsFolder

    assert list(named_runs([Path("zoo:small")])) == ["small"]
    assert list(RunsFolder(tmp_path / "runs", [Path("zoo:small")]).paths()) == ["small"]
    with pytest.raises(UsageError, match="have one name, small"):
        named_runs([Path("zoo:small"), tmp_path / "other" / "small"])


def test_a_training_begins_from_a_name(zoo: Path, run_path: Path, tmp_path: Path) -> None:
    settings = statewise.load(run_path).task
    begun = statewise.train(settings, run=tmp_path / "further", begin_from="zoo:small", quiet=True)
    assert statewise.inspect(begun.path)["begun_from"]["run"] == "zoo:small"


def test_a_name_that_no_zoo_has_is_answered_in_one_line(
    zoo: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["predict", "zoo:smal", "It"]) == 2
    assert "did you mean 'small'?" in capsys.readouterr().err
    assert run(["predict", "zoo:"]) == 2
    assert "zoo: names no run: give one of zoo:small" in capsys.readouterr().err
    monkeypatch.setattr(registry, "names", lambda kind: [])
    with pytest.raises(MissingExtra, match=r"statewise-zoo: pip install 'statewise\[zoo\]'"):
        statewise.load("zoo:small")


def test_a_run_of_the_zoo_that_is_not_the_measured_one_is_refused(zoo: Path) -> None:
    zoo.write_bytes(zoo.read_bytes() + b"\0")
    with pytest.raises(RunError, match="is not what SHA256SUMS next to it says: install the package again"):
        statewise.load("zoo:small")
    registry.register("zoo", "small", "no path")
    with pytest.raises(UsageError, match="not a path but a str"):
        statewise.load("zoo:small")


def test_it_is_unpacked_once_and_again_where_the_copy_is_not_whole(archive: Path, own_cache: Path) -> None:
    folder = folder_of(archive)
    written = (folder / "run.yaml").stat().st_mtime_ns
    assert folder_of(archive) == folder
    assert (folder / "run.yaml").stat().st_mtime_ns == written
    (folder / "codec.json").write_bytes(b"")
    statewise.load(archive)
    assert (folder / "codec.json").stat().st_size > 0
    assert [path.name for path in own_cache.rglob(".opening-*")] == []


def with_member(name: str, content: bytes = b"x") -> Callable[[zipfile.ZipFile], None]:
    def add(out: zipfile.ZipFile) -> None:
        out.writestr("run.yaml", "task: text")
        out.writestr(name, content)

    return add


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda out: out.writestr("book.txt", "no run"), "holds no run.yaml: give a zip of a run"),
        (with_member("../../escaped"), "would be written outside of its folder"),
        (with_member("a/" * 3000 + "b"), "the name of its member 'a/a/.*' cannot be that of a file"),
        (with_member("run.yaml/inside"), "is a file and a folder at once"),
        (with_member("large", bytes(3000)), "its members are larger than 2000 bytes"),
        (lambda out: [out.writestr(f"run.yaml{n}", "") for n in range(7)], "it has more than 5 files"),
    ],
)
def test_a_zip_that_would_do_harm_is_refused(
    write: Callable[[zipfile.ZipFile], None],
    said: str,
    tmp_path: Path,
    own_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run_names, "LARGEST_BYTES", 2000)
    monkeypatch.setattr(run_names, "MOST_FILES", 5)
    with zipfile.ZipFile(tmp_path / "bad.zip", "w", zipfile.ZIP_DEFLATED) as out:
        write(out)
    with pytest.raises((DataError, RunError), match=said):
        folder_of(tmp_path / "bad.zip")
    assert not [path for path in own_cache.rglob("*") if path.is_file()]
    assert not list(tmp_path.rglob("escaped"))


def test_a_zip_whose_name_is_all_dots_is_unpacked_into_its_own_folder(archive: Path, own_cache: Path) -> None:
    for name in ("...zip", "..zip", "....zip"):
        odd = archive.with_name(name)
        odd.write_bytes(archive.read_bytes())
        assert folder_of(odd).parent.parent == own_cache
        statewise.load(odd)


def test_what_is_no_zip_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "no.zip").write_text("<html>")
    with pytest.raises(DataError, match=r"no\.zip cannot be unpacked"):
        statewise.load(tmp_path / "no.zip")
    with pytest.raises(RunError, match="no run at"):
        statewise.load(tmp_path / "absent.zip")


def test_a_zip_is_not_written_over_and_bfloat16_is_for_what_load_reads(run_path: Path, archive: Path) -> None:
    before = archive.read_bytes()
    with pytest.raises(RunError, match="exists already"):
        statewise.export(run_path, archive, format="safetensors")
    assert archive.read_bytes() == before
    with pytest.raises(UsageError, match="give format safetensors too"):
        statewise.export(run_path, storage="bfloat16")
    with pytest.raises(UsageError, match="unknown storage 'int4'"):
        statewise.export(run_path, format="safetensors", storage="int4")  # type: ignore[arg-type]


def test_weights_of_bfloat16_are_not_trained_further(archive: Path) -> None:
    with pytest.raises(RunError, match="was made by another version"):
        next(statewise.resuming(folder_of(archive)))
