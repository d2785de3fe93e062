"""Captions from pictures to answers: what is learned, how it is judged, and what is refused."""

import base64
import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_pictures import pictures, shape

import statewise
from statewise.cli.main import run as command_line
from statewise.data.left_out import LeftOutCount
from statewise.data.pictures.caption_files import is_list
from statewise.data.pictures.captioned import Captioned
from statewise.data.pictures.feature_store import FeatureStore
from statewise.data.window import Window
from statewise.decode import SearchRule
from statewise.errors import DataError, UsageError
from statewise.run.directory import RunDirectory
from statewise.tasks.caption.captioner import Captioner
from statewise.tasks.caption.data import CaptionData
from statewise.tasks.caption.seeing import Eyes, seen_pictures
from statewise.tasks.caption.task import Caption
from statewise.underway import returned
from statewise.verbs import Trained

SMALL: dict[str, Any] = {
    "encoder": "pixels",
    "hidden_size": 24,
    "embedding": 16,
    "batch_size": 8,
    "subwords": 60,
    "held_out": 0.3,
    "validation": 0.0,
    "threads": 1,
    "dropout": 0.0,
    "word_dropout": 0.0,
    "learning_rate": 0.01,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("captions")
    source = pictures(folder / "shown", 60)
    return statewise.train(Caption(source=str(source), updates=400, **SMALL), run=folder / "run").load()


def data_of(folder: Path, **how: Any) -> CaptionData:
    return Caption(source=str(pictures(folder / "shown")), **{**SMALL, **how}).prepare(folder / "cache")


def png(colour: str = "red", place: str = "left") -> bytes:
    into = io.BytesIO()
    shape(colour, place).save(into, "PNG")
    return into.getvalue()


def said(trained: Trained, picture: Any, **how: Any) -> str:
    (found,) = trained.predict(picture, **how)
    return str(found.text)


@pytest.mark.parametrize("colour", ["red", "blue", "green"])
def test_it_says_what_is_in_a_picture_that_it_never_saw(trained: Trained, colour: str) -> None:
    assert colour in said(trained, png(colour))


def test_it_is_better_than_without_the_picture_and_the_report_says_so(trained: Trained) -> None:
    report = json.loads((trained.path / "events.jsonl").read_text().splitlines()[-1])["report"]
    blind = next(values for name, values in report["baselines"].items() if name.startswith("blind"))
    assert report["metrics"]["cider_d"] > 2 * blind["cider_d"]
    assert report["metrics"]["nats_per_subword"] < blind["nats_per_subword"]
    assert blind["distinct"] == 1
    assert {"caption of the nearest picture", "commonest caption"} <= set(report["baselines"])
    assert any("Split by picture, 0.3 held out (sha256 " in words for words in report["remarks"])
    assert any("paired bootstrap" in words for words in report["remarks"])


def test_a_beam_is_as_likely_as_what_is_greedy_or_more(trained: Trained) -> None:
    (greedy,) = trained.predict(png(), beam=1)
    (wide,) = trained.predict(png(), beam=5, best=3)
    assert wide.candidates[0].score >= greedy.candidates[0].score - 1e-6
    assert [one.score for one in wide.candidates] == sorted((one.score for one in wide.candidates), reverse=True)
    assert len({one.text for one in wide.candidates}) == len(wide.candidates)


def test_many_pictures_are_captioned_as_each_is_alone(trained: Trained) -> None:
    eyes = Eyes("pixels")
    from statewise.data.pictures.picture_file import read_picture

    seen = [eyes.sees(read_picture(png(colour, place))) for colour in ("red", "blue") for place in ("left", "right")]
    captioner = Captioner(trained.model, trained.codec, SearchRule(3))
    together = [each[0] for each in captioner.captions(seen)]
    alone = [captioner.captions([one])[0][0] for one in seen]
    assert [one.codes for one in together] == [one.codes for one in alone]
    assert [one.score for one in together] == pytest.approx([one.score for one in alone], abs=1e-4)


def test_a_caption_that_comes_to_no_end_is_said_to_be_cut(trained: Trained) -> None:
    head: Any = trained.model.head
    before = head.head.bias.detach().clone()
    with torch.no_grad():
        head.head.bias[2] = -1e4
    try:
        (found,) = trained.predict(png(), best=2)
    finally:
        with torch.no_grad():
            head.head.bias.copy_(before)
    assert not found.candidates[0].is_finished
    assert "(cut at the limit)" in str(found)


def test_where_it_looked_is_a_map_for_each_word_that_adds_up_to_one(trained: Trained) -> None:
    from statewise.data.pictures.picture_file import read_picture

    seen = Eyes("pixels").sees(read_picture(png()))
    captioner = Captioner(trained.model, trained.codec, SearchRule(3))
    best = captioner.captions([seen])[0][0]
    looked = captioner.looked_at(seen, best.codes)
    assert looked is not None
    assert " ".join(looked.words) == best.text
    assert looked.shares.shape == (len(looked.words), 7, 7)
    np.testing.assert_allclose(looked.shares.sum(axis=(1, 2)), 1, atol=1e-5)


def test_maps_are_told_where_they_are_asked_for(trained: Trained) -> None:
    (plain,) = trained.answer(png()).as_json()["answer"]
    (told,) = trained.answer(png(), look_at=True).as_json()["answer"]
    looked = told.pop("looked_at")
    assert told == plain
    assert " ".join(looked["words"]) == told["caption"]
    assert np.array(looked["shares"]).shape == (len(looked["words"]), 7, 7)
    assert next(iter(trained.predict(png(), look_at=True))).as_json()["looked_at"] == looked


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_maps_are_drawn(trained: Trained, tmp_path: Path, kind: str) -> None:
    (tmp_path / "red.png").write_bytes(png())
    path = tmp_path / f"words.{kind}"
    answer = trained.answer(str(tmp_path / "red.png"), attention=str(path))
    assert "7 x 7 places" in answer.notices[0]
    assert path.read_bytes().startswith(b"\x89PNG" if kind == "png" else b"<?xml")


def test_maps_of_another_kind_are_refused_before_anything_is_done(trained: Trained) -> None:
    with pytest.raises(UsageError, match=r"neither \.svg nor \.png"):
        trained.answer("nowhere.png", attention="words.gif")


def test_below_the_threshold_it_is_not_sure_and_says_what_can_be_measured(trained: Trained) -> None:
    text = said(trained, png(), least=1.0)
    assert text == "not sure: a drawing, 28 x 28, mostly white and red"
    assert not text.startswith(said(trained, png()))
    with pytest.raises(UsageError, match="least 2 is not a probability"):
        said(trained, png(), least=2)


def test_a_folder_becomes_a_table(trained: Trained, tmp_path: Path) -> None:
    folder = tmp_path / "holiday"
    (folder / "inner").mkdir(parents=True)
    (folder / "a.png").write_bytes(png("red"))
    (folder / "inner" / "=b.png").write_bytes(png("blue"))
    (folder / "text.jpg").write_text("no picture")
    lines = list(trained.answer(str(folder)).pieces)
    assert lines[-1].endswith("captions.csv holds 2 captions; 1 pictures could not be read\n")
    assert any("text.jpg is a text, not a picture" in line for line in lines)
    rows = list(csv.DictReader(io.StringIO((folder / "captions.csv").read_text())))
    assert [row["image"] for row in rows] == ["a.png", "inner/=b.png"]
    assert "red" in rows[0]["caption"]
    assert len(list(trained.answer(str(folder)).pieces)) == len(lines)  # a table of ours is written again
    (folder / "captions.csv").write_text("image,caption\na.png,my own words\n")
    with pytest.raises(UsageError, match=r"captions\.csv is a table of other captions: name another"):
        list(trained.answer(str(folder)).pieces)
    assert "my own words" in (folder / "captions.csv").read_text()
    list(trained.answer(str(folder), output=str(folder / "captions-2.csv")).pieces)
    (folder / "captions-2.csv").rename(folder / "captions.csv")
    assert not is_list(folder / "captions.csv")  # what a model said is not learned from, should the folder be
    assert 0 < float(rows[0]["sureness"]) <= 1


def test_the_command_line_answers_and_refuses_in_one_line(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "red.png").write_bytes(png())
    (tmp_path / "cut.png").write_bytes(png()[:60])
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    assert command_line(["predict", str(trained.path), str(tmp_path / "red.png")]) == 0
    assert "red" in capsys.readouterr().out
    for name, words in {"cut.png": "cut short or damaged", "phone.heic": "HEIC", "none.png": "cannot read"}.items():
        assert command_line(["predict", str(trained.path), str(tmp_path / name)]) == 2
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1


def test_pictures_that_come_one_after_another_are_counted_and_kept(trained: Trained) -> None:
    live = trained.live()
    first = live.push(base64.b64encode(png("blue")).decode())
    assert first.name == "picture 1"
    assert "blue" in first.text
    again = trained.live(live.save())
    assert again.push(base64.b64encode(png()).decode()).name == "picture 2"
    with pytest.raises(UsageError, match="not base 64"):
        live.push("%%%")
    with pytest.raises(DataError, match=r"is not a picture|is a text"):
        live.push(base64.b64encode(b"hello").decode())
    with pytest.raises(DataError, match="damaged"):
        trained.live(b"junk")


def test_a_picture_is_looked_at_once_and_what_is_seen_is_shared_by_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = data_of(tmp_path)
    monkeypatch.setattr(Eyes, "look", lambda self: pytest.fail("it was looked at again"))
    again = data_of(tmp_path, capitals=True, held_out=0.4)
    assert again.captions.seen(0) == pytest.approx(first.captions.seen(0))
    assert first.facts["sha256"] == data_of(tmp_path).facts["sha256"]


def test_what_was_kept_and_then_damaged_is_looked_at_again(tmp_path: Path) -> None:
    first = data_of(tmp_path)
    path = first.captions.store.path(first.captions.pictures[0].digest)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"\xff")
    data_of(tmp_path)
    assert path.read_bytes() == whole


