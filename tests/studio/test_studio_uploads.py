"""Files that are sent to a studio: in pieces, bounded, by plain names."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from made_studio import problem

from statewise.errors import UsageError
from statewise.studio.uploads import DataFolders

TOKEN = "a" * 22
SOON_SECONDS = 90


def send(asked: Any, name: str, content: bytes, size: int | None = None) -> Any:
    begun = asked.post("/studio/data", json={"name": name, "size": len(content) if size is None else size})
    if begun.status_code != 201 or begun.json().get("done"):
        return begun
    answer, at, step = begun, 0, 5
    while at < len(content):
        answer = asked.put(f"/studio/data/{begun.json()['upload']}?at={at}", content=content[at : at + step])
        at += step
    return answer


def test_a_file_is_sent_in_pieces_and_then_listed(asked: Any, tmp_path: Path) -> None:
    told = send(asked, "my book.txt", b"It was the best of times.").json()
    assert told == {"here": 25, "done": True, "source": "data/my book.txt"}
    assert (tmp_path / "data" / "my book.txt").read_bytes() == b"It was the best of times."
    assert asked.get("/studio/data").json()["files"] == [{"source": "data/my book.txt", "bytes": 25}]
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["my book.txt"]
    assert send(asked, "empty.txt", b"").json()["done"] is True


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "", "a\x00b", "a\nb", "x" * 151])
def test_a_file_with_the_name_of_a_place_is_refused(asked: Any, name: str) -> None:
    assert send(asked, name, b"x").status_code == 422


def test_an_upload_is_bounded_takes_no_others_place_and_has_an_order(studio_of: Any, tmp_path: Path) -> None:
    asked = studio_of(upload_megabytes=1)
    assert problem(send(asked, "large.txt", b"", size=2_000_000_000))[0] == 413
    (tmp_path / "data" / "here.txt").write_text("kept")
    assert problem(send(asked, "here.txt", b"other"))[0] == 409
    assert (tmp_path / "data" / "here.txt").read_text() == "kept"
    begun = asked.post("/studio/data", json={"name": "new.txt", "size": 9}).json()["upload"]
    assert asked.put(f"/studio/data/{begun}?at=0", content=b"abc").json() == {"here": 3, "done": False}
    assert asked.put(f"/studio/data/{begun}?at=0", content=b"abc").json() == {"here": 3, "done": False}  # sent again
    assert problem(asked.put(f"/studio/data/{begun}?at=6", content=b"ghi"))[0] == 409
    assert problem(asked.put(f"/studio/data/{begun}?at=3", content=b"defghijk"))[0] == 409
    assert problem(asked.put("/studio/data/unknown?at=0", content=b"a"))[0] == 404
    assert not (tmp_path / "data" / "new.txt").exists()


def test_the_same_piece_at_once_is_one_piece_and_a_name_is_bounded_in_bytes(tmp_path: Path) -> None:
    folders = DataFolders([tmp_path / "data"], 1 << 21)
    half = bytes(500_000)
    for number in range(5):
        begun = folders.begin(f"{number}.txt", 1_000_000)
        with ThreadPoolExecutor(4) as pool:
            told = list(pool.map(lambda _, begun=begun: folders.add(begun, 0, half), range(4)))
        assert told == [{"here": 500_000, "done": False}] * 4
        assert folders.add(begun, 500_000, half)["done"]
        assert (tmp_path / "data" / f"{number}.txt").stat().st_size == 1_000_000
    with pytest.raises(UsageError, match="cannot be named so"):
        folders.begin("é" * 140, 9)


def test_what_was_not_sent_whole_is_removed(tmp_path: Path) -> None:
    folders = DataFolders([tmp_path / "data"], 100)
    folders.begin("a.txt", 9)
    folders.close()
    assert list((tmp_path / "data").iterdir()) == []
