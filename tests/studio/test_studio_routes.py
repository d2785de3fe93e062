"""What the page asks of its server: runs, trainings, data, answers; and what a page of another origin gets."""

import base64
import json
import os
import re
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_tasks
import torch
from made_studio import studios_over

import statewise
from statewise import registry
from statewise.cli import train as training_commands
from statewise.errors import UsageError
from statewise.insight.neurons import read_units
from statewise.run.config import build, plain
from statewise.server.tokens import digest
from statewise.studio import inside
from statewise.studio.forms import arguments_of, form_of, task_named
from statewise.studio.launches import Launches
from statewise.studio.runs_folder import in_short
from statewise.studio.uploads import DataFolders
from statewise.task import Task

TOKEN = "a" * 22
SOON_SECONDS = 90


@pytest.fixture
def studio_of(trained_once: Path, tmp_path: Path) -> Callable[..., Any]:
    return studios_over(trained_once / "run", tmp_path)


@pytest.fixture
def asked(studio_of: Callable[..., Any]) -> Any:
    return studio_of()


def problem(answer: Any) -> tuple[int, str]:
    said = answer.json()["error"]["message"]
    assert "\n" not in said
    return answer.status_code, said


def test_runs_are_listed_with_their_score_and_the_best_baseline(asked: Any, tmp_path: Path) -> None:
    (tmp_path / "runs" / ".data").mkdir()
    (tmp_path / "runs" / "no run").mkdir()
    told = asked.get("/studio/runs").json()
    assert {run["name"] for run in told["runs"]} == {"one", "two"}
    run = told["runs"][0]
    report = statewise.inspect(tmp_path / "runs" / "one")
    metric = "bits_per_character"
    assert (run["score"]["metric"], run["score"]["value"]) == (metric, report["best"][metric])
    assert run["score"]["baseline_value"] == min(of[metric] for of in report["baselines"].values())
    assert (run["task"], run["state"], run["last"]["update"]) == ("text", "finished", 5)


def test_a_run_that_cannot_be_read_is_listed_with_the_reason(asked: Any, tmp_path: Path) -> None:
    (tmp_path / "runs" / "two" / "run.yaml").write_text("format: 1\n")
    told = {run["name"]: run for run in asked.get("/studio/runs").json()["runs"]}
    assert told["two"]["state"] == "damaged"
    assert "damaged" in told["two"]["problem"]
    assert problem(asked.get("/studio/runs/two"))[0] == 409


@pytest.mark.parametrize("name", ["three", "..", "%2e%2e", "..%2fbook", ".data", "one%2f..%2ftwo", "%00"])
def test_a_name_that_is_no_run_of_the_folder_is_not_found(asked: Any, name: str, tmp_path: Path) -> None:
    (tmp_path / "runs" / ".data").mkdir()
    for path in (f"/studio/runs/{name}", f"/studio/runs/{name}/events"):
        assert asked.get(path).status_code == 404, path
    for verb in ("open", "stop", "resume", "answer"):
        assert asked.post(f"/studio/runs/{name}/{verb}", json={}).status_code in (404, 409), verb


def test_a_run_of_another_folder_is_shown_where_it_is_named(studio_of: Any, trained_once: Path, tmp_path: Path) -> None:
    names = {run["name"] for run in studio_of(trained_once / "run").get("/studio/runs").json()["runs"]}
    assert names == {"one", "two", "run"}
    shutil.copytree(trained_once / "run", tmp_path / "elsewhere" / "one")
    with pytest.raises(statewise.errors.UsageError, match="have one name"):
        studio_of(tmp_path / "elsewhere" / "one")


def test_best_is_the_largest_where_more_is_better(recommender_once: Path) -> None:
    told = in_short("run", recommender_once / "run")["score"]
    report = statewise.inspect(recommender_once / "run")
    assert told["baseline_value"] == max(of[told["metric"]] for of in report["baselines"].values())


