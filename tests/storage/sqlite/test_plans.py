"""The product's questions walk an index: none reads a whole table, none sorts what it found."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from crm.collections import ALL, AUDIT, CASES, CONTACTS, DEAD_LETTERS, ENTRIES
from crm.store import After, Collection, Order, Where, at_least, equals, less_than, one_of
from storage.sqlite import query
from storage.sqlite.schema import prepare
from storage.sqlite.table import Table
from tests.storage.samples import minutes


class Question(NamedTuple):
    """A find that pages of the product or its timers ask again and again, and the index it should walk."""

    name: str
    collection: Collection[Any]
    where: tuple[Where, ...]
    order: Order
    walked: str


NEWEST = Order("received_at", descending=True)
OPENED = Order("opened_at", descending=True)
LATEST = Order("updated_at", descending=True)
DEPARTMENTS = one_of("department_id", ["technical", "sales", "billing"])
SINCE = (at_least("received_at", minutes(0)), less_than("received_at", minutes(60)))

QUESTIONS = [
    Question(
        "contacts of a customer",
        CONTACTS,
        (equals("customer_id", "c"),),
        NEWEST,
        "contacts__customer_id__received_at",
    ),
    Question(
        "contacts of a customer in a stretch of time",
        CONTACTS,
        (equals("customer_id", "c"), *SINCE),
        NEWEST,
        "contacts__customer_id__received_at",
    ),
    Question(
        "contacts of a customer on one channel",
        CONTACTS,
        (equals("customer_id", "c"), equals("channel", "email")),
        NEWEST,
        "contacts__customer_id__received_at",
    ),
    Question(
        "contacts of a case",
        CONTACTS,
        (equals("case_id", "c"),),
        Order("number"),
        "contacts__case_id__number",
    ),
    Question("contacts of a day", CONTACTS, SINCE, NEWEST, "contacts__received_at"),
    Question(
        "answers to send",
        CONTACTS,
        (equals("delivery", "queued"), less_than("next_try_at", minutes(0))),
        Order("next_try_at"),
        "contacts__delivery__next_try_at__set",
    ),
    Question(
        "a department's queue",
        CASES,
        (equals("state", "queued"), equals("department_id", "technical")),
        Order("turn_at"),
        "cases__state__department_id__turn_at",
    ),
    Question(
        "queues of my departments",
        CASES,
        (equals("state", "queued"), DEPARTMENTS),
        Order("turn_at"),
        "cases__state__department_id__turn_at",
    ),
    Question(
        "open cases of my departments",
        CASES,
        (DEPARTMENTS, equals("open", True)),
        LATEST,
        "cases__department_id__open__updated_at",
    ),
    Question("open cases", CASES, (equals("open", True),), LATEST, "cases__open__updated_at"),
    Question("all cases", CASES, (one_of("open", [True, False]),), LATEST, "cases__open__updated_at"),
    Question(
        "my cases",
        CASES,
        (equals("assignee_id", "me"), equals("open", True)),
        LATEST,
        "cases__assignee_id__open__updated_at",
    ),
    Question(
        "open cases of a customer",
        CASES,
        (equals("customer_id", "c"), equals("open", True)),
        OPENED,
        "cases__customer_id__open__opened_at",
    ),
    Question(
        "cases that wait longest",
        CASES,
        (equals("open", True), at_least("waiting_since", minutes(0))),
        Order("waiting_since"),
        "cases__open__waiting_since",
    ),
    Question(
        "a customer's entries",
        ENTRIES,
        (equals("customer_id", "c"),),
        Order("at", descending=True),
        "entries__customer_id__at",
    ),
    Question("audit", AUDIT, (), Order("at", descending=True), "audit__at"),
    Question(
        "dead letters",
        DEAD_LETTERS,
        (equals("state", "waiting"),),
        Order("at"),
        "dead_letters__state__at",
    ),
]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(prepare(tmp_path / "store.sqlite", map(Table, ALL))) as db:
        yield db


def plan(db: sqlite3.Connection, sql: str, values: list[Any]) -> list[str]:
    steps = [str(row[3]) for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    return [step for step in steps if step.startswith(("SEARCH", "SCAN")) or "TEMP B-TREE" in step]


def find_plan(db: sqlite3.Connection, question: Question, after: After | None) -> list[str]:
    found = query.find(Table(question.collection), question.where, question.order, limit=50, after=after)
    if found is None:
        return []
    statement, values = found
    return plan(db, statement.sql, values)


@pytest.mark.parametrize("after", [None, After(minutes(5), "id"), After(None, "id")], ids=str)
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_a_page_is_a_walk_along_an_index(
    db: sqlite3.Connection, question: Question, after: After | None
) -> None:
    if after and question.order.field == "number":
        after = After(5, "id")
    steps = find_plan(db, question, after)
    assert steps or after == After(None, "id")
    for step in steps:
        verb = "SEARCH" if question.where or (after and after.value) else "SCAN"
        assert step.startswith((f"{verb} ", "SEARCH ")), step
        assert f"USING INDEX {question.walked}" in step, step


def test_the_next_page_begins_where_the_last_one_ended(db: sqlite3.Connection) -> None:
    steps = find_plan(db, QUESTIONS[0], After(minutes(5), "id"))
    assert steps[0].endswith("(customer_id=? AND (received_at,id)<(?,?))")
    # Within bounds too: the walk must not begin at the bound again.
    (step,) = find_plan(db, QUESTIONS[1], After(minutes(5), "id"))
    assert step.endswith("(customer_id=? AND received_at>? AND (received_at,id)<(?,?))")


def test_a_question_no_index_answers_in_order_still_uses_one(db: sqlite3.Connection) -> None:
    question = Question("", CASES, (equals("customer_id", "c"),), Order("waiting_since"), "")
    assert find_plan(db, question, None) == [
        "SEARCH cases USING INDEX cases__customer_id__open__opened_at (customer_id=?)",
        "USE TEMP B-TREE FOR ORDER BY",
    ]


def test_very_many_values_are_one_walk_and_a_sort(db: sqlite3.Connection) -> None:
    where = (one_of("department_id", map(str, range(1000))), equals("open", True))
    steps = find_plan(db, Question("", CASES, where, LATEST, ""), None)
    assert len(steps) == 2
    assert steps[0].startswith("SEARCH cases USING INDEX cases__department_id__open__updated_at")


@pytest.mark.parametrize(
    ("collection", "where", "by", "total"),
    [
        (CASES, (equals("customer_id", "c"),), ("open",), "contacts"),
        (CASES, (one_of("state", ["queued", "reserved", "assigned"]),), ("department_id", "state"), ""),
        (CASES, (equals("open", True), at_least("waiting_since", minutes(0))), ("assignee_id",), ""),
        (CONTACTS, (at_least("received_at", minutes(0)),), ("channel", "direction"), ""),
    ],
)
def test_counting_reads_no_whole_table(
    db: sqlite3.Connection,
    collection: Collection[Any],
    where: tuple[Where, ...],
    by: tuple[str, ...],
    total: str,
) -> None:
    counted = query.aggregate(Table(collection), where, by, total)
    assert counted is not None
    steps = plan(db, *counted)
    assert steps[0].startswith(f"SEARCH {collection.name} USING"), steps
