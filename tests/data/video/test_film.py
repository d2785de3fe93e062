"""Films that are written here and read again: by their time stamps, turned, small, uneven, and broken ones."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from statewise.data.video.film import Film, Look, TooLongFilm
from statewise.data.video.film_writer import write_film
from statewise.data.video.frame_folder import FrameFolder, in_number_order
from statewise.errors import DataError, UsageError

av = pytest.importorskip("av")


def left_bright(count: int, height: int = 24, width: int = 32) -> list[NDArray[np.uint8]]:
    """Pictures whose left half is red and whose upper third grows brighter in blue."""
    found = []
    for n in range(count):
        picture = np.zeros((height, width, 3), np.uint8)
        picture[:, : width // 2, 0] = 200
        picture[: height // 3, :, 2] = 20 * n % 240
        found.append(picture)
    return found


@pytest.mark.parametrize("kind", [".mp4", ".webm", ".gif"])
def test_frames_of_unequal_steps_have_their_own_times(kind: str, tmp_path: Path) -> None:
    seconds = [0.0, 0.1, 0.15, 0.4, 0.44, 1.2]
    write_film(tmp_path / f"a{kind}", left_bright(6), seconds)
    found = [frame.seconds for frame in Film(tmp_path / f"a{kind}").frames()]
    assert np.allclose(found, seconds, atol=0.011)  # a GIF counts hundredths


def test_a_film_that_begins_later_keeps_its_times(tmp_path: Path) -> None:
    write_film(tmp_path / "a.mp4", left_bright(3), [2.0, 2.5, 3.0])
    assert [round(frame.seconds, 2) for frame in Film(tmp_path / "a.mp4").frames()] == [2.0, 2.5, 3.0]


def test_frames_are_as_large_and_as_colourful_as_asked(tmp_path: Path) -> None:
    write_film(tmp_path / "a.mp4", left_bright(2), [0.0, 0.1])
    frame = next(Film(tmp_path / "a.mp4").frames(Look(8, 12)))
    assert frame.picture.shape == (8, 12, 3)
    assert frame.picture[6, 2, 0] > 150
    assert frame.picture[6, 10, 0] < 50
    assert next(Film(tmp_path / "a.mp4").frames(Look(8, 12, grey=True))).picture.shape == (8, 12, 1)


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_a_film_that_is_turned_is_shown_upright(turned: int, tmp_path: Path) -> None:
    write_film(tmp_path / "a.mp4", left_bright(2), [0.0, 0.1], turned=turned)
    film = Film(tmp_path / "a.mp4")
    picture = next(film.frames()).picture
    assert picture.shape[:2] == ((32, 24) if turned % 180 else (24, 32))
    assert film.facts()[:2] == picture.shape[:2]
    reds = picture[:, :, 0].astype(float)
    halves = {90: reds[16:], 180: reds[:, 16:], 270: reds[:16]}  # to the left: what was left is below
    assert halves[turned].mean() > 150
    assert next(film.frames(Look(10, 14))).picture.shape[:2] == (10, 14)


def test_one_frame_is_a_film_and_none_is_not(tmp_path: Path) -> None:
    write_film(tmp_path / "one.mp4", left_bright(1), [0.0])
    assert len([*Film(tmp_path / "one.mp4").frames()]) == 1
    write_film(tmp_path / "none.mp4", [], [])
    with pytest.raises(DataError, match=r"none\.mp4"):
        [*Film(tmp_path / "none.mp4").frames()]


def test_what_is_no_film_is_refused_in_one_line(tmp_path: Path) -> None:
    for name, content in {"empty.mp4": b"", "text.mp4": b"hello " * 99, "cut.mp4": b"\0\0\0\x20ftypisom"}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=name) as refused:
            [*Film(tmp_path / name).frames()]
        assert "\n" not in str(refused.value)
    with pytest.raises(DataError, match="check the path"):
        [*Film(tmp_path / "missing.mp4").frames()]
    with pytest.raises(DataError, match="is not a film"):
        [*Film(Path("/dev/video97")).frames()]


def test_sound_without_pictures_says_so(tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "a.wav", np.zeros(800), 8000)
    with pytest.raises(DataError, match="has no pictures, only sound"):
        [*Film(tmp_path / "a.wav").frames()]


def test_a_film_that_was_cut_gives_what_is_left(tmp_path: Path) -> None:
    write_film(tmp_path / "a.webm", left_bright(40), [n / 10 for n in range(40)])
    whole = (tmp_path / "a.webm").read_bytes()
    (tmp_path / "cut.webm").write_bytes(whole[: len(whole) * 2 // 3])
    assert 0 < len([*Film(tmp_path / "cut.webm").frames()]) < 40


def test_a_playlist_opens_no_other_file(tmp_path: Path) -> None:
    write_film(tmp_path / "a.mp4", left_bright(2), [0.0, 0.1])
    (tmp_path / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:1,\n{tmp_path / 'a.mp4'}\n#EXT-X-ENDLIST\n")
    (tmp_path / "list.mp4").write_text(f"ffconcat version 1.0\nfile '{tmp_path / 'a.mp4'}'\n")
    for name in ("list.m3u8", "list.mp4"):
        with pytest.raises(DataError):
            [*Film(tmp_path / name).frames()]


def test_a_longer_film_than_wanted_is_refused_when_it_is(tmp_path: Path) -> None:
    write_film(tmp_path / "a.mp4", left_bright(9), [10.0 * n for n in range(9)])
    frames = Film(tmp_path / "a.mp4").frames(longest=35)
    assert [next(frames).seconds for _ in range(4)] == [0, 10, 20, 30]
    with pytest.raises(TooLongFilm, match="longer than 35 s"):
        next(frames)


def test_ten_times_the_frames_take_no_more_memory(tmp_path: Path) -> None:
    def most(count: int) -> int:
        picture = left_bright(1, 120, 160)[0]
        write_film(tmp_path / "a.mp4", (picture for _ in range(count)), [n / 25 for n in range(count)])
        tracemalloc.start()
        for _ in Film(tmp_path / "a.mp4").frames(Look(32, 40)):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    most(5)
    assert most(400) < most(40) + 100_000


def test_a_folder_of_numbered_pictures_is_a_film(tmp_path: Path) -> None:
    for n, picture in enumerate(left_bright(11)):
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        with av.open(str(tmp_path / f"frame{n}.png"), "w", format="image2") as file:
            stream = file.add_stream("png", rate=1)
            stream.width, stream.height, stream.pix_fmt = 32, 24, "rgb24"
            file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
    (tmp_path / "frame3.png").write_bytes(b"broken")
    (tmp_path / "notes.txt").write_text("not a picture")
    folder = FrameFolder(tmp_path, rate=20.0)
    found = [*folder.frames()]
    assert [round(frame.seconds, 2) for frame in found] == [0.05 * n for n in (0, 1, 2)] + [
        round(0.05 * n, 2) for n in range(4, 11)
    ]
    assert [int(frame.picture[0, 0, 2]) for frame in found] == [0, 20, 40, *range(80, 220, 20)]
    assert folder.left_out == 1
    assert folder.facts()[:3] == (24, 32, 20.0)
    with pytest.raises(DataError, match="no picture"):
        [*FrameFolder(tmp_path / "..").frames()]


def test_numbers_in_names_are_counted_not_spelled() -> None:
    assert [p.name for p in in_number_order([Path("b"), Path("10"), Path("9"), Path("a1")])] == ["9", "10", "a1", "b"]


def test_a_rate_or_a_kind_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="out of bounds"):
        FrameFolder(tmp_path, rate=0.0)
    with pytest.raises(UsageError, match="ends in none of"):
        write_film(tmp_path / "a.txt", left_bright(1), [0.0])