def test_every_task_has_a_form_whose_command_line_says_the_same_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[tuple[type[Task], dict[str, Any]]] = []
    monkeypatch.setattr(training_commands, "train", lambda kind, given, **_: said.append((kind, given)))
    for name, make in small_tasks.TASKS.items():
        try:
            task = make(tmp_path)
        except pytest.skip.Exception:
            continue
        form = form_of(type(task))
        assert all(setting["description"] and setting["flag"] for setting in form["settings"]), name
        words = arguments_of(type(task), plain(task))
        with training_commands.command_for(task.name).make_context(task.name, list(words)) as context:
            context.command.invoke(context)
        kind, given = said.pop()
        assert as_said(build(kind, given)) == as_said(task), name
    assert set(registry.names("tasks")) <= {row["name"] for row in _tasks()}


def test_every_page_that_a_task_names_is_there() -> None:
    pages = files("statewise.studio") / "web" / "pages"
    named = {name: getattr(registry.find("tasks", name), "page", "") for name in registry.names("tasks")}
    assert [name for name, page in named.items() if page and not (pages / f"{page}.js").is_file()] == []
    assert named["speech"] == "speech"


def as_said(task: Task) -> dict[str, Any]:
    """The settings that a command line can say, in which one source and a list of one are the same."""
    said = {name: value for name, value in plain(task).items() if value is not None and name != "holidays"}
    source = said.get("source")
    return {**said, "source": [source] if isinstance(source, str) else source}


def _tasks() -> list[dict[str, Any]]:
    from statewise.studio.forms import tasks

    return tasks()


def test_a_form_has_the_limits_help_and_default_of_each_setting(asked: Any) -> None:
    form = asked.get("/studio/tasks/text").json()
    known = {setting["name"]: setting for setting in form["settings"]}
    assert set(known) == {field.name for field in fields(task_named("text"))}
    assert known["layers"]["minimum"] == 1
    assert known["layers"]["default"] == 1
    assert known["source"]["required"] is True
    assert "lstm" in known["cell"]["suggestions"]
    assert known["unit"]["enum"] == ["character", "byte"]
    assert problem(asked.get("/studio/tasks/txet"))[0] == 422


def test_settings_are_checked_and_told_as_a_command_line(asked: Any, book: Path, tmp_path: Path) -> None:
    shutil.copy(book, tmp_path / "data" / "book.txt")
    body = {"task": "text", "settings": {"source": ["book.txt"], "hidden_size": 8, "updates": 3}}
    told = asked.post("/studio/command", json=body).json()
    assert told == {
        "run": "text-book-1",
        "command": "statewise train text data/book.txt --updates 3 --hidden-size 8 --run runs/text-book-1",
    }
    body["settings"] = {"source": ["book.txt"], "hidden_size": 0}
    assert "hidden" in problem(asked.post("/studio/command", json=body))[1]


@pytest.mark.parametrize(
    "source",
    [
        "/etc/passwd",
        "../book.txt",
        "book.txt",
        "data/../book.txt",
        "~/x",
        "../*.txt",
        "os:system",
        "-",
        "--config=x",
        "data/link",
    ],
)
def test_a_source_outside_the_folders_of_data_is_refused(asked: Any, book: Path, tmp_path: Path, source: str) -> None:
    (tmp_path / "data" / "link").symlink_to(book)
    status, said = problem(asked.post("/studio/train", json={"task": "text", "settings": {"source": [source]}}))
    assert status == 422
    assert "does not lie in data" in said


def test_other_settings_name_no_place_outside_either(asked: Any) -> None:
    body = {"task": "text", "settings": {"source": "shakespeare", "freeze": ["../../etc"]}}
    assert problem(asked.post("/studio/train", json=body))[0] == 422


def wait_for(found: Callable[[], Any]) -> Any:
    end = time.monotonic() + SOON_SECONDS
    while time.monotonic() < end:
        if (value := found()) is not None:
            return value
        time.sleep(0.1)
    raise AssertionError("it did not happen")


