"""Messages by polling: each becomes one contact, whatever it holds and whatever happens on the way."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from channels.telegram.late import LateFiles
from crm.case import Amended
from crm.collections import ADDRESSES, CUSTOMERS, ENTRIES
from crm.contact import Address, Arrival, Receipt
from crm.customer import Customer, CustomerAddress
from crm.errors import QueueFull
from crm.record import new_id, now
from crm.store import Insert
from router.dead_letters import replay
from tests.channels.telegram.bot_api import HELP, SHOP, Mood, call_webhook
from tests.channels.telegram.house import House, a_house, secret_of
from tests.channels.telegram.updates import (
    ANNA,
    GROUP,
    IVAN,
    a_message,
    a_photo,
    a_text,
    an_update,
)
from tests.polling import until


async def told(house: House, *updates: dict[str, Any], bot: str = SHOP) -> None:
    """They come in one answer of Telegram, and are dealt with."""
    api = house.api
    async with api.news:
        for update in updates:
            api.pending[bot][update["update_id"]] = _raw(update)
        api.news.notify_all()
    await api.settled(*(update["update_id"] for update in updates), bot=bot)


def _raw(update: dict[str, Any]) -> bytes:
    return json.dumps(update).encode()


async def test_words_come_in_and_are_forgotten_by_telegram(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await told(house, a_text("The lamp is red."))
        contact = await house.contact()
        assert (contact.text, contact.sender.value, contact.fields["language"]) == (
            "The lamp is red.",
            "4001",
            "ru",
        )
        assert contact.sent_at == datetime(2026, 2, 2, 2, 40, tzinfo=UTC)
        assert not house.api.pending[SHOP]
        assert (house.doors["shop"].told, house.doors["shop"].contacts) == (["up"], 1)


async def test_a_talk_keeps_its_order_and_is_one_case(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await told(house, *(a_text(f"line {number}", number) for number in range(1, 31)))
        contacts = sorted(await house.contacts(), key=lambda contact: contact.number)
        assert [contact.text for contact in contacts] == [f"line {number}" for number in range(1, 31)]
        assert len(await house.cases()) == 1


async def test_an_edit_changes_the_contact_and_the_earlier_words_are_kept(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await told(house, a_text("It is rde."))
        await told(
            house, an_update(a_message(text="It is red.", edit_date=1770000100), kind="edited_message")
        )
        contact = await house.contact()
        assert (contact.text, contact.revision) == ("It is red.", 1770000100)
        entries = await house.store.find(ENTRIES, limit=100)
        assert [entry.text for entry in entries if isinstance(entry, Amended)] == ["It is rde."]


async def test_an_edit_of_a_message_we_never_saw_is_a_contact_and_the_original_no_second_one(
    tmp_path: Path,
) -> None:
    async with a_house(tmp_path) as house:
        await told(house, an_update(a_message(text="New", edit_date=1770000100), kind="edited_message"))
        await told(house, a_text("Old"))
        assert (await house.contact()).text == "New"


def an_album(*numbers: int, words: str = "All of it") -> list[dict[str, Any]]:
    parts = []
    for number in numbers:
        caption = {"caption": words} if number == numbers[0] and words else {}
        parts.append(
            an_update(a_message(number, media_group_id="9001", photo=a_photo(f"file{number}"), **caption))
        )
    return parts


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)], ids=str)
@pytest.mark.parametrize("words", ["All of it", ""])
@pytest.mark.parametrize("chunks", [1, 3])
async def test_an_album_is_one_contact_however_its_parts_come(
    tmp_path: Path, order: tuple[int, ...], words: str, chunks: int
) -> None:
    parts = an_album(61, 62, 63, words=words)
    async with a_house(tmp_path) as house:
        house.api.files |= {f"file{number}": b"picture %d" % number for number in (61, 62, 63)}
        ordered = [parts[place] for place in order]
        if chunks == 1:
            await told(house, *ordered)
        else:
            for part in ordered:
                await told(house, part)
        for part in ordered:  # Telegram repeats it all
            await told(house, part)
        contact = await house.contact()
        assert contact.text == words
        assert sorted(file.name for file in contact.attachments) == [
            "photo-61.jpg",
            "photo-62.jpg",
            "photo-63.jpg",
        ]


@pytest.mark.parametrize("way", ["together", "apart", "webhook"])
async def test_an_album_with_two_captions_is_one_contact_with_both(tmp_path: Path, way: str) -> None:
    first, second = (
        an_update(a_message(number, media_group_id="9001", photo=a_photo(f"file{number}"), caption=words))
        for number, words in ((61, "The meter"), (62, "The bill"))
    )
    async with a_house(tmp_path, {"receive": "webhook"} if way == "webhook" else {}) as house:
        house.api.files |= {f"file{number}": b"picture %d" % number for number in (61, 62)}
        for _ in range(2):  # Telegram repeats it all
            if way == "together":
                await told(house, first, second)
            elif way == "apart":
                await told(house, first)
                await told(house, second)
            else:
                url = f"{house.url}/telegram/shop"
                answers = await asyncio.gather(
                    *(call_webhook(url, part, secret_of()) for part in (first, second))
                )
                assert [status for status, _ in answers] == [200, 200]
        contact = await house.contact()
        assert sorted(contact.text.splitlines()) == ["The bill", "The meter"]
        if way != "webhook":
            assert contact.text == "The meter\nThe bill"
        assert sorted(file.name for file in contact.attachments) == ["photo-61.jpg", "photo-62.jpg"]


async def test_an_edit_of_the_words_of_an_album_keeps_its_pictures(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        house.api.files |= {f"file{number}": b"picture %d" % number for number in (61, 62)}
        await told(house, *an_album(61, 62))
        message = a_message(
            61, media_group_id="9001", photo=a_photo("file61"), caption="Changed", edit_date=1770000100
        )
        await told(house, an_update(message, kind="edited_message"))
        contact = await house.contact()
        assert contact.text == "Changed"
        assert sorted(file.name for file in contact.attachments) == ["photo-61.jpg", "photo-62.jpg"]


async def test_files_come_with_their_bytes(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        house.api.files["doc"] = b"%PDF-1.4"
        document = {
            "file_id": "doc",
            "file_unique_id": "u",
            "file_name": "a/b.pdf",
            "mime_type": "application/pdf",
        }
        await told(house, an_update(a_message(document=document)))
        (file,) = (await house.contact()).attachments
        assert (file.name, file.mime, file.size) == ("a_b.pdf", "application/pdf", 8)
        assert await house.store.read_blob(file.blob) == b"%PDF-1.4"


async def test_a_file_that_is_too_large_stays_and_the_message_says_so(tmp_path: Path) -> None:
    async with a_house(tmp_path, {"file_size_limit": 10}) as house:
        house.api.files["told"] = house.api.files["untold"] = b"x" * 11
        for number, size in ((57, {"file_size": 11}), (58, {})):
            name = "told" if size else "untold"
            video = {"file_id": name, "file_unique_id": "u", "duration": 5, **size}
            await told(house, an_update(a_message(number, video=video, caption="Look")))
        for contact in await house.contacts():
            assert contact.attachments == ()
            assert contact.fields["files_left"].startswith("video-")
        assert house.api.fetched["told"] == 0


async def test_a_file_that_cannot_be_had_is_late_and_added_when_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LateFiles.__init__, "__kwdefaults__", {"pause": 0.1})
    async with a_house(tmp_path) as house:
        house.api.files["voice"] = b"OggS"
        house.api.be("file", Mood(500, times=3))
        house.api.be("file", Mood(closes=True))
        await told(
            house, an_update(a_message(voice={"file_id": "voice", "file_unique_id": "u", "duration": 3}))
        )
        assert (await house.contact()).fields["files_late"] == "voice-57.ogg"

        async def state() -> tuple[int, str]:
            contact = await house.contact()
            return len(contact.attachments), contact.fields.get("files_late", "")

        await until(state, (1, ""))
        assert len(await house.cases()) == 1


async def test_a_late_file_is_remembered_over_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LateFiles.__init__, "__kwdefaults__", {"pause": 0.1})
    async with a_house(tmp_path) as house:
        house.api.be("getFile", Mood(502, times=10_000))
        await told(house, an_update(a_message(photo=a_photo("p"))))
        assert (await house.contact()).fields["files_late"] == "photo-57.jpg"
    async with a_house(tmp_path) as house:
        house.api.files["p"] = b"picture"

        async def files() -> int:
            return len((await house.contact()).attachments)

        await until(files, 1)


async def test_what_cannot_be_read_is_a_dead_letter_and_stops_nobody(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        broken = {"update_id": 5, "message": {"message_id": "x", "secret": "words"}}
        await told(house, broken, a_text("I come after."))
        assert (await house.contact()).text == "I come after."
        (letter,) = await house.dead_letters()
        assert "$.message" in letter.reason
        assert "words" not in letter.reason
        assert await house.store.read_blob(letter.contact.raw) == _raw(broken)
        receipt = await replay(house.store, house.intake, letter.id)
        assert not receipt.dead_letter
        assert len(await house.contacts()) == 2


async def test_an_update_that_breaks_us_each_time_is_laid_aside(tmp_path: Path) -> None:
    async with a_house(tmp_path, listens=False) as house:

        async def accept(arrival: Arrival) -> Receipt:
            if arrival.contact.text == "poison":
                raise KeyError("a bug of ours")
            return await house.intake.accept(arrival)

        async with house.source.listening(accept):
            await told(house, a_text("poison"), a_text("good", 58, sender=ANNA))
            assert (await house.contact()).text == "good"
            (letter,) = await house.dead_letters()
            assert letter.reason.startswith("storing broke: KeyError")


async def test_kinds_that_are_no_contacts_are_counted_and_let_go(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "onewindow.telegram")
    async with a_house(tmp_path) as house:
        strange = [{"update_id": number, "dream": {"of": "words"}} for number in range(10, 21)]
        await told(house, *strange, an_update(a_message(pinned_message={"message_id": 1})))
        assert await house.contacts() == []
        assert "10 × dream" in caplog.text
        assert "1 × pinned_message" in caplog.text
        assert "words" not in caplog.text


async def test_numbers_that_begin_anew_after_a_quiet_week_are_taken(tmp_path: Path) -> None:
    async with a_house(tmp_path, {"poll_timeout": 1}) as house:
        await told(house, a_text("before", 57) | {"update_id": 900_000_000})
        await told(house, a_text("after", 58) | {"update_id": 17})
        assert [contact.text for contact in await house.contacts()] == ["before", "after"]


async def test_what_was_not_stored_is_asked_for_again_and_what_was_is_not(tmp_path: Path) -> None:
    async with a_house(tmp_path, listens=False) as house:
        tries: list[str] = []

        async def accept(arrival: Arrival) -> Receipt:
            tries.append(arrival.contact.text)
            if arrival.contact.text == "second" and tries.count("second") < 3:
                raise QueueFull("full")
            return await house.intake.accept(arrival)

        async with house.source.listening(accept):
            await told(house, a_text("first", 57), a_text("second", 58))
            assert sorted(contact.text for contact in await house.contacts()) == ["first", "second"]
            assert tries.count("first") == 1
            assert tries.count("second") == 3


@pytest.mark.parametrize(
    ("mood", "says"),
    [
        (Mood(401, "Unauthorized"), "Telegram does not know this token"),
        (Mood(409, "Conflict: terminated by other getUpdates request"), "another program asks"),
        (Mood(500, "Internal"), "Telegram answered 500"),
        (Mood(429, "Too Many Requests", {"retry_after": 1}), "Telegram asks to wait"),
        (Mood(502, body=b"<html>Bad Gateway</html>"), "something else than JSON"),
        (Mood(closes=True), "Telegram cannot be reached"),
    ],
    ids=lambda value: str(getattr(value, "status", value)),
)
async def test_a_bad_day_of_telegram_is_told_and_got_over(tmp_path: Path, mood: Mood, says: str) -> None:
    async with a_house(tmp_path, listens=False) as house:
        house.api.be("getUpdates", mood)
        async with house.source.listening(house.intake.accept):
            await told(house, a_text("still here"))
        assert (await house.contact()).text == "still here"
        first, last = house.doors["shop"].told[0], house.doors["shop"].state
        assert says in first
        assert "token" not in first or "this token" in first
        assert last == "up"


async def test_updates_without_a_number_are_kept_and_asked_for_ever_less(tmp_path: Path) -> None:
    async with a_house(tmp_path, listens=False) as house:
        nameless = Mood(body=b'{"ok":true,"result":[{"dream":1},{"update_id":"x"},7]}', times=2)
        house.api.be("getUpdates", nameless)
        began = time.monotonic()
        async with house.source.listening(house.intake.accept):
            await told(house, a_text("still here"))
        assert time.monotonic() - began > 0.5 + 1
        assert (await house.contact()).text == "still here"
        assert any("without a number" in told for told in house.doors["shop"].told)
        assert len(await house.dead_letters()) == 3


async def test_a_slow_answer_is_waited_for(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        house.api.be("getUpdates", Mood(503, seconds=0.5))
        await told(house, a_text("at last"))
        assert (await house.contact()).text == "at last"


async def test_an_answer_that_was_lost_on_the_way_costs_nothing(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        house.api.be("getUpdates", Mood(closes=True, done_first=True))
        await told(house, a_text("one"))
        await told(house, a_text("two", 58))
        assert sorted(contact.text for contact in await house.contacts()) == ["one", "two"]


async def test_a_webhook_that_was_left_behind_is_taken_away(tmp_path: Path) -> None:
    async with a_house(tmp_path, listens=False) as house:
        house.api.webhooks[SHOP] = {"url": "https://elsewhere.example/"}
        async with house.source.listening(house.intake.accept):
            await told(house, a_text("hello"))


async def test_stopping_tells_telegram_what_is_stored(tmp_path: Path) -> None:
    async with a_house(tmp_path, listens=False) as house:
        stored = asyncio.Event()

        async def accept(arrival: Arrival) -> Receipt:
            receipt = await house.intake.accept(arrival)
            stored.set()
            return receipt

        async with house.source.listening(accept):
            number = await house.api.post(a_text("last words"))
            await stored.wait()
        assert (SHOP, number) in house.api.confirmed


async def test_two_bots_are_kept_apart_and_one_person_is_one_customer(tmp_path: Path) -> None:
    async with a_house(tmp_path, {}, {}) as house:
        await told(house, a_text("to the shop"))
        await told(house, a_text("to the help"), bot=HELP)
        contacts = await house.contacts()
        assert {contact.key for contact in contacts} == {"111:4001:57", "222:4001:57"}
        assert len({contact.customer_id for contact in contacts}) == 1
        assert {contact.recipients[0].value for contact in contacts} == {"@shop_bot", "@help_bot"}
        assert (house.doors["shop"].contacts, house.doors["help"].contacts) == (1, 1)


async def a_customer(house: House, *addresses: Address) -> str:
    id_ = new_id()
    at = now()
    writes = [Insert(CUSTOMERS, Customer(id=id_, name="Known", created_at=at, updated_at=at))]
    found = [
        CustomerAddress(
            id=f"{one.kind}:{one.value}", kind=one.kind, value=one.value, customer_id=id_, created_at=at
        )
        for one in addresses
    ]
    await house.store.commit([*writes, *(Insert(ADDRESSES, one) for one in found)])
    return id_


MAIL = Address(kind="email", value="ivan@example.com")
PHONE = Address(kind="phone", value="+79005550102")


@pytest.mark.parametrize("addresses", [(MAIL,), ()], ids=["with an address", "without"])
async def test_an_invitation_ties_whoever_opens_it(tmp_path: Path, addresses: tuple[Address, ...]) -> None:
    async with a_house(tmp_path) as house:
        customer = await a_customer(house, *addresses)
        start = house.invitations.make(111, customer, now() + timedelta(hours=1))
        await told(house, a_text(f"/start {start}"))
        await told(house, a_text("It is me", 58))
        assert {contact.customer_id for contact in await house.contacts()} == {customer}
        assert len(await house.cases()) == 1


async def test_an_invitation_opened_by_a_second_person_ties_nobody(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        customer = await a_customer(house, MAIL)
        start = house.invitations.make(111, customer, now() + timedelta(hours=1))
        await told(house, a_text(f"/start {start}"))
        await told(house, a_text(f"/start {start}", 58, sender=ANNA))
        await told(house, a_text("And I?", 59, sender=ANNA))
        anna = [contact for contact in await house.contacts() if contact.sender.value == "4002"]
        assert [contact.text for contact in anna] == ["And I?"]
        assert anna[0].customer_id != customer


@pytest.mark.parametrize("hours", [-1, None], ids=["expired", "of another bot"])
async def test_an_invitation_that_is_no_good_ties_nobody(tmp_path: Path, hours: int | None) -> None:
    async with a_house(tmp_path) as house:
        customer = await a_customer(house, MAIL)
        bot = 111 if hours else 222
        start = house.invitations.make(bot, customer, now() + timedelta(hours=hours or 1))
        await told(house, a_text(f"/start {start}"), a_text("Hello", 58))
        assert (await house.contact()).customer_id != customer


async def test_somebody_who_wrote_before_he_opened_the_link_takes_his_talk_along(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        customer = await a_customer(house, MAIL)
        await told(house, a_text("Who am I?"))
        assert (await house.contact()).customer_id != customer
        start = house.invitations.make(111, customer, now() + timedelta(hours=1))
        await told(house, a_text(f"/start {start}", 58))
        assert {contact.customer_id for contact in await house.contacts()} == {customer}


async def test_his_own_number_ties_him_and_anothers_does_not(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        customer = await a_customer(house, PHONE)
        card = {"phone_number": "79005550102", "first_name": "Ivan", "user_id": IVAN["id"]}
        await told(house, an_update(a_message(57, sender=ANNA, contact=card)))
        assert (await house.contact()).customer_id != customer
        await told(house, an_update(a_message(58, contact=card)))
        own = [contact for contact in await house.contacts() if contact.sender.value == "4001"]
        assert [contact.customer_id for contact in own] == [customer]


async def test_start_alone_is_greeted_and_is_no_contact(tmp_path: Path) -> None:
    async with a_house(tmp_path, {"greeting": "Write to us."}) as house:
        await told(house, a_text("/start"))
        await house.api.sent_so_far(1)
        assert (house.api.sent[0].chat, house.api.sent[0].text) == (4001, "Write to us.")
        assert await house.contacts() == []


async def test_in_a_group_an_album_is_taken_when_its_words_name_the_bot(tmp_path: Path) -> None:
    async with a_house(tmp_path, {"groups": True}) as house:
        house.api.files |= {"a": b"1", "b": b"2", "c": b"3"}
        mention = [{"type": "mention", "offset": 0, "length": 9}]
        parts = [
            an_update(a_message(61, chat=GROUP, media_group_id="9", photo=a_photo("a"))),
            an_update(
                a_message(
                    62,
                    chat=GROUP,
                    media_group_id="9",
                    photo=a_photo("b"),
                    caption="@shop_bot",
                    caption_entities=mention,
                )
            ),
        ]
        await told(house, *parts)
        late = an_update(a_message(63, chat=GROUP, media_group_id="9", photo=a_photo("c")))
        other = an_update(a_message(64, chat=GROUP, media_group_id="8", photo=a_photo("c")))
        await told(house, late, other)
        assert len((await house.contact()).attachments) == 3
