"""Every kind of list says the same of the same recordings; what is wrong with one is said in a line."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from made_speech import RATE, recordings, said

from statewise.data.audio.manifests import NO_SOUND, NO_TEXT, read_utterances
from statewise.data.audio.prepared_speech import PreparedSpeech, prepare_speech
from statewise.data.audio.sound import SoundFile
from statewise.data.audio.speech_preparing import SpeechPreparing
from statewise.data.audio.utterance import NotTaken, Utterance
from statewise.data.texts import find_files
from statewise.errors import DataError, UsageError

SAID = {"u-1": ("anna", "low mid"), "u-2": ("ben", "high"), "u-3": ("anna", "mid")}


def write(path: Path, words: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, said(words.split()), RATE)


def librispeech(folder: Path) -> None:
    for name, (speaker, words) in SAID.items():
        own = folder / speaker / "7"
        write(own / f"{speaker}-{name}.flac", words)
        with (own / f"{speaker}-7.trans.txt").open("a") as file:
            file.write(f"{speaker}-{name} {words.upper()}\n")


def ljspeech(folder: Path) -> None:
    for name, (_, words) in SAID.items():
        write(folder / "wavs" / f"{name}.wav", words)
    lines = [f"{name}|{words.title()}|{words}" for name, (_, words) in SAID.items()]
    (folder / "metadata.csv").write_text("\n".join(lines))


def common_voice(folder: Path) -> None:
    lines = ["client_id\tpath\tsentence\tup_votes"]
    for name, (speaker, words) in SAID.items():
        write(folder / "clips" / f"{name}.ogg", words)
        lines.append(f"{speaker}\t{name}.ogg\t{words}\t2")
    (folder / "validated.tsv").write_text("\n".join(lines))


def kaldi(folder: Path) -> None:
    write(folder / "whole.wav", " ".join(words for _, words in SAID.values()))
    (folder / "wav.scp").write_text(f"whole {folder / 'whole.wav'}\n")
    (folder / "text").write_text("".join(f"{name} {words}\n" for name, (_, words) in SAID.items()))
    (folder / "segments").write_text("".join(f"{name} whole 0.{n} 0.{n + 2}\n" for n, name in enumerate(SAID)))
    (folder / "utt2spk").write_text("".join(f"{name} {speaker}\n" for name, (speaker, _) in SAID.items()))


def nemo(folder: Path) -> None:
    lines = []
    for name, (speaker, words) in SAID.items():
        write(folder / f"{name}.wav", words)
        lines.append(json.dumps({"audio_filepath": f"{name}.wav", "text": words, "duration": 1.0, "speaker": speaker}))
    (folder / "train.json").write_text("\n".join(lines))


def json_list(folder: Path) -> None:
    for name, (_, words) in SAID.items():
        write(folder / "audio" / f"{name}.ogg", words)
    np.savez(folder / "lips.npz", **{"u-1": np.zeros((3, 4, 5), np.uint8)})  # type: ignore[arg-type]
    told = [{"id": name, "text": words, "speaker": speaker} for name, (speaker, words) in SAID.items()]
    (folder / "manifest.json").write_text(json.dumps(told))


def texts_next_to(folder: Path) -> None:
    for name, (_, words) in SAID.items():
        write(folder / f"{name}.wav", words)
        (folder / f"{name}.txt").write_text(words + "\n")


def zipped(folder: Path) -> None:
    write(folder / "a.flac", "low mid")
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        for name, (speaker, words) in SAID.items():
            archive.write(folder / "a.flac", f"deep/{words}_{speaker}_{name}.flac")
    (folder / "a.flac").unlink()


KINDS: dict[str, Callable[[Path], None]] = {
    kind.__name__: kind for kind in (librispeech, ljspeech, common_voice, kaldi, nemo, json_list, texts_next_to, zipped)
}
WITHOUT_SPEAKERS = {"ljspeech", "texts_next_to"}


def utterances(folder: Path) -> list[Utterance | NotTaken]:
    return [*read_utterances(find_files([str(folder)], "speech"))]


def test_a_text_that_changes_next_to_a_sound_makes_it_ready_again(tmp_path: Path) -> None:
    texts_next_to(tmp_path)
    for name in SAID:
        (tmp_path / f"{name}.txt").write_text("low mid\n")
    how = SpeechPreparing(bands=13, split="utterance", held_out=0.5, validation=0)
    sounds = sorted(map(str, tmp_path.glob("*.wav")))
    first = prepare_speech(sounds, how, tmp_path / "cache")
    (tmp_path / "u-1.txt").write_text("mid low\n")
    second = prepare_speech(sounds, how, tmp_path / "cache")
    assert [one.text for one in first.told].count("mid low") == 0
    assert [one.text for one in second.told].count("mid low") == 1


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_list_gives_speaker_and_text(kind: str, tmp_path: Path) -> None:
    KINDS[kind](tmp_path)
    found = [one for one in utterances(tmp_path) if isinstance(one, Utterance)]
    wanted = sorted((words, None if kind in WITHOUT_SPEAKERS else speaker) for speaker, words in SAID.values())
    assert sorted(((one.text.lower(), one.speaker) for one in found), key=str) == sorted(wanted, key=str)
    for one in found:
        assert not hasattr(one.sound, "name"), "an array was taken for a sound"
        samples, rate = one.sound.samples(None, 60.0)
        assert rate == RATE
        assert 0.15 < len(samples) / RATE < 1.0


def test_a_list_names_what_is_missing_and_it_is_counted(tmp_path: Path) -> None:
    nemo(tmp_path)
    (tmp_path / "u-1.wav").unlink()
    with (tmp_path / "train.json").open("a") as file:
        file.write("\n" + json.dumps({"audio_filepath": "u-3.wav", "text": " "}))
    reasons = [one.reason for one in utterances(tmp_path) if isinstance(one, NotTaken)]
    assert reasons == [NO_SOUND, NO_TEXT]


def test_parts_of_common_voice_are_kept(tmp_path: Path) -> None:
    common_voice(tmp_path)
    table = (tmp_path / "validated.tsv").read_text().splitlines()
    for part, row in zip(("train", "dev", "test"), table[1:], strict=True):
        (tmp_path / f"{part}.tsv").write_text(f"{table[0]}\n{row}")
    found = {one.part for one in utterances(tmp_path) if isinstance(one, Utterance)}
    assert found == {"training", "validation", "held_out"}


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("metadata.csv", "no bar here", r"has a line without '\|'"),
        ("all.tsv", "a\tb\n1\t2", "has no columns path and sentence"),
        ("list.json", '{"a": 1}', "has no text in object 1"),
        ("list.json", "[1]", "has no text in object 1"),
        ("list.json", "3", "is not a list"),
        ("list.jsonl", "nonsense", "is not JSON"),
        ("list.jsonl", '{"text": "a", "audio_filepath": "a.wav", "offset": -1}', None),
        ("all.zip", "PK", "cannot be unpacked"),
        ("notes.md", "hello", "is neither a sound nor a list of sounds"),
    ],
)
def test_a_list_that_is_none_is_refused_in_one_line(name: str, content: str, told: str | None, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    if told is None:
        assert utterances(tmp_path) == [NotTaken(NO_SOUND)]
        return
    with pytest.raises(DataError, match=told):
        utterances(tmp_path)


def test_no_command_of_a_list_is_run_and_no_name_stands_twice(tmp_path: Path) -> None:
    kaldi(tmp_path)
    (tmp_path / "wav.scp").write_text("whole touch /tmp/never |\n")
    with pytest.raises(DataError, match="has a command for u-1, and none is run"):
        utterances(tmp_path)
    kaldi(tmp_path)
    (tmp_path / "text").write_text("u-1 a\nu-1 b\n")
    with pytest.raises(DataError, match="names u-1 twice"):
        utterances(tmp_path)


def prepared(folder: Path, **how: object) -> PreparedSpeech:
    return prepare_speech([str(folder)], SpeechPreparing(bands=13, **how), folder.parent / "cache")  # type: ignore[arg-type]


def test_no_speaker_and_no_duplicate_is_in_two_parts(tmp_path: Path) -> None:
    folder = recordings(tmp_path / "said", 45, speakers=5)
    speech = prepared(folder, held_out=0.2, validation=0.2)
    voices = {part: {one.speaker for one in speech.told if one.part == part} for part in ("training", "held_out")}
    assert len(voices["held_out"]) == 1
    assert not voices["training"] & voices["held_out"]
    for number in range(10):
        first = folder / "high_voice0_0.wav"
        (folder / f"high_voice0_again{number}.wav").write_bytes(first.read_bytes())
    again = prepared(folder, split="utterance", held_out=0.3)
    assert len({one.part for one in again.told if one.name.startswith(("high_voice0_0", "high_voice0_again"))}) == 1
    alone = prepared(folder, held_out_speakers=("voice3",))
    assert {one.speaker for one in alone.told if one.part == "held_out"} == {"voice3"}
    with pytest.raises(UsageError, match="there is no speaker nobody"):
        prepared(folder, held_out_speakers=("nobody",))


def test_what_cannot_be_used_is_left_out_and_counted(tmp_path: Path) -> None:
    folder = recordings(tmp_path / "said", 30)
    soundfile.write(folder / "low_odd_silent.wav", np.zeros(4000), RATE)
    soundfile.write(folder / "low_odd_direct.wav", np.full(4000, 0.3), RATE)
    soundfile.write(folder / "low_odd_long.wav", said(["low"] * 40), RATE)
    soundfile.write(folder / f"{'low' * 60}_odd_short.wav", said(["low"]), RATE)
    soundfile.write(folder / "low_odd_none.wav", np.zeros(0), RATE)
    soundfile.write(folder / "low_odd_nan.wav", np.full(400, np.nan, np.float32), RATE, subtype="FLOAT")
    (folder / "low_odd_broken.wav").write_bytes(b"RIFF nothing")
    (folder / "low_odd_empty.flac").write_bytes(b"")
    soundfile.write(folder / "nosaying.wav", said(["low"]), RATE)
    soundfile.write(folder / "!!!_odd_marks.wav", said(["low"]), RATE)
    speech = prepared(folder, split="utterance", held_out=0.3, longest=150)
    assert speech.facts["left_out"] == {
        "without a text": 1,
        "that are silent": 2,
        "that are longer than 4.5 s": 1,
        "that cannot be read, or are empty": 4,
        "whose text has no letter": 1,
        "whose text is longer than the sound allows": 1,
    }
    assert sum(speech.facts.get(part, 0) for part in ("training", "validation", "held_out")) == 30
    again = prepared(folder, split="utterance", held_out=0.3, longest=150)
    assert again.told == speech.told
    np.testing.assert_array_equal(again.frames(3), speech.frames(3))


def test_frames_of_another_program_are_read_from_arrays(tmp_path: Path) -> None:
    names, draw = [f"u{n}" for n in range(20)], np.random.default_rng(0)
    arrays = {name: draw.normal(size=(30 + n, 5)).astype(np.float16) for n, name in enumerate(names)}
    folder = tmp_path / "features"
    folder.mkdir()
    np.savez(folder / "mfcc.npz", **arrays)  # type: ignore[arg-type]
    told = [{"id": name, "text": "AB"[n % 2], "speaker": f"s{n % 4}"} for n, name in enumerate(names)]
    (folder / "manifest.json").write_text(json.dumps(told))
    speech = prepared(folder)
    assert speech.codec.front_end is None
    number = next(n for n, one in enumerate(speech.told) if one.name == "u7")
    np.testing.assert_array_equal(speech.frames(number)[:37], arrays["u7"].astype(np.float32))
    np.savez(folder / "mfcc.npz", **{**arrays, "u3": np.array([object()])})  # type: ignore[arg-type]
    assert prepared(folder).facts["left_out"] == {"that cannot be read, or are empty": 1}


def test_stereo_of_any_rate_is_one_channel_at_the_rate_that_is_wanted(tmp_path: Path) -> None:
    one = said(["low", "high"], rate=44100)
    soundfile.write(tmp_path / "both.wav", np.stack([one, one * 0], axis=1), 44100)
    samples, rate = SoundFile(tmp_path / "both.wav").samples(16000)
    assert rate == 16000
    assert abs(len(samples) - len(one) * 16000 / 44100) <= 1
    assert np.abs(samples).max() > 0.1
    soundfile.write(tmp_path / "one.flac", one, 44100)
    with pytest.raises(DataError, match="no sound after 9 s"):
        SoundFile(tmp_path / "one.flac").samples(None, 9.0)


def test_a_sound_that_was_cut_is_no_whole_one(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "whole.flac", said(["low"] * 9), RATE)
    content = (tmp_path / "whole.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"was cut|cannot be read as sound"):
        SoundFile(tmp_path / "cut.flac").samples()


def test_sounds_of_which_none_is_left_are_refused_with_the_reasons(tmp_path: Path) -> None:
    (tmp_path / "silent").mkdir()
    for number in range(5):
        soundfile.write(tmp_path / "silent" / f"low_voice{number}_{number}.wav", np.zeros(4000), 8000)
    with pytest.raises(DataError, match=r"none of 5 utterances is left to learn from \(5 that are silent\): give more"):
        prepared(tmp_path / "silent")


def test_a_file_that_is_not_sound_is_refused_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF nothing")
    with pytest.raises(DataError, match=r"a\.wav cannot be read as sound \([A-Z][\w ]+\): give WAV"):
        SoundFile(tmp_path / "a.wav").samples(RATE, 9.0)
