"""A client of OpenAI's completions is answered as it expects, whole and in pieces."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

import statewise


def test_a_completion_is_what_predict_writes(serving: Any, trained_once: Path) -> None:
    body = {"model": "run", "prompt": "It was", "max_tokens": 30, "temperature": 0.5, "seed": 4, "echo": True}
    answer = httpx.post(f"{serving.address}/v1/completions", json=body).json()
    wanted = "".join(statewise.load(trained_once / "run").predict("It was", length=30, temperature=0.5, seed=4))
    assert answer["choices"] == [{"text": "It was" + wanted, "index": 0, "logprobs": None, "finish_reason": "length"}]
    assert answer["usage"] == {"prompt_tokens": 6, "completion_tokens": 30, "total_tokens": 36}
    assert (answer["object"], answer["model"]) == ("text_completion", "run")
    streamed = httpx.post(f"{serving.address}/v1/completions", json={**body, "stream": True, "echo": False}).text
    chunks = [line.removeprefix("data: ") for line in streamed.splitlines() if line]
    assert chunks.pop() == "[DONE]"
    choices = [json.loads(chunk)["choices"][0] for chunk in chunks]
    assert "".join(choice["text"] for choice in choices) == wanted
    assert [choice["finish_reason"] for choice in choices if choice["finish_reason"]] == ["length"]
    stopped = httpx.post(
        f"{serving.address}/v1/completions", json={**body, "echo": False, "stop": [wanted[5:8]]}
    ).json()
    assert wanted.startswith(stopped["choices"][0]["text"])
    assert stopped["choices"][0]["finish_reason"] == "stop"


def test_a_model_is_told_of_by_its_name(serving: Any) -> None:
    (listed,) = httpx.get(f"{serving.address}/v1/models").json()["data"]
    assert httpx.get(f"{serving.address}/v1/models/run").json() == listed
    assert httpx.get(f"{serving.address}/v1/models/gpt").status_code == 404


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"model": "gpt"}, 404),
        ({"max_tokens": 0}, 422),
        ({"temperature": -1}, 422),
        ({"n": 2}, 422),
        ({"max_tokens": True}, 422),
        ({"max_tokens": 2**63}, 422),
        ({"temperature": True}, 422),
        ({"seed": 2**64}, 422),
        ({"seed": 0.5}, 422),
        ({"stop": ["a", "b"]}, 422),
        ({"prompt": ["a", "b"]}, 422),
    ],
)
def test_what_cannot_be_completed_is_refused(serving: Any, more: Any, status: int) -> None:
    answer = httpx.post(f"{serving.address}/v1/completions", json={"prompt": "It", **more})
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
