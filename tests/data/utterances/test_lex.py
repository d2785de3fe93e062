"""A bot goes to Lex V2 and comes back; what is not an export is refused."""

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_bots import BOT

from statewise.data.utterances.bot import Bot
from statewise.data.utterances.bot_reading import read_bot
from statewise.data.utterances.bot_writing import bot_as_plain
from statewise.data.utterances.lex_export import placed, write_lex_zip
from statewise.data.utterances.lex_import import read_lex_zip
from statewise.errors import DataError, UsageError


def bot() -> Bot:
    return read_bot(BOT.encode(), "bot.yaml")


def written(folder: Path, content: bytes) -> Path:
    path = folder / "bot.zip"
    path.write_bytes(content)
    return path


def packed(files: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as into:
        for name, told in files.items():
            into.writestr(name, told if isinstance(told, bytes) else json.dumps(told))
    return file.getvalue()


def unpacked(content: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        return {name: json.loads(opened.read(name)) for name in opened.namelist()}


def test_a_bot_comes_back_as_it_went(tmp_path: Path) -> None:
    given = bot()
    found, notices = read_lex_zip(written(tmp_path, write_lex_zip(given)))
    assert notices == []
    assert found.fallback == given.fallback
    assert {one.name: one for one in found.types} == {one.name: one for one in given.types}
    for intent in given.intents:
        back = found.intent(intent.name)
        assert back is not None
        assert {placed(one) for one in back.utterances} == {placed(one) for one in intent.utterances}
        assert [replace(slot, rules=()) for slot in intent.slots] == [
            replace(slot, prompts=intent_slot.prompts)
            for slot, intent_slot in zip(back.slots, intent.slots, strict=True)
        ]
        assert (back.confirm, back.closing, back.needs, back.sets) == (
            intent.confirm,
            intent.closing,
            intent.needs,
            intent.sets,
        )


def test_the_same_bot_is_the_same_zip_and_a_second_export_as_the_first(tmp_path: Path) -> None:
    first = write_lex_zip(bot())
    assert first == write_lex_zip(bot())
    back, _ = read_lex_zip(written(tmp_path, first))
    again, _ = read_lex_zip(written(tmp_path, write_lex_zip(back)))
    assert bot_as_plain(again) == bot_as_plain(back)


def test_a_type_that_is_not_known_takes_any_text_and_is_told(tmp_path: Path) -> None:
    files = unpacked(write_lex_zip(bot()))
    name = next(name for name in files if name.endswith("Slots/room/Slot.json"))
    files[name]["slotTypeName"] = "AMAZON.City"
    found, notices = read_lex_zip(written(tmp_path, packed(files)))
    assert notices == ["slot 'room' has type AMAZON.City, which is not known here: it takes any text"]
    room = found.intent("BookRoom")
    assert room is not None
    assert room.slots[0].type == "text"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"../../x.json": {}}, "'../../x.json' leads outside of it"),
        ({"/etc/x.json": {}}, "leads outside of it"),
        ({"a/..\\x.json": {}}, "leads outside of it"),
        ({"Manifest.json": None}, "has no Manifest.json"),
        ({"front_desk/Bot.json": None}, "has 0 files Bot.json"),
        ({"front_desk/BotLocales/en_US/BotLocale.json": None}, "has no language"),
        ({"bomb.json": b" " * (1 << 25)}, "is refused: a bot has at most 10,000 files, of"),
        ({"front_desk/Bot.json": b"{"}, "is not JSON"),
        ({"front_desk/Bot.json": {}}, "is not as Lex V2 exports a bot \\('name' is missing\\)"),
        ({"front_desk/Bot.json": b'{"name": "a", "name": "b"}'}, "is named twice"),
    ],
)
def test_what_is_not_an_export_is_refused_in_one_line(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    files = unpacked(write_lex_zip(bot()))
    for name, told in change.items():
        if told is None:
            del files[name]
        else:
            files[name] = told
    with pytest.raises(DataError, match=said) as refused:
        read_lex_zip(written(tmp_path, packed(files)))
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_a_zip_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"PK\x03\x04", write_lex_zip(bot())[:-30]):
        with pytest.raises(DataError):
            read_lex_zip(written(tmp_path, content))


def test_a_name_that_lex_does_not_take_is_refused() -> None:
    named = replace(bot(), intents=(replace(bot().intents[2], name="a.b"),))
    with pytest.raises(UsageError, match=r"'a\.b' has others"):
        write_lex_zip(named)
