"""The main job of every page, end to end in Chromium; where none is installed these tests are skipped with one line."""

import json
import re
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from in_browser import LOOKS, StudioProcess, accessibility_faults, draw, eventually, in_chromium, words_of

import statewise

pytestmark = in_chromium("strokes and text")
RUNS = ("text", "sketch", "handwriting", "recommend")
PAGES = ("#/", "#/train", "#/run/text-1", "#/use/text-1", "#/use/sketch-1", "#/use/handwriting-1", "#/use/recommend-1")
MARKUP = "<img src=x onerror=alert(1)>"


def test_runs_are_seen_with_their_scores_and_lead_to_their_curves(page: Any, studio: StudioProcess) -> None:
    page.goto(studio.address)
    page.get_by_role("link", name="text-1", exact=True).click()
    page.locator("canvas.curve").first.wait_for()
    eventually(lambda: "update 6" in words_of(page, "figcaption"))
    report = statewise.inspect(studio.folder / "runs" / "text-1")
    assert f"{report['best']['bits_per_character']:.4g}" in words_of(page, "table")
    page.go_back()
    page.get_by_role("heading", name="Runs").wait_for()


def test_a_training_from_the_form_is_followed_live_across_a_restart_and_ends_in_a_report(
    page: Any, studio: StudioProcess
) -> None:
    page.goto(f"{studio.address}/#/train?task=text")
    page.locator("#file").set_input_files(
        {"name": "my book.txt", "mimeType": "text/plain", "buffer": b"to be or not " * 300}
    )
    eventually(lambda: "my book.txt" in words_of(page, "code.command"))
    for label, value in {
        "updates": "600",
        "hidden size": "16",
        "embedding": "4",
        "orders": "2",
        "threads": "1",
    }.items():
        field = page.get_by_label(label, exact=True)
        if not field.is_visible():
            page.locator("details", has=field).locator("summary").click()
        field.fill(value)
    page.get_by_label("save updates", exact=True).evaluate("field => field.closest('details').open = true")
    page.get_by_label("save updates", exact=True).fill("100")
    eventually(lambda: "--save-updates 100" in words_of(page, "code.command"))
    start = page.get_by_role("button", name="Start training")
    start.dblclick()
    page.locator("canvas.curve").first.wait_for()
    name = page.url.split("#/run/")[1].split("?")[0]
    assert name == "text-my-book-1"
    assert not (studio.folder / "runs" / "text-my-book-2").exists()
    eventually(lambda: re.search(r"update [1-9]", words_of(page, "main p.quiet")))
    studio.stop()
    page.get_by_text("no connection, trying again").wait_for()
    studio.begin()  # at the same port
    page.get_by_text("finished", exact=True).wait_for()
    page.get_by_role("heading", name="Report").wait_for()
    written = (studio.folder / "runs" / name / "events.jsonl").read_text()
    events = [json.loads(line) for line in written.splitlines()]
    updates = [event["update"] for event in events if event["event"] == "updated"]
    assert updates == list(range(1, 601))
    page.locator("canvas.curve").first.focus()
    page.keyboard.press("Home")
    eventually(lambda: words_of(page, "figcaption").startswith("update 1:"))
    for _ in range(2):
        page.keyboard.press("PageDown")
    eventually(lambda: words_of(page, "figcaption").startswith("update 101:"))  # no gap, and none twice


def test_settings_that_do_not_fit_are_said_and_cannot_be_started(page: Any, studio: StudioProcess) -> None:
    page.goto(f"{studio.address}/#/train?task=text&source=book.txt&layers=0")
    eventually(lambda: "layers" in words_of(page, "p.problem"))
    assert page.get_by_role("button", name="Start training").is_disabled()
    page.get_by_label("layers", exact=True).fill("2")
    eventually(lambda: page.get_by_role("button", name="Start training").is_enabled())
    assert "layers=2" in page.url
    page.reload()
    eventually(lambda: "--layers 2" in words_of(page, "code.command"))


