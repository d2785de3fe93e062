"""Captions are read out of every form; what is left out is counted, and named."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from statewise.data.left_out import LeftOutCount
from statewise.data.pictures.caption_files import read_captioned
from statewise.data.pictures.captioned import Captioned, plain_caption
from statewise.errors import DataError


def shown(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 2)).save(folder / name)
    return [folder / name for name in names]


def read(files: list[Path], pictures: Path | None = None) -> tuple[list[Captioned], LeftOutCount]:
    left_out = LeftOutCount("picture")
    return read_captioned(files, pictures, left_out), left_out


def listed(folder: Path, name: str, told: Any) -> Path:
    path = folder / name
    path.write_text(told if isinstance(told, str) else json.dumps(told))
    return path


def test_coco_captions_are_joined_by_picture(tmp_path: Path) -> None:
    shown(tmp_path, "images/a.jpg", "images/b.jpg")
    told = {
        "images": [{"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "b.jpg"}, {"id": 9, "file_name": "c.jpg"}],
        "annotations": [
            {"image_id": 7, "id": 1, "caption": "A dog."},
            {"image_id": 7, "id": 2, "caption": "a dog"},
            {"image_id": 7, "id": 3, "caption": "The dog runs"},
            {"image_id": 9, "id": 4, "caption": "A cat."},
            {"image_id": 10, "id": 5, "caption": "Nothing."},
        ],
    }
    found, left_out = read([listed(tmp_path, "captions.json", told)])
    assert [(one.name, one.captions) for one in found] == [("a.jpg", ("a dog", "the dog runs"))]
    assert left_out.counts == {"without a caption": 1, "named in a list, but not there": 2}
    assert left_out.first["without a caption"] == "b.jpg in captions.json"


def test_the_splits_of_karpathy_are_kept_and_restval_is_learned_from(tmp_path: Path) -> None:
    shown(tmp_path, "train2014/a.jpg", "val2014/b.jpg", "val2014/c.jpg", "val2014/d.jpg")
    told = {
        "images": [
            {"filepath": "train2014", "filename": "a.jpg", "split": "train", "sentences": [{"raw": "One."}]},
            {"filepath": "val2014", "filename": "b.jpg", "split": "restval", "sentences": [{"tokens": ["two", "2"]}]},
            {"filepath": "val2014", "filename": "c.jpg", "split": "val", "sentences": [{"raw": "Three"}]},
            {"filepath": "val2014", "filename": "d.jpg", "split": "test", "sentences": [{"raw": "Four"}]},
        ]
    }
    found, _ = read([listed(tmp_path, "dataset_coco.json", told)])
    assert [one.part for one in found] == ["training", "training", "validation", "held_out"]
    assert found[1].captions == ("two 2",)


def test_the_tokens_of_flickr_are_read(tmp_path: Path) -> None:
    shown(tmp_path, "Images/1.jpg")
    lines = "1.jpg#0\tA dog .\n1.jpg#1\tTwo dogs\nodd line\n"
    found, left_out = read([listed(tmp_path, "Flickr8k.token.txt", lines)], tmp_path / "Images")
    assert found[0].captions == ("a dog", "two dogs")
    assert left_out.counts == {"a line that is not PICTURE#NUMBER<tab>CAPTION": 1}


@pytest.mark.parametrize(("name", "mark"), [("list.csv", ","), ("list.tsv", "\t")])
def test_a_table_is_read_by_the_names_of_its_columns(tmp_path: Path, name: str, mark: str) -> None:
    shown(tmp_path, "a.png", "b.png")
    rows = [["caption", "image", "split"], ['"A dog, running"', "a.png", "train"], ["A cat", "b.png", "test"], ["x"]]
    found, left_out = read([listed(tmp_path, name, "\n".join(mark.join(row) for row in rows) + "\n")])
    assert [(one.captions, one.part) for one in found] == [
        (("a dog, running",), "training"),
        (("a cat",), "held_out"),
    ]
    assert left_out.counts == {"a row with too few cells": 1}


def test_a_list_of_objects_is_read(tmp_path: Path) -> None:
    shown(tmp_path, "images/a.jpg")
    found, _ = read([listed(tmp_path, "captions.json", [{"image": "a.jpg", "captions": ["One", "Two"]}])])
    assert found[0].captions == ("one", "two")


def test_texts_next_to_pictures_are_their_captions(tmp_path: Path) -> None:
    files = shown(tmp_path, "frog.png", "cat.png", "cat.jpg", "dog.jpg")
    listed(tmp_path, "frog.txt", "A green frog.\nfr.utf8=Une grenouille.\npt_BR.utf8=Um sapo.\n\nA frog\n")
    listed(tmp_path, "cat.txt", "A cat")
    found, left_out = read([*files, tmp_path / "frog.txt", tmp_path / "cat.txt"])
    assert [(one.name, one.captions) for one in found] == [
        ("frog.png", ("a green frog", "a frog")),
        ("cat.png", ("a cat",)),
    ]
    assert left_out.counts == {"with the text of another picture": 1, "without a caption": 1}


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "a\0b.png", "", "x" * 5000])
def test_a_name_never_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    shown(tmp_path, "secret.png")
    inner = tmp_path / "inner"
    inner.mkdir()
    found, left_out = read([listed(inner, "captions.json", [{"image": name, "captions": ["A secret"]}])])
    assert found == []
    assert left_out.counts == {"named in a list, but not there": 1}


@pytest.mark.parametrize("told", ['{"images": 3}', '{"a": 1}', "{", "[[1]]", '{"images": [], "annotations": [3]}', "3"])
def test_a_list_that_makes_no_sense_is_refused_in_one_line(tmp_path: Path, told: str) -> None:
    with pytest.raises(DataError, match=r"captions\.json") as caught:
        read([listed(tmp_path, "captions.json", told)])
    assert "\n" not in str(caught.value)


def test_a_table_without_the_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no columns image and caption"):
        read([listed(tmp_path, "list.csv", "a,b\n1,2\n")])


def test_a_folder_of_pictures_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a folder"):
        read([listed(tmp_path, "list.csv", "image,caption\na.png,A dog\n")], tmp_path / "list.csv")


def test_what_is_longer_than_a_caption_is_counted(tmp_path: Path) -> None:
    files = shown(tmp_path, "a.png")
    listed(tmp_path, "a.txt", "word " * 900 + "\nshort\n")
    found, left_out = read([*files, tmp_path / "a.txt"])
    assert found[0].captions == ("short",)
    assert left_out.counts == {"a caption longer than 2,000 characters": 1}


def test_capitals_are_kept_where_they_are_learned() -> None:
    assert plain_caption("Rex runs...", capitals=True) == "Rex runs..."
    assert plain_caption("Rex runs .") == "rex runs"
