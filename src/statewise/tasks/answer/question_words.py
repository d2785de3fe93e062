"""Words of questions about tables: those that change nothing, those for rows, and those for what a doer does."""

from statewise.tasks.answer.generated_words import split_words

FILLERS = frozenset(
    split_words(
        "a an the this that these those there here it its they them their he she his her him we us our you your i me "
        "my one ones some any is are was were be been being am do does did has have had can could would should will "
        "shall may might must please kindly hello hi hey thanks thank just also too really exactly currently now get "
        "got give show tell say list find see know want like need which what when where how and of in "
        "on at to for from with by as us s all so"
    )
)
"Words that change nothing about what is asked, also where training never saw them."
ROW_NOUNS = split_words(
    "row line entry record item thing people person employee everyone everything rows lines entries records "
    "items things persons employees"
)
ROW_NOUNS.append("everybody")
"Words for what any table has in its rows."
DOERS = ("er", "or")
"How the names of doers end: an owner owns."
NO_DOERS = split_words("color number order offer matter quarter center power water summer winter temper member")


def deeds(name: str) -> list[str]:
    """Return the words for what those of a name do; none for a name of no doer.

    >>> deeds("owner"), deeds("color")
    (['own', 'owned'], [])
    """
    root = name[:-2]
    return [root, f"{root}ed"] if name.endswith(DOERS) and len(root) > 2 and name not in NO_DOERS else []