def test_any_task_answers_by_a_form_as_the_command_line_does(page: Any, studio: StudioProcess) -> None:
    page.goto(f"{studio.address}/#/use/text-1/form?prompt=to be&length=12&seed=3")
    page.get_by_role("button", name="Answer").click()
    answer = statewise.load(studio.folder / "runs" / "text-1").answer("to be", length=12, seed=3)
    wanted = "\n".join([*answer.notices, "".join(answer.pieces) + answer.end]).rstrip()
    eventually(lambda: words_of(page, "pre.sample") == wanted)


WAITING = "…"
"What stands there until the answer comes."


def test_lines_one_after_another_and_the_last_one_taken_back(page: Any, studio: StudioProcess) -> None:
    page.goto(f"{studio.address}/#/use/recommend-1/form")
    for line in ("1", "2"):
        page.get_by_label("Next").fill(line)
        page.get_by_role("button", name="Send").click()
        eventually(lambda line=line: page.locator(".talk li").count() == int(line))
    eventually(lambda: words_of(page, ".talk li:nth-child(2) p:nth-child(2)") not in ("", WAITING))
    second = words_of(page, ".talk li:nth-child(2) p:nth-child(2)")
    page.get_by_role("button", name="Take the last one back").click()
    page.get_by_label("Next").fill("2")
    page.get_by_role("button", name="Send").click()
    eventually(lambda: page.locator(".talk li").count() == 2)
    eventually(lambda: words_of(page, ".talk li:nth-child(2) p:nth-child(2)") == second)


def test_text_is_written_on_and_another_branch_is_taken(page: Any, studio: StudioProcess) -> None:
    page.goto(f"{studio.address}/#/use/text-1?text=to be&n=30&seed=1")
    page.locator(".written [data-at='5']").wait_for()
    assert page.locator(".next button").count() == 5
    page.get_by_role("button", name="Write on").click()
    page.locator(".written [data-at='35']").wait_for()
    model = statewise.load(studio.folder / "runs" / "text-1")
    assert len(list(model.predict("to be", length=30, seed=1))) == 30
    written = words_of(page, ".written")
    page.locator(".written").focus()
    for _ in range(30):
        page.keyboard.press("ArrowLeft")
    page.locator(".next button").last.click()
    eventually(lambda: len(words_of(page, ".written")) == 6)
    assert page.locator(".tree .tree li").count() == 2
    page.locator(".tree .tree button").first.click()
    eventually(lambda: words_of(page, ".written") == written)
    page.reload()
    eventually(lambda: words_of(page, ".written") == written)


def test_two_tabs_are_never_mixed(page: Any, studio: StudioProcess) -> None:
    other = page.context.new_page()
    for tab, text in ((page, "to be"), (other, "or not")):
        tab.goto(f"{studio.address}/#/use/text-1?text={text}")
        tab.locator(f".written [data-at='{len(text)}']").wait_for()
    for tab, more in ((page, " a"), (other, " b")):
        tab.get_by_label("Your words").fill(more)
        tab.keyboard.press("Enter")
    eventually(lambda: words_of(page, ".written") == "to be a")
    eventually(lambda: words_of(other, ".written") == "or not b")


def test_a_drawing_is_ended_when_the_pen_rests_and_undo_takes_the_state_back(page: Any, studio: StudioProcess) -> None:
    page.goto(f"{studio.address}/#/use/sketch-1")
    page.get_by_text("Draw something.").wait_for()
    draw(page, [(0.2, 0.2), (0.5, 0.3), (0.7, 0.2)])
    page.locator(".paper[data-milliseconds]").wait_for()
    eventually(lambda: "1 strokes" in words_of(page, "#said"))
    first = words_of(page, "#said")
    draw(page, [(0.2, 0.6), (0.5, 0.7), (0.7, 0.6)])
    eventually(lambda: "2 strokes" in words_of(page, "#said"))
    second = words_of(page, "#said")
    page.get_by_role("button", name="Undo").click()
    eventually(lambda: "taken back" in words_of(page, "#said"))
    draw(page, [(0.2, 0.6), (0.5, 0.7), (0.7, 0.6)])
    eventually(lambda: words_of(page, "#said") == second)  # the same state, so the same score
    assert first != second
    page.get_by_role("button", name="Nine endings").click()
    eventually(lambda: page.locator(".nine svg").count() == 9)
    strokes = page.url.split("strokes=")[1].split("&")[0]
    assert len(strokes.split("%7E")) == 2
    page.reload()
    eventually(lambda: "2 strokes" in words_of(page, "#said"))
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save SVG").click()
    assert Path(saved.value.path()).read_text().startswith("<svg xmlns=")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save PNG").click()
    assert Path(saved.value.path()).read_bytes().startswith(b"\x89PNG")


