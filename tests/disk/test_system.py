"""What one system has and another lacks is asked for in one module, and only where it is needed."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import statewise
from statewise.disk.system import is_running, lock, open_to_lock, sync

SOURCE = Path(statewise.__file__).parent
OF_ONE_SYSTEM = {"fcntl", "resource", "termios", "tty", "pty", "pwd", "grp", "syslog", "msvcrt", "winreg"}
OF_POSIX = {"SIGHUP", "SIGTSTP", "SIGCONT", "SIGKILL", "SIGUSR1", "SIGPIPE", "O_NONBLOCK", "O_CLOEXEC", "O_NOFOLLOW"}


def test_no_module_imports_at_its_top_what_another_system_lacks() -> None:
    found = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [f"{path.relative_to(SOURCE)}: {name}" for name in names if name.split(".")[0] in OF_ONE_SYSTEM]
    assert found == []


def test_no_module_takes_a_name_of_posix_for_granted() -> None:
    found = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in OF_POSIX and isinstance(node.value, ast.Name):
                found.append(f"{path.relative_to(SOURCE)}: {node.value.id}.{node.attr}")
    assert found == []


def test_a_lock_is_had_by_one_process_at_a_time_and_ends_with_it(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("read me")
    script = (
        "import sys, os; from statewise.disk.system import lock\n"
        "handle = os.open(sys.argv[1], os.O_RDWR); lock(handle); print('had', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "had\n"
        handle = os.open(tmp_path / "lock", os.O_RDWR)
        with pytest.raises(BlockingIOError):
            lock(handle)
        assert (tmp_path / "lock").read_text() == "read me"
        assert is_running(other.pid)
        other.kill()
        other.wait()
        lock(handle)
        os.close(handle)
    assert not is_running(other.pid)


def test_folders_are_locked_and_brought_to_the_disk(tmp_path: Path) -> None:
    first, second = open_to_lock(tmp_path), open_to_lock(tmp_path)
    lock(first, wait=True)
    with pytest.raises(BlockingIOError):
        lock(second)
    os.close(first)
    lock(second)
    os.close(second)
    sync(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync(tmp_path / "nowhere")
