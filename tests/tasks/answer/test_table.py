"""Questions about a table: what is read, found and run, what a trained model answers, and what stays inert."""

import csv
import json
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import statewise
from statewise.cli.main import run
from statewise.errors import DataError, UsageError
from statewise.tasks.answer import linking
from statewise.tasks.answer.asked_table import AskedTable, read_asked_table, table_of
from statewise.tasks.answer.keywords import rows_by_keywords
from statewise.tasks.answer.linking import Linker
from statewise.tasks.answer.query import Condition, Query, same_rows
from statewise.tasks.answer.table_codec import TAGS, ColumnNotThere, TableCodec, query_of
from statewise.tasks.answer.table_data import generated_questions, is_right, tagged
from statewise.verbs import Trained

TABLES = Path(__file__).parent / "tables"
WRITTEN = [line.split("\t") for line in (TABLES / "questions.tsv").read_text().splitlines()]


@pytest.fixture(scope="module")
def shop() -> AskedTable:
    return read_asked_table(str(TABLES / "shop.csv"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("table")
    task = statewise.QuestionAnswering(
        source=str(TABLES / "shop.csv"),
        table=True,
        questions=8000,
        layers=1,
        updates=900,
        threads=1,
        learning_rate=0.01,
    )
    statewise.train(task, run=made / "run")
    return made


@pytest.fixture(scope="module")
def trained(folder: Path) -> Trained:
    return statewise.load(folder / "run")


def plain_sqlite(name: str) -> sqlite3.Connection:
    """The same table as SQLite reads it without us: what the hand-written SQL is run on."""
    rows = list(csv.reader((TABLES / f"{name}.csv").read_text().splitlines()))
    made = sqlite3.connect(":memory:")
    made.execute(f"CREATE TABLE t ({', '.join(rows[0])})")
    for row in rows[1:]:
        cells = [float(cell) if cell.replace(".", "").isdigit() else cell for cell in row]
        made.execute(f"INSERT INTO t VALUES ({', '.join('?' * len(row))})", cells)
    return made


# what is read


def test_columns_are_numbers_days_or_texts(tmp_path: Path, shop: AskedTable) -> None:
    assert [column.kind for column in shop.columns] == ["date", "text", "text", "number", "number", "text"]
    assert table_of("t", {"a": ["1", ""], "b": ["2024-02-30", ""], "c": ["", ""]}).columns[0].cells == [1, None]
    assert [column.kind for column in table_of("t", {"b": ["2024-02-30"], "c": [""]}).columns] == ["text", "text"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("price,price\n1,2\n", "2 columns are called 'price': rename them"),
        ("unit price,unit_price\n1,2\n", "columns 'unit price' and 'unit_price' have the same name"),
        ("price,,color\n1,2,red\n", "column 2 has no name: give it one"),
        ("price,color\n", "has 0 rows: give a table of 1 to"),
        ("", "is empty"),
    ],
)
def test_tables_that_cannot_be_asked_are_refused(text: str, wanted: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DataError, match=wanted):
        read_asked_table(str(tmp_path / "a.csv"))


def test_a_run_asks_one_table(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="table asks one table and 2 were given"):
        statewise.QuestionAnswering(source=("a.csv", "b.csv"), table=True).prepare(tmp_path)


# what is run


def test_a_query_is_run_exactly_and_shown_in_the_words_of_the_table(shop: AskedTable) -> None:
    query = Query("avg", 3, (Condition(2, "=", "red"), Condition(0, "<", "2024", "year")), 0, "month")
    assert query.run(shop) == [("2023-01", 59.9), ("2023-02", 15.0), ("2023-03", 42.75), ("2023-05", 26.0)]
    assert query.shown(shop).startswith(
        'SELECT substr("order_date", 1, 7), AVG("price") FROM t WHERE "color" = \'red\' AND '
    )
    statement, values = query.statement()
    assert "red" not in statement
    assert "order_date" not in statement
    assert values == ["red", "2024"]


def test_two_values_of_a_column_are_alternatives(shop: AskedTable) -> None:
    query = Query("count", None, (Condition(2, "=", "red"), Condition(5, "=", "Lyon"), Condition(2, "=", "blue")))
    assert query.run(shop) == [(5,)]
    assert "(\"color\" = 'red' OR \"color\" = 'blue')" in query.shown(shop)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (Query("avg", 2), "a mean of column 'color' was"),
        (Query("sum"), "a mean of no column"),
        (Query("list"), "no column of the table"),
        (Query("count", None, (), 2, "month"), "'color' holds no dates"),
        (Query("list", 1, order="asc"), "by which column to order"),
        (Query("list", 9), "of another table"),
    ],
)
def test_a_query_that_the_table_cannot_answer_is_refused(query: Query, wanted: str, shop: AskedTable) -> None:
    with pytest.raises(UsageError, match=wanted):
        query.run(shop)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM t",
        "DROP TABLE t",
        "INSERT INTO t VALUES (1, 2, 3, 4, 5, 6)",
        "ATTACH DATABASE '/tmp/x' AS x",
        "PRAGMA query_only = OFF",
        "CREATE TABLE u (a)",
    ],
)
def test_sqlite_itself_refuses_whatever_is_more_than_to_read(statement: str, shop: AskedTable) -> None:
    with pytest.raises(UsageError, match="the query was refused"):
        shop.run(statement, [])
    assert shop.run("SELECT COUNT(*) FROM t", []) == [(20,)]


