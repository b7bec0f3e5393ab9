"""What doors report is kept, told to the open pages, and outlives nothing it should not."""

from __future__ import annotations

import asyncio

from crm.store import Store
from router.health import Doors, read_health
from router.live import Live
from tests.router.records import MONDAY_NOON, HandClock, a_contact, keep, minutes_ago


def test_a_door_keeps_since_when_it_is_as_it_is(clock: HandClock) -> None:
    doors = Doors(clock=clock)
    doors.door("email", "email").up()
    clock.pass_by(minutes=5)
    doors.door("email", "email").up()
    assert doors.all()[0].since == MONDAY_NOON
    doors.door("email", "email").down("address in use")
    (door,) = doors.all()
    assert (door.state, door.since, door.problem) == ("down", clock.at, "address in use")
    since = clock.at
    clock.pass_by(minutes=5)
    doors.door("email", "email").down("no route to host")
    assert (doors.all()[0].since, doors.all()[0].problem) == (since, "no route to host")


def test_doors_that_are_down_come_first(clock: HandClock) -> None:
    doors = Doors(clock=clock)
    for channel in ("chat", "email", "phone"):
        doors.door(channel, channel).up()
    doors.door("phone", "phone").down("switch is gone")
    assert [door.channel for door in doors.all()] == ["phone", "chat", "email"]


def test_the_last_contact_is_never_an_earlier_one(clock: HandClock) -> None:
    doors = Doors(clock=clock)
    doors.door("chat", "chat").saw_contact(MONDAY_NOON)
    doors.door("chat", "chat").saw_contact(minutes_ago(5))
    assert doors.all()[0].last_contact == MONDAY_NOON


async def test_pages_hear_of_each_change_once(live: Live, clock: HandClock) -> None:
    doors = Doors(clock=clock)
    doors.door("email", "email").up()
    async with live.subscribe() as events, doors.telling(live):
        doors.door("email", "email").up()
        doors.door("email", "email").down("disk full")
        heard = []
        async with asyncio.timeout(5):
            async for event in events:
                heard.append((event.kind, event.channel, event.data["state"]))
                if len(heard) == 2:
                    break
    assert heard == [("channel", "email", "up"), ("channel", "email", "down")]


async def test_the_last_contact_of_an_earlier_run_is_read_from_the_store(
    store: Store, clock: HandClock
) -> None:
    await keep(
        store,
        a_contact("m1", received_at=minutes_ago(90)),
        a_contact("m2", received_at=minutes_ago(10), direction="outbound"),
    )
    doors = Doors(clock=clock)
    doors.door("email", "email").up()
    doors.door("chat", "chat").up()
    chat, email = await read_health(store, doors)
    assert (chat.last_contact, email.last_contact) == (None, minutes_ago(90))


def test_a_door_that_takes_something_in_is_up_and_tells_how_far_behind_it_is(clock: HandClock) -> None:
    doors = Doors(clock=clock)
    log = doors.door("phone queue_log", "phone")
    log.lag(90)
    log.saw_contact()
    (health,) = doors.all()
    assert (health.name, health.channel, health.state) == ("phone queue_log", "phone", "up")
    assert (health.lag, health.last_contact) == (90, MONDAY_NOON)
    log.down("the file is gone")
    assert doors.all()[0].lag is None


async def test_of_several_doors_of_a_channel_each_has_its_own_contacts(
    store: Store, clock: HandClock
) -> None:
    await keep(store, a_contact("m1", received_at=minutes_ago(90)))
    doors = Doors(clock=clock)
    doors.door("email", "email").saw_contact(minutes_ago(5))
    doors.door("mailbox help@example.com", "email").up()
    health = await read_health(store, doors)
    assert [(door.name, door.last_contact) for door in health] == [
        ("email", minutes_ago(5)),
        ("mailbox help@example.com", None),
    ]
