"""A small network that hears tones: streamed, saved, forked, cut at any place, asked in every way."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from made_speech import HERTZ, RATE, recordings, said

import statewise
from statewise.cli.main import run as cli
from statewise.errors import DataError, UsageError
from statewise.tasks.speech.answers import chances_of
from statewise.tasks.speech.task import Speech
from statewise.verbs import Trained

LEARNED: dict[str, Any] = {
    "bands": 20, "hidden_size": 24, "layers": 1, "batch_size": 12, "updates": 250, "threads": 1, "sample_seconds": 0,
    "learning_rate": 0.02, "units": "words", "join": 3, "speed": 0.02, "masks": 0, "dropout": 0.0,
    "validation": 0.1, "warmup": 5,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("heard")


@pytest.fixture(scope="module")
def trained(folder: Path) -> Trained:
    source = str(recordings(folder / "said", 90))
    run = statewise.train(Speech(source=source, split="utterance", **LEARNED), run=folder / "run")
    assert run.report.metrics["wer"] <= 0.1
    return run.load()


def several(words: list[str], pause: float = 0.0) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    quiet = np.random.default_rng(5).normal(size=int(RATE * pause)) * 0.003
    return np.concatenate([part for n, word in enumerate(words) for part in (said([word], seed=n), quiet)]).astype(
        np.float32
    )


def pcm(samples: "np.ndarray[tuple[int], np.dtype[np.float32]]") -> str:
    return base64.b64encode((samples * 32767).astype("<i2").tobytes()).decode()


def test_what_is_said_is_heard_with_its_times(trained: Trained, tmp_path: Path) -> None:
    words = ["mid", "low", "high"]
    sound = several(words)
    soundfile.write(tmp_path / "talk.flac", sound, RATE)
    (heard,) = trained.predict(tmp_path / "talk.flac")
    assert heard.text == "mid low high"
    assert [word.word for word in heard.words] == words
    starts = [word.start for word in heard.words]
    assert starts == sorted(starts)
    assert 0 <= starts[0] < heard.words[-1].end <= heard.end == pytest.approx(len(sound) / RATE)
    assert heard.confidence > 0.5
    assert all(0 < word.confidence <= 1 for word in heard.words)


@pytest.mark.parametrize("milliseconds", [7, 60, 333, 1000])
@pytest.mark.parametrize("rate", [8000, 11025])
def test_the_text_does_not_depend_on_the_pieces_in_which_the_sound_comes(
    trained: Trained, milliseconds: int, rate: int
) -> None:
    import soxr

    sound = soxr.resample(several(["low", "high", "mid"], 1.4), RATE, rate).astype(np.float32)
    wanted = [*trained.predict(sound, rate=rate)]
    assert [one.text for one in wanted] == ["low", "high", "mid"]
    live, piece, found = trained.live(rate=float(rate)), rate * milliseconds // 1000, []
    for start in range(0, len(sound), piece):
        found += live.push(sound[start : start + piece]).final
    found += live.push("finish").final
    assert [one.as_json() for one in found] == [one.as_json() for one in wanted]


def test_the_last_word_is_heard_where_the_sound_ends_at_its_last_sample(trained: Trained) -> None:
    sound = several(["high", "low"])
    cut = sound[: -RATE // 16]  # the quiet after the last tone
    (heard,) = trained.predict(cut, rate=RATE)
    assert heard.text == "high low"


def test_a_batch_of_many_says_what_each_says_alone(trained: Trained) -> None:
    data = trained.data()
    for window in data.windows("held_out", rows=4):
        logits, _ = trained.model.scan(window, trained.model.begin(window.rows))
        chances = logits.double().log_softmax(dim=-1)
        assert window.mask is not None
        for row, length in enumerate(window.mask.sum(dim=0).tolist()):
            if length:
                alone = chances_of(trained.model, window.inputs[:length, row].numpy())
                np.testing.assert_allclose(chances[:length, row].detach().numpy(), alone, atol=1e-4)


def test_a_live_stream_can_be_saved_and_goes_on_alike(trained: Trained) -> None:
    sound = several(["mid", "low", "high"], 1.4)
    one = trained.live()
    one.push(sound[:9000])
    other = trained.live(one.save())
    for start in range(9000, len(sound), 777):
        told, same = (live.push(sound[start : start + 777]).as_json() for live in (one, other))
        assert told == same
    assert one.push("finish").as_json() == other.push("finish").as_json()
    assert len(one.save()) < 2000


def test_raw_samples_of_a_microphone_are_heard_as_the_file_is(
    trained: Trained, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = several(["mid", "low", "high"], 1.4)
    samples = (sound * 32767).astype("<i2")
    wanted = [str(one) for one in trained.predict(samples.astype(np.float32) / 32768, rate=RATE)]

    class Microphone:
        def __init__(self) -> None:
            self.buffer = self
            self.left = samples.tobytes() + b"x"

        def read1(self, count: int) -> bytes:
            size = min(count, 1001)  # a sample is cut in two
            piece, self.left = self.left[:size], self.left[size:]
            return piece

    monkeypatch.setattr("sys.stdin", Microphone())
    assert cli(["stream", str(folder / "run"), "--raw"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == wanted
    assert "the last 1 byte is less than a sample: left out" in err


def test_what_is_kept_does_not_grow_with_the_sound(trained: Trained) -> None:
    live, sizes = trained.live(), []
    for _ in range(6):
        live.push(several(["mid"], 2.0))
        live.push(several(["low"], 2.0))
        sizes.append(len(live.save()))
    assert max(sizes) <= 4 * 3 * RATE + 1000
    assert live.push("restart").as_json() == {"final": [], "partial": "", "seconds": 0.0}


def test_silence_says_nothing_however_long(trained: Trained) -> None:
    assert [*trained.predict(np.zeros(10 * RATE, np.float32), rate=RATE)] == []
    live = trained.live()
    assert live.push(np.zeros(RATE, np.float32)).as_json()["partial"] == ""
    assert live.push("finish").final == ()
    assert live.push("finish").final == ()


def test_sentences_are_all_that_can_be_said_and_the_rest_is_none_of_these(trained: Trained) -> None:
    (heard,) = trained.predict(several(["mid", "low"]), rate=RATE, sentences=("mid low", "high", "low mid"))
    assert (heard.text, heard.is_none) == ("mid low", False)
    (none,) = trained.predict(several(["mid", "low"]), rate=RATE, sentences=("high high high", "low high"))
    assert none.is_none
    assert none.text == ""
    assert "none of these" in str(none)
    assert none.as_json()["none_of_these"] is True


def test_several_texts_come_the_likeliest_first(trained: Trained) -> None:
    (heard,) = trained.predict(several(["mid"]), rate=RATE, texts=3)
    shares = [share for _, share in heard.others]
    assert heard.others[0][0] == heard.text == "mid"
    assert shares == sorted(shares, reverse=True)
    assert 2 <= len(shares) <= 3


def test_captions_are_written_whole(trained: Trained, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "talk.wav", several(["mid", "low"], 1.4), RATE)
    for name, first in (("talk.srt", "1"), ("talk.vtt", "WEBVTT")):
        answer = trained.answer(str(tmp_path / "talk.wav"), captions=str(tmp_path / name))
        assert "mid" in "".join(answer.pieces)
        lines = (tmp_path / name).read_text().splitlines()
        assert lines[0] == first
        assert [line for line in lines if line in HERTZ] == ["mid", "low"]
    with pytest.raises(UsageError, match=r"captions are written as \.srt or \.vtt"):
        trained.answer(str(tmp_path / "talk.wav"), captions="talk.txt")


def test_samples_come_as_pcm_as_json_or_as_an_array(trained: Trained) -> None:
    sound = several(["low"])
    rounded = (sound * 32767).astype("<i2").astype(np.float32) / 32768
    one, other, third = (trained.live() for _ in range(3))
    one.push(pcm(sound))
    other.push(rounded)
    third.push(json.dumps(rounded.tolist()))
    told = [live.push("finish").as_json() for live in (one, other, third)]
    assert told[0] == told[1] == told[2]
    assert told[0]["final"][0]["text"] == "low"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("hello", "not base 64|half a sample"),
        (base64.b64encode(b"abc").decode(), "3 bytes hold half a sample"),
        ("[1, 2", "not a list of numbers"),
        ([], "this is not a sound"),
        ([[1.0]], "this is not a sound"),
        ([1e300], "not numbers, or are too large"),
        ([float("nan")], "not numbers, or are too large"),
        (["a"], "this is not a sound"),
    ],
)
def test_what_is_no_sound_is_refused_and_changes_nothing(trained: Trained, line: Any, told: str) -> None:
    live = trained.live()
    live.push(several(["low"])[:500])
    before = live.save()
    with pytest.raises((UsageError, DataError), match=told):
        live.push(line)
    assert live.save() == before


def test_a_saved_stream_of_something_else_is_refused(trained: Trained) -> None:
    from statewise.state import write_tensors

    for saved in (b"nonsense", write_tensors({"samples": torch.zeros(2, 2)})):
        with pytest.raises(DataError):
            trained.live(saved)
    live = trained.live()
    live.push(several(["low"]))
    with pytest.raises(UsageError, match="begin another"):
        trained.live(live.save(), rate=16000.0)


def test_settings_that_mean_nothing_are_refused(trained: Trained) -> None:
    sound = several(["low"])
    for how, told in (
        ({"beam": 0}, "beam 0"),
        ({"texts": 0}, "texts 0"),
        ({"sentences": ["low", " "]}, "sentence 2 of 2 has no letter"),
        ({"hot": ("zebra",)}, "never trained on 'zebra'"),
        ({"sentences": ("zebra",)}, "never trained on 'zebra'"),
        ({"pause": 0.0}, "a pause of 0 s"),
        ({"rate": None}, "the sound was not given"),
        ({"audio": "x"}, "give one recording"),
    ):
        with pytest.raises(UsageError, match=told):
            [*trained.predict(sound, **{"rate": RATE, **how})]
    with pytest.raises(UsageError, match="rate 12 is not a sampling rate"):
        trained.live(rate=12.0)


def test_a_language_model_is_asked_for_by_its_run(trained: Trained, tmp_path: Path) -> None:
    book = tmp_path / "book.txt"
    book.write_text("low high\nmid low\n" * 100)
    text = statewise.Text(source=str(book), hidden_size=8, updates=5, threads=1, sequence_length=16, orders=1)
    statewise.train(text, run=tmp_path / "text")
    (heard,) = trained.predict(several(["mid", "low"]), rate=RATE, language=str(tmp_path / "text"))
    assert heard.text == "mid low"
    with pytest.raises(UsageError, match="is a run of speech"):
        [*trained.predict(several(["mid"]), rate=RATE, language=str(trained.path))]


def test_an_answer_is_json_a_sample_is_text_and_a_question_is_answered(trained: Trained) -> None:
    asked = trained.task.example_question(trained.codec)
    assert isinstance(json.dumps(trained.answer(**asked).as_json()), str)
    sample = trained.task.sample(trained.model, trained.codec)
    assert {line.partition(" -> ")[0] for line in sample.splitlines()} == set(HERTZ)


def test_a_network_that_reads_both_ways_hears_whole_recordings_and_says_that_it_cannot_stream(tmp_path: Path) -> None:
    source = str(recordings(tmp_path / "said", 90))
    how = {**LEARNED, "split": "utterance", "updates": 150, "sequence_length": 60}
    task = Speech(source=source, two_way=True, normalize="whole", **how)
    run = statewise.train(task, run=tmp_path / "run")
    assert run.report.metrics["wer"] <= 0.1
    both_ways, words = run.load(), ["mid", "low"]
    sound = several(words)
    soundfile.write(tmp_path / "talk.wav", sound, RATE)
    (of_file,), (of_samples,) = both_ways.predict(tmp_path / "talk.wav"), both_ways.predict(sound, rate=RATE)
    assert of_file.text == of_samples.text == "mid low"
    assert of_file.words[-1].end <= of_file.end == pytest.approx(len(sound) / RATE)
    with pytest.raises(DataError, match=r"is longer than 1\.8 s: cut it into pieces"):
        [*both_ways.predict(several(["mid"] * 9), rate=RATE)]
    with pytest.raises(UsageError, match="normalize whole needs the whole sound"):
        statewise.train(Speech(source=source, normalize="whole", **how), run=tmp_path / "other")
    for use in (both_ways.live, both_ways.stream):
        with pytest.raises(UsageError, match="reads both ways cannot stream"):
            use()