def test_names_and_values_full_of_sql_stay_names_and_values() -> None:
    odd = 'x"; DROP TABLE t; -- y'
    table = table_of("odd", {odd: ["' OR 1=1 --", "b"], "n": ["1", "2"]})
    query = Query("sum", 1, (Condition(0, "=", "' OR 1=1 --"),))
    assert query.run(table) == [(1,)]
    assert "''' OR 1=1 --'" in query.shown(table)
    assert '"x""; DROP' in query.shown(table)
    assert Query("list", 0).run(table) == [("' OR 1=1 --",), ("b",)]


# what is found in questions


def test_columns_values_numbers_and_times_are_found(shop: AskedTable) -> None:
    linker = Linker(shop)
    found = linker.linked("Average prices of red hats over 20 in March 2023 by month, three cheapest, since 2024-01-02")
    kinds = [one.kind for one in found if one.kind in linking.SLOTS]
    assert kinds == [
        linking.NUMBER,
        linking.VALUE,
        linking.VALUE,
        linking.AMOUNT,
        linking.MONTH,
        linking.PERIOD,
        linking.AMOUNT,
        linking.LEAST,
        linking.DAY,
    ]
    by_text = {one.text: one for one in found}
    assert (by_text["March 2023"].value, by_text["hats"].value, by_text["three"].value) == ("2023-03", "hat", 3)
    assert by_text["cheapest"].column == 3


def test_a_longer_name_is_found_before_a_shorter_one() -> None:
    table = table_of("t", {"total price": ["1"], "price": ["2"], "name": ["Blue Harbor"], "place": ["Blue Harbor"]})
    first, second, third = Linker(table).linked("total price price blue harbor")
    assert (first.column, second.column, third.column, third.others) == (0, 1, 2, ((3, "Blue Harbor"),))


def test_what_is_said_of_words_becomes_a_query(shop: AskedTable) -> None:
    linked = Linker(shop).linked("top 3 products by total quantity above 2")
    tags = ["-", "limit", "group", "-", "-", "target", "-", ">", "aggregate sum", "order desc"]
    query = query_of(linked, tags, shop)
    assert query == Query("sum", 4, (Condition(4, ">", 2),), 1, "", "desc", None, 3)
    with pytest.raises(ColumnNotThere, match="weight"):
        query_of(Linker(shop).linked("average weight"), ["-", "target", "aggregate avg", "order "], shop)


def test_generated_questions_have_the_rows_of_their_query_by_what_is_said_of_their_words() -> None:
    tried = 0
    for asked, table in generated_questions(400, 7, is_held_out=False):
        one = tagged(asked, linker := Linker(table))
        if one is None or not asked.is_there:
            continue
        ends = [f"aggregate {asked.query.aggregate}", f"order {asked.query.order}"]
        read = query_of(linker.linked(asked.text), [*(TAGS[tag] for tag in one.tags), *ends], table)
        assert is_right(read.run(table), asked.query.run(table)), asked.text
        tried += 1
    assert tried > 300


def test_held_out_tables_have_no_column_of_training() -> None:
    names = [
        {column.words[-1] for _, table in generated_questions(900, seed, is_held_out=held) for column in table.columns}
        for seed, held in ((1, False), (2, True))
    ]
    assert (names[0] & names[1]) - {"year", "date"} == set()


