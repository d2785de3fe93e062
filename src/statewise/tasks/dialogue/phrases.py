"""Phrases that steer a conversation: yes and no, stop, say that again, and words spelled letter by letter."""

import re

YES = frozenset(
    ("yes", "yeah", "yep", "yup", "sure", "ok", "okay", "correct", "right", "exactly", "absolutely", "definitely")
) | {"please", "fine", "certainly"}
NO = frozenset(("no", "nope", "nah", "not", "wrong", "never", "dont"))
AFFIRMED = frozenset(("go ahead", "do it", "sounds good", "that is right", "that's right", "yes please", "of course"))
CANCELLED = frozenset(
    (
        "cancel",
        "stop",
        "never mind",
        "nevermind",
        "forget it",
        "forget about it",
        "cancel that",
        "cancel it",
        "quit",
        "abort",
        "i changed my mind",
        "changed my mind",
        "stop it",
        "leave it",
    )
)
REPEATED = frozenset(("repeat", "what", "pardon", "sorry", "say that again", "repeat that", "come again", "excuse me"))
STARTED_OVER = frozenset(("start over", "restart", "start again", "begin again"))
CHANGES = re.compile(r"\b(?:instead|rather|changed? my mind|forget (?:the|that|about)|scratch that)\b", re.IGNORECASE)
FEW_WORDS = 3


def plain_words(text: str) -> str:
    """Return a text in small letters without marks.

    >>> plain_words("No, thanks!"), plain_words("I don't know")
    ('no thanks', "i don't know")
    """
    return " ".join(re.findall(r"[\w']+", text.casefold()))


def is_short(plain: str) -> bool:
    """Say whether a text has three words or fewer."""
    return len(plain.split()) <= FEW_WORDS


def refuses(plain: str) -> bool:
    """Say whether a text says that nothing will be told."""
    words = plain.split()
    refusing = (
        "i won't",
        "i will not",
        "i don't want",
        "i do not want",
        "i'd rather not",
        "none of your",
        "not telling",
        "i refuse",
    )
    return (
        plain.startswith(refusing)
        or plain in ("no", "nope", "nothing", "i don't know", "no idea")
        or (bool(words) and words[0] == "no" and len(words) > 1)
    )


def letters_of(text: str) -> str:
    """Return a word that was spelled letter by letter; empty where it was not.

    >>> letters_of("b as in bob, o, double t"), letters_of("bob")
    ('bott', '')
    """
    words = re.findall(r"[^\W_]+", re.sub(r"\b(\w) (?:as in|like|for) \w+", r"\1", text.casefold()))
    found, doubled = "", 1
    for word in words:
        if word in ("double", "triple"):
            doubled = 2 if word == "double" else 3
            continue
        if len(word) != 1:
            return ""
        found, doubled = found + word * doubled, 1
    return found if len(found) > 1 else ""
