"""`statewise export` writes a folder that is whole, says how exact it is, and refuses what cannot be done."""

import json
from pathlib import Path

import pytest

import statewise
from statewise.cli.main import run
from statewise.errors import RunError, UsageError

pytest.importorskip("onnxruntime")


def test_a_safetensors_folder_is_a_run_that_can_be_loaded_anywhere(run_path: Path, tmp_path: Path) -> None:
    exported = statewise.export(run_path, tmp_path / "small", format="safetensors")
    names = {str(path.relative_to(exported.path)) for path in exported.path.rglob("*") if path.is_file()}
    assert names == {
        "run.yaml",
        "codec.json",
        "report.md",
        "events.jsonl",
        "checkpoints/000005/weights.safetensors",
        "checkpoints/000005/MANIFEST.json",
    }
    ours, theirs = statewise.load(run_path), statewise.load(exported.path)
    assert "".join(ours.predict("It", length=30, seed=1)) == "".join(theirs.predict("It", length=30, seed=1))
    assert exported.bytes == sum(path.stat().st_size for path in exported.path.rglob("*") if path.is_file())


def test_an_onnx_folder_is_written_and_compared(
    run_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["export", str(run_path), "--int8", "--json", "--quiet"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert sorted(path.name for path in (tmp_path / "run-onnx").iterdir()) == [
        "README.md",
        "codec.json",
        "compared.json",
        "run-onnx.onnx",
        "state.safetensors",
    ]
    assert told["compared"]["difference"] < 1e-4
    assert told["compared"]["sequences"] == 50
    costs = told["metrics"]
    assert 0 < abs(costs["int8"]["bits_per_character"] - costs["float32"]["bits_per_character"]) < 0.1
    assert run(["export", str(run_path), "--to", "plain"]) == 0
    assert "ONNX Runtime differs by at most" in capsys.readouterr().out
    assert run(["export", str(run_path), "--to", "plain"]) == 2
    assert capsys.readouterr().err == "statewise: plain exists already: give another folder with --to\n"


def test_what_cannot_be_exported_is_refused(run_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="did you mean 'onnx'"):
        statewise.export(run_path, format="onx")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="int8 is for ONNX"):
        statewise.export(run_path, format="safetensors", int8=True)
    with pytest.raises(RunError, match="no run at"):
        statewise.export("nowhere")