def test_a_codec_keeps_the_table_and_comes_back_from_json(shop: AskedTable) -> None:
    codec = TableCodec(("average", "of"), shop)
    read = TableCodec.read(json.loads(json.dumps(codec.as_json())))
    assert read.as_json() == codec.as_json()
    assert Query("sum", 4).run(read.table) == Query("sum", 4).run(shop)
    for name, wrong in {"columns": {"a": ["1"], "b": []}, "words": [1], "form": "stories", "title": 3}.items():
        with pytest.raises(DataError, match="not one of a table"):
            TableCodec.read({**codec.as_json(), name: wrong})


# what a hundred questions that were written by hand are answered


def test_the_answers_that_were_written_down_are_those_of_the_sql_that_was_written_by_hand() -> None:
    bases = {name: plain_sqlite(name) for name in ("shop", "staff", "films")}
    assert len(WRITTEN) == 100
    for name, question, sql, rows in WRITTEN:
        assert same_rows(bases[name].execute(sql).fetchall(), json.loads(rows)), question


def test_most_questions_that_were_written_by_hand_are_answered_and_more_than_by_keywords(trained: Trained) -> None:
    task: Any = trained.task
    right, words = [], []
    for name in ("shop", "staff", "films"):
        answerer = task.table_answerer(trained.model, trained.codec, 0.4, str(TABLES / f"{name}.csv"))
        for table, question, _, rows in WRITTEN:
            if table == name:
                right.append(is_right(answerer.answer(question).rows, json.loads(rows)))
                words.append(is_right(rows_by_keywords(question, answerer.linker), json.loads(rows)))
    assert np.mean(right) >= 0.9
    assert np.mean(right) > np.mean(words) + 0.05


def test_tables_never_seen_are_answered_far_beyond_keywords(folder: Path) -> None:
    report = statewise.evaluate(folder / "run")
    assert report.metrics["accuracy"] > 0.85
    assert report.metrics["accuracy"] > report.baselines["keywords"]["accuracy"] + 0.2
    assert any("generated" in remark for remark in report.remarks)


