"""A peer's process: it reads requests as lines of JSON, prepares work, and answers how long its turns took.

    python serving.py jax 2

The same folder has a module `with_jax` with two names: `VERSIONS`, the packages it depends on, and `prepare(work,
settings, arrays)`, which returns `call` (to be timed), and `outputs` (what it computes, by name).
"""

import gc
import importlib
import importlib.metadata
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np


def serve(family: str, threads: int) -> None:
    """Answer requests until there are no more."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library writes to standard output is not an answer
    if hasattr(os, "sched_setaffinity"):  # some libraries have as many threads as they see processors
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    peer = importlib.import_module(f"with_{family}")
    versions = {name: importlib.metadata.version(name) for name in peer.VERSIONS}
    answers.write(json.dumps({"versions": versions}) + "\n")
    prepared: dict[int, Any] = {}
    for line in sys.stdin:
        try:
            answer = respond(peer, json.loads(line), prepared, threads)
        except NotImplementedError as error:
            answer = {"error": str(error)}
        except Exception as error:  # the peer is asked again, whatever went wrong
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:200]}
        answers.write(json.dumps(answer) + "\n")


def respond(peer: Any, request: dict[str, Any], prepared: dict[int, Any], threads: int) -> dict[str, Any]:
    """Do what one request asks."""
    if request["do"] == "prepare":
        with np.load(request["arrays"], allow_pickle=False) as arrays:
            given = {name: arrays[name] for name in arrays}
        prepared[request["handle"]] = peer.prepare(request["work"], {**request["settings"], "threads": threads}, given)
        return {}
    if request["do"] == "clear":
        prepared.clear()
        return {}
    call, outputs = prepared[request["handle"]]
    if request["do"] == "outputs":
        found = {name: np.asarray(array) for name, array in outputs().items()}
        np.savez(request["arrays"], **found)  # type: ignore[arg-type]
        return {}
    return {"seconds": timed(call, request["calls"])}


def timed(call: Callable[[], Any], calls: int) -> float:
    """Return the seconds of so many calls, during which no garbage is collected."""
    gc.disable()
    try:
        began = time.perf_counter()
        for _ in range(calls):
            call()
        return time.perf_counter() - began
    finally:
        gc.enable()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
