"""What a language model shows: a text as it is written, what is likely next, how likely texts are."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch

from statewise.bounds import check_whole
from statewise.data.naming import path_of
from statewise.data.texts import read_text
from statewise.data.words.prepared_words import WordCodec
from statewise.data.words.tokens import pieces_of
from statewise.data.words.words_codec import Words
from statewise.errors import DataError, UsageError
from statewise.task import Answer, Task
from statewise.tasks.language.scoring import perplexity
from statewise.tasks.shared import written_text
from statewise.tasks.shared.writing import LONGEST, check_prompt

MOST_ALTERNATIVES = 100_000
LOOKED_AT = 10_000
"So many of the likeliest words are looked at for those that begin with some letters."
CONTRADICTION = "--choices, --score, --rank and --interactive contradict each other: give one of them"


class Likely(NamedTuple):
    """A word that may come next, and its probability."""

    word: str
    probability: float

    def __str__(self) -> str:
        return f"{self.probability:.4f}  {self.word}"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return self._asdict()


class Scored(NamedTuple):
    """A sentence: each of its words with the nats that it took, and whether it has no code of its own."""

    words: list[tuple[str, float, bool]]

    @property
    def nats(self) -> float:
        """The nats of the whole sentence."""
        return sum(nats for _, nats, _ in self.words)

    @property
    def text(self) -> str:
        """The words with spaces between them."""
        return " ".join(word for word, _, _ in self.words)

    def __str__(self) -> str:
        told = "  ".join(f"{word} {nats:.2f}{' (unknown)' * strange}" for word, nats, strange in self.words)
        return f"{self.nats:.2f}  {told}"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        listed = [{"word": word, "nats": nats, "unknown": strange} for word, nats, strange in self.words]
        return {"nats": self.nats, "words": listed}


def answer_of(
    task: Task,
    model: Any,
    codec: WordCodec,
    prompt: str,
    *,
    choices: int,
    complete: bool,
    score: str | None,
    rank: str | None,
    interactive: bool,
    how: dict[str, Any],
) -> Answer:
    """Return what was asked for. Raises `UsageError` for several things at once."""
    if sum((choices != 0, score is not None, rank is not None, interactive)) > 1:
        raise UsageError(CONTRADICTION)
    if complete and not choices:
        raise UsageError("--complete says which words to show: give --choices as well")
    check_prompt(prompt)
    strange = codec.unknown_words(prompt)
    notices = [f"not in the vocabulary, read as unknown: {' '.join(strange)}"] if strange else []
    if score is not None:
        return sentences_answer(scored_sentences(task, model, codec, score))
    if rank is not None:
        return ranked_answer(ranked_lines(task, model, codec, rank))
    if interactive:
        return Answer(written_text.talk(task, model, codec, prompt, how), _no_object, end="", notices=notices)
    if choices:
        check_whole("--choices", choices, 1, LONGEST)
        likely = next_words(task, model, codec, prompt, choices, complete=complete)
        as_json = lambda: {"data": {"prompt": prompt}, "choices": [one.as_json() for one in likely]}  # noqa: E731
        return Answer((f"{one}\n" for one in likely), as_json, end="", notices=[] if complete else notices)
    return written_text.written(prompt, task.predict(model, codec, prompt, **how), notices, codec.unit)


def next_words(
    task: Task, model: Any, codec: WordCodec, prompt: str, count: int, *, complete: bool = False
) -> list[Likely]:
    """Return the likeliest words after a prompt; a group of rare words is looked into only if it can still win.

    With `complete` those that begin with the letters after the prompt's last space, by their share among these.
    """
    head, sought = _split_at_last(prompt) if complete else (prompt, "")
    stream = task.stream(model, codec)
    stream.push_many(codec.encode(head).tolist() or [codec.beginning])
    never = set(codec.never())
    asked = max(count, LOOKED_AT) if sought else count
    with torch.no_grad():
        top = model.head.top(stream.params, min(codec.choices, asked + len(never)))
    pairs = zip(top.choices.tolist(), top.probabilities.tolist(), strict=True)
    shown = ((codec.show(choice), odds) for choice, odds in pairs if choice not in never)
    sought = sought.lower() if isinstance(codec, Words) and codec.lower else sought
    found = [Likely(word, odds) for word, odds in shown if word.strip().startswith(sought)]
    total = sum(one.probability for one in found) if sought else 1.0
    return [one._replace(probability=one.probability / total) for one in found[:count]]


def _split_at_last(prompt: str) -> tuple[str, str]:
    """Return what stands before the last word of a prompt, and the word, unless a space ends it."""
    letters = prompt.rsplit(maxsplit=1)[-1] if prompt.strip() and not prompt[-1].isspace() else ""
    return prompt[: len(prompt) - len(letters)], letters


def line_codes(codec: WordCodec, line: str) -> list[int]:
    """Return the codes of a line and of its end."""
    codes: list[int] = codec.encode(line if codec.end is not None else f"{line}\n").tolist()
    return codes if codec.end is None else [*codes, codec.end]


def scored_sentences(task: Task, model: Any, codec: WordCodec, name: str) -> Iterator[Scored]:
    """Yield the sentences of a file: in order, the state carried on. Raises `DataError` for an empty one."""
    stream, sentence, count = task.stream(model, codec), list[tuple[str, float, bool]](), 0
    stream.push(codec.beginning)
    for word, code in _words_of_file(codec, name):
        nats = written_text.nats_of_next(stream, code)
        stream.push(code)
        sentence.append((word, nats, code == codec.unknown))
        count += 1
        if code == codec.end or (codec.end is None and "\n" in word):
            yield Scored(sentence)
            sentence = []
    if sentence:
        yield Scored(sentence)
    if not count:
        raise DataError(f"{name} is empty: give a text to score")


def _words_of_file(codec: WordCodec, name: str) -> Iterator[tuple[str, int]]:
    from statewise.data.words.tokens import tokens_of

    texts = read_text(path_of(name))
    if isinstance(codec, Words):
        for tokens in tokens_of(texts, codec.form, lower=codec.lower):
            yield from zip(tokens, codec.codes_of(tokens).tolist(), strict=True)
        return
    for text in pieces_of(texts):
        for code in codec.encode(text).tolist():
            yield codec.show(code), code


def sentences_answer(sentences: Iterator[Scored]) -> Answer:
    """Return sentences, a line each, and a total."""
    nats = words = unknown = 0.0

    def pieces() -> Iterator[str]:
        nonlocal nats, words, unknown
        for one in sentences:
            nats, words = nats + one.nats, words + len(one.words)
            unknown += sum(strange for _, _, strange in one.words)
            yield f"{one}\n"
        told = f"total {nats:.2f} nats, {words:,.0f} words, {unknown:,.0f} unknown"
        yield f"{told}, perplexity {perplexity(nats, int(words)):.2f}\n"

    def as_json() -> dict[str, Any]:
        listed = [one.as_json() for one in sentences]
        nats = sum(one["nats"] for one in listed)
        count = sum(len(one["words"]) for one in listed)
        return {"sentences": listed, "metrics": {"nats": nats, "words": count, "perplexity": perplexity(nats, count)}}

    return Answer(pieces(), as_json, end="")


def ranked_lines(task: Task, model: Any, codec: WordCodec, name: str) -> list[tuple[float, str]]:
    """Return the lines of a file with their nats, the likeliest first, each read from the beginning of a paragraph.

    Raises `DataError` for a file without lines.
    """
    lines = [line for line in "".join(read_text(path_of(name))).splitlines() if line.strip()]
    if not 0 < len(lines) <= MOST_ALTERNATIVES:
        raise DataError(f"{name} has {len(lines):,} lines: give from 1 to {MOST_ALTERNATIVES:,} alternatives")
    stream = task.stream(model, codec)
    stream.push(codec.beginning)
    found = []
    for line in lines:
        reading, nats = stream.fork(), 0.0
        for code in line_codes(codec, line):
            nats += written_text.nats_of_next(reading, code)
            reading.push(code)
        found.append((nats, line))
    return sorted(found, key=lambda one: one[0])


def ranked_answer(lines: list[tuple[float, str]]) -> Answer:
    """Return lines and their nats."""
    as_json = lambda: {"ranked": [{"nats": nats, "line": line} for nats, line in lines]}  # noqa: E731
    return Answer((f"{nats:.2f}  {line}\n" for nats, line in lines), as_json, end="")


def _no_object() -> dict[str, Any]:
    raise UsageError("--interactive contradicts --json: give one of them")
