"""Rules say where a case goes and why, and a wrong rule book says what is wrong with it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.case import HIGH, LOW, NORMAL, URGENT
from crm.contact import Address
from crm.customer import Customer, Preferences
from crm.errors import BadInput
from router.rules import Facts, Rule, RuleBook, Then, Verdict, When, decide, read_rules
from tests.router.records import a_contact, a_customer

DEPARTMENTS = frozenset({"front-desk", "technical", "billing"})


def a_book(*rules: Rule) -> RuleBook:
    return RuleBook(default_department="front-desk", rule=rules)


def facts(
    text: str = "",
    *,
    customer: Customer | None = None,
    known: bool = False,
    open_cases: int = 0,
    **contact: Any,
) -> Facts:
    return Facts(a_contact(text=text, **contact), customer or a_customer(), known, open_cases)


def goes(given: Facts, *rules: Rule) -> Verdict:
    return decide(given, a_book(*rules), DEPARTMENTS)


def matches(when: When, given: Facts) -> bool:
    return (
        goes(given, Rule(name="r", when=when, then=Then(department="technical"))).department_id == "technical"
    )


def to_technical(name: str = "r", **when: Any) -> Rule:
    return Rule(name=name, when=When(**when), then=Then(department="technical", priority="high"))


def test_what_no_rule_matches_goes_to_the_default_department() -> None:
    verdict = goes(facts("спасибо"), to_technical(words=("не работает",)))
    assert (verdict.department_id, verdict.priority) == ("front-desk", NORMAL)
    assert [(step.code, step.matched) for step in verdict.trace] == [("rule", False), ("no_rule", True)]
    assert verdict.trace[-1].details == {"department": "front-desk"}


def test_the_first_rule_that_matches_decides_and_the_misses_are_kept_with_the_condition_that_missed() -> None:
    verdict = goes(
        facts("интернет не работает", channel="email"),
        to_technical("chat only", channel=("chat",), words=("не работает",)),
        to_technical("billing words", words=("счёт",)),
        to_technical("outage", channel=("email", "chat"), words=("погас", "не работает")),
        to_technical("too late"),
    )
    assert (verdict.department_id, verdict.priority) == ("technical", HIGH)
    assert [(step.rule, step.matched, step.details) for step in verdict.trace] == [
        ("chat only", False, {"because": "channel"}),
        ("billing words", False, {"because": "words"}),
        ("outage", True, {"channel": "email, chat", "words": "не работает"}),
    ]


def test_a_rule_that_names_a_department_that_is_not_there_is_passed_over_and_says_so() -> None:
    lost = Rule(name="lost", then=Then(department="gone"))
    verdict = goes(facts(), lost, to_technical("next"))
    assert verdict.department_id == "technical"
    first = verdict.trace[0]
    assert (first.code, first.rule, first.matched) == ("no_such_department", "lost", False)
    assert first.details == {"department": "gone"}


@pytest.mark.parametrize(
    ("priority", "number"), [("urgent", URGENT), ("high", HIGH), ("normal", NORMAL), ("low", LOW)]
)
def test_a_rule_gives_its_priority(priority: Any, number: int) -> None:
    rule = Rule(name="r", then=Then(department="technical", priority=priority))
    assert goes(facts(), rule).priority == number


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("не работает", "У меня НЕ РАБОТАЛ интернет"),
        ("не работает", "телефоны не работают второй день"),
        ("тарелка", "две тарелки"),
        ("счёт", "пришлите счета, пожалуйста"),
        ("счет", "где мой СЧЁТ?"),
        ("invoice", "two invoices are missing"),
        ("not working", "it is Not  working!"),
        ("connection lost", "connections, lost again"),
        ("wi-fi", "домашний Wi-Fi пропал"),
        ("router x200", "мой Router X200"),
    ],
)
def test_words_are_found_in_any_form(phrase: str, text: str) -> None:
    assert matches(When(words=(phrase,)), facts(text))


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("не работает", "работает, не жалуюсь"),
        ("не работает", "не очень-то работает"),
        ("cat", "category"),
        ("счёт", "расчёт"),
        ("not working", "working, not broken"),
        ("any", ""),
    ],
)
def test_words_are_not_found_in_parts_or_in_another_order(phrase: str, text: str) -> None:
    assert not matches(When(words=(phrase,)), facts(text))


def test_words_are_looked_for_in_the_subject_too() -> None:
    assert matches(When(words=("счёт",)), facts("", subject="Счёт за май"))


@pytest.mark.parametrize(
    ("wanted", "value", "found"),
    [
        ("help@example.com", "Help@Example.com", True),
        ("@example.com", "sales@EXAMPLE.com", True),
        ("@example.com", "sales@notexample.com", False),
        ("@example.com", "sales@example.com.evil.org", False),
        ("help@example.com", "xhelp@example.com", False),
    ],
)
def test_addresses_are_whole_or_domains(wanted: str, value: str, found: bool) -> None:
    address = Address(kind="email", value=value)
    assert matches(When(sender=(wanted,)), facts(sender=address)) is found
    others = Address(kind="email", value="other@other.org")
    assert matches(When(recipient=(wanted,)), facts(recipients=(others, address))) is found


def test_every_condition_must_hold_and_any_of_its_values() -> None:
    vip = a_customer(segment="vip", region="77", kind="company", preferences=Preferences(language="en"))
    given = facts("help", customer=vip, known=True, open_cases=2, channel="chat", automatic="list")
    whole: dict[str, Any] = {
        "channel": ("email", "chat"),
        "segment": ("vip", "corporate"),
        "region": ("77",),
        "kind": ("company",),
        "language": ("en",),
        "automatic": True,
        "known": True,
        "open_cases": True,
        "words": ("help",),
    }
    assert matches(When(**whole), given)
    wrong: dict[str, Any] = {
        name: ("other",) if isinstance(value, tuple) else False for name, value in whole.items()
    }
    for name, value in wrong.items():
        verdict = goes(given, to_technical(**{**whole, name: value}))
        assert verdict.trace[0].details == {"because": name}


def test_no_condition_matches_everything() -> None:
    assert matches(When(), facts())


def test_the_trace_holds_no_words_of_the_customer() -> None:
    verdict = goes(facts("тайна: не работает"), to_technical(words=("не работает",)))
    assert "тайна" not in repr(verdict.trace)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("default_department = ", "not TOML.*Invalid value"),
        ("", "default_department"),
        ("default_department = 5", "default_department.*str.*int"),
        ('default_department = ""', "default_department.*id of a department"),
        ('default_department = "a"\nrules = []', "rules"),
        ('default_department = "a"\n[[rule]]\nname = "x"', "«x».*then"),
        ('default_department = "a"\n[[rule]]\nname = "x"\nthen = {}', "«x».*then.department"),
        (
            'default_department = "a"\n[[rule]]\nname = "x"\nthen = {department = 1}',
            "«x».*then.department.*str",
        ),
        (
            'default_department = "a"\n[[rule]]\nname = "x"\nthen = {department = "a", priority = "now"}',
            "«x».*priority.*urgent, high, normal, low",
        ),
        (
            'default_department = "a"\n[[rule]]\nname = "x"\nwhen = {chanel = ["a"]}\nthen.department = "a"',
            "«x».*chanel",
        ),
        (
            'default_department = "a"\n[[rule]]\nname = "x"\nwhen = {channel = "a"}\nthen.department = "a"',
            "«x».*when.channel.*array",
        ),
        (
            'default_department = "a"\n[[rule]]\nname = "x"\nwhen = {words = ["…"]}\nthen.department = "a"',
            "«x».*words",
        ),
        ('default_department = "a"\n[[rule]]\nthen.department = "a"', "Rule 1.*name"),
        ('default_department = "a"\n[[rule]]\nname = " "\nthen.department = "a"', "Rule 1.*name"),
        (
            'default_department = "a"\n' + '[[rule]]\nname = "x"\nthen.department = "a"\n' * 2,
            "Two rules are named «x»",
        ),
        ('default_department = "a"\nrule = 3', "rule.*array"),
        ('default_department = "a"\nrule = [3]', "Rule 1.*object"),
        ("x = " + "[" * 5000, "not TOML"),
    ],
)
def test_a_wrong_rule_book_names_the_rule_and_what_was_expected(text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        read_rules(text)
    assert caught.value.field == "rules"


def test_a_rule_book_is_read() -> None:
    book = read_rules(
        """
        default_department = "front-desk"
        [[rule]]
        name = "outage"
        when = { words = ["не работает"], known = true }
        then = { department = "technical", priority = "urgent" }
        """
    )
    assert book.rule == (
        Rule(
            name="outage",
            when=When(words=("не работает",), known=True),
            then=Then(department="technical", priority="urgent"),
        ),
    )


WHENS = st.builds(
    When,
    channel=st.lists(st.sampled_from(["email", "chat", "phone"]), max_size=2).map(tuple),
    words=st.lists(st.sampled_from(["не работает", "счёт", "help"]), max_size=2).map(tuple),
    segment=st.lists(st.sampled_from(["vip", "resident"]), max_size=1).map(tuple),
    automatic=st.none() | st.booleans(),
    known=st.none() | st.booleans(),
    open_cases=st.none() | st.booleans(),
)
BOOKS = st.lists(st.tuples(WHENS, st.sampled_from([*sorted(DEPARTMENTS), "gone"])), max_size=6).map(
    lambda rules: a_book(
        *(
            Rule(name=f"rule {number}", when=when, then=Then(department=department))
            for number, (when, department) in enumerate(rules)
        )
    )
)
FACTS = st.builds(
    facts,
    st.text() | st.sampled_from(["интернет не работал", "где счета?", "Help!"]),
    customer=st.builds(a_customer, segment=st.sampled_from(["vip", "resident"])),
    known=st.booleans(),
    open_cases=st.integers(0, 2),
    channel=st.sampled_from(["email", "chat"]),
    automatic=st.sampled_from(["", "list"]),
)


@given(BOOKS, FACTS)
def test_the_same_facts_give_the_same_verdict_whose_trace_explains_it(book: RuleBook, given: Facts) -> None:
    verdict = decide(given, book, DEPARTMENTS)
    assert decide(given, book, DEPARTMENTS) == verdict
    assert verdict.department_id in DEPARTMENTS
    *misses, last = verdict.trace
    assert not any(step.matched for step in misses)
    assert last.matched
    asked = [rule.name for rule in book.rule[: len(misses) + (last.code == "rule")]]
    assert [step.rule for step in verdict.trace if step.code != "no_rule"] == asked
    # A rule book that keeps only what the trace names decides alike.
    kept = msgspec.structs.replace(book, rule=tuple(rule for rule in book.rule if rule.name == last.rule))
    assert decide(given, kept, DEPARTMENTS).department_id == verdict.department_id


@given(st.text())
def test_reading_rules_raises_nothing_but_bad_input(text: str) -> None:
    with suppress(BadInput):
        read_rules(text)