def test_a_drawing_is_made_by_keyboard_alone(page: Any, studio: StudioProcess) -> None:
    page.goto(f"{studio.address}/#/use/sketch-1?wait=1")
    page.get_by_text("Draw something.").wait_for()
    page.locator(".paper").focus()
    for key in ("Space", *["ArrowRight"] * 4, *["ArrowDown"] * 3, "Space"):
        page.keyboard.press(key)
    eventually(lambda: "1 strokes" in words_of(page, "#said"))
    assert "1 strokes" in words_of(page, "#live")
    page.keyboard.press("Backspace")
    eventually(lambda: "taken back" in words_of(page, "#live"))


def test_a_stroke_that_the_system_cancels_is_kept_once_and_a_second_finger_draws_nothing(
    page: Any, studio: StudioProcess
) -> None:
    page.goto(f"{studio.address}/#/use/sketch-1?wait=1")
    page.get_by_text("Draw something.").wait_for()
    box = page.locator(".paper").bounding_box()
    cdp = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        told = [{"x": box["x"] + x, "y": box["y"] + y, "id": number} for number, (x, y) in enumerate(points)]
        cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": told})

    touch("touchStart", (50, 50))
    touch("touchMove", (90, 60))
    touch("touchStart", (90, 60), (200, 200))
    touch("touchMove", (120, 60), (220, 220))
    touch("touchCancel")
    eventually(lambda: "1 strokes" in words_of(page, "#said"))
    time.sleep(0.3)
    assert "1 strokes" in words_of(page, "#said")


def test_handwriting_appears_with_the_ink_of_its_seed(page: Any, studio: StudioProcess) -> None:
    page.goto(f"{studio.address}/#/use/handwriting-1?text=ab a&bias=1&samples=2&seed=5")
    eventually(lambda: page.locator(".ink svg").count() == 2)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Strokes").first.click()
    model = statewise.load(studio.folder / "runs" / "handwriting-1")
    wanted = next(iter(model.predict("ab a", bias=1.0, samples=2, seed=5))).as_json()
    ink = [stroke for line in wanted["lines"] for stroke in line["strokes"]]
    assert json.loads(Path(saved.value.path()).read_text()) == ink
    page.get_by_role("button", name="Watch it write").click()
    page.locator("mark").first.wait_for()
    assert words_of(page, "p.score") == "ab a"


def test_ones_own_hand_is_given_as_a_style(page: Any, studio: StudioProcess) -> None:
    page.goto(f"{studio.address}/#/use/handwriting-1?text=ab&seed=5")
    eventually(lambda: page.locator(".ink svg").count() == 1)
    page.get_by_text("Write in your own hand").click()
    draw(page, [(0.1, 0.3), (0.2, 0.7), (0.3, 0.3)], [(0.4, 0.3), (0.5, 0.7)])
    page.get_by_label("What it reads").fill("ab")
    eventually(lambda: "style_text=ab" in page.evaluate("location.href"))
    with page.expect_request("**/v1/predict") as sent:
        page.get_by_role("button", name="Write", exact=True).click()
    hand = json.loads(json.loads(sent.value.post_data)["hand"])
    assert (hand["text"], len(hand["strokes"])) == ("ab", 2)
    eventually(lambda: page.locator(".ink svg").count() == 1)


def test_markup_is_inert_everywhere(page: Any, studio: StudioProcess) -> None:
    run = studio.folder / "runs" / MARKUP.replace("/", "")
    shutil.copytree(studio.folder / "runs" / "text-1", run)
    try:
        with (run / "events.jsonl").open("a") as file:
            file.write(json.dumps({"event": "sampled", "update": 6, "seconds": 1.0, "sample": MARKUP}) + "\n")
        page.goto(studio.address)
        page.get_by_role("link", name=run.name, exact=True).click()
        page.locator("canvas.curve").first.wait_for()
        page.goto(f"{studio.address}/#/use/text-1/form?prompt={MARKUP}")
        page.get_by_role("button", name="Answer").click()
        eventually(lambda: len(words_of(page, "pre.sample")) > 1)
        assert page.locator("main img").count() == 0
    finally:
        shutil.rmtree(run)


