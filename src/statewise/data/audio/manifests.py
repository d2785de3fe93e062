"""Which sounds say what, as each kind of list has it; nothing that a list says is executed."""

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from statewise.data.archives import members_of_zip
from statewise.data.audio.sound import ENDINGS
from statewise.data.audio.utterance import Clip, FrameArray, NotTaken, Part, Utterance
from statewise.disk.reading import read_file
from statewise.errors import DataError
from statewise.plain.strict_json import read_json

LARGEST_LIST = 1 << 28
LONGEST_TEXT = 10_000
LINES_PER_UTTERANCE = re.compile(r"(?P<text>[^_]+)_(?P<speaker>[^_]+)(_.*)?")
"The name of a file that says what is in it: 7_anna_3."
PARTS: dict[str, Part] = {"train": "training", "training": "training", "dev": "validation", "valid": "validation"}
PARTS |= {"validation": "validation", "test": "held_out", "held_out": "held_out"}
NO_SOUND, NO_TEXT = "whose sound is missing", "without a text"
Found = Iterator[Utterance | NotTaken]


def lines_of(path: Path) -> list[str]:
    """Return the lines of a list. Raises `DataError` where it is not UTF-8, or too large."""
    try:
        text = read_file(path, LARGEST_LIST, DataError).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 at byte {error.start}: save it as UTF-8") from None
    return [line for line in text.splitlines() if line.strip()]


def sound_at(folder: Path, name: str) -> Path | None:
    """Return the sound of a name, with or without its ending, if it is there."""
    given = folder / name
    if given.suffix.lower() in ENDINGS:
        return given if given.is_file() else None
    found = (given.with_name(given.name + ending) for ending in sorted(ENDINGS))
    return next((path for path in found if path.is_file()), None)


def uttered(name: str, path: Path | None, text: str, **known: Any) -> Utterance | NotTaken:
    """Return an utterance, or why there is none: its sound or its text is missing."""
    if path is None:
        return NotTaken(NO_SOUND)
    if not text.strip():
        return NotTaken(NO_TEXT)
    return Utterance(name, Clip(path), text[:LONGEST_TEXT], **known)


def librispeech(path: Path) -> Found:
    """Yield the utterances of a `SPEAKER-CHAPTER.trans.txt`: a name and a text a line, the sounds next to it."""
    for line in lines_of(path):
        name, _, text = line.partition(" ")
        yield uttered(name, sound_at(path.parent, name), text, speaker=name.partition("-")[0])


def ljspeech(path: Path) -> Found:
    """Yield the utterances of a `metadata.csv`: `name|text|text in words`, the sounds in `wavs`."""
    for line in lines_of(path):
        name, _, rest = line.partition("|")
        if not rest:
            raise DataError(f"{path} has a line without '|': give NAME|TEXT, a line each")
        folder = path.parent / "wavs"
        yield uttered(name, sound_at(folder if folder.is_dir() else path.parent, name), rest.rpartition("|")[2])


def common_voice(path: Path) -> Found:
    """Yield the utterances of a table with columns `path` and `sentence`, the sounds in `clips`."""
    rows = csv.DictReader(lines_of(path), delimiter="\t", quoting=csv.QUOTE_NONE)
    folder = path.parent / "clips"
    folder = folder if folder.is_dir() else path.parent
    for row in rows:
        if row.get("path") is None or row.get("sentence") is None:
            raise DataError(f"{path} has no columns path and sentence: give a table of Common Voice")
        known = {"speaker": row.get("client_id") or None, "part": PARTS.get(path.stem.lower())}
        yield uttered(row["path"], sound_at(folder, row["path"]), row["sentence"], **known)


def json_lines(path: Path) -> Found:
    """Yield the utterances of NeMo's lines: objects with `audio_filepath`, `text`, and perhaps `offset`, `duration`."""
    for number, line in enumerate(lines_of(path), start=1):
        yield _of_object(path, number, _json(path, line.encode()), {})


