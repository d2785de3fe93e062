"""`statewise bench`: one question answered on this machine, compared with other libraries in the same run."""

import json as json_format
import sys
from pathlib import Path

import torch

from statewise.bounds import MOST_THREADS, check_whole
from statewise.errors import UsageError
from statewise.registry import unknown
from statewise_lab.benchmarking.peers import Peers
from statewise_lab.benchmarking.question import Question, Settings
from statewise_lab.benchmarking.questions import QUESTIONS
from statewise_lab.benchmarking.result import as_json
from statewise_lab.benchmarking.result_table import table
from statewise_lab.benchmarking.row import OURS, Row

QUICK_ROUNDS, ROUNDS, MOST_ROUNDS = 3, 7, 1000


def list_questions(*, json: bool) -> None:
    """Print every question and how long its answer takes."""
    if json:
        print(json_format.dumps({name: {"asks": q.asks, "minutes": q.minutes} for name, q in QUESTIONS.items()}))
        return
    width = max(map(len, QUESTIONS))
    for name, question in QUESTIONS.items():
        print(f"{name.ljust(width)}  about {question.minutes:g} minutes  {question.asks}")


def bench(
    name: str,
    *,
    rounds: int | None,
    threads: int | None,
    quick: bool,
    peers: Path | None,
    save: Path | None,
    json: bool,
    quiet: bool,
) -> int:
    """Answer a question, print the table and keep it where asked; return 1 where our own outputs were wrong, else 0."""
    if name not in QUESTIONS:
        raise UsageError(unknown("question", name, QUESTIONS))
    for what, given, most in (("rounds", rounds, MOST_ROUNDS), ("threads", threads, MOST_THREADS)):
        if given is not None:
            check_whole(what, given, 1, most)
    question = QUESTIONS[name]

    def say(words: str) -> None:
        if not quiet:
            print(words, file=sys.stderr, flush=True)

    say(f"{name}: {'a moment' if quick else f'about {question.minutes:g} minutes'}")
    threads = threads or question.threads
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    company = Peers(peers, threads, say)
    settings = Settings(company, threads, rounds or (QUICK_ROUNDS if quick else ROUNDS), quick, say)
    try:
        rows = list(question.rows(settings))
        record = as_json(question, settings, rows)
    finally:
        company.close()
        torch.set_num_threads(before)
    print(json_format.dumps(record) if json else _page(question, rows, record))
    if save is not None:
        _keep(question, rows, record, save)
    return int(any(way.startswith(OURS) and "differ" in why for row in rows for way, why in row.absent.items()))


def _page(question: Question, rows: list[Row], record: dict[str, object]) -> str:
    words = [f"{key}: {_pairs(record[key])}" for key in ("machine", "versions", "peers", "commit", "rounds")]
    return "\n".join([table(question, rows), "", *words, ""])


def _pairs(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(
            f"{name} {_pairs(part) if not isinstance(part, dict) else f'({_pairs(part)})'}"
            for name, part in value.items()
        )
    return str(value)


def _keep(question: Question, rows: list[Row], record: dict[str, object], folder: Path) -> None:
    from statewise.run.files import write_whole
    from statewise_lab.benchmarking.picture import draw

    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"{question.name}.json", (json_format.dumps(record, indent=1) + "\n").encode())
    draw(question, rows, folder / f"{question.name}.png")
