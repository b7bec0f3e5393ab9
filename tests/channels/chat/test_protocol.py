"""Frames and what they are read into."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.chat.contacts import (
    PROFILE_LIMIT,
    claims_of,
    clean,
    client_id,
    concerns,
    is_client_id,
    key_of,
    tidy,
    visitor_of_key,
    written,
)
from channels.chat.protocol import (
    ClientFrame,
    Place,
    Profile,
    TryAgain,
    place_of,
    read_frame,
    seq_of,
    write_frame,
)
from channels.chat.token import VISITOR_ID_LENGTH, new_token, visitor_of
from crm.contact import Address, Contact, contact_id
from crm.errors import BadInput

VISITOR = visitor_of("A" * 43)


def a_contact(
    key: str, *, sender: Address, recipients: tuple[Address, ...] = (), channel: str = "chat"
) -> Contact:
    return Contact(
        id=contact_id(channel, key),
        channel=channel,
        key=key,
        received_at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
        sender=sender,
        recipients=recipients,
        text="слова",
    )


@given(st.binary())
def test_any_bytes_are_a_frame_or_bad_input(raw: bytes) -> None:
    try:
        frame: ClientFrame = read_frame(raw)
    except BadInput:
        return
    assert msgspec.json.decode(msgspec.json.encode(frame))["type"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=4),
    ),
    st.sampled_from(["hello", "say", "leave_message", "typing", "seen", "profile", "ping", "dance"]),
)
def test_any_json_is_a_frame_or_bad_input(value: object, type: str) -> None:
    fields = value if isinstance(value, dict) else {"text": value, "id": value, "seq": value, "last": value}
    try:
        read_frame(msgspec.json.encode({**fields, "type": type}))
    except BadInput:
        return


@pytest.mark.parametrize(
    "raw",
    [
        b'{"type":"say","id":"12345678","text":"\\ud800"}',
        b'{"type":"say","id":"12345678","text":"words"} and more',
        b'{"type":"seen","seq":-1}',
        b'{"type":"seen","seq":1e300}',
        b'{"type":"seen","seq":' + b"9" * 5000 + b"}",
        b'{"type":"hello","last":[' + b"9" * 5000 + b"]}",
        b"[" * 10_000,
    ],
)
def test_what_no_page_sends_is_bad_input(raw: bytes) -> None:
    with pytest.raises(BadInput):
        read_frame(raw)


@given(st.integers(1, 10**9), st.integers(1, 999_999))
def test_a_seq_is_a_place_and_back(case: int, number: int) -> None:
    seq = seq_of(Place(str(case), number))
    assert place_of(seq) == (str(case), number)
    assert seq < 2**53  # a page counts in doubles


@given(st.integers(1, 10**6), st.integers(1, 999_999), st.integers(1, 10**6), st.integers(1, 999_999))
def test_seqs_grow_within_a_case_and_with_later_cases(case: int, number: int, later: int, other: int) -> None:
    assert seq_of(Place(str(case), number)) < seq_of(Place(str(case), number + 1))
    assert seq_of(Place(str(case), number)) < seq_of(Place(str(case + later), other))


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_cleaned_text_can_be_stored_and_keeps_every_word(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode()
    assert "\0" not in cleaned
    assert "\r" not in cleaned
    assert clean(cleaned) == cleaned
    assert [c for c in cleaned if c.isalnum()] == [c for c in text if c.isalnum()]


@given(st.from_regex(r"[A-Za-z0-9_-]{8,64}", fullmatch=True))
def test_a_key_tells_who_said_it_and_by_which_id(id: str) -> None:
    assert is_client_id(id)
    key = key_of(VISITOR, id)
    contact = a_contact(key, sender=Address(kind="visitor", value=VISITOR))
    assert (visitor_of_key(key), client_id(contact)) == (VISITOR, id)


@pytest.mark.parametrize(
    "id", ["", "1234567", "x" * 65, "with space", "дефис-и-буквы", "12345678\n", "../../../x"]
)
def test_only_plain_ids_are_taken(id: str) -> None:
    assert not is_client_id(id)


def test_only_what_was_said_by_or_to_the_visitor_in_the_chat_concerns_him() -> None:
    me, other = Address(kind="visitor", value=VISITOR), Address(kind="visitor", value="other")
    mail = Address(kind="email", value="ivan@example.com")
    assert concerns(a_contact("1", sender=me), VISITOR)
    assert concerns(a_contact("1", sender=Address(kind="visitor", value=""), recipients=(me,)), VISITOR)
    assert not concerns(a_contact("1", sender=other), VISITOR)
    assert not concerns(a_contact("1", sender=mail, channel="email"), VISITOR)
    assert not concerns(a_contact("1", sender=me, channel="email"), VISITOR)
    assert not concerns(a_contact("1", sender=Address(kind="email", value=VISITOR)), VISITOR)


def test_a_message_shows_the_agents_name_and_the_visitors_own_id() -> None:
    me = Address(kind="visitor", value=VISITOR, name="Иван")
    own = written(a_contact(key_of(VISITOR, "message-1"), sender=me), Place("7", 3))
    assert (own.seq, own.id, own.own, own.name) == (7_000_003, "message-1", True, "")
    answer = a_contact("abc", sender=Address(kind="visitor", value="", name="Анна"), recipients=(me,))
    theirs = written(msgspec.structs.replace(answer, direction="outbound"), Place("7", 4))
    assert (theirs.id, theirs.own, theirs.name) == ("abc", False, "Анна")


@given(st.text(), st.text(), st.text())
def test_a_profile_becomes_short_single_lines_and_claims(name: str, email: str, phone: str) -> None:
    profile = tidy(Profile(name=name, email=email, phone=phone))
    for value in (profile.name, profile.email, profile.phone):
        assert len(value) <= PROFILE_LIMIT
        assert "\n" not in value
    kinds = [claim.kind for claim in claims_of(profile)]
    assert kinds == ["email"] * bool(profile.email) + ["phone"] * bool(profile.phone)


def test_a_token_is_a_secret_and_its_visitor_is_not() -> None:
    token = new_token()
    assert visitor_of(token) == visitor_of(token)
    assert len(visitor_of(token)) == VISITOR_ID_LENGTH
    assert visitor_of(token) not in token
    assert visitor_of(token) != visitor_of(new_token())


@given(st.text())
def test_what_is_no_token_is_nobody(text: str) -> None:
    assert visitor_of(text) == ""


def test_a_written_frame_names_itself() -> None:
    assert (
        write_frame(TryAgain(id="12345678", after=2.5)) == b'{"type":"try_again","id":"12345678","after":2.5}'
    )
