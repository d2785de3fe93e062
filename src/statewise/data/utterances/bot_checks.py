"""Whether the parts of a bot fit each other: no text of two intents, no intent that cannot be reached."""

from collections.abc import Callable
from typing import NoReturn

from statewise.data.utterances.bot import Bot
from statewise.data.utterances.sample_utterance import SampleUtterance
from statewise.errors import DataError
from statewise.plain.lined_yaml import Lined
from statewise.shown import in_line


def check_said_once(bot: Bot) -> None:
    """Raise `DataError` for a text that stands under two intents."""
    seen: dict[str, SampleUtterance] = {}
    for one in bot.utterances:
        other = seen.setdefault(one.text.casefold(), one)
        if other.intent != one.intent:
            raise DataError(
                f"{one.where}: '{in_line(one.text, 60)}' is said for intent '{one.intent}' and, in {other.where}, "
                f"for intent '{other.intent}': keep one"
            )


def check_contexts(bot: Bot, at: Lined, wrong: Callable[[Lined, str], NoReturn]) -> None:
    """Refuse, by `wrong`, intents that cannot be reached, since no intent that can sets a context they need."""
    reached, known = set[str](), set[str]()
    while more := {one.name for one in bot.intents if one.name not in reached and known.issuperset(one.needs)}:
        reached |= more
        known |= {context.name for one in bot.intents if one.name in more for context in one.sets}
    set_by_any = {context.name for one in bot.intents for context in one.sets}
    for one in bot.intents:
        if one.name in reached:
            continue
        line = at.value[one.name]
        missing = [name for name in one.needs if name not in set_by_any]
        if missing:
            wrong(line, f"intent '{one.name}' needs context '{missing[0]}', which no intent sets: let one set it")
        stuck = sorted(each.name for each in bot.intents if each.name not in reached)
        wrong(line, f"intents {', '.join(stuck)} wait for contexts that only they set: let one of them need none")
