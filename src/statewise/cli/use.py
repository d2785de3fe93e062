"""`statewise evaluate` and `statewise predict`: a trained run at work."""

import json as json_format
import sys
import time
from pathlib import Path
from typing import Any

from statewise.errors import UsageError


def evaluate_run(run: Path, source: list[str] | None, *, dynamic: bool, storage: str, json: bool, quiet: bool) -> None:
    """Score a run and print its table."""
    if not quiet:
        print(f"scoring {run}" + (" and learning on" if dynamic else ""), file=sys.stderr)
    from statewise.verbs import evaluate

    report = evaluate(run, source, dynamic=dynamic, storage=storage)
    if report.notice and not quiet:
        print(report.notice, file=sys.stderr)
    print(json_format.dumps(report.as_json()) if json else report.table())


def predict_run(
    run: Path, prompt: str, how: dict[str, Any], *, choices: int, interactive: bool, json: bool, quiet: bool
) -> None:
    """Answer a prompt, or lines as they come, or show what was likely at each position."""
    if interactive and (json or choices):
        raise UsageError("--interactive contradicts --json and --choices: give one of them")
    if choices < 0:
        raise UsageError(f"choices {choices} asks for nothing: give 1 or more")
    from statewise.verbs import load

    began = time.monotonic()
    trained = load(run)
    missing = trained.codec.missing(prompt)
    if trained.notice and not quiet:
        print(trained.notice, file=sys.stderr)
    if missing and not quiet:
        print(f"never seen in training, read as the unknown character: {missing!r}", file=sys.stderr)
    if interactive:
        _talk(trained, prompt, how)
    elif choices:
        _show_choices(trained, prompt, how, choices, json=json)
    elif json:
        text = "".join(trained.predict(prompt, **how))
        _print_object(trained, prompt, text, began)
    else:
        _write(trained, prompt, how)


def _write(trained: Any, prompt: str, how: dict[str, Any]) -> None:
    pieces = trained.predict(prompt, **how)
    first = next(pieces, "")  # what cannot be done is said before anything is written
    try:
        print(prompt + first, end="", flush=True)
        for piece in pieces:
            print(piece, end="", flush=True)
    finally:  # an interrupt too leaves the shell a line of its own
        print(flush=True)


def _talk(trained: Any, prompt: str, how: dict[str, Any]) -> None:
    """Read a line, write one, and so on; what was said stays in the state."""
    stream = trained.stream()
    stream.push_many(trained.codec.encode(prompt).tolist())
    seeds = how.pop("seed")
    how["stop"] = how["stop"] or "\n"
    question, end = ("> ", "\n") if sys.stdin.isatty() else ("", "")
    try:
        while line := _asked(question):
            for piece in trained.predict(line, stream=stream, seed=seeds, **how):
                print(piece, end="", flush=True)
            print(flush=True)
            seeds = None if seeds is None else seeds + 1
    finally:  # behind ^C or ^D the shell begins a line of its own
        print(end, end="", file=sys.stderr, flush=True)


def _asked(question: str) -> str:
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline()


def _show_choices(trained: Any, prompt: str, how: dict[str, Any], choices: int, *, json: bool) -> None:
    began = time.monotonic()
    text = "".join(trained.predict(prompt, **how))
    positions = trained.task.choices(trained.model, trained.codec, prompt + text, choices)
    if json:
        listed = [{"character": seen, "choices": dict(likely)} for seen, likely in positions]
        _print_object(trained, prompt, text, began, choices=listed)
        return
    for seen, likely in positions:
        shown = "  ".join(f"{_visible(choice)} {probability:.3f}" for choice, probability in likely)
        print(f"{_visible(seen)}  {shown}")


def _visible(character: str) -> str:
    return "␣" if character == " " else character if character.isprintable() else repr(character)[1:-1]


def _print_object(trained: Any, prompt: str, text: str, began: float, **more: Any) -> None:
    seconds = time.monotonic() - began
    answer = {"task": trained.task.name, "run": str(trained.path), "data": {"prompt": prompt}, "text": text, **more}
    metrics = {"characters": len(text)}
    print(json_format.dumps({**answer, "metrics": metrics, "baselines": {}, "seconds": seconds}, ensure_ascii=False))
