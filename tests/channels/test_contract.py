"""What every channel promises, proved on each of them over its real wire."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from channels.base import Reply
from crm.contact import Arrival, Receipt
from crm.errors import AgainLater, DeliveryDelayed, DeliveryFailed, QueueFull, StoreDown
from tests.channels.chat.rig import ChatOutletRig, ChatSourceRig
from tests.channels.contract import OutletRig, SourceRig
from tests.channels.email.rig import EmailOutletRig, EmailSourceRig, MailboxSourceRig
from tests.channels.fax.rig import FaxOutletRig, FaxSourceRig
from tests.channels.telegram.rig import TelegramOutletRig, TelegramPollingRig, TelegramWebhookRig
from tests.channels.webhook.rig import WebhookOutletRig, WebhookSourceRig

SOURCES: list[SourceRig] = [
    EmailSourceRig(),
    MailboxSourceRig(),
    ChatSourceRig(),
    TelegramPollingRig(),
    TelegramWebhookRig(),
    FaxSourceRig(),
    WebhookSourceRig(),
]
OUTLETS: list[OutletRig] = [
    EmailOutletRig(),
    ChatOutletRig(),
    TelegramOutletRig(),
    FaxOutletRig(),
    WebhookOutletRig(),
]


def each(rigs: Sequence[SourceRig | OutletRig]) -> pytest.MarkDecorator:
    """Each rig, with the real components that it needs."""
    needed = {rig.name: pytest.mark.component(*getattr(rig, "needs", ())) for rig in rigs}
    params = [pytest.param(rig, id=rig.name, marks=needed[rig.name]) for rig in rigs]
    return pytest.mark.parametrize("rig", params)


each_source, each_outlet = each(SOURCES), each(OUTLETS)


class Intake:
    """Takes what comes, unless it is told to fail or to wait."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self.stored: list[Arrival] = []
        self.failing: Exception | None = None
        self.knocked = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    async def accept(self, arrival: Arrival) -> Receipt:
        self.arrivals.append(arrival)
        self.knocked.set()
        await self.open.wait()
        if self.failing:
            raise self.failing
        self.stored.append(arrival)
        return Receipt(arrival.contact.id, "customer", "7", len(self.stored), repeated=False)


@each_source
async def test_a_contact_comes_in_with_its_words(rig: SourceRig) -> None:
    intake = Intake()
    async with rig.open(intake.accept) as customer:
        told = await customer.send("one", "The lamp is red.")
    (arrival,) = intake.stored
    contact = arrival.contact
    assert told.outcome == "received"
    assert contact.text == "The lamp is red."
    assert (contact.id, contact.direction) == (f"{contact.channel}:{contact.key}", "inbound")
    places = [contact.raw, contact.html, *(file.blob for file in contact.attachments)]
    assert all(place in arrival.blobs for place in places if place)


@each_source
async def test_nothing_is_acknowledged_before_it_is_stored(rig: SourceRig) -> None:
    intake = Intake()
    intake.open.clear()
    async with rig.open(intake.accept) as customer:
        sending = asyncio.create_task(customer.send("one", "The lamp is red."))
        await intake.knocked.wait()
        done, _ = await asyncio.wait([sending], timeout=0.05)
        assert not done
        intake.open.set()
        assert (await sending).outcome == "received"


@each_source
@pytest.mark.parametrize("failing", [QueueFull("full"), StoreDown("down"), AgainLater("later")], ids=repr)
async def test_what_is_not_stored_is_asked_for_again(rig: SourceRig, failing: AgainLater) -> None:
    intake = Intake()
    intake.failing = failing
    async with rig.open(intake.accept) as customer:
        assert (await customer.send("one", "The lamp is red.")).outcome == "again later"
        intake.failing = None
        assert (await customer.send("one", "The lamp is red.")).outcome == "received"
    assert len({arrival.contact.id for arrival in intake.arrivals}) == 1


@each_source
async def test_a_fault_of_ours_is_no_refusal_and_no_secret_is_told(rig: SourceRig) -> None:
    intake = Intake()
    intake.failing = KeyError("the-secret-of-the-house")
    async with rig.open(intake.accept) as customer:
        told = await customer.send("one", "The lamp is red.")
        intake.failing = None
        assert (await customer.send("two", "It still is.")).outcome == "received"
    assert told.outcome == "again later"
    assert "secret" not in told.words
    assert "KeyError" not in told.words


@each_source
async def test_a_resend_carries_the_same_id(rig: SourceRig) -> None:
    intake = Intake()
    async with rig.open(intake.accept) as customer:
        for _ in range(2):
            assert (await customer.send("one", "The lamp is red.")).outcome == "received"
        assert (await customer.send("two", "The lamp is red.")).outcome == "received"
    first, again, other = (arrival.contact for arrival in intake.arrivals)
    assert (first.id, first.fingerprint) == (again.id, again.fingerprint)
    assert other.id != first.id


@each_source
async def test_a_door_opens_again_after_it_was_closed(rig: SourceRig) -> None:
    intake = Intake()
    for key in ("one", "two"):
        async with rig.open(intake.accept) as customer:
            assert (await customer.send(key, "Hello.")).outcome == "received"
    assert len(intake.stored) == 2


@each_outlet
async def test_an_answer_reaches_its_peer(rig: OutletRig) -> None:
    async with rig.open() as peer:
        answer = peer.answer("0a1b", "The technician comes on Wednesday.")
        assert answer.key == peer.outlet.key_for("0a1b")
        assert await peer.outlet.deliver(Reply(answer))
        assert await peer.received() == [(answer.key, "The technician comes on Wednesday.")]


@each_outlet
async def test_a_peer_that_asks_to_wait_gets_it_later(rig: OutletRig) -> None:
    async with rig.open() as peer:
        answer = peer.answer("0a1b", "On Wednesday.")
        peer.be("busy")
        with pytest.raises(DeliveryDelayed):
            await peer.outlet.deliver(Reply(answer))
        peer.be("willing")
        await peer.outlet.deliver(Reply(answer))
        assert await peer.received() == [(answer.key, "On Wednesday.")]


@each_outlet
async def test_a_peer_that_refuses_is_not_asked_again(rig: OutletRig) -> None:
    async with rig.open() as peer:
        peer.be("refusing")
        with pytest.raises(DeliveryFailed) as failed:
            await peer.outlet.deliver(Reply(peer.answer("0a1b", "On Wednesday.")))
        assert "Wednesday" not in str(failed.value)


@each_outlet
async def test_an_answer_sent_twice_has_one_key(rig: OutletRig) -> None:
    async with rig.open() as peer:
        answer = peer.answer("0a1b", "On Wednesday.")
        await peer.outlet.deliver(Reply(answer))
        await peer.outlet.deliver(Reply(answer))
        assert {key for key, _ in await peer.received()} == {answer.key}
        assert peer.outlet.key_for("0a1b") == answer.key != peer.outlet.key_for("0a1c")