def test_reading_tells_how_far_it_is(tmp_path: Path) -> None:
    task = Caption(source=str(pictures(tmp_path / "shown", 9)), **SMALL)
    told = list(task.preparing_data(tmp_path / "cache"))
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) == 9


def test_pictures_that_look_the_same_are_in_one_part(tmp_path: Path) -> None:
    folder = tmp_path / "shown"
    folder.mkdir()
    for number in range(24):
        image = shape("red" if number % 2 else "blue", "left", number // 6)
        image.save(folder / f"{number:02d}.{'png' if number % 4 < 2 else 'bmp'}")  # the same in another form
        (folder / f"{number:02d}.txt").write_text(f"a square {'abcdefghijklmnopqrstuvwxyz'[number]}\n")
    data = Caption(source=str(folder), **{**SMALL, "held_out": 0.5}).prepare(tmp_path / "cache")
    parts: dict[str, set[str]] = {}
    for one in data.captions.pictures:
        parts.setdefault(data.captions.store.digest(one.digest), set()).add(one.part)
    assert len(parts) < len(data.captions.pictures)
    assert all(len(own) == 1 for own in parts.values())


def test_no_caption_is_on_both_sides_where_that_is_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "shown"
    folder.mkdir()
    for number in range(24):
        shape("green", "left", 0).rotate(number).save(folder / f"{number:02d}.png")
        (folder / f"{number:02d}.txt").write_text(f"a square of kind {'abcdef'[number // 4]}\n")
    task = Caption(source=str(folder), **{**SMALL, "held_out": 0.5, "split": "caption"})
    data = task.prepare(tmp_path / "cache")
    training, held_out = (
        {caption for one in data.captions.pictures if one.part == part for caption in one.captions}
        for part in ("training", "held_out")
    )
    assert training
    assert held_out
    assert not training & held_out
    assert data.facts["held_out_captions_trained"] == 0


def test_of_given_parts_training_loses_what_is_held_out_as_well(tmp_path: Path) -> None:
    shape("red").save(tmp_path / "a.png")
    shape("red").save(tmp_path / "b.png")
    shape("blue").save(tmp_path / "c.png")
    rows = ["image,caption,split", "a.png,a red square,train", "b.png,a red one,test", "c.png,a blue one,restval"]
    (tmp_path / "list.csv").write_text("\n".join(rows) + "\n")
    data = Caption(source=str(tmp_path / "list.csv"), **SMALL).prepare(tmp_path / "cache")
    assert {one.name: one.part for one in data.captions.pictures} == {"a.png": "held_out", "c.png": "training"}
    assert "restval" in data.facts["split"]


def test_what_is_left_out_is_counted_and_named(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "shown")
    (folder / "broken.png").write_bytes(png()[:50])
    (folder / "broken.txt").write_text("a broken one\n")
    (folder / "bare.png").write_bytes(png())
    (folder / "long.png").write_bytes(png("green", "right"))
    (folder / "long.txt").write_text("word " * 300 + "\n")
    data = Caption(source=str(folder), **{**SMALL, "sequence_length": 30}).prepare(tmp_path / "cache")
    told = "\n".join(data.notices)
    assert "1 picture left out: that cannot be read (the first: " in told
    assert "broken.png is cut short" in told
    assert "1 picture left out: without a caption" in told


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_pictures_are_refused_in_one_line(tmp_path: Path, count: int) -> None:
    folder = pictures(tmp_path / "shown", count)
    (folder / "note.txt").write_text("nothing\n")
    with pytest.raises(DataError, match=r"has no picture|of 1 pictures none is") as caught:
        Caption(source=str(folder), **SMALL).prepare(tmp_path / "cache")
    assert "\n" not in str(caught.value)


def test_an_encoder_that_there_is_not_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown encoder 'efficientnet'.*efficientnet_lite0.*pixels"):
        data_of(tmp_path, encoder="efficientnet")
    with pytest.raises(UsageError, match="encoder one_hot does not read a picture"):
        data_of(tmp_path, encoder="one_hot")


def features(folder: Path, form: str, shape_of_one: tuple[int, ...]) -> Path:
    dice, names = np.random.default_rng(0), [f"{number:02d}.png" for number in range(30)]
    arrays = dice.normal(size=(len(names), *shape_of_one)).astype(np.float32)
    path = folder / "features.npz"
    if form == "by name":
        save: Any = np.savez
        save(path, **dict(zip(names, arrays, strict=True)))
    else:
        np.savez(path, names=np.array(names), features=arrays)
    rows = [f"{name},a square number {'abc'[number % 3]}" for number, name in enumerate(names)]
    (folder / "list.csv").write_text("\n".join(["image,caption", *rows, "99.png,not there"]) + "\n")
    return path


@pytest.mark.parametrize("form", ["by name", "names and features"])
@pytest.mark.parametrize("one", [(9, 5), (5,)])
def test_features_of_another_program_are_learned_from_without_the_pictures(
    tmp_path: Path, form: str, one: tuple[int, ...]
) -> None:
    path = features(tmp_path, form, one)
    task = Caption(source=str(tmp_path / "list.csv"), updates=3, **{**SMALL, "encoder": str(path)})
    trained = statewise.train(task, run=tmp_path / "run").load()
    assert trained.facts["places"] == (9 if len(one) == 2 else 1)
    (found,) = trained.predict(np.zeros(one, np.float32))
    assert found.measured is None
    np.save(tmp_path / "one.npy", np.zeros(one, np.float32))
    (again,) = trained.predict(str(tmp_path / "one.npy"))
    assert again.text == found.text
    with pytest.raises(DataError, match="this run reads features"):
        list(trained.predict(np.zeros((2, 3))))
    with pytest.raises(UsageError, match="reads features of another program"):
        trained.live()


@pytest.mark.parametrize("content", [b"", b"text", b"PK\3\4junk"])
def test_a_file_of_features_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    features(tmp_path, "by name", (5,)).write_bytes(content)
    task = Caption(source=str(tmp_path / "list.csv"), **{**SMALL, "encoder": str(tmp_path / "features.npz")})
    with pytest.raises(DataError, match="is not a file of arrays"):
        task.prepare(tmp_path / "cache")


def test_features_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    features(tmp_path, "by name", (5,))
    np.savez(tmp_path / "features.npz", names=np.array(["00.png"]), features=np.array([[1.0, np.nan, 0, 0, 0]]))
    task = Caption(source=str(tmp_path / "list.csv"), **{**SMALL, "encoder": str(tmp_path / "features.npz")})
    with pytest.raises(DataError, match="not finite numbers"):
        task.prepare(tmp_path / "cache")


def test_other_pictures_are_scored_without_being_learned(trained: Trained, tmp_path: Path) -> None:
    other = pictures(tmp_path / "other", 7)
    report = statewise.evaluate(trained.path, str(other))
    assert report.data["held_out"] == len({path.read_bytes() for path in other.glob("*.png")}) < 7
    assert report.metrics["cider_d"] > 0


def test_a_single_picture_that_is_captioned_rightly_is_not_scored_zero(trained: Trained, tmp_path: Path) -> None:
    one = tmp_path / "one"
    one.mkdir()
    (one / "a.png").write_bytes(png())
    (one / "a.txt").write_text(said(trained, png()) + "\n")
    report = statewise.evaluate(trained.path, str(one))
    assert report.metrics["cider_d"] == pytest.approx(10, abs=0.01)
    assert any("of a single picture" in words for words in report.remarks)


def test_a_run_without_sight_has_no_maps_and_says_the_same_of_every_picture(tmp_path: Path) -> None:
    source = pictures(tmp_path / "shown")
    run = statewise.train(Caption(source=str(source), look="nothing", updates=9, **SMALL), run=tmp_path / "run")
    blind = run.load()
    assert said(blind, png("red")) == said(blind, png("blue"))
    assert any("says the same of every picture" in words for words in run.report.remarks)
    (tmp_path / "red.png").write_bytes(png())
    with pytest.raises(UsageError, match="looks at no places"):
        blind.answer(str(tmp_path / "red.png"), attention=str(tmp_path / "words.png"))


def test_attention_that_is_even_over_a_caption_costs_least() -> None:
    from statewise.heads import Categorical, DoublyStochastic

    head = DoublyStochastic(Categorical(4, 3), places=3).train()
    targets = torch.zeros(6, 1, dtype=torch.long)
    even = torch.full((6, 1, 3), 1 / 3)
    one_place = torch.eye(3)[torch.zeros(6, dtype=torch.long)].unsqueeze(1)
    losses = [
        float(head.loss(head(torch.cat([torch.zeros(6, 1, 4), read], dim=-1)), targets).terms["coverage"].mean)
        for read in (even, one_place)
    ]
    assert losses[0] == pytest.approx(1.0)
    assert losses[1] == pytest.approx(((1 - 6) ** 2 + 1 + 1) / 3)


def test_steps_after_the_end_of_a_caption_are_no_part_of_where_it_looked(tmp_path: Path) -> None:
    data = data_of(tmp_path)
    model = data.task.model(data.codec).train()
    window: Window = data.windows("training")[0]
    assert window.scored is not None
    longer = window._replace(
        inputs=torch.cat([window.inputs, window.inputs[:2]]),
        targets=torch.cat([window.targets, window.targets[:2]]),
        scored=torch.cat([window.scored, torch.zeros_like(window.scored[:2])]),
        reset=None,
    )
    state = model.begin(window.rows)
    with torch.no_grad():
        losses = [model.loss(one._replace(reset=None), state)[0].terms["coverage"].mean for one in (window, longer)]
    assert float(losses[0]) == pytest.approx(float(losses[1]), abs=1e-6)


def test_a_disk_that_cannot_keep_what_is_seen_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = FeatureStore(tmp_path / "file", 1, 2)
    with pytest.raises(DataError, match="cannot keep what is seen"):
        store.write("ab" * 32, np.zeros((1, 2), np.float32))


def test_none_that_can_be_read_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"junk")
    left_out = LeftOutCount("picture")
    with pytest.raises(DataError, match="none of 1 pictures can be read"):
        returned(seen_pictures([Captioned(path, "a.png", ("a",))], "pixels", tmp_path / "cache", left_out))


