"""Rules as they are asked, in words, and what they would make of a contact."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec
from aiohttp import web

from agent_ui.admin.tabs import admin_page
from agent_ui.drawings import ICONS
from agent_ui.names import Names, read_names
from agent_ui.traces import ANSWERS, CONDITIONS, Said, say_trace
from agent_ui.visit import Form, Visit, get, post, read_form
from crm.case import Step
from crm.collections import ADDRESSES, CUSTOMERS, DEPARTMENTS
from crm.contact import Address, AddressKind, Automatic, Contact
from crm.customer import Customer
from router.history import find_open_cases
from router.identity import normalise
from router.rules import Facts, Rule, Verdict, decide

LONGEST_TEXT = 20_000
YES_NO = {True: "yes", False: "no"}
AUTOMATIC: tuple[Automatic, ...] = ("", "reply", "bounce", "list", "notice")


class Condition(NamedTuple):
    """One condition of a rule: its code, what it is called, and the values any of which will do."""

    code: str
    name: str
    values: list[str]


class SaidRule(NamedTuple):
    """One rule in words: its conditions, all of which must hold, and what it does."""

    rule: Rule
    conditions: list[Condition]
    department: str
    known: bool  # the department it names exists and is open


class Tried(NamedTuple):
    """What the rules made of a contact: where it goes, why, and how each rule fared by name."""

    verdict: Verdict
    why: list[Said]
    steps: dict[str, Step]
    customer: Customer | None
    department: str


async def show_rules(visit: Visit) -> web.Response:
    names = await read_names(visit.rooms.store, visit.speaker)
    return admin_page(visit, "admin_rules.html", **_values(visit, names), tried=None)


async def try_contact(visit: Visit) -> web.Response:
    """The same pure decision that the router makes, about a contact that is stored nowhere."""
    form = await read_form(visit.request)
    names = await read_names(visit.rooms.store, visit.speaker)
    tried = await _try(visit, form, names)
    if visit.wants_fragment:
        return visit.fragment("admin_rules_list.html", **_values(visit, names), tried=tried)
    return admin_page(visit, "admin_rules.html", **_values(visit, names), tried=tried)


def _values(visit: Visit, names: Names) -> dict[str, object]:
    book = visit.rooms.rules
    return {
        "rules": [_say_rule(rule, names) for rule in book.rule],
        "default_department": names.department(book.default_department),
        "channels": list(ICONS),
        "automatic": AUTOMATIC,
    }


def _say_rule(rule: Rule, names: Names) -> SaidRule:
    conditions = []
    for name, wanted in msgspec.structs.asdict(rule.when).items():
        if isinstance(wanted, bool):
            values = [names.speaker.say(ANSWERS[YES_NO[wanted]])]
        elif wanted:
            values = [str(value) for value in wanted]
        else:
            continue
        conditions.append(Condition(name, CONDITIONS.get(name, name), values))
    department = names.departments.get(rule.then.department)
    known = department is not None and department.active
    return SaidRule(rule, conditions, names.department(rule.then.department), known)


async def _try(visit: Visit, form: Form, names: Names) -> Tried:
    contact = _read_contact(form, visit.rooms.clock())
    address = normalise(contact.sender, region=visit.rooms.settings.region)
    known = await visit.rooms.store.get(ADDRESSES, address) if address else None
    customer = await visit.rooms.store.get(CUSTOMERS, known.customer_id) if known else None
    open_cases = await find_open_cases(visit.rooms.store, customer.id) if customer else []
    stranger = Customer(id="", created_at=contact.received_at, updated_at=contact.received_at)
    facts = Facts(contact, customer or stranger, known=customer is not None, open_cases=len(open_cases))
    departments = await visit.rooms.store.find(DEPARTMENTS, limit=1000)
    active = frozenset(department.id for department in departments if department.active)
    verdict = decide(facts, visit.rooms.rules, active)
    return Tried(
        verdict,
        say_trace(verdict.trace, names),
        {step.rule: step for step in verdict.trace if step.rule},
        customer,
        names.department(verdict.department_id),
    )


def _read_contact(form: Form, at: datetime) -> Contact:
    sender, recipient = form.text("sender").strip()[:400], form.text("recipient").strip()[:400]
    channel, automatic = form.text("channel")[:40], form.text("automatic")
    return Contact(
        id="",
        channel=channel,
        key="",
        received_at=at,
        sender=Address(kind=_kind(sender), value=sender),
        recipients=(Address(kind=_kind(recipient), value=recipient),) if recipient else (),
        subject=form.text("subject")[:1000],
        text=form.text("text")[:LONGEST_TEXT],
        automatic=next((one for one in AUTOMATIC if one == automatic), ""),
    )


def _kind(value: str) -> AddressKind:
    if not value:
        return "unknown"
    return "email" if "@" in value else "phone"


ROUTES = [
    get("/admin/rules", show_rules, "supervisor"),
    post("/admin/rules/try", try_contact, "supervisor"),
]