def json_list(path: Path) -> Found:
    """Yield the utterances of one JSON list of objects with `id` and `text`, of sounds or of arrays next to it."""
    told = _json(path, read_file(path, LARGEST_LIST, DataError))
    if not isinstance(told, list):
        raise DataError(f'{path} is not a list: give [{{"id": ..., "text": ...}}, ...]')
    arrays = arrays_next_to(path)
    for number, one in enumerate(told, start=1):
        yield _of_object(path, number, one, arrays)


def arrays_next_to(path: Path) -> dict[str, Path]:
    """Return where each array of the `.npz` files of a folder is."""
    found: dict[str, Path] = {}
    for archive in sorted(path.parent.glob("*.npz")):
        for member in members_of_zip(archive):
            name = member.name.removesuffix(".npy")
            if found.setdefault(name, archive) != archive:
                raise DataError(f"{archive} and {found[name]} both have an array {name}: give each its own name")
    return found


def _json(path: Path, content: bytes) -> Any:
    try:
        return read_json(content)
    except ValueError as error:
        raise DataError(f"{path} is not JSON ({error}): give objects with a text and a sound") from None


def _of_object(path: Path, number: int, told: Any, arrays: dict[str, Path]) -> Utterance | NotTaken:
    if not isinstance(told, dict) or not isinstance(told.get("text"), str):
        raise DataError(f"{path} has no text in object {number}: give a text and the path of its sound")
    name = str(told.get("id") or told.get("audio_filepath") or "")
    speaker, part = told.get("speaker"), PARTS.get(str(told.get("split", "")).lower())
    known: dict[str, Any] = {"speaker": None if speaker is None else str(speaker), "part": part}
    given = str(told.get("audio_filepath") or name)
    folder = path.parent / "audio"
    place = sound_at(path.parent, given) or (sound_at(folder, given) if folder.is_dir() else None)
    if place is None and name in arrays:
        sound = FrameArray(arrays[name], name)
        return (
            Utterance(name, sound, told["text"][:LONGEST_TEXT], **known) if told["text"].strip() else NotTaken(NO_TEXT)
        )
    found = uttered(name, place, told["text"], **known)
    if isinstance(found, NotTaken) or place is None or not (told.get("offset") or told.get("duration")):
        return found
    start, end = _seconds(path, told.get("offset", 0)), None
    if told.get("duration") and told.get("offset"):
        end = start + _seconds(path, told["duration"])
    return Utterance(name, Clip(place, None, start, end), found.text, **known)


def _seconds(path: Path, given: Any) -> float:
    try:
        seconds = float(given)
    except (TypeError, ValueError):
        seconds = -1.0
    if not 0 <= seconds < 1e9:
        raise DataError(f"{path} has {str(given)[:30]} where seconds should be: give 0 or more")
    return seconds


def kaldi(path: Path) -> Found:
    """Yield the utterances of a folder with `wav.scp` and `text`, and perhaps `segments` and `utt2spk`.

    Raises `DataError` for a sound that is the output of a command: none is run.
    """
    folder = path.parent
    sounds, texts = _pairs(path), _pairs(folder / "text")
    speakers = _pairs(folder / "utt2spk") if (folder / "utt2spk").is_file() else {}
    pieces = _pairs(folder / "segments") if (folder / "segments").is_file() else {name: name for name in texts}
    for name, text in texts.items():
        sound, *times = pieces.get(name, name).split()
        given = sounds.get(sound, "")
        if given.endswith("|"):
            raise DataError(f"{path} has a command for {name}, and none is run: give the paths of files")
        found = uttered(name, sound_at(folder, given) if given else None, text, speaker=speakers.get(name))
        if isinstance(found, Utterance) and len(times) == 2 and isinstance(found.sound, Clip):
            start, end = (_seconds(path, time) for time in times)
            found = Utterance(name, Clip(found.sound.path, None, start, end), found.text, found.speaker)
        yield found


