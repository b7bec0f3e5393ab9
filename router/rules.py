"""Rules: which department a new case goes to, and why. First match wins; the misses are kept."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
import Stemmer

from crm.case import HIGH, LOW, NORMAL, URGENT, Step
from crm.contact import Contact
from crm.customer import Customer
from crm.errors import BadInput
from crm.wrong import Wrong, tell_wrong

Texts = tuple[str, ...]
Priority = Literal["urgent", "high", "normal", "low"]

PRIORITIES: Mapping[Priority, int] = {"urgent": URGENT, "high": HIGH, "normal": NORMAL, "low": LOW}


class When(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a contact must be for a rule to match: every condition given, each by any of its values.

    `words` are looked for in subject and text in any form («не работает» finds «не работала»);
    `recipient` and `sender` are addresses or, from `@` on, mail domains.
    """

    channel: Texts = ()
    words: Texts = ()
    recipient: Texts = ()
    sender: Texts = ()
    segment: Texts = ()
    region: Texts = ()
    kind: Texts = ()
    language: Texts = ()
    automatic: bool | None = None
    known: bool | None = None
    open_cases: bool | None = None


class Then(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where the case goes and how urgent it is."""

    department: str = ""
    priority: Priority = "normal"


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One rule, as an administrator wrote it."""

    name: str
    then: Then
    when: When = When()


class RuleBook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The rules in the order they are asked; what none of them matches goes to `default_department`."""

    default_department: str
    rule: tuple[Rule, ...] = ()


class Facts(NamedTuple):
    """What rules are asked about: the contact, whose it is, and what is open with him already."""

    contact: Contact
    customer: Customer
    known: bool
    open_cases: int


class Verdict(NamedTuple):
    """Where a new case goes, with what priority, and the steps that led there."""

    department_id: str
    priority: int
    trace: tuple[Step, ...]


def read_rules(text: str) -> RuleBook:
    """The rule book of a TOML text. Raises `BadInput` that names the rule and what was expected."""
    try:
        raw = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadInput(f"The rules are not TOML: {error}.", field="rules") from error
    try:
        book = msgspec.convert(raw, RuleBook)
    except msgspec.ValidationError as error:
        raise BadInput(_said_of(raw, tell_wrong(error)), field="rules") from error
    if not book.default_department.strip():
        raise BadInput("default_department: expected the id of a department.", field="rules")
    for number, rule in enumerate(book.rule, 1):
        if wrong := _wrong_with(rule, [other.name for other in book.rule]):
            raise BadInput(f"{_rule(number, rule.name)}{wrong}", field="rules")
    return book


def _wrong_with(rule: Rule, names: Sequence[str]) -> str:
    if not rule.name.strip():
        return "name: expected a name, since the trace will call the rule by it."
    if names.count(rule.name) > 1:
        return f"Two rules are named «{rule.name}»: each needs its own name."
    if not rule.then.department.strip():
        return "then.department: expected the id of a department."
    if any(not _WORD.search(phrase) for phrase in rule.when.words):
        return "when.words: expected words, each with a letter or a digit."
    return ""


def _said_of(raw: Mapping[str, Any], wrong: Wrong) -> str:
    """What is wrong, with the rule called by its name instead of its place."""
    said = wrong.said
    if wrong.field.endswith("then.priority"):
        said += f": expected one of {', '.join(PRIORITIES)}"
    place = re.match(r"rule\[(\d+)\]\.?", wrong.field)
    if not place:
        return f"{wrong.field or 'rules'}: {said}."
    rule = raw["rule"][int(place[1])]
    name = rule.get("name", "") if isinstance(rule, dict) else ""
    return f"{_rule(int(place[1]) + 1, name)}{wrong.field[place.end() :]}: {said}."


def _rule(number: int, name: object) -> str:
    """The beginning of a sentence about a rule."""
    return f"Rule {number}, «{name}»: " if isinstance(name, str) and name.strip() else f"Rule {number}: "


def decide(facts: Facts, book: RuleBook, departments: frozenset[str]) -> Verdict:
    """Ask the rules in order. Pure: the same facts, book and departments give the same verdict."""
    asked = _Asked(facts)
    steps = []
    for rule in book.rule:
        missed = asked.first_miss(rule.when)
        if missed:
            steps.append(Step(code="rule", rule=rule.name, matched=False, details={"because": missed}))
            continue
        if rule.then.department not in departments:
            lost = {"department": rule.then.department}
            steps.append(Step(code="no_such_department", rule=rule.name, matched=False, details=lost))
            continue
        steps.append(Step(code="rule", rule=rule.name, details=asked.hits(rule.when)))
        return Verdict(rule.then.department, PRIORITIES[rule.then.priority], tuple(steps))
    steps.append(Step(code="no_rule", details={"department": book.default_department}))
    return Verdict(book.default_department, NORMAL, tuple(steps))


_WORD = re.compile(r"\w+")
_RUSSIAN = Stemmer.Stemmer("russian")
_ENGLISH = Stemmer.Stemmer("english")
MAX_CHARACTERS = 20_000
"""How much of a text rules read: what a customer wants stands at the beginning."""


def _stems(text: str) -> str:
    """The text as stems between single spaces, so that a phrase is found as a part of it."""
    words = _WORD.findall(text[:MAX_CHARACTERS].casefold().replace("ё", "е"))
    # Each stemmer leaves words of the other alphabet as they are.
    return f" {' '.join(_ENGLISH.stemWords(_RUSSIAN.stemWords(words)))} "


class _Asked:
    """The facts with what several rules need computed once, when the first of them asks."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._text: str | None = None

    def first_miss(self, when: When) -> str:
        """The name of the first condition that does not hold; empty when all hold."""
        for name, holds in _CONDITIONS:
            wanted = getattr(when, name)
            if wanted not in ((), None) and not holds(self, wanted):
                return name
        return ""

    def hits(self, when: When) -> dict[str, str]:
        """What decided, condition by condition, for the trace. No customer's words: only the rule's own."""
        found = {}
        for name, _ in _CONDITIONS:
            wanted = getattr(when, name)
            if name == "words" and wanted:
                found[name] = next(phrase for phrase in wanted if self.says((phrase,)))
            elif isinstance(wanted, tuple) and wanted:
                found[name] = ", ".join(wanted)
            elif isinstance(wanted, bool):
                found[name] = "yes" if wanted else "no"
        return found

    def says(self, phrases: Sequence[str]) -> bool:
        if self._text is None:
            contact = self._facts.contact
            self._text = _stems(f"{contact.subject}\n{contact.text}")
        return any(_phrase(phrase) in self._text for phrase in phrases)

    def is_about(self, name: str, wanted: Sequence[str]) -> bool:
        facts = self._facts
        if name == "channel":
            return facts.contact.channel in wanted
        if name == "language":
            return facts.customer.preferences.language in wanted
        return getattr(facts.customer, name) in wanted

    def came_to(self, wanted: Sequence[str]) -> bool:
        return any(_is_address(address.value, wanted) for address in self._facts.contact.recipients)

    def came_from(self, wanted: Sequence[str]) -> bool:
        return _is_address(self._facts.contact.sender.value, wanted)

    def is_so(self, name: str, wanted: bool) -> bool:
        facts = self._facts
        so = {
            "automatic": facts.contact.automatic != "",
            "known": facts.known,
            "open_cases": facts.open_cases > 0,
        }
        return so[name] is wanted


_PHRASES: dict[str, str] = {}


def _phrase(phrase: str) -> str:
    """The stems of a phrase in a rule: there are few, so each is computed once."""
    if phrase not in _PHRASES:
        _PHRASES[phrase] = _stems(phrase)
    return _PHRASES[phrase]


def _is_address(value: str, wanted: Sequence[str]) -> bool:
    value = value.casefold()
    return any(value.endswith(w.casefold()) if w.startswith("@") else value == w.casefold() for w in wanted)


def _same(name: str) -> tuple[str, Callable[[_Asked, Any], bool]]:
    return name, lambda asked, wanted: asked.is_about(name, wanted)


def _flag(name: str) -> tuple[str, Callable[[_Asked, Any], bool]]:
    return name, lambda asked, wanted: asked.is_so(name, wanted)


# The cheap conditions come first, so that the text is stemmed only for rules that may still match.
_CONDITIONS: tuple[tuple[str, Callable[[_Asked, Any], bool]], ...] = (
    _same("channel"),
    _same("segment"),
    _same("region"),
    _same("kind"),
    _same("language"),
    _flag("automatic"),
    _flag("known"),
    _flag("open_cases"),
    ("recipient", _Asked.came_to),
    ("sender", _Asked.came_from),
    ("words", _Asked.says),
)
