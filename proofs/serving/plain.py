"""The server that most would write: FastAPI, a dictionary of states, and one call of nn.LSTM a request.

python proofs/serving/plain.py CHOICES EMBEDDING WIDTH LAYERS
"""

import secrets
import socket
import sys
from typing import Any

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from torch import nn

choices, embedding, width, layers = (int(given) for given in sys.argv[1:5])
torch.set_num_threads(1)
encoder, core, head = nn.Embedding(choices, embedding), nn.LSTM(embedding, width, layers), nn.Linear(width, choices)
sessions: dict[str, Any] = {}
app = FastAPI()


class Step(BaseModel):
    input: int


@app.post("/v1/sessions", status_code=201)
def create() -> dict[str, Any]:
    id = secrets.token_urlsafe(16)
    sessions[id] = (None, 0)
    return {"session": id, "steps": 0}


@app.post("/v1/sessions/{id}/step")
def step(id: str, body: Step) -> dict[str, Any]:
    state, steps = sessions[id]
    with torch.no_grad():
        y, state = core(encoder(torch.tensor([[body.input]])), state)
        likely = head(y[0, 0]).softmax(dim=-1).topk(5)
    sessions[id] = (state, steps + 1)
    pairs = list(zip(likely.indices.tolist(), likely.values.tolist(), strict=True))
    return {"session": id, "steps": steps + 1, "choices": pairs}


if __name__ == "__main__":
    config = uvicorn.Config(app, log_level="error", access_log=False, backlog=16384)
    listening = socket.create_server(("127.0.0.1", 0), backlog=16384)
    print(f"plain at http://127.0.0.1:{listening.getsockname()[1]}, in memory", flush=True)
    uvicorn.Server(config).run([listening])
