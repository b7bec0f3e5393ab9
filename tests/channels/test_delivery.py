"""An answer goes out once, is tried until it is settled, and when it fails somebody learns of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from channels.base import Outlet, Reply
from channels.delivery import AT_ONCE, TRY_FOR, Delivery, pause_after
from crm.case import Reopened
from crm.collections import CONTACTS
from crm.contact import Address, Contact, DeliveryReport
from crm.errors import DeliveryDelayed, DeliveryFailed, StoreDown
from crm.store import Replace
from router.casework import NewFile
from router.live import Event
from tests.disks import full_disk
from tests.polling import until
from tests.router.house import ANNA, House, a_message, an_arrival, check_cases, open_house

IVAN = Address(kind="email", value="ivan@example.com")


class Peer:
    """An outlet to a peer that a test plays. `says` is what he answers, one after another; then "yes"."""

    def __init__(self, channel: str = "email", *says: Exception) -> None:
        self.channel = channel
        self.says = list(says)
        self.got: list[Reply] = []
        self.open = asyncio.Event()
        self.open.set()

    def key_for(self, new_id: str) -> str:
        return new_id

    async def deliver(self, reply: Reply) -> str:
        self.got.append(reply)
        await self.open.wait()
        if self.says:
            raise self.says.pop(0)
        return f"peer-{len(self.got)}"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as house:
        yield house


@asynccontextmanager
async def delivering(house: House, *outlets: Outlet) -> AsyncIterator[Delivery]:
    by_channel = {outlet.channel: outlet for outlet in outlets}
    delivery = Delivery(house.store, house.live, by_channel, clock=house.clock)
    async with delivery.running():
        yield delivery


async def an_answer(house: House, text: str = "Чиним", *, key: str = "m1", **fields: Any) -> Contact:
    case_id = (await house.intake.accept(an_arrival(key))).case_id
    return await house.casework.answer(case_id, ANNA, channel="email", to=IVAN, text=text, **fields)


def state_of(house: House, sent: Contact) -> Callable[[], Awaitable[tuple[str, int]]]:
    async def look() -> tuple[str, int]:
        contact = await house.store.get(CONTACTS, sent.id)
        assert contact is not None
        return contact.delivery, contact.tries

    return look


async def again(house: House, sent: Contact) -> None:
    """The time of the next try comes, and delivery looks at the clock."""
    contact = await house.store.get(CONTACTS, sent.id)
    assert contact is not None
    assert contact.next_try_at is not None
    house.clock.at = contact.next_try_at
    await nudge(house)


async def test_an_answer_is_sent_once_with_its_files(house: House) -> None:
    peer = Peer()
    async with delivering(house, peer):
        sent = await an_answer(house, files=[NewFile("акт.pdf", "application/pdf", b"%PDF")])
        await until(state_of(house, sent), ("sent", 1))
    (reply,) = peer.got
    assert (reply.contact.id, reply.contact.text) == (sent.id, "Чиним")
    assert list(reply.blobs.values()) == [b"%PDF"]
    settled = await house.contact(sent.key)
    assert (settled.next_try_at, settled.problem) == (None, "")


async def test_what_waited_while_nothing_ran_is_sent_at_the_start_and_not_again_at_the_next(
    house: House,
) -> None:
    peer = Peer()
    sent = await an_answer(house)
    for _ in range(2):
        async with delivering(house, peer):
            await until(state_of(house, sent), ("sent", 1))
    assert len(peer.got) == 1


async def test_a_delayed_answer_is_tried_again_later_and_later_until_it_is_sent(house: House) -> None:
    peer = Peer("email", *[DeliveryDelayed("mailbox full") for _ in range(4)])
    async with delivering(house, peer):
        sent = await an_answer(house)
        waited = []
        for tries in range(1, 5):
            await until(state_of(house, sent), ("queued", tries))
            await until(problem_of(house, sent), "mailbox full")
            contact = await house.contact(sent.key)
            assert contact.next_try_at is not None
            waited.append((contact.next_try_at - house.clock()).total_seconds())
            await again(house, sent)
        await until(state_of(house, sent), ("sent", 5))
    assert waited == [30, 60, 120, 240]
    assert (await house.contact(sent.key)).problem == ""


def problem_of(house: House, sent: Contact) -> Callable[[], Awaitable[str]]:
    async def look() -> str:
        return (await house.contact(sent.key)).problem

    return look


def test_the_pause_between_tries_grows_up_to_an_hour() -> None:
    pauses = [pause_after(tries).total_seconds() for tries in range(1, 40)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (30, 3600)


async def test_an_answer_that_nobody_takes_for_days_has_failed(house: House) -> None:
    peer = Peer("email", *[DeliveryDelayed("mailbox full") for _ in range(2)])
    async with delivering(house, peer):
        sent = await an_answer(house)
        await until(state_of(house, sent), ("queued", 1))
        await until(problem_of(house, sent), "mailbox full")
        house.clock.pass_by(seconds=TRY_FOR.total_seconds() + 1)
        await nudge(house)
        await until(state_of(house, sent), ("failed", 2))
    assert (await house.contact(sent.key)).problem == "given up after 2 attempts: mailbox full"


async def nudge(house: House) -> None:
    await house.live.publish([Event(kind="contact", at=house.clock(), data={"direction": "outbound"})])


async def test_a_failed_answer_makes_its_case_wait_for_us_and_tells_the_pages(house: House) -> None:
    peer = Peer("email", DeliveryFailed("no such mailbox"))
    sent = await an_answer(house)
    assert (await house.case(sent.case_id)).waiting_since is None
    async with house.live.subscribe() as events, delivering(house, peer):
        await until(state_of(house, sent), ("failed", 1))
        told = []
        async with asyncio.timeout(5):
            async for event in events:
                told.append(event)
                if event.kind == "case":
                    break
    assert [event.kind for event in told] == ["delivery", "case"]
    assert (told[-1].case_id, told[-1].data["why"]) == (sent.case_id, "undelivered")
    case = await house.case(sent.case_id)
    assert (case.state, case.assignee_id, case.waiting_since) == ("assigned", "anna", house.clock())
    assert (await house.contact(sent.key)).problem == "no such mailbox"


async def test_an_answer_that_fails_after_its_case_was_closed_brings_it_back(house: House) -> None:
    """Else nobody would ever learn that the customer got nothing."""
    peer = Peer("email", DeliveryFailed("no such mailbox"))
    sent = await an_answer(house)
    await house.casework.decide(sent.case_id, ANNA, code="solved")
    house.clock.pass_by(minutes=1)
    async with delivering(house, peer):
        await until(state_of(house, sent), ("failed", 1))
    case = await house.case(sent.case_id)
    assert (case.state, case.reopened, case.waiting_since) == ("queued", 1, house.clock())
    assert isinstance((await house.entries(case.id))[-1], Reopened)
    await check_cases(house)


async def test_what_no_agent_wrote_wakes_nobody_when_it_fails(house: House) -> None:
    sent = await an_answer(house)
    by_itself = msgspec.structs.replace(await house.contact(sent.key), automatic="reply")
    await house.store.commit([Replace(CONTACTS, by_itself)])
    await house.casework.decide(sent.case_id, ANNA, code="solved")
    async with delivering(house, Peer("email", DeliveryFailed("no such mailbox"))):
        await until(state_of(house, sent), ("failed", 1))
    assert not (await house.case(sent.case_id)).open


async def test_an_answer_on_a_channel_that_is_not_set_up_fails(house: House) -> None:
    sent = await an_answer(house)
    async with delivering(house, Peer("chat")):
        await until(state_of(house, sent), ("failed", 1))
    assert "not set up" in (await house.contact(sent.key)).problem


async def test_our_own_fault_is_tried_again_and_quotes_nobody(house: House) -> None:
    peer = Peer("email", KeyError("тайна"))
    async with delivering(house, peer):
        sent = await an_answer(house)
        await until(state_of(house, sent), ("queued", 1))
        await until(problem_of(house, sent), "an error of ours: it is tried again")
        await again(house, sent)
        await until(state_of(house, sent), ("sent", 2))


async def test_an_answer_whose_file_is_gone_fails(house: House) -> None:
    sent = await an_answer(house, files=[NewFile("акт.pdf", "application/pdf", b"%PDF")])
    lost = msgspec.structs.replace(sent.attachments[0], blob="0" * 64)
    await house.store.commit([Replace(CONTACTS, contact_with(sent, attachments=(lost,)))])
    async with delivering(house, Peer()):
        await until(state_of(house, sent), ("failed", 1))


def contact_with(contact: Contact, **changes: Any) -> Contact:
    return msgspec.structs.replace(contact, **changes)


async def test_an_answer_that_was_under_way_in_a_crash_is_sent_again_later_under_its_key(
    house: House,
) -> None:
    """The attempt is recorded before it is made, so that a crash in between does not repeat it at once."""
    sent = await an_answer(house)
    claimed = contact_with(sent, tries=1, next_try_at=house.clock() + pause_after(1))
    await house.store.commit([Replace(CONTACTS, claimed)])  # what a process leaves that died there
    peer = Peer()
    async with delivering(house, peer):
        await nudge(house)
        await asyncio.sleep(0.05)
        assert peer.got == []
        await again(house, sent)
        await until(state_of(house, sent), ("sent", 2))
    assert [reply.contact.key for reply in peer.got] == [sent.key]


async def test_a_store_that_cannot_commit_sends_nothing(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    peer = Peer()
    sent = await an_answer(house)
    with full_disk():
        async with delivering(house, peer):
            await until(lambda: logged(caplog, "could not be recorded"), 1)
            await asyncio.sleep(0.2)
            assert await logged(caplog, "could not be recorded") < 5, "it waits before it looks again"
    assert peer.got == []
    async with delivering(house, peer):
        await until(state_of(house, sent), ("sent", 1))
    assert len(peer.got) == 1


async def logged(caplog: pytest.LogCaptureFixture, words: str) -> int:
    return sum(words in record.getMessage() for record in caplog.records)


async def test_what_was_sent_while_the_store_went_down_is_not_sent_again_at_once(house: House) -> None:
    peer = Peer()
    peer.open.clear()
    sent = await an_answer(house)
    async with delivering(house, peer):
        await until(lambda: count(peer), 1)
        with full_disk():
            peer.open.set()
            await asyncio.sleep(0.2)
        assert len(peer.got) == 1
    assert await state_of(house, sent)() == ("queued", 1)


async def count(peer: Peer) -> int:
    return len(peer.got)


async def test_two_deliveries_of_one_store_send_an_answer_once(house: House) -> None:
    peer = Peer()
    sent = [await an_answer(house, key=f"m{n}") for n in range(40)]
    async with delivering(house, peer), delivering(house, peer):
        for one in sent:
            await until(state_of(house, one), ("sent", 1))
    assert sorted(reply.contact.id for reply in peer.got) == sorted(one.id for one in sent)


async def test_a_bounce_is_not_overwritten_by_a_relay_that_was_slow_to_say_yes(house: House) -> None:
    peer = Peer()
    peer.open.clear()
    sent = await an_answer(house)
    async with delivering(house, peer):
        await until(lambda: count(peer), 1)
        report = DeliveryReport(key=sent.key, outcome="bounced", status="5.1.1")
        await house.intake.accept(an_arrival("b1", automatic="bounce", report=report))
        peer.open.set()
    assert await state_of(house, sent)() == ("bounced", 1)
    assert (await house.contact(sent.key)).problem == "5.1.1"


async def test_what_the_customer_has_is_delivered_however_late_the_outlet_says_so(house: House) -> None:
    peer = Peer()
    peer.open.clear()
    sent = await an_answer(house)
    async with delivering(house, peer) as delivery:
        await until(lambda: count(peer), 1)
        await delivery.delivered(sent.id)
        peer.open.set()
    assert await state_of(house, sent)() == ("delivered", 1)


async def test_only_answers_of_ours_are_delivered(house: House) -> None:
    await house.intake.accept(an_arrival("m1"))
    async with delivering(house, Peer()) as delivery:
        await delivery.delivered("email:m1")
        await delivery.delivered("email:nothing")
    assert (await house.contact("m1")).delivery == ""


async def test_closing_finishes_what_is_under_way(house: House) -> None:
    peer = Peer()
    peer.open.clear()
    sent = await an_answer(house)
    async with delivering(house, peer):
        await until(lambda: count(peer), 1)
        asyncio.get_running_loop().call_later(0.05, peer.open.set)
    assert await state_of(house, sent)() == ("sent", 1)


async def test_a_relay_that_hangs_holds_up_neither_the_chat_nor_more_than_its_share(house: House) -> None:
    relay, chat = Peer("email"), Peer("chat")
    relay.open.clear()
    letters = [await an_answer(house, key=f"m{n}") for n in range(3 * AT_ONCE)]
    talk = await house.intake.accept(a_message("c1"))
    async with delivering(house, relay, chat):
        await until(lambda: count(relay), AT_ONCE)
        visitor = Address(kind="visitor", value="v1")
        said = await house.casework.answer(talk.case_id, ANNA, channel="chat", to=visitor, text="Чиним")
        await until(state_of(house, said), ("sent", 1), patience=3)
        assert len(relay.got) == AT_ONCE
        relay.open.set()
        for letter in letters:
            await until(state_of(house, letter), ("sent", 1))
    assert len(relay.got) == len(letters)


async def test_reading_that_fails_stops_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    find = house.store.find
    down = [StoreDown("a test said so")]

    async def find_or_not(*args: Any, **options: Any) -> Any:
        if down:
            raise down.pop()
        return await find(*args, **options)

    monkeypatch.setattr(house.store, "find", find_or_not)
    peer = Peer()
    async with delivering(house, peer):
        await until(lambda: left(down), 0)
        sent = await an_answer(house)
        await until(state_of(house, sent), ("sent", 1))


async def left(things: list[Any]) -> int:
    return len(things)


async def test_what_a_channel_reports_of_an_answer_changes_its_state_and_a_failure_its_case(
    house: House,
) -> None:
    async with delivering(house, Peer()) as delivery:
        sent = await an_answer(house)
        await until(state_of(house, sent), ("sent", 1))
        later = DeliveryReport(key=sent.key, outcome="delayed", status="Busy signal detected")
        assert await delivery.reported(sent.id, later)
        held = await house.contact(sent.key)
        assert (held.delivery, held.problem) == ("sent", "Busy signal detected")
        failed = DeliveryReport(key=sent.key, outcome="failed", status="No answer")
        assert await delivery.reported(sent.id, failed)
        assert await delivery.reported(sent.id, failed)
        gone = await house.contact(sent.key)
        assert (gone.delivery, gone.problem) == ("failed", "No answer")
        assert (await house.case(sent.case_id)).waiting_since is not None

        other = await an_answer(house, key="m2")
        await until(state_of(house, other), ("sent", 1))
        assert await delivery.reported(other.id, DeliveryReport(key=other.key, outcome="delivered"))
        assert await delivery.reported(other.id, DeliveryReport(key=other.key, outcome="delayed"))
        arrived = await house.contact(other.key)
        assert (arrived.delivery, arrived.problem) == ("delivered", "")


async def test_a_report_that_comes_before_the_answer_is_known_to_have_left_is_asked_for_again(
    house: House,
) -> None:
    peer = Peer()
    peer.open.clear()
    async with delivering(house, peer) as delivery:
        sent = await an_answer(house)
        failed = DeliveryReport(key=sent.key, outcome="failed", status="No answer")
        assert not await delivery.reported(sent.id, failed)
        peer.open.set()
        await until(state_of(house, sent), ("sent", 1))
        assert await delivery.reported(sent.id, failed)
        assert await delivery.reported("email:nobody knows it", failed)