def test_a_training_is_started_once_stopped_and_gone_on_with(asked: Any, book: Path, tmp_path: Path) -> None:
    shutil.copy(book, tmp_path / "data" / "book.txt")
    settings = {"source": ["book.txt"], "hidden_size": 4, "embedding": 4, "orders": 1, "threads": 1, "minutes": 20}
    body = {"task": "text", "settings": settings, "key": "mine"}
    first = asked.post("/studio/train", json=body)
    assert first.status_code == 201
    name = first.json()["run"]
    assert asked.post("/studio/train", json=body).json() == first.json()  # a double click
    assert f"--run runs/{name}" in first.json()["command"]

    def at(state: str) -> Any:
        told = {run["name"]: run for run in asked.get("/studio/runs").json()["runs"]}[name]
        assert told["state"] != "failed", told
        return told if told["state"] == state and (told.get("last") or state != "training") else None

    try:
        wait_for(lambda: at("training"))
        assert problem(asked.post(f"/studio/runs/{name}/resume"))[0] == 409
        assert asked.post(f"/studio/runs/{name}/stop").status_code == 200
        stopped = wait_for(lambda: at("stopped"))
        assert (tmp_path / "runs" / name / "checkpoints").exists()
        assert problem(asked.post(f"/studio/runs/{name}/stop"))[0] == 409
        assert asked.post(f"/studio/runs/{name}/resume").json()["command"] == f"statewise resume runs/{name}"
        going = wait_for(lambda: at("training"))
        assert going["last"]["update"] >= stopped["last"]["update"] - 1
    finally:
        asked.post(f"/studio/runs/{name}/stop")
    wait_for(lambda: at("stopped"))


def test_a_training_that_fails_before_it_makes_a_run_says_why_and_can_be_forgotten(asked: Any) -> None:
    body = {"task": "text", "settings": {"source": "nothing-of-this-name"}}
    name = asked.post("/studio/train", json=body).json()["run"]

    def failed() -> Any:
        told = asked.get(f"/studio/runs/{name}").json()
        return told if told["state"] == "failed" else None

    told = wait_for(failed)
    assert "nothing-of-this-name" in told["process"]["said"]
    assert told["process"]["code"] == 2
    assert asked.post(f"/studio/runs/{name}/forget").status_code == 200
    assert asked.get(f"/studio/runs/{name}").status_code == 404


