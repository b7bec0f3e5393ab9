"""By which ways a customer can be answered, the likeliest first."""

from __future__ import annotations

from typing import Any

from crm.contact import Address, Contact
from router.ways import ways_to_answer
from tests.router.records import a_contact, an_address

EVERY = frozenset({"email", "chat", "telegram", "fax"})


def ways(*latest: Contact, addresses: tuple[str, ...] = (), channels: frozenset[str] = EVERY) -> list[str]:
    found = ways_to_answer(latest, [an_address(id_) for id_ in addresses], channels)
    assert [way.preferred for way in found] == [True, *[False] * (len(found) - 1)][: len(found)]
    return [f"{way.channel} {way.to.value}{' ?' if way.unproven else ''}" for way in found]


def a_letter(value: str, **fields: Any) -> Contact:
    return a_contact(sender=Address(kind="email", value=value), **fields)


def test_he_is_answered_as_he_wrote_last() -> None:
    chat = a_contact("c1", channel="chat", sender=Address(kind="visitor", value="v1"))
    assert ways(chat, a_letter("ivan@example.com")) == ["chat v1", "email ivan@example.com"]
    assert ways(a_letter("ivan@example.com"), chat) == ["email ivan@example.com", "chat v1"]


def test_an_address_is_named_once_however_it_was_spelled() -> None:
    letters = (a_letter("Ivan@Example.com"), a_letter("ivan@example.com"))
    assert ways(*letters, addresses=("email:ivan@example.com",)) == ["email Ivan@Example.com"]


def test_his_other_addresses_follow_and_what_he_only_typed_comes_last() -> None:
    claims = (Address(kind="email", value="typed@example.com"), Address(kind="phone", value="84951234567"))
    chat = a_contact("c1", channel="chat", sender=Address(kind="visitor", value="v1"), claims=claims)
    assert ways(chat, addresses=("email:ivan@example.com", "phone:+74951234567")) == [
        "chat v1",
        "email ivan@example.com",
        "email typed@example.com ?",
    ]


def test_what_he_typed_and_proved_is_proven() -> None:
    claims = (Address(kind="email", value="ivan@example.com"),)
    chat = a_contact("c1", channel="chat", sender=Address(kind="visitor", value="v1"), claims=claims)
    assert ways(chat, addresses=("email:ivan@example.com",)) == ["chat v1", "email ivan@example.com"]


def test_only_channels_that_are_set_up_are_ways() -> None:
    assert ways(a_letter("ivan@example.com"), addresses=("visitor:v1",), channels=frozenset({"chat"})) == [
        "chat v1"
    ]
    assert ways(a_letter("ivan@example.com"), channels=frozenset()) == []


def test_neither_programs_nor_ourselves_are_answered() -> None:
    own = a_letter("", direction="outbound")
    assert ways(own, a_letter("mailer-daemon@example.com", automatic="bounce"), a_letter(" ")) == []
