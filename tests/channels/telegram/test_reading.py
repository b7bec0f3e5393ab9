"""Reading updates: whatever comes is a contact, is named, or is said to be unreadable and why."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.telegram.entities import units, written_out
from channels.telegram.reading import BotName, Draft, Ignored, Unreadable, read_update
from channels.telegram.updates import ABOUT, SERVICE, Entity
from crm.contact import Address
from tests.channels.telegram.updates import ANNA, GROUP, IVAN, a_message, a_photo, a_text, an_update

MOMENT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
BOT = BotName(111, "shop_bot")
IN_GROUPS = BotName(111, "shop_bot", groups=True)


def read(update: dict[str, Any], bot: BotName = BOT) -> Draft | Ignored:
    return read_update(json.dumps(update).encode(), bot, received_at=MOMENT)


def drafted(update: dict[str, Any], bot: BotName = BOT) -> Draft:
    draft = read(update, bot)
    assert isinstance(draft, Draft), draft
    return draft


def test_the_same_message_at_two_bots_is_one_sender_under_two_keys() -> None:
    at_shop, at_help = drafted(a_text("Hello")).contact, drafted(a_text("Hello"), BotName(222)).contact
    assert at_shop.sender == at_help.sender == Address(kind="telegram", value="4001", name="Иван Петров")
    assert (at_shop.key, at_help.key) == ("111:4001:57", "222:4001:57")


def test_a_number_is_proven_only_by_its_own_account_and_not_when_it_was_forwarded() -> None:
    card = {"phone_number": "79005550102", "first_name": "Ivan", "user_id": IVAN["id"]}
    own = drafted(an_update(a_message(contact=card))).contact
    assert (own.claims, own.proofs[0].value) == ((), "+79005550102")
    forwarded = a_message(contact=card, forward_origin={"type": "user", "sender_user": ANNA, "date": 0})
    for other in (a_message(contact=card, sender=ANNA), forwarded, a_message(contact={"phone_number": "1"})):
        contact = drafted(an_update(other)).contact
        assert contact.proofs == ()
        assert contact.claims[0].kind == "phone"


def test_the_largest_of_the_sizes_is_wanted() -> None:
    sizes = a_photo("a", "b", "c")
    draft = drafted(an_update(a_message(photo=[sizes[1], sizes[2], sizes[0]])))
    assert [file.id for file in draft.files] == ["c"]


@pytest.mark.parametrize("kind", sorted(SERVICE))
def test_what_happens_to_a_chat_is_named_and_let_go(kind: str) -> None:
    assert read(an_update(a_message(**{kind: {"anything": 1}}))) == Ignored(kind)


@pytest.mark.parametrize("kind", ["paid_media", "web_app_data", "story", "what_comes_next_year"])
def test_content_that_nobody_can_read_yet_is_a_contact_that_keeps_all_of_it(kind: str) -> None:
    update = an_update(a_message(**{kind: {"anything": 1}}))
    draft = drafted(update)
    assert draft.contact.fields["content"] == kind
    assert json.loads(draft.raw) == update


def test_a_word_on_content_that_is_unknown_is_still_read() -> None:
    assert drafted(an_update(a_message(caption="Look", paid_media={}))).contact.text == "Look"


def test_in_groups_only_what_is_addressed_to_the_bot_is_a_contact_and_only_where_that_is_set() -> None:
    mention = [{"type": "mention", "offset": 3, "length": 9}]
    calls = a_message(chat=GROUP, text="😀 @SHOP_bot hi", entities=mention)
    assert read(an_update(calls)) == Ignored("group")
    assert drafted(an_update(calls), IN_GROUPS).contact.fields["group"] == "Наш дом"
    command = [{"type": "bot_command", "offset": 0, "length": 14}]
    assert drafted(
        an_update(a_message(chat=GROUP, text="/help@shop_bot", entities=command)), IN_GROUPS
    ).addressed
    other = a_message(chat=GROUP, text="/help@help_bot", entities=command)
    assert read(an_update(other), IN_GROUPS) == Ignored("group_talk")
    assert read(an_update(a_message(chat=GROUP, text="hi")), IN_GROUPS) == Ignored("group_talk")


def test_an_administrator_who_hides_himself_speaks_as_his_group() -> None:
    hidden = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
    message = a_message(chat=GROUP, sender_chat=GROUP, text="/a@shop_bot") | {"from": hidden}
    message["entities"] = [{"type": "bot_command", "offset": 0, "length": 11}]
    assert drafted(an_update(message), IN_GROUPS).contact.sender.name == "Наш дом"


def test_start_is_told_from_words_that_begin_so() -> None:
    assert drafted(a_text("/start")).start == "/"
    assert drafted(a_text("/start abc_DEF-1")).start == "abc_DEF-1"
    assert drafted(a_text("/start помогите мне")).start == ""
    assert drafted(a_text("/started")).start == ""


@pytest.mark.parametrize("kind", ["callback_query", "business_message", "poll_answer", "chat_join_request"])
def test_other_kinds_of_update_are_named(kind: str) -> None:
    assert read({"update_id": 1, kind: {"id": "1"}}) == Ignored(kind)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "Expected `object`, got `array`"),
        (b"{}", "missing required field `update_id`"),
        (b'{"update_id":1,"message":{"message_id":1,"date":"x"}}', "$.message.date"),
        (b"[" * 100_000, "Expected `object`"),
        (
            b'{"update_id":1,"message":{"message_id":1,"date":1,"chat":{"id":1,"type":"private"},"text":"\xff"}}',
            "",
        ),
    ],
)
def test_what_is_no_update_is_said_to_be_none_and_why(raw: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_update(raw, BOT, received_at=MOMENT)
    assert reason in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
names = st.sampled_from(
    [
        *sorted(ABOUT | SERVICE),
        "photo",
        "document",
        "voice",
        "sticker",
        "contact",
        "location",
        "venue",
        "poll",
        "dice",
    ]
)


@given(st.dictionaries(names, json_values, max_size=6), st.sampled_from(["message", "edited_message", "x"]))
def test_a_message_with_anything_in_it_is_read_or_said_to_be_unreadable(
    given_: dict[str, Any], kind: str
) -> None:
    update = an_update(a_message() | given_, kind=kind)
    try:
        draft = read(update, IN_GROUPS)
    except Unreadable:
        return
    if isinstance(draft, Draft):
        assert draft.contact.id == f"telegram:{draft.contact.key}"
        json.dumps(draft.contact.text)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_said_to_be_unreadable(raw: bytes) -> None:
    with suppress(Unreadable):
        read_update(raw, BOT, received_at=MOMENT)


entity = st.builds(
    Entity,
    type=st.sampled_from(["text_link", "blockquote", "expandable_blockquote", "bold"]),
    offset=st.integers(-5, 60),
    length=st.integers(-5, 60),
    url=st.sampled_from(["", "https://example.com/a"]),
)


@given(st.text(max_size=40), st.lists(entity, max_size=5))
def test_what_is_written_out_adds_and_takes_nothing_away(text: str, entities: list[Entity]) -> None:
    out = written_out(text, entities)
    left = iter(out)
    assert all(letter in left or letter == "�" for letter in text) or "�" in out


def test_offsets_count_as_telegram_counts() -> None:
    assert units("a😀é") == 4
    link = Entity("text_link", offset=3, length=4, url="https://example.com/")
    assert written_out("😀 here", [link]) == "😀 here (https://example.com/)"


def test_a_link_that_is_its_own_words_is_not_said_twice() -> None:
    link = Entity("text_link", offset=0, length=19, url="https://example.com/")
    assert written_out("https://example.com", [link]) == "https://example.com"


def test_a_link_within_a_quote_of_two_lines_stands_where_it_stood() -> None:
    quote = Entity("blockquote", offset=0, length=9)
    link = Entity("text_link", offset=5, length=4, url="https://a.example/")
    assert written_out("one\n two!\nx", [quote, link]) == "> one\n>  two! (https://a.example/)\nx"