def _pairs(path: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines_of(path):
        name, _, rest = line.strip().partition(" ")
        if name in found:
            raise DataError(f"{path} names {name} twice: give each utterance a name of its own")
        found[name] = rest.strip()
    return found


def by_name(name: str) -> tuple[str, str | None] | None:
    """Return the text and the speaker that the name of a file says, if it says them.

    >>> by_name("7_anna_3"), by_name("take3")
    (('7', 'anna'), None)
    """
    found = LINES_PER_UTTERANCE.fullmatch(name)
    return (found["text"], found["speaker"]) if found else None


def lone_sound(path: Path) -> Utterance | NotTaken:
    """Return a sound whose text is in a `NAME.txt` next to it, or in its own name."""
    for ending in (".txt", ".lab"):
        text = path.with_suffix(ending)
        if text.is_file():
            return uttered(path.stem, path, " ".join(lines_of(text)))
    said = by_name(path.stem)
    return NotTaken(NO_TEXT) if said is None else uttered(path.stem, path, said[0], speaker=said[1])


def zipped(path: Path) -> Found:
    """Yield the sounds of a zip whose text is in a `NAME.txt` of it, or in their names."""
    names = [member.name for member in members_of_zip(path)]
    texts = {name.rpartition(".")[0]: name for name in names if name.lower().endswith(".txt")}
    for name in sorted(names):
        if PurePosixPath(name).suffix.lower() not in ENDINGS:
            continue
        whole, stem = name.rpartition(".")[0], PurePosixPath(name).stem
        if whole in texts:
            with zipfile.ZipFile(path) as opened, opened.open(texts[whole]) as file:
                said: tuple[str, str | None] | None = (file.read(LONGEST_TEXT).decode(errors="replace"), None)
        else:
            said = by_name(stem)
        if said is None or not said[0].strip():
            yield NotTaken(NO_TEXT)
        else:
            yield Utterance(stem, Clip(path, name), said[0].strip(), said[1])


LISTS: Sequence[tuple[Callable[[Path], bool], Callable[[Path], Found]]] = (
    (lambda path: path.name == "wav.scp", kaldi),
    (lambda path: path.name.endswith(".trans.txt"), librispeech),
    (lambda path: path.name == "metadata.csv", ljspeech),
    (lambda path: path.suffix == ".tsv", common_voice),
    (lambda path: path.suffix == ".jsonl", json_lines),
    (lambda path: path.suffix == ".json", json_list),
    (lambda path: path.suffix == ".zip", zipped),
)
"Which files are lists of utterances, by their names, and what reads each."


def read_utterances(files: Sequence[Path]) -> Iterator[Utterance | NotTaken]:
    """Yield what the files of a source say was said: by their lists, or where there is none, each sound by itself.

    A NeMo list that ends in `.json` is one too. Of Common Voice's tables, where there is `train.tsv`, those of parts
    are read. Raises `DataError` for a list that is none, and where no file is a sound or a list.
    """
    lists = [(path, read) for path in files for holds, read in LISTS if holds(path)]
    if any(path.name == "train.tsv" for path, _ in lists):
        lists = [(path, read) for path, read in lists if path.suffix != ".tsv" or path.stem in PARTS]
    for path, read in lists:
        yield from json_lines(path) if read is json_list and _is_lines(path) else read(path)
    if lists:
        return
    sounds = [path for path in files if path.suffix.lower() in ENDINGS]
    if not sounds:
        raise DataError(f"{files[0].name} is neither a sound nor a list of sounds: give {FORMS}")
    for path in sounds:
        yield lone_sound(path)


FORMS = (
    "a folder or zip of WAV, FLAC, OGG or MP3 with NAME.txt next to each, or a list as of LibriSpeech, Common Voice, "
    "LJSpeech, Kaldi or NeMo"
)


def _is_lines(path: Path) -> bool:
    return io.BytesIO(read_file(path, LARGEST_LIST, DataError)).read(64).lstrip().startswith(b"{")
