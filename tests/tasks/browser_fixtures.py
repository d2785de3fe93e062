"""A studio over small runs of the tasks that a module names in `RUNS`, and a page of Chromium on it."""

from collections.abc import Iterator
from typing import Any

import pytest
from in_browser import CHROMIUM, WAIT_MILLISECONDS, WIDE, StudioProcess

import statewise

FLAGS = ("--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")


@pytest.fixture(scope="module")
def studio(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudioProcess]:
    pytest.importorskip("uvicorn")
    import small_tasks

    folder = tmp_path_factory.mktemp("studio")
    (folder / "data").mkdir()
    trained = getattr(request.module, "TRAINED", {})
    for name in request.module.RUNS:
        task = {**small_tasks.TASKS, **trained}[name](folder / "data")
        statewise.train(task, run=folder / "runs" / f"{name}-1")
    begun = StudioProcess(folder)
    yield begun
    begun.stop()


@pytest.fixture(scope="module")
def playwright() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright drives a browser")
    with sync_api.sync_playwright() as begun:
        yield begun


@pytest.fixture(scope="module")
def chromium(playwright: Any) -> Iterator[Any]:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
    yield browser
    browser.close()


def page_of(browser: Any, studio: StudioProcess, **how: Any) -> Iterator[Any]:
    """Yield a page that may show no error, ask no other server, and put no script of another into itself."""
    context = browser.new_context(viewport=WIDE, reduced_motion="reduce", **how)
    context.set_default_timeout(WAIT_MILLISECONDS)
    made, faults = context.new_page(), list[str]()
    made.on("pageerror", lambda error: faults.append(str(error)))
    made.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    made.on("dialog", lambda dialog: faults.append(f"a dialog: {dialog.message}"))
    ours = (studio.address, studio.address.replace("http", "ws"), "data:", "blob:")
    made.on("request", lambda asked: None if asked.url.startswith(ours) else faults.append(asked.url))
    yield made
    context.close()
    assert [fault for fault in faults if "Failed to load resource" not in fault and "ERR_" not in fault] == []


@pytest.fixture
def page(chromium: Any, studio: StudioProcess) -> Iterator[Any]:
    yield from page_of(chromium, studio)
