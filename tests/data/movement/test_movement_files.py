"""Recorded movements in every form that is read, written here and read again; and what is refused, by its name."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_gestures import CLASSES, clips, hands, sensor_table, stretches_table

from statewise.data.movement.movement_cache import movement_with, prepare_movement
from statewise.data.movement.movement_files import read_recordings
from statewise.data.movement.movement_preparing import MovementPreparing
from statewise.data.movement.movement_tables import seconds_of
from statewise.data.movement.recording import Movement, MovementReading, NotRead
from statewise.data.video.film import Look
from statewise.errors import DataError, UsageError


def found_in(path: Path, **how: Any) -> list[Movement]:
    found = [*read_recordings([str(path)], MovementReading(**how))]
    assert not [one for one in found if isinstance(one, NotRead)]
    return [one for one in found if isinstance(one, Movement)]


def test_a_table_of_sensors_has_a_recording_for_each_id_with_its_person(tmp_path: Path) -> None:
    found = found_in(sensor_table(tmp_path), person="person")
    assert len(found) == 36
    assert [one.label for one in found[:3]] == list(CLASSES)
    assert {one.person for one in found} == {"p0", "p1", "p2", "p3"}
    first = found[0]
    assert first.columns == ("x", "y")
    assert isinstance(first.values, np.ndarray)
    assert first.values.shape == (30, 2)
    assert first.times is not None
    assert first.times[:3].tolist() == [0, 0.05, 0.1]


def test_a_table_with_labels_that_change_has_stretches(tmp_path: Path) -> None:
    found = found_in(stretches_table(tmp_path))
    assert found[0].label == ""
    assert found[0].labels is not None
    assert set(found[0].labels) <= {"none", *CLASSES}


def test_rows_of_a_recording_that_stand_apart_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("recording,label,x\na,l,1\nb,l,2\na,l,3\n")
    with pytest.raises(DataError, match="rows of recording 'a' stand apart"):
        [*read_recordings([str(tmp_path / "a.csv")], MovementReading())]


@pytest.mark.parametrize(
    ("text", "how", "words"),
    [
        ("time,x\n0,1\n", {}, "no column of labels"),
        ("label,name\na,b\n", {}, "no column of numbers"),
        ("label,x\na,1\n", {"person": "who"}, "who"),
        ("label,x\na,1\n", {"columns": ("y",)}, "column"),
        ("label,time,x\na,soon,1\n", {}, "row 2.*holds 'soon', which is not a time"),
    ],
)
def test_a_table_without_what_is_needed_says_what(text: str, how: Any, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises((DataError, UsageError), match=words):
        [*read_recordings([str(tmp_path / "a.csv")], MovementReading(**how))]


def test_times_are_seconds_in_whatever_form(tmp_path: Path) -> None:
    assert seconds_of(["2026-11-30T09:00:00.5", "2026-11-30T09:00:01+00:00"]).tolist() == [1796029200.5, 1796029201.0]
    assert seconds_of(["1700000000000000", ""])[0] == 1700000000.0
    assert seconds_of(["12.5", "nan"])[0] == 12.5


def test_rows_without_names_are_sequences_with_the_names_of_their_classes(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    lines = [",".join([str(n % 2), *(f"{x:.3f}" for x in draw.normal(size=6))]) for n in range(4)]
    (tmp_path / "points.csv").write_text("\n".join([*lines, "x,1,2,3,4,5,6", "1,2,3"]) + "\n")
    (tmp_path / "points_classifier_label.csv").write_text("Stop\nMove\n")
    found = [*read_recordings([str(tmp_path)], MovementReading())]
    good = [one for one in found if isinstance(one, Movement)]
    assert [one.label for one in good] == ["Stop", "Move", "Stop", "Move"]
    assert isinstance(good[0].values, np.ndarray)
    assert good[0].values.shape == (3, 2)
    assert [one.why for one in found if isinstance(one, NotRead)] == [
        "with a cell that is not a number",
        "of another width",
    ]
    with pytest.raises(UsageError, match="are not points of 4: give channels"):
        [*read_recordings([str(tmp_path / "points.csv")], MovementReading(channels=4))]


def test_names_that_change_next_to_a_table_make_it_ready_again(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    lines = [",".join([str(n % 2), *(f"{x:.3f}" for x in draw.normal(size=6))]) for n in range(16)]
    (tmp_path / "points.csv").write_text("\n".join(lines) + "\n")
    for names in (("0", "1"), ("Stop", "Move"), ("Halt", "Move")):
        if names[0] != "0":
            (tmp_path / "points_label.csv").write_text("\n".join(names) + "\n")
        found = prepare_movement([str(tmp_path / "points.csv")], MovementPreparing(**PREPARING), tmp_path / "cache")
        assert sorted(found.codec.classes) == sorted(names)


def test_a_row_of_a_hand_is_one_sample(tmp_path: Path) -> None:
    (tmp_path / "keypoint.csv").write_text("\n".join(",".join(["3", *["0.5"] * 42]) for _ in range(2)) + "\n")
    found = found_in(tmp_path / "keypoint.csv")
    assert isinstance(found[0].values, np.ndarray)
    assert found[0].values.shape == (1, 42)
    assert found[0].label == "3"


def test_arrays_by_class_are_read_also_a_file_for_each_frame(tmp_path: Path) -> None:
    found = found_in(hands(tmp_path / "hands", each=3))
    assert [one.label for one in found] == ["circle"] * 3 + ["nod"] * 3 + ["wave"] * 3
    for number in range(12):
        folder = tmp_path / "frames" / "hello" / "0"
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{number}.npy", np.full(5, number, np.float32))
    (one,) = found_in(tmp_path / "frames")
    assert isinstance(one.values, np.ndarray)
    assert one.values[:, 0].tolist() == list(range(12))
    assert one.label == "hello"


def test_arrays_of_objects_are_never_unpickled(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    np.save(tmp_path / "a" / "0.npy", np.array([{"a": 1}], dtype=object))
    found = [*read_recordings([str(tmp_path)], MovementReading())]
    assert isinstance(found[0], NotRead)
    np.savez(tmp_path / "b.npz", x=np.array([{"a": 1}], dtype=object), label=np.array(["a"]))
    with pytest.raises(DataError, match="without pickling"):
        [*read_recordings([str(tmp_path / "b.npz")], MovementReading())]


def test_an_npz_has_sequences_lengths_people_parts_or_films(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    np.savez(
        tmp_path / "a.npz",
        x=draw.normal(size=(3, 7, 5)).astype(np.float16),
        label=np.array(["a", "b", "a"]),
        length=np.array([7, 4, 0]),
        person=np.array(["p", "q", "q"]),
        part=np.array(["train", "test", "train"]),
    )
    first, second, third = read_recordings([str(tmp_path / "a.npz")], MovementReading(person="person"))
    assert isinstance(first, Movement)
    assert isinstance(second, Movement)
    assert isinstance(third, NotRead)
    assert (first.part, second.part, second.person, len(second.values)) == ("training", "held_out", "q", 4)
    np.savez(tmp_path / "films.npz", x=np.full((2, 3, 16, 24), 99, np.uint8), label=np.array(["a", "b"]))
    one, _ = found_in(tmp_path / "films.npz")
    assert one.is_film
    shown = [*one.values.frames(Look(8, 8, grey=True))]  # type: ignore[union-attr]
    assert [frame.picture.shape for frame in shown] == [(8, 8, 1)] * 3
    np.savez(tmp_path / "wrong.npz", x=np.zeros((2, 3, 4)), label=np.array(["a"]))
    with pytest.raises(DataError, match="give x"):
        found_in(tmp_path / "wrong.npz")


@pytest.mark.parametrize(
    "more",
    [
        {"label": np.array("a")},
        {"length": np.array(3)},
        {"length": np.array(["x", "y"])},
        {"length": np.ones((2, 2))},
        {"time": np.array([["0", "1", "2"]] * 2)},
        {"time": np.zeros((2, 2))},
        {"time": np.zeros(2)},
        {"x": np.zeros((2, 3, 0))},
    ],
)
def test_arrays_of_another_shape_are_refused_in_one_line(more: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **{"x": np.zeros((2, 3, 4)), "label": np.array(["a", "b"]), **more})
    with pytest.raises(DataError, match=r"a\.npz.*give"):
        found_in(tmp_path / "a.npz")


def test_an_array_that_claims_more_than_there_is_and_names_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "wave").mkdir()
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000, 30), }".ljust(117) + b"\n"
    (tmp_path / "wave" / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    (found,) = read_recordings([str(tmp_path)], MovementReading())
    assert "is not an array of numbers" in found.where  # type: ignore[union-attr]
    (tmp_path / "wave" / "a.npy").unlink()
    (tmp_path / "rows.csv").write_text("0,1,2,3,4\n")
    (tmp_path / "rows_label.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="is not text in UTF-8"):
        [*read_recordings([str(tmp_path / "rows.csv")], MovementReading())]


def test_times_that_are_infinite_are_missing(tmp_path: Path) -> None:
    assert np.isnan(seconds_of(["0", "inf", "2"])[1])


def test_ts_and_arff_are_read_in_one_and_several_dimensions(tmp_path: Path) -> None:
    (tmp_path / "Wii_TRAIN.ts").write_text("# c\n@classLabel true a b\n@data\n1,2,3:4,5,6:a\n1,?:2,4:b\n1,x:2,3:b\n")
    first, second, third = read_recordings([str(tmp_path / "Wii_TRAIN.ts")], MovementReading())
    assert isinstance(first, Movement)
    assert isinstance(second, Movement)
    assert isinstance(third, NotRead)
    assert isinstance(first.values, np.ndarray)
    assert first.values.tolist() == [[1, 4], [2, 5], [3, 6]]
    assert (first.label, first.part, second.label) == ("a", "training", "b")
    (tmp_path / "Wii_TEST.arff").write_text("@relation w\n@data\n'1,2\\n3,4',b\n5,6,a\n")
    several, single = found_in(tmp_path / "Wii_TEST.arff")
    assert isinstance(several.values, np.ndarray)
    assert isinstance(single.values, np.ndarray)
    assert several.values.tolist() == [[1, 3], [2, 4]]
    assert (several.label, several.part) == ("b", "held_out")
    assert single.values.tolist() == [[5], [6]]
    (tmp_path / "no.ts").write_text("1,2:a\n")
    with pytest.raises(DataError, match="no line @data"):
        found_in(tmp_path / "no.ts")


def test_clips_lie_by_class_with_people_or_parts_around_them(tmp_path: Path) -> None:
    found = found_in(clips(tmp_path / "plain", each=2, kind=".gif"))
    assert [one.label for one in found] == ["circle", "circle", "nod", "nod"]
    for part in ("train", "test"):
        clips(tmp_path / "parts" / part, each=1)
    parted = found_in(tmp_path / "parts")
    assert [(one.label, one.part) for one in parted] == [
        ("circle", "held_out"), ("nod", "held_out"), ("circle", "training"), ("nod", "training")
    ]  # fmt: skip
    (tmp_path / "people" / "wave" / "ann").mkdir(parents=True)
    (tmp_path / "plain" / "nod" / "0.gif").rename(tmp_path / "people" / "wave" / "ann" / "0.gif")
    (one,) = found_in(tmp_path / "people", person="folder")
    assert (one.label, one.person) == ("wave", "ann")


def test_a_list_of_clips_as_jesters_is_read(tmp_path: Path) -> None:
    clips(tmp_path / "made", each=1)
    (tmp_path / "videos").mkdir()
    (tmp_path / "made" / "nod" / "0.mp4").rename(tmp_path / "videos" / "17.mp4")
    (tmp_path / "jester-v1-train.csv").write_text("17;Swiping Left\n18;Stop Sign\n")
    first, second = read_recordings([str(tmp_path / "jester-v1-train.csv")], MovementReading())
    assert isinstance(first, Movement)
    assert (first.label, first.part) == ("Swiping Left", "training")
    assert isinstance(second, NotRead)
    assert second.why == "whose frames are missing"


PREPARING: dict[str, Any] = {"held_out": 0.25, "validation": 0.0}


def test_a_class_with_two_examples_is_named_and_so_is_one_class_alone(tmp_path: Path) -> None:
    folder = hands(tmp_path / "hands", each=4)
    for number in (2, 3):
        (folder / "nod" / f"{number}.npy").unlink()
    with pytest.raises(DataError, match=r"too few recordings of nod \(2\)"):
        prepare_movement([str(folder)], MovementPreparing(**PREPARING), tmp_path / "cache")
    for path in [*(folder / "nod").iterdir(), *(folder / "wave").iterdir()]:
        path.unlink()
    with pytest.raises(DataError, match="one class only, circle"):
        prepare_movement([str(folder)], MovementPreparing(**PREPARING), tmp_path / "cache")


def test_a_person_who_is_always_the_same_is_told_of(tmp_path: Path) -> None:
    source = sensor_table(tmp_path, people=1, each=8)
    how = MovementPreparing(reading=MovementReading(person="person"), **PREPARING)
    found = prepare_movement([str(source)], how, tmp_path / "cache")
    assert "one person only (p0)" in found.facts["remarks"][0]
    assert found.facts["training"]
    assert found.facts["held_out"]


def test_sensors_that_are_missing_have_flags_and_no_value(tmp_path: Path) -> None:
    text = sensor_table(tmp_path).read_text().splitlines()
    text[5] = ",".join([*text[5].split(",")[:-1], ""])
    text[6] = ",".join([*text[6].split(",")[:-1], "inf"])
    (tmp_path / "sensors.csv").write_text("\n".join(text) + "\n")
    found = prepare_movement(
        [str(tmp_path / "sensors.csv")], MovementPreparing(stack=1, **PREPARING), tmp_path / "cache"
    )
    (number,) = (n for n, one in enumerate(found.told) if one.name.endswith(" r0"))
    steps = found.codec.steps(found.samples(number))
    assert steps.shape[1] == 4
    assert steps[[4, 5], 1].tolist() == [0, 0]
    assert steps[:, 3].tolist() == [float(n in (4, 5)) for n in range(len(steps))]
    assert np.isfinite(steps).all()


def test_films_that_cannot_be_read_are_left_out_and_counted(tmp_path: Path) -> None:
    folder = clips(tmp_path / "clips", each=4)
    (folder / "nod" / "broken.mp4").write_bytes(b"broken" * 9)
    found = prepare_movement([str(folder)], MovementPreparing(size=16, **PREPARING), tmp_path / "cache")
    assert found.facts["left_out"] == {"that cannot be read": 1}
    assert "broken.mp4" in found.facts["left_out_first"]["that cannot be read"]


def test_clips_of_another_size_turned_and_of_one_frame_become_alike(tmp_path: Path) -> None:
    folder = clips(tmp_path / "clips", each=3)
    clips(tmp_path / "turned", each=3, turned=90)
    clips(tmp_path / "short", each=3, steps=1)
    for kind in ("circle", "nod"):
        for number in range(3):
            for other in ("turned", "short"):
                (tmp_path / other / kind / f"{number}.mp4").rename(folder / kind / f"{other}{number}.mp4")
    found = prepare_movement([str(folder)], MovementPreparing(size=16, **PREPARING), tmp_path / "cache")
    assert found.facts["left_out"] == {}
    assert {found.samples(n).shape[1:] for n in range(len(found.told))} == {(16, 16, 1)}
    shortest = min(range(len(found.told)), key=lambda n: found.told[n].samples)
    assert found.steps(shortest) == 1


def test_blocks_of_neighbours_are_apart(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    path = np.cumsum(draw.normal(size=(1400, 2)), axis=0)
    lines = [",".join([str(n // 600), *(f"{x:.4f}" for x in path[n : n + 8].ravel())]) for n in range(1200)]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    found = prepare_movement(
        [str(tmp_path / "rows.csv")], MovementPreparing(split="block", **PREPARING), tmp_path / "c"
    )
    parts = [one.part for one in found.told]
    learned, scored = ({n for n, part in enumerate(parts) if part == kind} for kind in ("training", "held_out"))
    assert learned
    assert scored
    assert min(abs(a - b) for a in scored for b in learned) >= 8  # windows of eight share no point


def test_other_recordings_are_read_by_the_same_codec_and_unknown_classes_are_left_out(tmp_path: Path) -> None:
    reading = MovementReading(person="person")
    source = str(sensor_table(tmp_path / "a"))
    first = prepare_movement([source], MovementPreparing(reading=reading, **PREPARING), tmp_path / "cache")
    text = sensor_table(tmp_path / "b").read_text().replace(",nod,", ",bow,")
    (tmp_path / "b" / "sensors.csv").write_text(text)
    other = movement_with(first.codec, [str(tmp_path / "b" / "sensors.csv")], reading, tmp_path / "cache")
    assert other.facts["left_out"] == {"of a class that was never trained": 12}
    assert other.facts["held_out"] == 24
    assert other.codec == first.codec