def test_another_studio_of_the_folder_knows_what_was_started_here(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    launches = Launches(folder)
    launches.start("mine", ["train", "text", "nothing-of-this-name"])
    process = launches._processes["mine"]
    other = Launches(folder)
    assert other.started() == ["mine"]
    with pytest.raises(statewise.errors.UsageError, match="started already"):
        other.start("mine", ["train", "text", "x"])
    process.wait(SOON_SECONDS)
    told = other.under_way("mine")
    assert told is not None
    assert told["alive"] is False
    assert "nothing-of-this-name" in told["said"]


def test_another_studio_stops_a_training_that_has_made_no_run_yet_and_no_other_process(tmp_path: Path) -> None:
    launches, other = (Launches(tmp_path) for _ in range(2))
    launches.start("mine", ["train", "text", "nothing-of-this-name"])
    process = launches._processes["mine"]
    deadline = time.monotonic() + SOON_SECONDS
    while not other.is_alive("mine") and time.monotonic() < deadline:  # its command line is there a moment later
        time.sleep(0.001)
    other.stop("mine", tmp_path / "mine")
    assert process.wait(SOON_SECONDS) != 0
    note = tmp_path / ".studio" / "mine.json"
    note.write_text(json.dumps({**json.loads(note.read_text()), "process": os.getpid()}))  # its number is another's
    assert not other.is_alive("mine")
    with pytest.raises(statewise.errors.RunError, match="is not being trained"):
        other.stop("mine", tmp_path / "mine")


@pytest.mark.parametrize("name", ["../x", ".x", "a/b", "", "x" * 101, "a b", "-x"])
def test_a_run_is_named_plainly(tmp_path: Path, name: str) -> None:
    with pytest.raises(statewise.errors.UsageError, match="cannot be named so"):
        Launches(tmp_path / "runs").start(name, ["list"])


def send(asked: Any, name: str, content: bytes, size: int | None = None) -> Any:
    begun = asked.post("/studio/data", json={"name": name, "size": len(content) if size is None else size})
    if begun.status_code != 201 or begun.json().get("done"):
        return begun
    answer, at, step = begun, 0, 5
    while at < len(content):
        answer = asked.put(f"/studio/data/{begun.json()['upload']}?at={at}", content=content[at : at + step])
        at += step
    return answer


def test_a_file_is_sent_in_pieces_and_then_listed(asked: Any, tmp_path: Path) -> None:
    told = send(asked, "my book.txt", b"It was the best of times.").json()
    assert told == {"here": 25, "done": True, "source": "data/my book.txt"}
    assert (tmp_path / "data" / "my book.txt").read_bytes() == b"It was the best of times."
    assert asked.get("/studio/data").json()["files"] == [{"source": "data/my book.txt", "bytes": 25}]
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["my book.txt"]
    assert send(asked, "empty.txt", b"").json()["done"] is True


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "", "a\x00b", "a\nb", "x" * 151])
def test_a_file_with_the_name_of_a_place_is_refused(asked: Any, name: str) -> None:
    assert send(asked, name, b"x").status_code == 422


def test_an_upload_is_bounded_takes_no_others_place_and_has_an_order(studio_of: Any, tmp_path: Path) -> None:
    asked = studio_of(upload_megabytes=1)
    assert problem(send(asked, "large.txt", b"", size=2_000_000_000))[0] == 413
    (tmp_path / "data" / "here.txt").write_text("kept")
    assert problem(send(asked, "here.txt", b"other"))[0] == 409
    assert (tmp_path / "data" / "here.txt").read_text() == "kept"
    begun = asked.post("/studio/data", json={"name": "new.txt", "size": 9}).json()["upload"]
    assert asked.put(f"/studio/data/{begun}?at=0", content=b"abc").json() == {"here": 3, "done": False}
    assert asked.put(f"/studio/data/{begun}?at=0", content=b"abc").json() == {"here": 3, "done": False}  # sent again
    assert problem(asked.put(f"/studio/data/{begun}?at=6", content=b"ghi"))[0] == 409
    assert problem(asked.put(f"/studio/data/{begun}?at=3", content=b"defghijk"))[0] == 409
    assert problem(asked.put("/studio/data/unknown?at=0", content=b"a"))[0] == 404
    assert not (tmp_path / "data" / "new.txt").exists()


def test_the_same_piece_at_once_is_one_piece_and_a_name_is_bounded_in_bytes(tmp_path: Path) -> None:
    folders = DataFolders([tmp_path / "data"], 1 << 21)
    half = bytes(500_000)
    for number in range(5):
        begun = folders.begin(f"{number}.txt", 1_000_000)
        with ThreadPoolExecutor(4) as pool:
            told = list(pool.map(lambda _, begun=begun: folders.add(begun, 0, half), range(4)))
        assert told == [{"here": 500_000, "done": False}] * 4
        assert folders.add(begun, 500_000, half)["done"]
        assert (tmp_path / "data" / f"{number}.txt").stat().st_size == 1_000_000
    with pytest.raises(UsageError, match="cannot be named so"):
        folders.begin("é" * 140, 9)


def test_what_was_not_sent_whole_is_removed(tmp_path: Path) -> None:
    folders = DataFolders([tmp_path / "data"], 100)
    folders.begin("a.txt", 9)
    folders.close()
    assert list((tmp_path / "data").iterdir()) == []


