"""The pages of pictures, movements, sound and games: a file, a drawn path, a camera, a microphone, a match."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from browser_fixtures import page_of
from in_browser import (
    CHROMIUM,
    LOOKS,
    StudioProcess,
    accessibility_faults,
    address_of,
    draw,
    eventually,
    in_chromium,
    words_of,
)
from made_pictures import shape
from made_speech import RATE, recordings, said

import statewise
from statewise.tasks.speech.task import Speech

pytestmark = in_chromium("senses")
PAGES = (
    "#/use/caption-1",
    "#/use/gesture-1",
    "#/use/gesture-in-films-1",
    "#/use/hearing-1",
    "#/use/game-1?seed=3",
    "#/use/sound-1",
)
SPOKEN = ["mid", "low", "high"]
HEARD: dict[str, Any] = {
    "bands": 20, "hidden_size": 24, "batch_size": 12, "updates": 250, "threads": 1, "sample_seconds": 0,
    "learning_rate": 0.02, "units": "words", "join": 3, "speed": 0.02, "masks": 0, "dropout": 0.0,
    "validation": 0.1, "warmup": 5, "split": "utterance",
}  # fmt: skip


def hearing(folder: Path) -> Speech:
    """A run that tells three tones apart."""
    return Speech(source=str(recordings(folder / "tones", count=60)), **HEARD)


RUNS = ("caption", "gesture", "gesture-in-films", "hearing", "game", "sound")
TRAINED = {"hearing": hearing}


def png() -> bytes:
    into = io.BytesIO()
    shape("red", "left").save(into, "PNG")
    return into.getvalue()


def model_of(studio: StudioProcess, name: str) -> Any:
    return statewise.load(studio.folder / "runs" / name)


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    soundfile = pytest.importorskip("soundfile")
    path = tmp_path_factory.mktemp("spoken") / "spoken.wav"
    parts = [said([word], seed=number) for number, word in enumerate(SPOKEN)]
    soundfile.write(path, np.concatenate(parts).astype(np.float32), RATE, subtype="PCM_16")
    return path


@pytest.fixture
def listening(playwright: Any, studio: StudioProcess, spoken: Path) -> Iterator[Any]:
    flags = ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM, args=[*flags, f"--use-file-for-fake-audio-capture={spoken}%noloop"]
    )
    yield from page_of(browser, studio)
    browser.close()


@pytest.fixture
def refused(playwright: Any, studio: StudioProcess) -> Iterator[Any]:
    flags = ["--no-sandbox", "--use-fake-device-for-media-stream", "--deny-permission-prompts"]
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
    yield from page_of(browser, studio)
    browser.close()


def test_a_picture_is_captioned_and_a_word_shows_where_it_looked(page: Any, studio: StudioProcess) -> None:
    page.goto(f"{studio.address}/#/use/caption-1?best=2&beam=4")
    page.locator("#file").set_input_files({"name": "red.png", "mimeType": "image/png", "buffer": png()})
    (wanted,) = model_of(studio, "caption-1").predict(png(), beam=4, best=2, look_at=True)
    eventually(lambda: "red.png" in words_of(page, ".answers p:last-child"))
    assert words_of(page, ".answers .said") == wanted.text
    assert page.locator(".ranked li").count() == len(wanted.candidates)
    plain = page.evaluate("document.querySelector('canvas.seen').toDataURL()")
    words = page.locator(".answers button.word")
    assert [word.text_content() for word in words.all()] == wanted.looked.words
    words.first.click()
    eventually(lambda: page.evaluate("document.querySelector('canvas.seen').toDataURL()") != plain)
    page.get_by_role("button", name="The picture alone").click()
    eventually(lambda: page.evaluate("document.querySelector('canvas.seen').toDataURL()") == plain)


def test_what_is_no_picture_is_said(page: Any, studio: StudioProcess) -> None:
    page.goto(f"{studio.address}/#/use/caption-1")
    page.locator(".answers .said").wait_for()
    page.locator("#file").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"})
    page.get_by_role("alert").wait_for()
    assert "the picture" in words_of(page, "[role=alert]")


def test_a_recording_and_a_drawn_path_are_recognised_and_lie_on_a_line_of_time(
    page: Any, studio: StudioProcess
) -> None:
    page.goto(f"{studio.address}/#/use/gesture-1?on=0.2&off=0.1")
    path = studio.folder / "data" / "moved" / "asked.csv"
    page.locator("#file").set_input_files(str(path))
    (wanted,) = model_of(studio, "gesture-1").predict(path, on=0.2, off=0.1)
    eventually(lambda: words_of(page, ".answers strong") == wanted.label)
    assert page.locator(".timeline rect").count() == len(wanted.events)
    assert f"{round(100 * wanted.confidence)} % sure" in words_of(page, ".answers p")
    draw(page, [(0.2, 0.2), (0.8, 0.3), (0.2, 0.8), (0.7, 0.7)])
    eventually(lambda: words_of(page, ".answers p") and "…" not in words_of(page, ".answers p"))
    page.locator(".paper").focus()
    for key in ("Space", *["ArrowRight"] * 4, *["ArrowDown"] * 3, "Space"):
        page.keyboard.press(key)
    eventually(lambda: "% sure" in words_of(page, ".answers p"))


def test_a_camera_is_watched_frame_by_frame_and_let_go_of(page: Any, studio: StudioProcess) -> None:
    page.goto(f"{studio.address}/#/use/gesture-in-films-1")
    page.get_by_role("button", name="Watch by camera").click()
    page.locator(".answers strong").wait_for()
    assert words_of(page, ".answers strong") in model_of(studio, "gesture-in-films-1").codec.classes
    page.get_by_role("button", name="Stop").click()
    assert page.evaluate("document.querySelector('video').srcObject") is None
    page.get_by_role("button", name="Watch by camera").wait_for()


def test_a_recording_is_heard_as_the_command_line_hears_it(page: Any, studio: StudioProcess, spoken: Path) -> None:
    page.goto(f"{studio.address}/#/use/hearing-1?beam=4")
    page.locator("#file").set_input_files(str(spoken))
    wanted = " ".join(one.text for one in model_of(studio, "hearing-1").predict(spoken, beam=4))
    eventually(lambda: page.locator(".heard p").count() > 0)
    heard = " ".join(str(word.text_content()) for word in page.locator(".heard p span[title]").all())
    assert heard == wanted == " ".join(SPOKEN)


def test_what_is_spoken_is_written_as_it_comes_and_the_last_word_is_kept(
    listening: Any, studio: StudioProcess, spoken: Path
) -> None:
    listening.goto(f"{studio.address}/#/use/hearing-1?beam=4")
    listening.get_by_role("button", name="Speak").click()
    stop = listening.get_by_role("button", name="Stop")
    stop.wait_for()
    eventually(lambda: float(listening.locator("meter").get_attribute("value") or 0) > 0)

    def heard() -> str:
        words = [str(word.text_content()) for word in listening.locator(".heard p span[title]").all()]
        return " ".join([*words, *words_of(listening, ".partial").split()])

    eventually(lambda: heard().split()[-1:] == SPOKEN[-1:])
    stop.click()
    listening.get_by_role("button", name="Speak").wait_for()
    wanted = " ".join(one.text for one in model_of(studio, "hearing-1").predict(spoken, beam=4))
    assert heard() == wanted


def test_a_microphone_that_is_refused_is_said_and_a_file_can_be_given(refused: Any, studio: StudioProcess) -> None:
    refused.goto(f"{studio.address}/#/use/hearing-1")
    refused.get_by_role("button", name="Speak").click()
    refused.get_by_role("alert").wait_for()
    assert "the microphone was refused" in words_of(refused, "[role=alert]")
    assert refused.get_by_role("button", name="Speak").is_enabled()


def test_a_match_is_watched_step_by_step(page: Any, studio: StudioProcess) -> None:
    page.goto(f"{studio.address}/#/use/game-1?seed=3")
    (wanted,) = model_of(studio, "game-1").predict(seed=3, every_step=True)
    eventually(lambda: f"It returned {wanted.total:g} in {wanted.steps} steps" in words_of(page, "p[role=status]"))
    assert words_of(page, ".board") == "step 0"
    page.locator(".board").focus()
    page.keyboard.press("ArrowRight")
    eventually(lambda: words_of(page, ".board") == "step 1")
    action = wanted.told[1].did.action
    assert f"it takes choice {action}" in words_of(page, "p.said")
    eventually(lambda: "step=1" in address_of(page))
    page.reload()
    eventually(lambda: words_of(page, ".board") == "step 1")
    page.get_by_role("button", name="Play", exact=True).click()
    eventually(lambda: words_of(page, "p.said") == "It is over.")


@pytest.mark.parametrize("how", [{"seed": 2, "sure": 0.1}, {"seed": 3}], ids=["as asked", "as training found"])
def test_a_silent_film_is_given_its_sound_to_be_heard_and_saved(
    page: Any, studio: StudioProcess, how: dict[str, Any]
) -> None:
    page.goto(f"{studio.address}/#/use/sound-1?{urlencode(how)}")
    film = next(
        path for path in sorted((studio.folder / "data" / "seen").iterdir()) if path.suffix in (".mp4", ".webm")
    )
    page.locator("#file").set_input_files(str(film))
    made = list(model_of(studio, "sound-1").predict(film, **how))[-1].as_json()
    words = f"{round(made['seconds'], 2):g} s of sound, {len(made['strokes'])} strokes"
    eventually(lambda: words in words_of(page, ".answers p[role=status]"))
    assert page.locator(".timeline rect").count() == len(made["strokes"])
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the sound").click()
    assert Path(saved.value.path()).read_bytes() == base64.b64decode(made["wav"])
    assert page.evaluate("document.querySelector('audio').src").startswith("blob:")


@pytest.mark.parametrize("scheme", LOOKS)
def test_pages_of_senses_break_no_rule_of_accessibility_and_fit_their_window(
    page: Any, studio: StudioProcess, scheme: str
) -> None:
    assert accessibility_faults(page, studio.address, PAGES, scheme) == []
