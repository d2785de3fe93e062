"""Generated questions about generated tables: what the network of tables learns from, with the right query of each.

No person wrote them: they are called generated wherever they are scored.
"""

from dataclasses import dataclass

from statewise.tasks.answer.generated_parts import BY, GROUP, LEFT, LIMIT, NOTHING, TARGET, Piece, TableGenerator
from statewise.tasks.answer.generated_words import ASKS, LITTLE, MUCH, UNKNOWN_COLUMNS, WORDS_OF
from statewise.tasks.answer.linking import LEAST, MOST
from statewise.tasks.answer.query import Query


@dataclass
class GeneratedQuestion:
    """A generated question: its pieces with their roles, and the query that it means.

    Where the table has no column of some word, it is not there to be answered, and the query has another one.
    """

    pieces: list[Piece]
    query: Query
    is_there: bool = True

    @property
    def text(self) -> str:
        """The question."""
        return " ".join(text for text, _ in self.pieces)


@dataclass
class Generator(TableGenerator):
    """Generates questions about generated tables."""

    def question(self) -> GeneratedQuestion:
        """Generate a question about the present table."""
        kinds = [self._reckoned, self._counted, self._listed, self._first, self._first_group]
        asked = self.dice.choices(kinds, [3, 3, 3, 3, 2])[0]()
        return self._of_a_column_not_there(asked) if self.dice.random() < 0.1 else asked

    def _of_a_column_not_there(self, asked: GeneratedQuestion) -> GeneratedQuestion:
        roles = [place for place, (_, role) in enumerate(asked.pieces) if role in (TARGET, GROUP, BY, LEFT)]
        if not roles:
            return asked
        place = self.dice.choice(roles)
        pieces = [*asked.pieces]
        pieces[place] = self.dice.choice(UNKNOWN_COLUMNS), pieces[place][1]
        return GeneratedQuestion(pieces, asked.query, is_there=False)

    def _reckoned(self) -> GeneratedQuestion:
        """A sum, a mean, a largest or a smallest number."""
        dice = self.dice
        aggregate = dice.choice(("avg", "avg", "sum", "max", "min"))
        column = self._of("number")
        ahead, after, found = self._conditions(2, before=True)
        asked = [(dice.choice(WORDS_OF[aggregate]), NOTHING), (self._called(column), TARGET)]
        if ahead:
            noun = [self._row_word()] if dice.random() < 0.5 else []
            asked += [self._pick("of", "of the", "for", "of all", "of a"), *ahead, *noun]
        elif dice.random() < 0.3:
            asked += [self._pick("of", "of all", "of the", "for"), self._row_word()]
        groups, group, period = self._grouped({one.column for one in found})
        rest = [*after, *groups] if dice.random() < 0.7 else [*groups, *after]
        query = Query(aggregate, column, found, group, period)  # type: ignore[arg-type]
        return GeneratedQuestion([*self._lead(), *asked, *rest], query)

    def _counted(self) -> GeneratedQuestion:
        dice = self.dice
        ahead, after, found = self._conditions(2, before=True)
        noun = [self._row_word()] if not ahead or dice.random() < 0.6 else []
        lead = self._pick(
            "how many", "how many", "number of", "the number of", "count", "count the", "what is the number of"
        )
        verb = [
            self._pick("are there", "do we have", "were sold", "came", "are", "work", "did we sell", "exist", "live")
        ]
        groups, group, period = self._grouped({one.column for one in found})
        middle = verb if dice.random() < 0.45 and lead[0].startswith("how") else []
        query = Query("count", None, found, group, period)
        return GeneratedQuestion([*self._lead(), lead, *ahead, *noun, *middle, *after, *groups], query)

    def _listed(self) -> GeneratedQuestion:
        dice = self.dice
        column = dice.choice([self._of("text"), self._of("text"), self._of("number")])
        ahead, after, found = self._conditions(2, before=True)
        if any(one.column == column for one in found):
            return self._listed()
        name = (self._called(column), TARGET)
        if dice.random() < 0.3 and (key := self.table.key) is not None and key != column:
            pieces, one = self._valued(key, "=")
            forms: list[list[Piece]] = [
                [
                    self._pick("what is the", "the", "tell me the", f"{ASKS} is the", "what was the"),
                    name,
                    self._pick("of", "for", "of the"),
                    *pieces,
                ],
                [
                    self._pick("which", "what"),
                    name,
                    self._pick("does", "did", "has"),
                    *pieces,
                    self._pick("have", "use", ""),
                ],
                [
                    self._pick("in which", "at which", "from which", "in what"),
                    name,
                    self._pick("does", "is", "was", "did"),
                    *pieces,
                    self._pick("work", "live", "play", "come out", "", "end"),
                ],
                [self._pick("how", "what"), name, self._pick("is", "was"), *pieces],
            ]
            return GeneratedQuestion(dice.choice(forms), Query("list", column, tuple(one)))
        lead = self._pick(
            "list the",
            "show the",
            "which",
            "what",
            "the",
            "list all",
            "all",
            "show all",
            "what are the",
            "give me the",
            "",
        )
        of = [self._pick("of the", "of", "of all"), *ahead, self._row_word()] if ahead else []
        if not ahead and dice.random() < 0.25:
            of = [self._pick("of", "of the", "for all"), self._row_word()]
        return GeneratedQuestion([lead, name, *of, *after], Query("list", column, found))

    def _first(self) -> GeneratedQuestion:
        """The rows that come first or last by a number: one, or a few."""
        dice = self.dice
        by, is_most = self._of("number"), dice.random() < 0.6
        if by == self._year():
            return self._counted()
        key = self.table.key
        column = self._of("text") if dice.random() < 0.6 or key is None else key
        words, order = (MUCH, "desc") if is_most else (LITTLE, "asc")
        number, limit = dice.randint(2, 9), None
        name, measure = (self._called(column), TARGET), (self._called(by), BY)
        ahead, after, found = self._conditions(1, before=True)
        form = dice.randrange(5)
        if (compared := self._comparing(by, (MOST, LEAST))) and key is not None:
            word, kind = dice.choice(compared)
            order = "desc" if kind == MOST else "asc"
            noun: list[Piece] = [name] if dice.random() < 0.4 else [self._row_word()]
            column = column if noun == [name] else key
            noun = [*ahead, *noun] if not ahead or dice.random() < 0.5 or noun == [name] else ahead
            lead = self._pick("the", "which is the", "what is the", f"{ASKS} is the", "", "what was the", "show the")
            query = Query("list", column, found, order=order, order_column=by, limit=1)  # type: ignore[arg-type]
            return GeneratedQuestion(
                [lead, (word, BY), *(noun if dice.random() < 0.85 or ahead or noun == [name] else []), *after], query
            )
        if ahead:
            return self._first()
        if form == 0 and key is not None:
            column = key
            pieces = [
                self._pick(f"{ASKS} has the", f"{ASKS} had the", f"{ASKS} got the", "which one has the"),
                self._pick(*words),
                measure,
            ]
        elif form == 1:
            pieces = [self._pick("which", "what"), name, self._pick("has the", "had the", "with the", "have the")]
            pieces += [self._pick(*words), measure]
        elif form == 2:
            limit, order = number, "desc"
            pieces = [
                self._pick("top", "the top", "best"),
                (str(number), LIMIT),
                name,
                self._pick("by", "in", "for"),
                measure,
            ]
        elif form == 3:
            limit = number
            pieces = [self._pick("the", "show the", "list the", ""), (str(number), LIMIT), name]
            pieces += [self._pick("with the", "with", "having the"), self._pick(*words), measure]
        else:
            pieces = [name, self._pick("with the", "that has the", "having the"), self._pick(*words), measure]
        query = Query("list", column, found, order=order, order_column=by, limit=limit or 1)  # type: ignore[arg-type]
        return GeneratedQuestion([*pieces, *after], query)

    def _first_group(self) -> GeneratedQuestion:
        """The groups whose sum, mean or number comes first or last."""
        dice = self.dice
        group, is_most = self._of("text"), dice.random() < 0.65
        words, order = (MUCH, "desc") if is_most else (LITTLE, "asc")
        aggregate = dice.choice(("sum", "avg", "count", "count"))
        number, limit = dice.randint(2, 9), 1
        name = (self._called(group), GROUP)
        column = None if aggregate == "count" else self._of("number")
        what: list[Piece] = [self._row_word()]
        if column is not None:
            what = [self._pick(*(["total", "sum of"] if aggregate == "sum" else ["average", "mean"]))]
            what.append((self._called(column), TARGET))
        elif dice.random() < 0.3:
            what = [self._pick("number of"), *what]
        _, after, found = self._conditions(1)
        if dice.random() < 0.3:
            limit, order = number, "desc"
            pieces = [self._pick("top", "the top"), (str(number), LIMIT), name, self._pick("by", "in")]
            pieces += [*what] if column is not None else [("number of", NOTHING), self._row_word()]
        else:
            pieces = [self._pick("which", "what"), name, self._pick("has the", "had the", "have the", "with the")]
            pieces += [self._pick(*words), *what]
        query = Query(aggregate, column, found, group, order=order, limit=limit)  # type: ignore[arg-type]
        return GeneratedQuestion([*pieces, *after], query)
