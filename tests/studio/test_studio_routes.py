"""What the page asks of its server: runs, trainings, data, answers; and what a page of another origin gets."""

import base64
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_studio import problem

import statewise
from statewise.insight.neurons import read_units
from statewise.server.tokens import digest
from statewise.studio import inside
from statewise.studio.runs_folder import in_short

TOKEN = "a" * 22
SOON_SECONDS = 90


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
