"""Answers: by the bot he wrote to, in parts that fit, each part once, and what Telegram refuses is said."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from channels.base import Reply
from channels.telegram.outlet import BLOCKED, NEVER_BEGAN, NO_SUCH_CHAT, TelegramOutlet
from channels.telegram.pace import Pace
from crm.collections import CASES, CONTACTS, EMPLOYEES
from crm.contact import Address, Attachment, Contact, blob_id, contact_id
from crm.employee import Employee
from crm.errors import DeliveryDelayed, DeliveryFailed
from crm.record import now
from crm.store import Insert
from router.casework import NewFile
from tests.channels.telegram.bot_api import HELP, SHOP, Mood
from tests.channels.telegram.house import House, a_house
from tests.channels.telegram.test_source import told
from tests.channels.telegram.updates import GROUP, a_message, a_text, an_update
from tests.polling import until

ANNA = Employee(id="anna", login="anna", name="Anna", department_ids=("front-desk",))


async def kept(
    house: House,
    words: str,
    *files: tuple[str, str, bytes],
    to: str = "4001",
    refers: Sequence[str] = ("111:4001:57",),
    customer_id: str = "",
) -> Reply:
    """An answer as it is when the outlet gets it: stored."""
    attachments = tuple(
        Attachment(name=name, mime=mime, size=len(content), blob=blob_id(content))
        for name, mime, content in files
    )
    contact = Contact(
        id=contact_id("telegram", "0a1b"),
        channel="telegram",
        key="0a1b",
        direction="outbound",
        received_at=now(),
        sender=Address(kind="telegram", value="", name="Anna"),
        recipients=(Address(kind="telegram", value=to),),
        references=tuple(refers),
        customer_id=customer_id,
        text=words,
        attachments=attachments,
    )
    blobs = {blob_id(content): content for _, _, content in files}
    await house.store.commit([Insert(CONTACTS, contact)], blobs)
    return Reply(contact, blobs)


async def test_a_long_answer_is_cut_and_goes_on_where_it_was(tmp_path: Path) -> None:
    async with a_house(tmp_path, listens=False) as house:
        reply = await kept(house, "\n\n".join(letter * 3000 for letter in "abc"))
        house.api.moods["sendMessage"] = []
        sending = asyncio.create_task(house.outlet.deliver(reply))
        await house.api.sent_so_far(1)
        house.api.be("sendMessage", Mood(429, "Too Many Requests", {"retry_after": 17}))
        with pytest.raises(DeliveryDelayed) as delayed:
            await sending
        assert delayed.value.after == timedelta(seconds=17)
        house.lines[111].pace = Pace()
        again = TelegramOutlet(house.lines, house.store)  # as after a crash: it remembers nothing itself
        await again.deliver(reply)
        assert [sent.text[0] for sent in house.api.sent] == ["a", "b", "c"]
        await again.deliver(reply)
        assert len(house.api.sent) == 3


async def test_an_answer_whose_sending_was_heard_of_is_never_sent_again(tmp_path: Path) -> None:
    async with a_house(tmp_path, listens=False) as house:
        reply = await kept(house, "On Wednesday.")
        await house.outlet.deliver(reply)
        await TelegramOutlet(house.lines, house.store).deliver(reply)
        assert [sent.text for sent in house.api.sent] == ["On Wednesday."]


async def test_words_are_sent_as_they_are(tmp_path: Path) -> None:
    async with a_house(tmp_path, listens=False) as house:
        await house.outlet.deliver(await kept(house, "<b>*_ [x](y) </i>"))
        (sent,) = house.api.sent
        assert sent.text == "<b>*_ [x](y) </i>"
        assert "parse_mode" not in sent.params


async def test_files_go_as_pictures_and_documents_with_the_words_under_the_first(tmp_path: Path) -> None:
    png, jpg, pdf = (
        ("a.png", "image/png", b"\x89PNG"),
        ("b.jpg", "image/jpeg", b"\xff\xd8"),
        ("Счёт.pdf", "application/pdf", b"%PDF"),
    )
    async with a_house(tmp_path, listens=False) as house:
        await house.outlet.deliver(await kept(house, "Look", png, jpg, pdf))
        album, document = house.api.sent
        assert (album.method, album.text, [content for _, content in album.files]) == (
            "sendMediaGroup",
            "Look",
            [b"\x89PNG", b"\xff\xd8"],
        )
        assert (document.method, document.text, document.files) == (
            "sendDocument",
            "",
            [("Счёт.pdf", b"%PDF")],
        )
        assert len(album.numbers) == 2


async def test_a_picture_that_telegram_cannot_show_goes_as_a_file(tmp_path: Path) -> None:
    async with a_house(tmp_path, listens=False) as house:
        house.api.be("sendPhoto", Mood(400, "Bad Request: PHOTO_INVALID_DIMENSIONS"))
        await house.outlet.deliver(await kept(house, "Look", ("long.png", "image/png", b"\x89PNG")))
        (sent,) = house.api.sent
        assert (sent.method, sent.text) == ("sendDocument", "Look")


@pytest.mark.parametrize(
    ("mood", "says"),
    [
        (Mood(403, "Forbidden: bot was blocked by the user"), BLOCKED),
        (Mood(403, "Forbidden: bot can't initiate conversation with a user"), NEVER_BEGAN),
        (Mood(403, "Forbidden: user is deactivated"), NO_SUCH_CHAT),
        (Mood(400, "Bad Request: chat not found"), NO_SUCH_CHAT),
        (Mood(400, "Bad Request: message text is strange"), "Telegram refuses: message text is strange"),
    ],
)
async def test_what_telegram_refuses_is_said_to_the_agent(tmp_path: Path, mood: Mood, says: str) -> None:
    async with a_house(tmp_path, listens=False) as house:
        house.api.be("sendMessage", mood)
        with pytest.raises(DeliveryFailed) as failed:
            await house.outlet.deliver(await kept(house, "On Wednesday."))
        assert str(failed.value).casefold() == says.casefold()


@pytest.mark.parametrize(
    "mood",
    [Mood(500, "Internal"), Mood(502, body=b"<html>"), Mood(closes=True), Mood(401, "Unauthorized")],
    ids=lambda mood: str(mood.status),
)
async def test_what_is_telegrams_own_fault_is_tried_again(tmp_path: Path, mood: Mood) -> None:
    async with a_house(tmp_path, listens=False) as house:
        reply = await kept(house, "On Wednesday.")
        house.api.be("sendMessage", mood)
        with pytest.raises(DeliveryDelayed) as delayed:
            await house.outlet.deliver(reply)
        assert "shop-token" not in str(delayed.value)
        house.lines[111].pace = Pace()
        await house.outlet.deliver(reply)
        assert len(house.api.sent) == 1


async def test_an_answer_goes_by_the_bot_he_wrote_to_last(tmp_path: Path) -> None:
    async with a_house(tmp_path, {}, {}, listens=False) as house:
        await house.outlet.deliver(await kept(house, "Hi", refers=("111:4001:57", "222:4001:9", "0c1d")))
        assert [sent.bot for sent in house.api.sent] == [HELP]


async def test_without_a_talk_in_the_case_his_latest_bot_is_found(tmp_path: Path) -> None:
    async with a_house(tmp_path, {}, {}) as house:
        await told(house, a_text("Hello"), bot=HELP)
        reply = await kept(house, "Hi", refers=(), customer_id=(await house.contact()).customer_id)
        await house.outlet.deliver(reply)
        assert [sent.bot for sent in house.api.sent] == [HELP]


async def test_nobody_who_never_wrote_is_written_to_by_a_guess(tmp_path: Path) -> None:
    async with a_house(tmp_path, {}, {}, listens=False) as house:
        with pytest.raises(DeliveryFailed, match="never wrote"):
            await house.outlet.deliver(await kept(house, "Hi", refers=()))
        assert house.api.sent == []


async def test_a_group_is_answered_in_the_group_as_a_reply_also_after_it_moved(tmp_path: Path) -> None:
    async with a_house(tmp_path, listens=False) as house:
        moved = {"migrate_to_chat_id": -1005}
        house.api.be("sendMessage", Mood(400, "Bad Request: group chat was upgraded", moved))
        await house.outlet.deliver(await kept(house, "Hi all", refers=("111:-4001:57",)))
        (sent,) = house.api.sent
        assert sent.chat == -1005
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    async with a_house(elsewhere, listens=False) as house:
        await house.outlet.deliver(await kept(house, "Hi all", refers=("111:-4001:57",)))
        assert '"message_id": 57' in house.api.sent[0].params["reply_parameters"]


async def test_a_chat_is_not_written_to_faster_than_telegram_allows() -> None:
    ticks = 100.0
    pace = Pace(lambda: ticks)
    began = asyncio.get_running_loop().time()
    await pace.turn(1)
    await pace.turn(2)
    assert asyncio.get_running_loop().time() - began < 0.5
    pace.hold(1, 42)
    with pytest.raises(DeliveryDelayed) as delayed:
        await pace.turn(1)
    assert delayed.value.after == timedelta(seconds=42)
    await pace.turn(3)
    ticks = 143.0
    await pace.turn(1)


async def test_a_group_has_twenty_turns_a_minute() -> None:
    pace = Pace(lambda: 100.0)
    waits: list[Any] = []
    for _ in range(20):
        try:
            async with asyncio.timeout(0.01):
                await pace.turn(-5)
        except TimeoutError:
            waits.append(1)
        except DeliveryDelayed as delayed:
            waits.append(delayed.after)
    assert len(waits) == 19


async def answered(house: House, text: str, *files: NewFile) -> Contact:
    """An agent takes the only case there is, and answers."""
    if await house.store.get(EMPLOYEES, ANNA.id) is None:
        await house.store.commit([Insert(EMPLOYEES, ANNA)])
    (case,) = await house.cases()
    (way, *_) = await house.casework.ways_to_answer(case)
    return await house.casework.answer(case.id, ANNA, channel=way.channel, to=way.to, text=text, files=files)


async def delivery_of(house: House, contact: Contact, wanted: tuple[str, str]) -> None:
    async def state() -> tuple[str, str]:
        now_ = await house.store.get(CONTACTS, contact.id)
        return (now_.delivery, now_.problem) if now_ else ("", "")

    await until(state, wanted)


async def test_an_agents_answer_reaches_the_customer_and_his_reply_refers_to_it(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await told(house, a_text("When?"))
        answer = await answered(house, "On Wednesday.")
        await delivery_of(house, answer, ("sent", ""))
        (sent,) = house.api.sent
        assert (sent.bot, sent.chat, sent.text) == (SHOP, 4001, "On Wednesday.")
        ours = {"id": 111, "is_bot": True, "first_name": "Shop", "username": "shop_bot"}
        replied = a_message(sent.numbers[0], text=sent.text) | {"from": ours}
        await told(house, an_update(a_message(90, text="Thanks", reply_to_message=replied)))
        thanks = await house.store.get(CONTACTS, "telegram:111:4001:90")
        assert thanks is not None
        assert (thanks.references, thanks.quoted) == ((answer.key,), "On Wednesday.")


async def test_a_customer_who_blocked_the_bot_is_shown_as_such_and_his_case_waits(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await told(house, a_text("When?"))
        house.api.be("sendMessage", Mood(403, "Forbidden: bot was blocked by the user"))
        answer = await answered(house, "On Wednesday.")
        await delivery_of(house, answer, ("failed", BLOCKED))

        async def waits() -> bool:
            case = await house.store.get(CASES, answer.case_id)
            return bool(case and case.waiting_since)

        await until(waits, True)


async def test_when_telegram_asks_to_wait_the_answer_goes_after_that_time(tmp_path: Path) -> None:
    async with a_house(tmp_path) as house:
        await told(house, a_text("When?"))
        house.api.be("sendMessage", Mood(429, "Too Many Requests", {"retry_after": 2}))
        began = asyncio.get_running_loop().time()
        answer = await answered(house, "On Wednesday.")
        await delivery_of(house, answer, ("sent", ""))
        assert 1.9 < asyncio.get_running_loop().time() - began < 8


@pytest.mark.parametrize("employee", ["anna", "boris"])
async def test_the_customer_sees_that_his_agent_types_and_not_that_another_looks_on(
    tmp_path: Path, employee: str
) -> None:
    async with a_house(tmp_path) as house:
        await told(house, a_text("When?"))
        await answered(house, "A moment.")
        (case,) = await house.cases()
        await house.live.look(case.id, employee, "page", typing=True)
        if employee == "boris":
            await asyncio.sleep(0.2)
            assert house.api.actions == []
            return

        async def actions() -> list[tuple[str, int, str]]:
            return house.api.actions[:1]

        await until(actions, [(SHOP, 4001, "typing")])


async def test_nobody_is_shown_typing_in_a_group(tmp_path: Path) -> None:
    async with a_house(tmp_path, {"groups": True}) as house:
        command = [{"type": "bot_command", "offset": 0, "length": 11}]
        await told(house, an_update(a_message(chat=GROUP, text="/a@shop_bot", entities=command)))
        answer = await answered(house, "Hello all.")
        await delivery_of(house, answer, ("sent", ""))
        assert house.api.sent[0].chat == GROUP["id"]
        await house.live.look(answer.case_id, "anna", "page", typing=True)
        await asyncio.sleep(0.2)
        assert house.api.actions == []