def test_an_answer_shows_its_query_and_is_told_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", str(folder / "run"), "average price of red shoes by month"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("2023-01\t59.9\n2023-03\t64.5\n")
    assert 'AVG("price")' in said
    assert run(["predict", str(folder / "run"), "how many orders came from Paris", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["answer"]
    assert told["rows"] == [[6]]
    assert "COUNT(*)" in told["query"]
    other = str(TABLES / "staff.csv")
    assert run(["predict", str(folder / "run"), "average salary by department", "--other", other]) == 0
    assert "engineering\t4680" in capsys.readouterr().out


def test_a_column_that_is_not_there_is_named(trained: Trained) -> None:
    (told,) = trained.predict("average weight by city")
    assert told.rows is None
    assert str(told) == "not known: the table has no column 'weight'"


def test_sql_in_a_question_is_inert(trained: Trained) -> None:
    for text in (
        "how many orders'; DROP TABLE t; --",
        'SELECT "; DELETE FROM t WHERE 1=1; --',
        "' OR 1=1 UNION SELECT *",
    ):
        (told,) = trained.predict(text, least=0.0)
        assert told.sql is None or told.sql.startswith("SELECT ")
        assert not any(word in (told.sql or "") for word in ("DROP", "DELETE", "UNION", ";"))
    (told,) = trained.predict("how many orders are there")
    assert told.rows == [(20,)]


def test_a_question_that_is_not_sure_is_asked_back_with_the_two_likeliest_readings(trained: Trained) -> None:
    (told,) = trained.predict("red price many hats quantity by", least=1.0)
    assert told.rows is None
    assert len(told.readings) == 2
    assert "may mean either" in str(told)
    assert len({sql for sql, _ in told.readings}) == 2


def test_a_value_that_two_columns_have_is_asked_back(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("sender,receiver,price\nAnna,Bert,1\nBert,Anna,2\nAnna,Bert,5\n")
    task: Any = trained.task
    answerer = task.table_answerer(trained.model, trained.codec, 0.6, str(tmp_path / "a.csv"))
    told = answerer.answer("total price of anna")
    assert told.rows is None
    assert {'"sender"' in sql for sql, _ in told.readings} == {True, False}


@pytest.mark.parametrize(("given", "wanted"), [("", "there is no question"), ("x" * 2000, "2,000 characters")])
def test_what_cannot_be_asked_of_a_table_is_refused(
    given: str, wanted: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["predict", str(folder / "run"), given]) == 2
    assert wanted in capsys.readouterr().err


def test_a_live_table_answers_each_line_and_is_saved(trained: Trained) -> None:
    live: Any = trained.live()
    assert live.push("how many orders are there").rows == [(20,)]
    assert live.fork().push("total quantity of shirts").rows == [(21,)]
    assert trained.live(live.save()).questions == 1  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="is not a question"):
        live.push(7)
    with pytest.raises(DataError, match="saved questions are damaged"):
        trained.live(trained.stream().save())


def test_a_run_is_scored_on_questions_that_a_person_wrote(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.tsv"
    path.write_text("how many orders are there\t[[20]]\naverage weight\tnull\ntotal quantity of shirts\t[[22]]\n")
    report = statewise.evaluate(folder / "run", path)
    assert report.metrics["accuracy"] == pytest.approx(2 / 3)
    path.write_text("how many orders are there\n")
    with pytest.raises(DataError, match=r"line 1 of .* is not a question with its rows"):
        statewise.evaluate(folder / "run", path)


def test_a_run_about_stories_takes_no_other_table(tmp_path: Path) -> None:
    task = statewise.QuestionAnswering(source="stories.txt")
    with pytest.raises(UsageError, match="this run is about texts"):
        task.predict(None, None, "Where is Mary?", other="a.csv")  # type: ignore[arg-type]


def test_a_run_of_a_table_named_from_its_folder_is_scored_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.csv").write_text((TABLES / "shop.csv").read_text())
    assert run(["train", "answer", "--table", "shop.csv", "--questions", "200", "--updates", "2", "--run", "r"]) == 0
    assert run(["evaluate", "r"]) == 0
    assert run(["inspect", "r", "--memory"]) == 0


def pets(tmp_path: Path) -> str:
    path = tmp_path / "pets.csv"
    path.write_text("owner,name,age\nAnn,Rex,3\nBob,Tom,7\nCid,Kitty,1\nDora,Polly,12\nAnn,Bella,5\n")
    return str(path)


@pytest.mark.parametrize(
    ("question", "word"),
    [("average age of female pets", "female"), ("how many cats are there", "cats"), ("asdf qwer zxcv", "asdf")],
)
def test_a_word_that_neither_the_table_nor_training_knows_is_not_passed_over(
    question: str, word: str, trained: Trained, tmp_path: Path
) -> None:
    (told,) = trained.predict(question, other=pets(tmp_path), least=0.0)
    assert (told.rows, told.sql, told.probability) == (None, None, 0.0)
    assert repr(word) in told.why
    assert str(told).startswith("not known: ")
    assert len(told.readings) == (1 if "age" in question else 0)


@pytest.mark.parametrize("question", ["the heaviest pet", "which pet is the tallest", "biggest pet"])
def test_a_comparison_of_a_column_that_is_not_there_is_not_answered(
    question: str, trained: Trained, tmp_path: Path
) -> None:
    (told,) = trained.predict(question, other=pets(tmp_path), least=0.0)
    assert told.rows is None


def test_what_the_question_tells_itself_is_no_answer(trained: Trained, tmp_path: Path) -> None:
    found = {}
    for question in ("who owns Rex", "which pet is called Rex", "the oldest pet", "pets owned by Ann"):
        (told,) = trained.predict(question, other=pets(tmp_path))
        found[question] = told.rows
    assert found["who owns Rex"] in ([("Ann",)], None)
    assert found["which pet is called Rex"] in ([("Ann",)], [(3,)], None)
    assert found["the oldest pet"] == [("Polly",)]
    assert found["pets owned by Ann"] in ([("Rex",), ("Bella",)], None)


def test_no_text_is_the_largest(shop: AskedTable) -> None:
    with pytest.raises(UsageError, match="column 'color' holds texts, of which none is the largest"):
        Query("max", 2).check(shop)
    with pytest.raises(UsageError, match="column 'color' holds texts to order by"):
        Query("list", 1, order="asc", order_column=2).check(shop)
