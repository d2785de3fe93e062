"""How answers are scored: held-out questions about stories, and questions about tables never seen."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from statewise.model import Model
from statewise.task import Score, Scoring
from statewise.tasks.answer.answerer import Answerer
from statewise.tasks.answer.data import StoriesData
from statewise.tasks.answer.metrics import accuracy, by_file, difference
from statewise.tasks.answer.passage_answerer import PassageAnswerer
from statewise.tasks.answer.passage_data import PassagesData, judged, measured
from statewise.tasks.answer.table_answerer import TableAnswerer
from statewise.tasks.answer.table_data import TableData, is_right

AT_ONCE = 2048


def score_stories(answerer: Answerer, data: StoriesData) -> Scoring:
    """Answer held-out questions. An answer that training never saw, or "not known", counts as wrong."""
    codes = list[int]()
    for begin in range(0, len(data.asked), AT_ONCE):
        codes += answerer.codes(data.asked[begin : begin + AT_ONCE])
        yield len(codes) / len(data.asked)
    known = [not answerer.not_known(one.sentences, one.text) for one in data.asked]
    right = np.array(
        [
            is_known and data.own.answer_codes.get(one.answer, -1) == code
            for is_known, one, code in zip(known, data.asked, codes, strict=True)
        ]
    )
    found = accuracy(right, data.files)
    tables = {"accuracy by file": by_file(right, data.files)} if len(set(data.files)) > 1 else {}
    refused = len(known) - sum(known)
    said = [f"{refused:,} of {len(right):,} were answered with 'not known', which counts as wrong."] if refused else []
    return Score(found, -found["accuracy"], tables, details=(right, said))


def score_table(model: Model[Any], data: TableData, least: float) -> Scoring:
    """Ask tables that training never saw, and compare the rows of the answers; one that is asked back counts as wrong.

    A question about a column that is not there is right where it is refused.
    """
    right, asked_back = list[bool](), 0
    one = TableAnswerer(model, data.own, data.own.table, least)
    for number, question in enumerate(data.asked):
        if question.table is not one.table:
            one = replace(one, table=question.table)
        told = one.answer(question.text)
        asked_back += bool(told.rows is None and told.readings)
        right.append(is_right(told.rows, question.rows) and not (told.rows is None and told.readings))
        if number % 100 == 99:
            yield number / len(data.asked)
    found = accuracy(np.array(right), data.files)
    said = [f"{asked_back:,} of {len(right):,} were asked back, which counts as wrong."] if asked_back else []
    if all(question.table is not data.own.table for question in data.asked):
        said.append("Questions and tables are generated; the columns of these tables are none of those of training.")
    return Score(found, -found["accuracy"], details=(np.array(right), said))


def score_passages(model: Model[Any], data: PassagesData) -> Scoring:
    """Answer held-out questions by words of their passages: F1 and exact match, as SQuAD counts them."""
    answerer, told = PassageAnswerer(model, data.own), list[str]()
    for begin in range(0, len(data.asked), AT_ONCE // 4):
        told += [one.answer for one in answerer.answers(data.asked[begin : begin + AT_ONCE // 4])]
        yield len(told) / len(data.asked)
    found = judged(told, data.asked)
    return Score(measured(found), -float(found[:, 0].mean()), details=(found, []))


def remarks_on(score: Score, data: Any) -> Sequence[str]:
    """Say what was counted, and whether the best simple method is beaten beyond doubt."""
    right, said = score.details
    metric = next(iter(score.metrics))
    baselines = data.baselines()
    best = max(baselines, key=lambda name: baselines[name][metric])
    files = ["questions"] * len(right) if metric == "f1" else data.files
    one, other = (found[:, 0] if metric == "f1" else found for found in (right, data.found[best]))
    apart, low, high = difference(one, other, files)
    verdict = "better" if low > 0 else "worse" if high < 0 else "not told apart by these questions"
    several = len(set(files)) > 1
    what = "the share of right answers"
    if several:
        what = f"the mean over files of {what}, solved how many files have at least 95 %"
    told = f"accuracy is {what}" if metric != "f1" else "F1 and exact match are those of SQuAD"
    return [
        f"{told}; intervals are 95 % by the bootstrap over questions.",
        f"Against the best baseline ({best}): {100 * apart:+.1f} points, 95 % interval {100 * low:+.1f} to "
        f"{100 * high:+.1f} by the paired bootstrap: {verdict}.",
        *said,
    ]
