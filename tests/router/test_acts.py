"""Who may do what with a case in which state: the whole table, act by act."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.case import Assigned, Case, Closed, Decision, PendingTransfer, TransferAnswered, Transferred
from crm.employee import Employee
from crm.errors import BadInput, NotAllowed, OnewindowError
from router import acts
from router.acts import Act, Change
from tests.router.records import MONDAY_NOON, CountedIds, a_case, a_contact, an_employee

LATER = MONDAY_NOON + timedelta(minutes=5)

# Who stands how to a case of the front desk that Anna holds, or that is reserved for her.
HOLDER = an_employee("anna", department_ids=("front-desk",))
COLLEAGUE = an_employee("pavel", department_ids=("front-desk",))
STRANGER = an_employee("vera", department_ids=("billing",))
SUPERVISOR = an_employee("olga", department_ids=(), role="supervisor")
ADMIN = an_employee("root", department_ids=(), role="admin")
EVERYBODY = (HOLDER, COLLEAGUE, STRANGER, SUPERVISOR, ADMIN)

STATES: dict[str, dict[str, Any]] = {
    "queued": {},
    "reserved": {"state": "reserved", "assignee_id": "anna", "reserved_until": LATER},
    "assigned": {"state": "assigned", "assignee_id": "anna"},
    "transferred": {  # from the front desk to the technicians, where it waits
        "department_id": "technical",
        "transfer": PendingTransfer(
            entry_id="t1",
            from_department_id="front-desk",
            to_department_id="technical",
            by_employee_id="anna",
            reason="линия",
            at=MONDAY_NOON,
        ),
    },
    "closed": {
        "state": "closed",
        "open": False,
        "assignee_id": "anna",
        "waiting_since": None,
        "closed_at": MONDAY_NOON,
        "decision": "solved",
    },
}

DECIDED = Decision(id="d1", at=MONDAY_NOON, case_id="100001", customer_id="ivan", code="solved")
ANSWER = a_contact("answer", direction="outbound")

ACTS: dict[str, Callable[[Case, Act], Change]] = {
    "take": acts.take,
    "accept": acts.accept,
    "release": lambda case, act: acts.release(case, act, "устал"),
    "give": lambda case, act: acts.give(case, act, COLLEAGUE),
    "transfer": lambda case, act: acts.transfer(case, act, "billing", "счёт"),
    "accept_transfer": acts.accept_transfer,
    "return_transfer": lambda case, act: acts.return_transfer(case, act, "не наше"),
    "answer": lambda case, act: acts.answer(case, act, ANSWER, {}),
    "decide": lambda case, act: acts.decide(case, act, code="solved", text="", close=False),
    "close": lambda case, act: acts.close(msgspec.structs.replace(case, decision="solved"), act, DECIDED),
    "reopen": lambda case, act: acts.reopen(case, act, "ещё раз"),
    "prioritise": lambda case, act: acts.prioritise(case, act, 1),
}

# h: who holds it, c: a colleague of its department, s: of another department, o: a supervisor, a: an admin.
# In "transferred" it waits with the technicians, to whom none of the agents here belongs.
ALLOWED: dict[str, dict[str, str]] = {
    "take": {"queued": "hcoa", "reserved": "hcoa", "assigned": "hcoa", "transferred": "oa", "closed": ""},
    "accept": {"queued": "", "reserved": "h", "assigned": "h", "transferred": "", "closed": ""},
    "release": {"queued": "", "reserved": "hoa", "assigned": "hoa", "transferred": "", "closed": ""},
    "give": {"queued": "oa", "reserved": "oa", "assigned": "oa", "transferred": "oa", "closed": ""},
    "transfer": {"queued": "hcoa", "reserved": "hoa", "assigned": "hoa", "transferred": "oa", "closed": ""},
    "accept_transfer": {"queued": "", "reserved": "", "assigned": "", "transferred": "oa", "closed": ""},
    "return_transfer": {"queued": "", "reserved": "", "assigned": "", "transferred": "oa", "closed": ""},
    "answer": {"queued": "hcoa", "reserved": "hoa", "assigned": "hoa", "transferred": "oa", "closed": ""},
    "decide": {"queued": "hcoa", "reserved": "hoa", "assigned": "hoa", "transferred": "oa", "closed": ""},
    "close": {"queued": "hcoa", "reserved": "hoa", "assigned": "hoa", "transferred": "oa", "closed": ""},
    "reopen": {"queued": "", "reserved": "", "assigned": "", "transferred": "", "closed": "hcsoa"},
    "prioritise": {
        "queued": "hcoa",
        "reserved": "hcoa",
        "assigned": "hcoa",
        "transferred": "oa",
        "closed": "",
    },
}
LETTERS = dict(zip("hcsoa", EVERYBODY, strict=True))


def acting(by: Employee) -> Act:
    return Act(by, LATER, CountedIds())


def check_whole(case: Case) -> None:
    """What holds of every case: at most one owner, and a state that agrees with it."""
    assert case.open == (case.state != "closed")
    assert (case.state == "queued") == (case.assignee_id == "")
    assert (case.state == "reserved") == (case.reserved_until is not None)
    assert (case.state == "closed") == (case.closed_at is not None)
    assert case.transfer is None or case.transfer.to_department_id == case.department_id
    assert case.transfer is None or case.state in ("queued", "reserved")


@pytest.mark.parametrize("who", LETTERS)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("act", ACTS)
def test_an_act_is_allowed_where_the_table_says_so_and_nowhere_else(act: str, state: str, who: str) -> None:
    case = a_case(**STATES[state])
    if who not in ALLOWED[act][state]:
        with pytest.raises(BadInput, match=r"\w"):
            ACTS[act](case, acting(LETTERS[who]))
        return
    change = ACTS[act](case, acting(LETTERS[who]))
    check_whole(change.case)
    assert all(entry.employee_id == LETTERS[who].id for entry in change.entries)
    assert len({entry.id for entry in change.entries}) == len(change.entries)


def test_the_department_a_case_was_transferred_to_may_do_all_of_it() -> None:
    case = a_case(**STATES["transferred"])
    boris = an_employee("boris", department_ids=("technical",))
    for act in ("take", "accept_transfer", "answer"):
        change = ACTS[act](case, acting(boris))
        check_whole(change.case)
        assert (change.case.state, change.case.assignee_id, change.case.transfer) == (
            "assigned",
            "boris",
            None,
        )
        (answered,) = [entry for entry in change.entries if isinstance(entry, TransferAnswered)]
        assert (answered.transfer_id, answered.accepted) == ("t1", True)


def test_a_returned_case_waits_again_where_it_came_from() -> None:
    case = a_case(**STATES["transferred"], passed_by=("boris",))
    change = acts.return_transfer(
        case, acting(an_employee("boris", department_ids=("technical",))), "не наше"
    )
    assert (change.case.department_id, change.case.state, change.case.transfer) == (
        "front-desk",
        "queued",
        None,
    )
    assert change.case.passed_by == ()
    (answered,) = change.entries
    assert isinstance(answered, TransferAnswered)
    assert (answered.accepted, answered.reason, answered.transfer_id) == (False, "не наше", "t1")


def test_a_transfer_that_is_passed_on_is_answered_first() -> None:
    case = a_case(**STATES["transferred"])
    boris = an_employee("boris", department_ids=("technical",))
    change = acts.transfer(case, acting(boris), "billing", "это счёт")
    answered, transferred = change.entries
    assert isinstance(answered, TransferAnswered)
    assert isinstance(transferred, Transferred)
    assert (answered.transfer_id, answered.accepted) == ("t1", True)
    assert (transferred.from_department_id, transferred.to_department_id) == ("technical", "billing")
    assert change.case.transfer is not None
    assert change.case.transfer.entry_id == transferred.id
    assert change.case.department_id == "billing"


def test_a_transferred_case_that_is_closed_at_once_was_accepted_by_whoever_closed_it() -> None:
    case = a_case(**STATES["transferred"])
    boris = an_employee("boris", department_ids=("technical",))
    change = acts.decide(case, acting(boris), code="solved", text="", close=True)
    kinds = [type(entry) for entry in change.entries]
    assert kinds == [TransferAnswered, Decision, Closed]
    assert (change.case.assignee_id, change.case.transfer) == ("boris", None)


def test_a_case_closed_before_anybody_accepted_it_was_in_the_hands_of_whoever_closed_it() -> None:
    change = acts.decide(a_case(**STATES["reserved"]), acting(SUPERVISOR), code="spam", text="", close=True)
    assert change.case.assignee_id == "olga"
    held = acts.decide(a_case(**STATES["assigned"]), acting(SUPERVISOR), code="spam", text="", close=True)
    assert held.case.assignee_id == "anna"


def test_what_is_transferred_to_where_it_is_goes_nowhere() -> None:
    with pytest.raises(BadInput, match="already") as caught:
        acts.transfer(a_case(), acting(HOLDER), "front-desk", "?")
    assert caught.value.field == "to_department_id"


def test_a_case_that_is_given_back_is_passed_over_for_him_and_tells_why() -> None:
    change = ACTS["release"](a_case(**STATES["assigned"]), acting(HOLDER))
    assert (change.case.passed_by, change.case.queued_at) == (("anna",), MONDAY_NOON)
    assigned, note = change.entries
    assert isinstance(assigned, Assigned)
    assert (assigned.how, assigned.assignee_id) == ("released", "anna")
    assert getattr(note, "text", "") == "устал"


def test_nobody_who_left_is_given_a_case() -> None:
    gone = an_employee("gone", active=False)
    with pytest.raises(BadInput, match="no longer works") as caught:
        acts.give(a_case(), acting(SUPERVISOR), gone)
    assert caught.value.field == "to"


def test_an_answer_counts_and_ends_the_wait() -> None:
    change = acts.answer(a_case(**STATES["assigned"], contacts=3), acting(HOLDER), ANSWER, {"b": b"x"})
    case, (contact,) = change.case, change.contacts
    assert (case.contacts, contact.number, contact.case_id, contact.customer_id) == (4, 4, "100001", "ivan")
    assert (case.waiting_since, case.first_answered_at, case.last_direction) == (None, LATER, "outbound")
    assert change.blobs == {"b": b"x"}


def test_the_first_answer_stays_the_first() -> None:
    first = a_case(**STATES["assigned"], first_answered_at=MONDAY_NOON)
    assert acts.answer(first, acting(HOLDER), ANSWER, {}).case.first_answered_at == MONDAY_NOON


def test_an_answer_by_a_supervisor_leaves_the_case_with_whoever_holds_it() -> None:
    change = acts.answer(a_case(**STATES["assigned"]), acting(SUPERVISOR), ANSWER, {})
    assert (change.case.assignee_id, change.entries) == ("anna", ())


def test_a_decision_is_one_of_the_list() -> None:
    with pytest.raises(BadInput, match="solved, informed") as caught:
        acts.decide(a_case(), acting(HOLDER), code="whatever", text="", close=True)
    assert caught.value.field == "code"


@pytest.mark.parametrize("decided", [None, DECIDED])
def test_a_case_does_not_close_without_a_decision_since_it_was_opened(decided: Decision | None) -> None:
    with pytest.raises(BadInput, match="without a decision") as caught:
        acts.close(a_case(**STATES["assigned"]), acting(HOLDER), decided)
    assert caught.value.field == "code"


def test_a_reopened_case_has_no_decision_and_is_with_whoever_reopened_it() -> None:
    change = ACTS["reopen"](a_case(**STATES["closed"]), acting(COLLEAGUE))
    case = change.case
    assert (case.state, case.assignee_id, case.decision, case.reopened) == ("assigned", "pavel", "", 1)
    with pytest.raises(BadInput, match="without a decision"):
        acts.close(case, acting(COLLEAGUE), DECIDED)


def test_priority_moves_the_turn_and_is_one_of_four() -> None:
    urgent = acts.prioritise(a_case(), acting(HOLDER), 1).case
    assert urgent.turn_at == MONDAY_NOON - timedelta(days=1)
    for wrong in (0, 5, -1):
        with pytest.raises(BadInput, match="1 \\(urgent\\)"):
            acts.prioritise(a_case(), acting(HOLDER), wrong)


def test_a_text_beyond_all_measure_is_refused_by_its_name() -> None:
    acts.must_fit("x" * acts.MAX_TEXT, "text")
    with pytest.raises(BadInput, match="200000") as caught:
        acts.must_fit("x" * (acts.MAX_TEXT + 1), "reason")
    assert caught.value.field == "reason"


@given(st.lists(st.tuples(st.sampled_from([*ACTS]), st.sampled_from([*LETTERS])), max_size=30))
def test_any_sequence_of_acts_leaves_a_case_whole_with_one_owner(sequence: list[tuple[str, str]]) -> None:
    case = a_case()
    numbers = []
    for act, who in sequence:
        try:
            change = ACTS[act](case, acting(LETTERS[who]))
        except OnewindowError:
            continue
        check_whole(change.case)
        numbers += [contact.number for contact in change.contacts]
        case = change.case
    assert numbers == list(range(1, len(numbers) + 1))


def test_whoever_may_not_is_told_so_and_not_that_the_case_is_wrong() -> None:
    with pytest.raises(NotAllowed, match="colleague"):
        ACTS["decide"](a_case(**STATES["assigned"]), acting(COLLEAGUE))
    with pytest.raises(NotAllowed, match="another department"):
        ACTS["take"](a_case(), acting(STRANGER))
    with pytest.raises(NotAllowed, match="supervisor"):
        ACTS["give"](a_case(), acting(HOLDER))
