"""`statewise serve` begins only where that is safe, and what it prints can be pasted into a shell."""

import json
import socket
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from statewise.cli.flags import flags_of_fields
from statewise.cli.main import run
from statewise.server.settings import ServerSettings
from statewise.server.tokens import owner_of, read_tokens


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert run(["serve", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err


def test_the_printed_lines_run_in_a_shell(guarded: Any, tmp_path: Path) -> None:
    assert guarded.address
    for _ in range(500):
        if "completions" in (lines := guarded.said.read_text()):
            break
        time.sleep(0.01)
    ran = subprocess.run(["sh", "-ec", lines], capture_output=True, text=True, check=True, cwd=tmp_path)
    answers = [json.loads(line) for line in ran.stdout.splitlines() if line]
    models, step, fork, answer, completion = answers
    assert models["data"][0]["id"] == "run"
    assert len(step["choices"]) == 5
    assert step["steps"] == fork["steps"] == 1
    assert len(answer["text"]) == 80
    assert len(completion["choices"][0]["text"]) == 80
    assert (tmp_path / "session.safetensors").stat().st_size > 100


def test_a_token_file_that_is_not_there_is_made(tmp_path: Path) -> None:
    (owner,) = read_tokens(tmp_path / "tokens").values()
    assert stat.S_IMODE((tmp_path / "tokens").stat().st_mode) == 0o600
    token = (tmp_path / "tokens").read_text().strip()
    assert owner_of(f"Bearer {token}", read_tokens(tmp_path / "tokens")) == owner
    assert len(token) >= 22


def test_a_public_address_needs_tokens(run_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org"):
        assert "give --token-file FILE" in refused([str(run_path), "--host", host], capsys)


def test_tokens_are_to_be_long_and_hidden(run_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "tokens"
    file.write_text("a" * 22)
    file.chmod(0o644)
    assert f"chmod 600 {file}" in refused([str(run_path), "--token-file", str(file)], capsys)
    file.chmod(0o600)
    for text, words in (
        ("short", "line 1"),
        ("a b " + "c" * 22, "line 1"),
        ("# none\n", "there is no token"),
        ("é", "cannot read"),
    ):
        file.write_text(text)
        assert words in refused([str(run_path), "--token-file", str(file)], capsys)


def test_what_cannot_be_served_is_said_in_one_line(
    run_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "there is no run at" in refused(["nowhere"], capsys)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "run").symlink_to(run_path)
    assert "there is no store 'disk'" in refused([str(run_path), "--store", "disk"], capsys)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert "cannot listen at 127.0.0.1" in refused([str(run_path), "--port", port], capsys)


def test_every_limit_is_a_flag_that_is_checked_before_anything_is_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    flags = flags_of_fields(ServerSettings)
    assert len(flags) > 10
    for flag in flags:
        spelled = f"--{flag.name.replace('_', '-')}"
        for value in ("-1", "1e300"):
            said = refused(["nowhere", f"{spelled}={value}"], capsys)
            assert spelled in said
    assert "--port" in refused(["nowhere", "--port", "70000"], capsys)
    assert "--ttl-hours" in refused(["nowhere", "--ttl-hours", "0"], capsys)
    assert "there is no run at nowhere" in refused(["nowhere", "--max-requests", "7", "--quiet"], capsys)
