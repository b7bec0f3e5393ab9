"""Two contact centers that answer by themselves, facing each other: they do not talk for ever."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from email import message_from_bytes
from pathlib import Path

from channels.delivery import Delivery
from channels.email.authentication import Edge
from channels.email.door import EmailSource
from channels.email.outlet import EmailOutlet
from channels.email.settings import EmailSettings, RelaySettings
from channels.email.trust import SenderTrust
from crm.contact import Contact
from router.automatic import AutomaticAnswers, AutomaticSettings
from tests.channels.email.peers import TOKEN, hand_in
from tests.channels.email.relays import Relay, a_relay
from tests.polling import until
from tests.router.house import House, open_house


@asynccontextmanager
async def a_center(directory: Path, name: str, relay: Relay) -> AsyncIterator[tuple[House, int]]:
    """One of ours at `help@<name>.example`, which sends by the relay and trusts what the edge says."""
    directory.mkdir()
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(open_house(directory))
        mailbox = f"help@{name}.example"
        outlet = EmailOutlet(RelaySettings(mailbox=mailbox, port=relay.port, timeout=5), token=TOKEN)
        await stack.enter_async_context(outlet.open())
        delivery = Delivery(house.store, house.live, {"email": outlet}, clock=house.clock)
        await stack.enter_async_context(delivery.running())
        keys = {"email": outlet.key_for}
        answers = AutomaticAnswers(house.store, house.live, AutomaticSettings(), keys=keys, clock=house.clock)
        await stack.enter_async_context(answers.running())
        trust = SenderTrust(Edge(frozenset({"edge.example"}), 1), None)
        settings = EmailSettings(domains=(f"{name}.example",), port=0)
        source = EmailSource(settings, token=TOKEN, trust=trust, clock=house.clock)
        await stack.enter_async_context(source.listening(house.intake.accept))
        yield house, source.port


def as_the_edge_hands_it_on(letter: bytes, domain: str) -> bytes:
    checked = f"Authentication-Results: edge.example; dmarc=pass header.from={domain}\r\n"
    received = "Received: from elsewhere by edge.example; Mon, 2 Mar 2026 12:00:00 +0300\r\n"
    return (received + checked).encode() + letter


async def own(house: House) -> list[Contact]:
    return [one for one in await house.contacts() if one.direction == "outbound"]


async def test_two_of_our_own_facing_each_other_fall_silent(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        relay = await stack.enter_async_context(a_relay())
        ours, our_port = await stack.enter_async_context(a_center(tmp_path / "ours", "ours", relay))
        theirs, their_port = await stack.enter_async_context(a_center(tmp_path / "theirs", "theirs", relay))
        letter = (
            b"From: help@theirs.example\r\nTo: help@ours.example\r\nSubject: Hello\r\n"
            b"Message-ID: <one@theirs.example>\r\n\r\nA person of theirs writes.\r\n"
        )
        told = as_the_edge_hands_it_on(letter, "theirs.example")
        await hand_in(our_port, told, sender="help@theirs.example", to="help@ours.example")
        await until(lambda: _taken(relay), 1)
        envelope = relay.taken[0]
        assert envelope.mail_from == "<>"  # so no bounce of it can come back
        assert message_from_bytes(relay.content(0))["Auto-Submitted"] == "auto-replied"
        assert envelope.rcpt_tos == ["help@theirs.example"]
        back = as_the_edge_hands_it_on(relay.content(0), "ours.example")
        await hand_in(their_port, back, sender="", to="help@theirs.example")
        await _all_looked_at(theirs, "theirs")
        assert [one.automatic for one in await theirs.contacts()] == ["reply"]
        assert await own(theirs) == []
        assert len(await own(ours)) == len(relay.taken) == 1


async def test_a_responder_that_hides_what_it_is_gets_one_a_week(tmp_path: Path) -> None:
    async with a_relay() as relay, a_center(tmp_path / "ours", "ours", relay) as (ours, port):
        for number in range(5):
            letter = as_the_edge_hands_it_on(
                b"From: holiday@away.example\r\nTo: help@ours.example\r\nSubject: Re: Auto: Hello\r\n"
                b"Message-ID: <%d@away.example>\r\n\r\nI am away until Monday.\r\n" % number,
                "away.example",
            )
            await hand_in(port, letter, sender="holiday@away.example", to="help@ours.example")
        await _all_looked_at(ours, "ours")
        await until(lambda: _taken(relay), 1)
        assert len(await own(ours)) == 1


async def _taken(relay: Relay) -> int:
    return len(relay.taken)


async def _all_looked_at(house: House, name: str) -> None:
    """One more look at everything that is there: what would have been answered, is."""
    answers = AutomaticAnswers(
        house.store,
        house.live,
        AutomaticSettings(),
        keys={"email": lambda new: f"{new}@{name}.example"},
        clock=house.clock,
    )
    await answers._catch_up()