def test_a_run_of_another_version_of_the_encoder_is_not_answered(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    from statewise.encoders import PatchPixels

    monkeypatch.setattr(PatchPixels, "identity", "pixels-2")
    with pytest.raises(UsageError, match="install the version that it was trained with"):
        said(trained, png())


@pytest.mark.parametrize("part", ["sight", "examples", "longest"])
def test_a_codec_that_was_changed_is_refused(trained: Trained, part: str) -> None:
    written = json.loads(json.dumps(trained.codec.as_json()))
    written[part] = {"sight": {**written["sight"], "rows": 10**9}, "examples": [{"name": 1}], "longest": 10**9}[part]
    with pytest.raises(DataError, match=r"codec\.json is not one of captions"):
        trained.task.codec(written)
    assert RunDirectory(trained.path).read_codec() == json.loads(json.dumps(trained.codec.as_json()))


def test_every_word_of_training_is_a_subword_of_its_own_so_that_no_word_is_invented(tmp_path: Path) -> None:
    data = data_of(tmp_path, subwords=None)
    words = {word for one in data.captions.pictures for caption in one.captions for word in caption.split()}
    assert words == {"a", "red", "blue", "green", "square", "on", "the", "left", "right", "that", "is"}
    assert all(len(data.codec.encode(word)) == 2 for word in words), "the word and the end"