def test_a_run_that_is_removed_while_it_is_looked_at_is_said_to_be_gone(page: Any, studio: StudioProcess) -> None:
    run = studio.folder / "runs" / "gone"
    shutil.copytree(studio.folder / "runs" / "text-1", run)
    page.goto(f"{studio.address}/#/run/gone")
    eventually(lambda: "update 6" in words_of(page, "figcaption"))
    shutil.rmtree(run)
    page.get_by_text("removed while").wait_for()


def test_a_curve_of_100_000_points_is_drawn_by_a_few_of_them_and_keeps_spikes_and_gaps(
    page: Any, studio: StudioProcess
) -> None:
    page.goto(studio.address)
    root = re.findall(r'src="(/web/\w+/)main.js"', page.content())[0]
    told = page.evaluate(
        """async (root) => {
          const { Curve } = await import(`${root}lib/curve.js`);
          const { decimated, smooth } = await import(`${root}lib/numbers.js`);
          const count = 100000;
          const xs = Array.from({ length: count }, (_, at) => at);
          const ys = xs.map((x) => Math.sin(x / 5000));
          ys[54321] = 40;
          ys[10] = null;
          const curve = new Curve("many");
          document.getElementById("main").append(curve.element);
          curve.series = [{ name: "one", xs, ys }];
          curve.draw();
          const points = decimated(xs, ys, 0, count, 800);
          return {
            drawn: Number(curve.canvas.dataset.points), width: curve.canvas.clientWidth, points: points.length,
            largest: Math.max(...points.filter(Boolean).map(([, y]) => y)),
            gaps: points.filter((point) => !point).length,
            constant: smooth([3, 3, 3, 3, 3, 3, 3, 3], 0.5), two: smooth([1, 5], 0.5),
          };
        }""",
        root,
    )
    assert 500 < told["drawn"] <= 4 * told["width"]  # what a redraw costs hangs on the picture, not on the run
    assert told["points"] <= 4 * 801
    assert told["largest"] == 40
    assert told["gaps"] == 1
    assert told["constant"] == [3] * 8
    assert told["two"] == [1, 5]


def test_memory_stays_flat_after_a_thousand_strokes_and_undo(page: Any, studio: StudioProcess) -> None:
    page.goto(studio.address)
    root = re.findall(r'src="(/web/\w+/)main.js"', page.content())[0]
    grown = page.evaluate(
        """async (root) => {
          const { Pen } = await import(`${root}lib/pen.js`);
          const strokes = [];
          const pen = new Pen({ width: 400, height: 400, label: "paper", stroke: (stroke) => strokes.push(stroke) });
          document.getElementById("main").append(pen.canvas);
          const used = () => performance.memory.usedJSHeapSize;
          const turn = () => {
            for (let at = 0; at < 1000; at++) {
              pen.begin([1, 1]);
              for (let x = 2; x < 90; x += 2) pen.add([x, x]);
              pen.lift();
            }
            strokes.length = 0;
          };
          turn();
          const before = used();
          for (let again = 0; again < 5; again++) turn();
          return used() - before;
        }""",
        root,
    )
    assert grown < 20_000_000


def test_the_first_page_is_small_and_notes_when_it_is_usable(page: Any, studio: StudioProcess) -> None:
    page.goto(studio.address)
    page.get_by_role("heading", name="Runs").wait_for()
    seen = page.evaluate("performance.getEntriesByName('usable')[0].startTime")
    sizes = page.evaluate("performance.getEntriesByType('resource').map((each) => each.decodedBodySize)")
    assert seen > 0
    assert sum(sizes) < 150_000


@pytest.mark.parametrize("scheme", LOOKS)
def test_no_page_breaks_a_rule_of_accessibility_or_is_wider_than_its_window(
    page: Any, studio: StudioProcess, scheme: str
) -> None:
    assert accessibility_faults(page, studio.address, PAGES, scheme) == []
