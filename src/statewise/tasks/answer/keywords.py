"""A baseline for questions about a table: single words say what to do with what was found in the table."""

from collections.abc import Sequence

from statewise.errors import UsageError
from statewise.tasks.answer import linking
from statewise.tasks.answer.asked_table import AskedTable, Value
from statewise.tasks.answer.generated_parts import BY, GROUP, LEFT, LIMIT, NOTHING, TARGET
from statewise.tasks.answer.linking import Linked, Linker
from statewise.tasks.answer.query import Query
from statewise.tasks.answer.table_codec import ColumnNotThere, query_of

SAYS = {
    "avg": {"average", "mean", "avg"},
    "sum": {"total", "sum", "overall"},
    "count": {"many", "number", "count"},
    "max": {"highest", "maximum", "largest", "biggest", "max", "best", "greatest"},
    "min": {"lowest", "minimum", "smallest", "least", "min", "worst"},
}
GROUPS = {"by", "per", "each", "every"}
ABOVE, BELOW = (
    {"above", "over", "more", "greater", "after", "higher", "since"},
    {"below", "under", "less", "before", "fewer"},
)
NOT = {"not", "except", "without"}


def by_keywords(linked: Sequence[Linked], table: AskedTable) -> Query | None:
    """Return the query that single words ask for, each value found being a condition; None where there is none.

    >>> from statewise.tasks.answer.asked_table import table_of
    >>> from statewise.tasks.answer.linking import Linker
    >>> table = table_of("shop", {"color": ["red", "blue"], "price": ["3", "4"]})
    >>> query = by_keywords(Linker(table).linked("average price of red things"), table)
    >>> query.shown(table)
    'SELECT AVG("price") FROM t WHERE "color" = \\'red\\' LIMIT 1000'
    """
    words = [one.kind for one in linked]
    aggregate = next((name for word in words for name, said in SAYS.items() if word in said), "list")
    tags, has_target = list[str](), False
    for place, one in enumerate(linked):
        before = set(words[max(0, place - 3) : place])
        tag = NOTHING
        if one.kind in (linking.NUMBER, linking.TEXT, linking.DATE, linking.PERIOD):
            if words[place - 1 : place] and words[place - 1] in GROUPS:
                tag = GROUP
            elif place + 1 < len(words) and set(words[place + 1 : place + 5]) & {linking.AMOUNT}:
                tag = LEFT
            elif not has_target and one.kind != linking.PERIOD:
                tag, has_target = TARGET, True
        elif one.kind in (linking.VALUE, linking.YEAR, linking.MONTH, linking.DAY, linking.AMOUNT):
            tag = ">" if before & ABOVE else "<" if before & BELOW else "!=" if before & NOT else "="
            if one.kind == linking.AMOUNT and "top" in before:
                tag = LIMIT
        elif one.kind in (linking.MOST, linking.LEAST):
            tag = BY
        tags.append(tag)
    order = "desc" if linking.MOST in words or "top" in words else "asc" if linking.LEAST in words else ""
    try:
        return query_of(linked, [*tags, f"aggregate {aggregate}", f"order {order}"], table)
    except ColumnNotThere:
        return None


def rows_by_keywords(question: str, linker: Linker) -> list[tuple[Value, ...]] | None:
    """Return the rows of the query that single words ask for; None where the table cannot answer it.

    Baseline: `keywords`.
    """
    query = by_keywords(linker.linked(question), linker.table)
    try:
        return None if query is None else query.run(linker.table)
    except UsageError:
        return None