def test_an_answer_is_told_as_the_command_line_prints_it(asked: Any, tmp_path: Path) -> None:
    how = {"prompt": "It was", "length": 9, "seed": 3}
    told = asked.post("/studio/runs/one/answer", json={"arguments": how}).json()
    answer = statewise.load(tmp_path / "runs" / "one").answer(**how)
    assert told == {"text": "".join(answer.pieces) + answer.end, "notices": []}
    assert problem(asked.post("/studio/runs/one/answer", json={"arguments": {"lenght": 9}}))[0] == 422


def test_a_run_that_is_opened_is_served_with_sessions(asked: Any) -> None:
    facts = asked.post("/studio/runs/one/open").json()
    assert (facts["id"], facts["page"], facts["update"]) == ("one", "text", 5)
    assert facts["question"]["prompt"] == "It was"
    session = asked.post("/v1/sessions", json={"model": "one"}).json()["session"]
    stepped = asked.post(f"/v1/sessions/{session}/step", json={"input": "I"}).json()
    assert len(stepped["choices"]) == 5


def test_a_newer_checkpoint_is_opened_and_old_sessions_go_on(asked: Any, tmp_path: Path) -> None:
    asked.post("/studio/runs/one/open")
    session = asked.post("/v1/sessions", json={"model": "one"}).json()["session"]
    newest = tmp_path / "runs" / "one" / "checkpoints" / "000005"
    assert newest.exists()
    shutil.rmtree(newest)
    assert asked.post("/studio/runs/one/open").json()["update"] < 5
    assert asked.post(f"/v1/sessions/{session}/step", json={"input": "I"}).status_code == 200


def test_the_page_comes_with_its_types_rules_and_a_name_for_ever(asked: Any) -> None:
    page = asked.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["cache-control"] == "no-cache"
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "<script>" not in page.text
    assert " style=" not in page.text
    places = re.findall(r'(?:src|href)="(/web/[^"]+)"', page.text)
    types = {place.rpartition(".")[2]: asked.get(place).headers for place in places}
    assert types["js"]["content-type"].startswith("text/javascript")
    assert types["css"]["content-type"].startswith("text/css")
    assert types["svg"]["content-type"] == "image/svg+xml"
    assert all("immutable" in headers["cache-control"] for headers in types.values())
    assert asked.get("/web/0000000000000000/main.js").status_code == 404
    assert asked.get(places[0].rpartition("/")[0] + "/../application.py").status_code == 404


def test_all_that_a_module_of_the_page_loads_is_there_and_nothing_comes_from_elsewhere(asked: Any) -> None:
    root = re.findall(r'src="(/web/\w+/)main.js"', asked.get("/").text)[0]
    seen: set[str] = set()
    open_ = ["main.js"]
    while open_:
        name = open_.pop()
        if name in seen:
            continue
        seen.add(name)
        answer = asked.get(root + name)
        assert answer.status_code == 200, name
        assert "https://" not in answer.text.replace("http://www.w3.org", ""), name
        above = name.rpartition("/")[0]
        for other in re.findall(r'(?:from|import\() ?"(\.[^"]+)"', answer.text):
            open_.append(os.path.normpath(Path(above, other)))
    assert {"pages/home.js", "pages/run.js", "lib/curve.js"} <= seen
    sizes = sum(len(asked.get(root + name).content) for name in seen)
    assert sizes < 400_000


def test_only_pages_of_the_studio_itself_may_ask(asked: Any) -> None:
    mine = {"Origin": "http://127.0.0.1:8970"}
    assert asked.post("/studio/command", json={"task": "text"}, headers=mine).status_code == 422
    for origin in ("http://evil.example", "http://127.0.0.1:8971", "https://127.0.0.1:8970", "null"):
        answer = asked.post("/studio/train", json={"task": "text"}, headers={"Origin": origin})
        assert answer.status_code == 403, origin
    assert asked.get("/studio/runs", headers={"Host": "evil.example"}).status_code == 400


