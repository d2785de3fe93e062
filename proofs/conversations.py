"""Ten conversations with the bot of recipes/front-desk-bot.yaml end as they should, by text and by voice.

    python proofs/conversations.py [--folder RUNS] [--updates 2500]

The bot is trained by recipes/front-desk.yaml. The voices of espeak-ng read what may be said to it (generated speech, as
the result says). A run of speech learns from them, and then hears the lines of the conversations, read by a voice that
it never heard: once freely, and once listening for what may be said. Writes results/conversations.json. Leaves with
exit code 1 where a conversation by text does not end as it should, or fewer than nine of ten by voice.
"""

import argparse
import io
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from outcomes import RESULTS, conclude

import statewise
from statewise.data.audio.voice import has_voice
from statewise.data.left_out import LeftOutCount
from statewise.data.utterances.spoken_sentences import spoken_sentences
from statewise.data.utterances.utterance_files import read_utterances

BOT = Path(__file__).parents[1] / "recipes" / "front-desk-bot.yaml"
NOW = "2026-11-30T09:00"
VOICES = ("en", "en-us", "en+m3", "en+f2", "en-us+f4")
HELD_OUT_VOICE = "en+f3"
SPEEDS = (150, 180)
LISTENING = "voice, listening for sentences"


class Talk(NamedTuple):
    """What a person says, line by line, and how the last message begins."""

    title: str
    said: str
    end: str

    @property
    def lines(self) -> list[str]:
        """The lines."""
        return [line.strip() for line in self.said.split("|")]


TALKS = (
    Talk("slot by slot", "i want to book a room | double | tomorrow | three | yes", "Your double room is booked."),
    Talk("all at once", "a taxi to the airport | at eight | yes please", "Your taxi to the airport is ordered."),
    Talk("corrected", "i need a room | single | next friday | two | no double | yes", "Your double room is booked."),
    Talk("change of mind", "i want breakfast | i'd rather book a room | family | today | four | yes", "Your family"),
    Talk(
        "digression",
        "call me a taxi | when do i have to check out | station | at noon | yes",
        "Your taxi to",
    ),
    Talk("silence", "i need a taxi | | museum | at nine | yes", "Your taxi to the museum is ordered."),
    Talk("refusal", "i want breakfast | vegan | at eight | no", "No breakfast, then."),
    Talk("cancelled", "book a room please | single | cancel", "I have not booked anything."),
    Talk("complaint", "the shower is broken", "I am sorry."),
    Talk("not for it", "tell me a joke | wake me up please | at seven", "I will wake you at "),
)


def main() -> None:
    """Train both, hold all conversations in each way, and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where runs lie; without it they are thrown away")
    parser.add_argument("--updates", type=int, default=2500)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = given.folder or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        conclude(measured(folder, given.updates), RESULTS / "conversations.json")


def measured(folder: Path, updates: int) -> dict[str, Any]:
    """Return how many conversations end as they should, and how many words were heard rightly."""
    desk = run_of(statewise.Dialogue(source=str(BOT), threads=1), folder / "desk")
    ways: dict[str, Any] = {"text": lambda line: line}
    told: dict[str, Any] = {"speech": "not measured: espeak-ng is not installed"}
    if has_voice():
        hears, told = by_voice(folder, updates)
        ways |= hears
    found = {name: [outcome(desk, talk, way) for talk in TALKS] for name, way in ways.items()}
    ended = {name: sum(one["ends"] for one in each) for name, each in found.items()}
    return {
        "claim": "ten conversations end as they should by text, and nine of ten or more by voice",
        "holds": ended["text"] == len(TALKS) and ended.get(LISTENING, 0) >= len(TALKS) - 1,
        "words": ", ".join(f"{name}: {count} of {len(TALKS)}" for name, count in ended.items()),
        "ended": ended,
        "conversations": found,
        **told,
    }


def by_voice(folder: Path, updates: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train a run that hears; return two ways to hear a line, and what is to be told of them."""
    bot, _ = read_utterances([BOT], LeftOutCount("utterance"))
    said = spoken_sentences(bot)
    sounds = folder / "said"
    sounds.mkdir(exist_ok=True)
    for number, line in enumerate(said):
        for voice in VOICES:
            read_aloud(line, voice, SPEEDS[(number + len(voice)) % 2], sounds / f"{number}-{voice}")
    task = statewise.Speech(
        source=str(sounds), split="utterance", held_out=0.02, validation=0.02, updates=updates, two_way=True,
        normalize="whole", hidden_size=96, layers=2, threads=1, learning_rate=0.004, masks=1,
    )  # fmt: skip
    ears = run_of(task, folder / "ears")
    hears = {
        "voice, heard freely": lambda line: heard(ears, line, folder, {}),
        LISTENING: lambda line: heard(ears, line, folder, {"sentences": tuple(said)}),
    }
    how = "generated by espeak-ng; the voice of the conversations was never heard in training"
    return hears, {"speech": how, "sentences": len(said), "voices": len(VOICES), "updates": updates}


def run_of(task: Any, place: Path) -> Any:
    """Return a trained run, which may lie there already."""
    return statewise.load(place) if place.exists() else statewise.train(task, run=place, quiet=True).load()


def read_aloud(line: str, voice: str, speed: int, place: Path) -> None:
    """Let a voice read a line into a WAV file, with its text next to it."""
    command = ["espeak-ng", "-v", voice, "-s", str(speed), "-w", f"{place}.wav", "--stdin"]
    subprocess.run(command, input=line.encode(), check=True)
    place.with_name(f"{place.name}.txt").write_text(line)


def heard(ears: Any, line: str, folder: Path, how: dict[str, Any]) -> str:
    """Return what is heard of a line that the held-out voice reads; of silence nothing."""
    if not line:
        return ""
    place = folder / "line"
    read_aloud(line, HELD_OUT_VOICE, 165, place)
    sound = io.BytesIO(place.with_suffix(".wav").read_bytes()).getvalue()
    words = " ".join(one.text for one in ears.predict(sound, **how) if one.text)
    return "" if words == "(none of these)" else words


def outcome(desk: Any, talk: Talk, hear: Any) -> dict[str, Any]:
    """Hold a conversation, and tell what was heard, the last message, and whether it ended as it should."""
    live, lines, last = desk.live(now=NOW), list[str](), ""
    for line in talk.lines:
        lines.append(hear(line))
        last = str(live.push(lines[-1]))
    exact = sum(one == other for one, other in zip(talk.lines, lines, strict=True))
    return {"title": talk.title, "ends": last.startswith(talk.end), "heard": lines, "exact": exact, "last": last}


if __name__ == "__main__":
    main()
