"""A checkpoint is used only where it is proved to be what was saved, and a failed save costs none before it."""

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from statewise.disk.manifest import Entry
from statewise.disk.reading import read_file
from statewise.errors import RunError, TrainingError
from statewise.learning import checkpoint
from statewise.learning.checkpoint import load_checkpoint, save_checkpoint, saved_checkpoints, sweep
from statewise.run.files import sync_folder, write_synced

FILES = {"weights.safetensors": bytes(range(256)) * 3, "place.json": b'{"update": 3}', "empty": b""}


def files_of(update: int) -> dict[str, bytes]:
    return {**FILES, "place.json": json.dumps({"update": update}).encode()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two checkpoints, of 3 and of 5 updates."""
    for update in (3, 5):
        save_checkpoint(tmp_path / "checkpoints", update, files_of(update))
    return tmp_path / "checkpoints"


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_checkpoint_comes_back_as_it_was_and_nothing_is_said(folder: Path) -> None:
    checkpoint = load_checkpoint(folder)
    assert checkpoint == (folder / "000005", files_of(5), None)
    assert names(folder / "000005") == ["MANIFEST.json", "empty", "place.json", "weights.safetensors"]


def test_two_are_kept_and_their_order_is_that_of_their_numbers(folder: Path) -> None:
    for update in (999_999, 1_000_000):
        save_checkpoint(folder, update, files_of(update))
    assert [path.name for path in saved_checkpoints(folder)] == ["999999", "1000000"]
    assert load_checkpoint(folder).files == files_of(1_000_000)
    assert names(folder) == ["1000000", "999999"]


def test_the_same_number_may_be_saved_again(folder: Path) -> None:
    save_checkpoint(folder, 5, {"other": b"1"})
    assert load_checkpoint(folder).files == {"other": b"1"}
    assert names(folder) == ["000003", "000005"]


@pytest.mark.parametrize("name", ["weights.safetensors", "place.json", "MANIFEST.json"])
def test_a_single_bit_anywhere_in_any_file_is_noticed_and_named(folder: Path, name: str) -> None:
    path = folder / "000005" / name
    bits = path.stat().st_size * 8
    for bit in range(0, bits, 5):  # 5 and 8 share no factor: every place in a byte has its turn
        flip(path, bit)
        checkpoint = load_checkpoint(folder)
        flip(path, bit)
        assert checkpoint.path.name == "000003", f"bit {bit} of {name}"
        assert checkpoint.files == files_of(3)
        assert checkpoint.notice is not None
        assert "000005" in checkpoint.notice
    assert load_checkpoint(folder).notice is None


@pytest.mark.parametrize("name", ["weights.safetensors", "place.json", "MANIFEST.json"])
def test_a_file_cut_short_anywhere_is_noticed_and_named(folder: Path, name: str) -> None:
    path = folder / "000005" / name
    content = path.read_bytes()
    for length in [*range(0, len(content), 5), len(content) - 1]:
        path.write_bytes(content[:length])
        notice = load_checkpoint(folder).notice
        assert notice is not None
        assert notice.startswith(f"{path} is ")
        assert notice.endswith("; checkpoint 000003 is used instead")


def test_a_longer_file_says_both_sizes(folder: Path) -> None:
    path = folder / "000005" / "weights.safetensors"
    path.write_bytes(path.read_bytes() * 2)
    assert f"{path} is 1,536 bytes where 768 were saved" in str(load_checkpoint(folder).notice)


@pytest.mark.parametrize("name", ["MANIFEST.json", "weights.safetensors", "empty"])
def test_a_missing_file_is_named_and_the_checkpoint_before_is_used(folder: Path, name: str) -> None:
    (folder / "000005" / name).unlink()
    checkpoint = load_checkpoint(folder)
    assert checkpoint.files == files_of(3)
    said = f"cannot read {folder}/000005/{name} (No such file or directory)"
    assert checkpoint.notice == f"{said}; checkpoint 000003 is used instead"


@pytest.mark.parametrize(
    "manifest",
    [
        b"{}",
        b"[]",
        b"3",
        b"[" * 100_000,
        b'{"a": 1}',
        b'{"a": {"size": 1}}',
        b'{"a": {"size": 0, "sha256": "", "code": "x"}}',
        b'{"a": {"size": Infinity, "sha256": ""}}',
        b'{"a": {"size": NaN, "sha256": ""}}',
        b'{"a": {"size": 1, "size": 2, "sha256": ""}}',
        b'{"a": {"size": 0, "sha256": ""}}' + b" " * (1 << 20),
        b'{"../../secret": {"size": 0, "sha256": ""}}',
        b'{"/etc/passwd": {"size": 0, "sha256": ""}}',
        b'{"..": {"size": 0, "sha256": ""}}',
        b'{"": {"size": 0, "sha256": ""}}',
        b'{"a\\u0000b": {"size": 0, "sha256": ""}}',
        b'{"\\ud800": {"size": 0, "sha256": ""}}',
        b'{"a": {"size": 1, "sha256": "\xff"}}',
    ],
    ids=lambda manifest: repr(manifest[:30]),
)
def test_a_manifest_of_ill_will_is_refused_as_damaged(folder: Path, manifest: bytes) -> None:
    (folder / "000005" / "MANIFEST.json").write_bytes(manifest)
    assert str(folder / "000005") in str(load_checkpoint(folder).notice)


def test_where_none_is_good_each_is_named(folder: Path) -> None:
    for name in ("000003", "000005"):
        flip(folder / name / "weights.safetensors", 100)
    with pytest.raises(RunError) as raised:
        load_checkpoint(folder)
    damaged = "weights.safetensors is damaged: its sha256 is not the one that was saved"
    assert str(raised.value) == (
        f"{folder}/000005/{damaged}; {folder}/000003/{damaged}: train it again, or use another run"
    )


@pytest.mark.parametrize("updates", [[6, 7], [6, 7, 8, 9, 10], [5]])
def test_a_checkpoint_that_a_training_removes_or_replaces_while_it_is_read_is_no_damage(
    folder: Path, monkeypatch: pytest.MonkeyPatch, updates: list[int]
) -> None:
    """Whoever serves or scores a run that is being trained reads the newer one, and is told of no damage."""
    read, coming, newest = read_file, iter(updates), {"other": b"newest"}

    def save_meanwhile(path: Path, largest: int) -> bytes:
        content = read(path, largest)
        if update := next(coming, None):
            save_checkpoint(folder, update, newest)
        return content

    monkeypatch.setattr(checkpoint, "read_file", save_meanwhile)
    assert load_checkpoint(folder) == (folder / f"{updates[-1]:06d}", newest, None)


def test_where_checkpoints_change_without_end_reading_ends(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    identities = iter(range(10_000))
    monkeypatch.setattr(checkpoint, "_identity", lambda path: next(identities))
    (folder / "000005" / "MANIFEST.json").unlink()
    with pytest.raises(RunError, match="changes faster than it can be read: stop the training, or try again"):
        load_checkpoint(folder)


@pytest.mark.parametrize("made", [False, True])
def test_where_none_was_saved_that_is_said(tmp_path: Path, made: bool) -> None:
    if made:
        (tmp_path / "checkpoints" / ".000007.tmp").mkdir(parents=True)
    with pytest.raises(RunError, match=r"^there is no checkpoint in .*checkpoints yet: train it again"):
        load_checkpoint(tmp_path / "checkpoints")


def test_what_an_interrupted_save_left_is_never_loaded_and_is_swept(folder: Path) -> None:
    shutil.copytree(folder / "000005", folder / ".000009.tmp")
    shutil.copytree(folder / "000005", folder / ".000001.old.tmp")
    assert load_checkpoint(folder).path.name == "000005"
    sweep(folder)
    assert names(folder) == ["000003", "000005"]
    sweep(folder.parent / "nowhere")


def test_a_save_over_what_an_interrupted_one_left_holds_only_its_own_files(folder: Path) -> None:
    (folder / ".000009.tmp").mkdir()
    (folder / ".000009.tmp" / "stale").write_bytes(b"1")
    assert names(save_checkpoint(folder, 9, files_of(9))) == ["MANIFEST.json", *sorted(FILES)]


def failing(function: Callable[..., Any], at: int) -> Callable[..., Any]:
    """Do as a function does, but find the disk full at one of its calls."""
    calls = iter(range(1000))

    def call(*arguments: Any, **named: Any) -> Any:
        if next(calls) == at:
            raise OSError(errno.ENOSPC, "No space left on device")
        return function(*arguments, **named)

    return call


@pytest.mark.parametrize("update", [5, 9])
@pytest.mark.parametrize(
    ("place", "calls"),
    [("write_synced", 4), ("sync_folder", 1), ("Path.mkdir", 2), ("Path.rename", 1)],
)
def test_a_full_disk_at_any_moment_costs_no_checkpoint_before_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, place: str, calls: int, update: int
) -> None:
    owner, name = (Path, place.split(".")[1]) if "." in place else (checkpoint, place)
    for at in range(calls):
        with monkeypatch.context() as disk:
            disk.setattr(owner, name, failing(getattr(owner, name), at))
            with pytest.raises(TrainingError) as raised:
                save_checkpoint(folder, update, {**files_of(update), "new": b"1"}, advice="buy a disk")
        assert (
            str(raised.value) == f"cannot save checkpoint {folder}/{update:06d} (No space left on device): buy a disk"
        )
        assert names(folder) == ["000003", "000005"]
        assert load_checkpoint(folder) == (folder / "000005", files_of(5), None)


def test_a_full_disk_while_the_same_number_takes_its_place_costs_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as disk:
        disk.setattr(Path, "rename", failing(Path.rename, 1))
        with pytest.raises(TrainingError):
            save_checkpoint(folder, 5, {"other": b"1"})
    assert load_checkpoint(folder) == (folder / "000005", files_of(5), None)
    assert names(folder) == ["000003", "000005"]


def test_an_interrupt_while_saving_leaves_no_litter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("statewise.learning.checkpoint.sync_folder", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(folder, 9, files_of(9))
    assert names(folder) == ["000003", "000005"]


def test_an_old_checkpoint_that_cannot_be_removed_stays_until_it_can(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as disk:
        disk.setattr(Path, "rename", failing(Path.rename, 1))
        save_checkpoint(folder, 8, files_of(8))
    assert names(folder) == ["000003", "000005", "000008"]
    save_checkpoint(folder, 9, files_of(9))
    assert names(folder) == ["000008", "000009"]


def test_a_damaged_checkpoint_is_not_one_of_the_two_that_are_kept(folder: Path) -> None:
    flip(folder / "000005" / "place.json", 9)
    save_checkpoint(folder, 8, files_of(8))
    assert names(folder) == ["000003", "000005", "000008"]
    flip(folder / "000008" / "place.json", 9)
    assert load_checkpoint(folder).files == files_of(3)
    save_checkpoint(folder, 9, files_of(9))
    save_checkpoint(folder, 11, files_of(11))
    assert names(folder) == ["000009", "000011"]


def test_the_newest_checkpoint_is_put_back_where_only_it_stands_aside(folder: Path) -> None:
    save_checkpoint(folder, 8, files_of(8))
    shutil.copytree(folder / "000005", folder / "000006")
    (folder / "000008").rename(folder / ".000008.old.tmp")
    sweep(folder)
    assert load_checkpoint(folder).files == files_of(8)


@pytest.mark.parametrize("name", ["weights.safetensors", "MANIFEST.json"])
def test_what_is_no_plain_file_is_refused_and_never_waited_for(folder: Path, name: str) -> None:
    path = folder / "000005" / name
    path.unlink()
    os.mkfifo(path)
    assert f"{path} is not a plain file; checkpoint 000003" in str(load_checkpoint(folder).notice)
    path.unlink()
    path.symlink_to("/dev/zero")
    assert f"{path} is not a plain file; checkpoint 000003" in str(load_checkpoint(folder).notice)


def test_the_checkpoint_just_saved_is_never_the_one_removed(folder: Path) -> None:
    for name in ("000003", "000005"):
        flip(folder / name / "place.json", 9)
    save_checkpoint(folder, 2, files_of(2))
    assert load_checkpoint(folder).files == files_of(2)


def test_each_file_is_on_the_disk_before_the_manifest_and_that_before_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def told(function: Callable[..., Any], path_at: int) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            done.append(arguments[path_at].name)
            return function(*arguments)

        return call

    monkeypatch.setattr("statewise.learning.checkpoint.write_synced", told(write_synced, 0))
    monkeypatch.setattr("statewise.learning.checkpoint.sync_folder", told(sync_folder, 0))
    monkeypatch.setattr(Path, "rename", told(Path.rename, 1))
    save_checkpoint(tmp_path / "checkpoints", 7, FILES)
    assert done.pop(0) == tmp_path.name  # the first save makes the folder itself, durably
    assert done == [*FILES, "MANIFEST.json", ".000007.tmp", "000007", "checkpoints"]


def weights_alone(names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith("weights")]


@pytest.mark.parametrize("damage", ["gone", "cut", "sparse", "pipe"])
def test_files_that_are_not_needed_are_not_read_and_of_no_matter(folder: Path, damage: str) -> None:
    other = folder / "000005" / "place.json"
    other.unlink()
    if damage == "cut":
        other.write_bytes(b"{")
    if damage == "sparse":
        with other.open("wb") as file:
            file.truncate(20 << 30)
    if damage == "pipe":
        os.mkfifo(other)
    assert load_checkpoint(folder, weights_alone) == (
        folder / "000005",
        {"weights.safetensors": FILES["weights.safetensors"]},
        None,
    )
    assert load_checkpoint(folder).path.name == "000003"


def test_weights_that_are_mostly_holes_are_none(folder: Path) -> None:
    path = folder / "000005" / "weights.safetensors"
    with path.open("wb") as file:
        file.truncate(64 << 20)
    entry = Entry.of(bytes(64 << 20))
    manifest = {"weights.safetensors": entry._asdict()}
    (folder / "000005" / "MANIFEST.json").write_text(json.dumps(manifest))
    assert "is mostly holes, which are not weights" in str(load_checkpoint(folder, weights_alone).notice)
    assert load_checkpoint(folder).notice is None  # where all is wanted, zeros may be what was saved


@pytest.mark.parametrize("name", ["²", "٣٣٣٣٣٣", "3", "9" * 5000, "000007x", "-00007"])
def test_what_is_named_otherwise_than_by_a_number_is_no_checkpoint(folder: Path, name: str) -> None:
    (folder / name[:250]).mkdir()
    assert [path.name for path in saved_checkpoints(folder)] == ["000003", "000005"]


def test_nothing_is_saved_through_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(RunError, match="link is a link, and writing there would change what it leads to"):
        save_checkpoint(tmp_path / "link", 7, FILES)
    assert names(folder) == ["000003", "000005"]