def test_a_studio_with_tokens_shows_the_page_and_nothing_else_without_one(studio_of: Any) -> None:
    asked = studio_of(owners={digest(TOKEN): "ann"})
    assert asked.get("/").status_code == 200
    closed = [("GET", "/studio/runs"), ("GET", "/studio/data"), ("GET", "/studio/tasks"), ("POST", "/studio/train")]
    closed += [("POST", "/studio/enter"), ("GET", "/studio/runs/one/events"), ("GET", "/v1/models")]
    for method, path in closed:
        assert asked.request(method, path).status_code == 401, path
    entered = asked.post("/studio/enter", headers={"Authorization": f"Bearer {TOKEN}"})
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert asked.get("/studio/runs").status_code == 200
    asked.cookies.clear()
    asked.cookies.set("statewise-studio-8971", TOKEN)
    assert asked.get("/studio/runs").status_code == 401


def test_markup_in_names_is_told_as_text(asked: Any, tmp_path: Path) -> None:
    shutil.copytree(tmp_path / "runs" / "one", tmp_path / "runs" / "<img onerror=alert(1)>")
    told = asked.get("/studio/runs")
    assert told.headers["content-type"] == "application/json"
    assert told.headers["x-content-type-options"] == "nosniff"
    assert "<img onerror=alert(1)>" in {run["name"] for run in told.json()["runs"]}


def test_numbers_that_are_not_finite_are_null_in_what_a_page_is_told(asked: Any, tmp_path: Path) -> None:
    with (tmp_path / "runs" / "one" / "events.jsonl").open("a") as file:
        file.write(json.dumps({"event": "updated", "update": 6, "nats": float("nan"), "norm": 1.0}) + "\n")
    told = {run["name"]: run for run in asked.get("/studio/runs").json()["runs"]}["one"]
    assert told["last"]["nats"] is None
    assert "diverged" in told["warning"]


def test_units_and_gates_along_a_text_are_told_in_bytes(asked: Any, trained_once: Path) -> None:
    told = asked.post("/studio/runs/one/units", json={"text": "to be or"}).json()
    trained = statewise.load(trained_once / "run")
    units = read_units(trained.model, torch.tensor(trained.codec.encode("to be or").tolist()), trained.codec)
    width, states = len(told["names"]), len(units.names)
    assert (told["shown"], told["names"][:states], told["gates"]) == (list("to be or"), units.names, width - states)
    values = np.frombuffer(base64.b64decode(told["values"]), np.int8).reshape(8, width) / 127 * np.array(told["scales"])
    assert values[:, :states] == pytest.approx(units.values, abs=np.abs(units.values).max() / 250)
    assert ((values[:, states:] >= 0) & (values[:, states:] <= 1)).all()
    assert [len(row) for row in told["likely"]] == [5] * 8


@pytest.mark.parametrize("text", ["", "x" * 4001])
def test_a_text_that_cannot_be_looked_into_is_refused_in_one_line(asked: Any, text: str) -> None:
    status, said = problem(asked.post("/studio/runs/one/units", json={"text": text}))
    assert (status, "give 1 to 4,000" in said) == (422, True)


def test_how_far_back_a_run_remembers_is_measured_once_and_kept(asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = asked.post("/studio/runs/one/memory", json={"lags": 6, "probes": 8, "compare": ["two"]}).json()
    assert [memory["name"] for memory in first["memories"]] == ["one", "before training", "two"]
    monkeypatch.setattr(inside, "_measured", lambda *_: pytest.fail("it is measured again"))
    assert asked.post("/studio/runs/one/memory", json={"lags": 6, "probes": 8, "compare": ["two"]}).json() == first
    assert asked.post("/studio/runs/one/memory", json={"lags": 6, "compare": ["three"]}).status_code == 404
    assert asked.post("/studio/runs/one/memory", json={"lags": 9999}).status_code == 422
