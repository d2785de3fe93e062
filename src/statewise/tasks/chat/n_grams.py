"""Replies by n-grams of the same subwords: what counting them predicts, and which reply it takes for the true one."""

from collections.abc import Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statewise.data.dialogues.prepared_dialogues import PreparedDialogues
from statewise.data.pairs.prepared_pairs import PARTS, Third
from statewise.data.pairs.subwords import END, START
from statewise.tasks.chat.metrics import PlacesAsked
from statewise.tasks.shared.kneser_ney import KneserNey

ORDERS = 5
"The longest n-gram that is tried."
Codes = NDArray[np.int64]


def stream_of(dialogues: PreparedDialogues, part: Third) -> tuple[Codes, NDArray[np.bool_]]:
    """Return all turns of a part as one stream, each with its end, conversations apart, and what is of a reply there.

    The replies are those that a model is scored on.
    """
    scored = set(dialogues.numbers(part).tolist())
    codes, wanted, last = list[int](), list[bool](), -1
    for number in np.flatnonzero(dialogues.parts == PARTS.index(part)).tolist():
        if dialogues.conversations[number] != last:
            last = dialogues.conversations[number]
            codes.append(START)
            wanted.append(False)
        turn = dialogues.turn(number)
        codes += [*turn, END]
        wanted += [number in scored] * (len(turn) + 1)
    return np.array(codes, np.int64), np.array(wanted, np.bool_)


def fitted(dialogues: PreparedDialogues, chosen_on: Third) -> Generator[float, None, tuple[KneserNey, int]]:
    """Return modified Kneser-Ney n-grams of the training part, and the order that foresees another part's replies best.

    Yields how much is done.
    """
    codes, _ = stream_of(dialogues, "training")
    model = yield from KneserNey.fitting(codes, dialogues.codec.size, ORDERS, modified=True)
    return model, min(model.orders, key=lambda order: nats_a_subword(model, order, dialogues, chosen_on))


def nats_a_subword(model: KneserNey, order: int, dialogues: PreparedDialogues, part: Third) -> float:
    """Return the mean cost of a subword of the replies of a part, given what is before it in the conversation."""
    codes, wanted = stream_of(dialogues, part)
    return -float(model.log_probabilities(codes, order)[wanted].mean())


def scores(model: KneserNey, order: int, codec: Any, asked: PlacesAsked) -> NDArray[np.float64]:
    """Return by how much what was said makes each reply likelier, a subword of it, `[N, K]`: the rule of the model.

    Baselines:

    - `n-gram, order N (Kneser-Ney)`: subwords of a conversation by interpolated Kneser-Ney,
      `statewise.tasks.shared.kneser_ney.KneserNey`; a reply is scored by its mean log-probability after what was said
    """
    before = [codec.encode_turns(said)[-order:] for said in asked.said]
    before = [[END if code == START else code for code in read] for read in before]
    replies = [codec.encode_reply(reply) for reply in asked.replies]
    alone = np.array([model.log_probabilities(np.array(reply), order).mean() for reply in replies])
    found = np.empty(asked.among.shape)
    for row, (read, numbers) in enumerate(zip(before, asked.among, strict=True)):
        pieces = [[*read, *replies[number]] for number in numbers]
        nats = model.log_probabilities(np.array([code for piece in pieces for code in piece]), order)
        ends = np.cumsum([len(piece) for piece in pieces])
        found[row] = [nats[end - len(replies[number]) : end].mean() for end, number in zip(ends, numbers, strict=True)]
    return np.asarray(found - alone[asked.among], np.float64)
