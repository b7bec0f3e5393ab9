"""The trace in words: why a case went where it went, one sentence a step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from agent_ui.names import Names
from agent_ui.words import mark
from crm.case import Step

SAYINGS: Mapping[tuple[str, bool], str] = {
    ("rule", True): mark("Rule “%(rule)s” applies: %(hits)s."),
    ("rule", False): mark("Rule “%(rule)s” does not apply: %(because)s."),
    ("no_such_department", False): mark("Rule “%(rule)s” names a department that does not exist."),
    ("no_rule", True): mark("No rule applies: it goes to “%(department)s”."),
    ("known_customer", True): mark("The address belongs to a customer we know."),
    ("new_customer", True): mark("Nobody has this address: a new customer."),
    ("from_other_address", True): mark("Written from another address than the one we answered."),
    ("joined_by_token", True): mark("It answers our letter in case %(case)s."),
    ("joined_by_report", True): mark("It reports on our letter in case %(case)s."),
    ("joined_by_reference", True): mark("It refers to a letter of case %(case)s."),
    ("joined_callback", True): mark(
        "A call about case %(case)s: the customer called again, or was called back."
    ),
    ("joined_conversation", True): mark("The talk of case %(case)s goes on."),
    ("joined_by_subject", True): mark("It has the subject of the open case %(case)s."),
    ("reference_of_stranger", False): mark("It refers to case %(case)s, which is somebody else's."),
    ("forged_reference", False): mark(
        "It refers to case %(case)s, but its sender is not who he says: it does not join it."
    ),
    ("closed_long_ago", False): mark("Case %(case)s was closed too long ago to go on."),
    ("took_the_call", True): mark("The agent took the call: the case is in his hands."),
    ("known_by_proof", True): mark("He proved an address of a customer we know: %(address)s."),
    ("tied_by_proof", True): mark("He proved that this address is his: %(address)s."),
    ("moved_by_proof", True): mark("What was kept of this address apart belongs to the customer it proved."),
    ("proof_of_another_customer", False): mark(
        "He proved an address of another customer (%(address)s): they are kept apart, look which is right."
    ),
    ("least_loaded", True): mark(
        "%(load)s of %(capacity)s in hand: the fewest among %(candidates)s who are free."
    ),
    ("no_agent_free", False): mark("Nobody is free: %(present)s present, %(passed)s passed it on."),
    ("expired", True): mark("It was not accepted in time."),
    ("past_call", True): mark("The call was over for days when we learned of it: it is kept as history."),
    ("asked_again", True): mark("Everybody who could take it has passed it by: they are asked again."),
    ("holder_absent", True): mark("Whoever held it has been away for too long."),
}

CONDITIONS: Mapping[str, str] = {
    "channel": mark("channel"),
    "words": mark("words"),
    "recipient": mark("recipient"),
    "sender": mark("sender"),
    "segment": mark("segment"),
    "region": mark("region"),
    "kind": mark("kind of customer"),
    "language": mark("language"),
    "automatic": mark("automatic mail"),
    "known": mark("known customer"),
    "open_cases": mark("open cases"),
}

ANSWERS = {"yes": mark("yes"), "no": mark("no")}


class Said(NamedTuple):
    """One step as it is read."""

    matched: bool
    text: str


def say_trace(steps: Iterable[Step], names: Names) -> list[Said]:
    """Every step in words; a code that nobody taught us is shown as it is."""
    return [Said(step.matched, _say(step, names)) for step in steps]


def _say(step: Step, names: Names) -> str:
    saying = SAYINGS.get((step.code, step.matched))
    say = names.speaker.say
    if saying is None:
        return " ".join((step.code, step.rule, *step.details.values())).strip()
    department = names.department(step.details.get("department", ""))
    because = _condition(step.details.get("because", ""), names)
    values = {**step.details, "rule": step.rule, "department": department, "because": because}
    return say(saying, **values, hits=_hits(step, names)) if "%" in saying else say(saying)


def _hits(step: Step, names: Names) -> str:
    """What decided, condition by condition; a rule without conditions applies to everything."""
    say = names.speaker.say
    found = [
        f"{_condition(name, names)} — {say(ANSWERS[value]) if value in ANSWERS else value}"
        for name, value in step.details.items()
        if name in CONDITIONS
    ]
    return "; ".join(found) or say("it holds for everything")


def _condition(name: str, names: Names) -> str:
    return names.speaker.say(CONDITIONS[name]) if name in CONDITIONS else name
