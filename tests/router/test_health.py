"""What doors report is kept, told to the open pages, and outlives nothing it should not."""

from __future__ import annotations

import asyncio

from crm.store import Store
from router.health import Doors, read_health
from router.live import Live
from tests.router.records import MONDAY_NOON, HandClock, a_contact, keep, minutes_ago


def test_a_door_keeps_since_when_it_is_as_it_is(clock: HandClock) -> None:
    doors = Doors(clock=clock)
    doors.report_up("email")
    clock.pass_by(minutes=5)
    doors.report_up("email")
    assert doors.all()[0].since == MONDAY_NOON
    doors.report_down("email", "address in use")
    (door,) = doors.all()
    assert (door.state, door.since, door.problem) == ("down", clock.at, "address in use")
    since = clock.at
    clock.pass_by(minutes=5)
    doors.report_down("email", "no route to host")
    assert (doors.all()[0].since, doors.all()[0].problem) == (since, "no route to host")


def test_doors_that_are_down_come_first(clock: HandClock) -> None:
    doors = Doors(clock=clock)
    for channel in ("chat", "email", "phone"):
        doors.report_up(channel)
    doors.report_down("phone", "switch is gone")
    assert [door.channel for door in doors.all()] == ["phone", "chat", "email"]


def test_the_last_contact_is_never_an_earlier_one(clock: HandClock) -> None:
    doors = Doors(clock=clock)
    doors.saw_contact("chat", MONDAY_NOON)
    doors.saw_contact("chat", minutes_ago(5))
    assert doors.all()[0].last_contact == MONDAY_NOON


async def test_pages_hear_of_each_change_once(live: Live, clock: HandClock) -> None:
    doors = Doors(clock=clock)
    doors.report_up("email")
    async with live.subscribe() as events, doors.telling(live):
        doors.report_up("email")
        doors.report_down("email", "disk full")
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
    doors.report_up("email")
    doors.report_up("chat")
    chat, email = await read_health(store, doors)
    assert (chat.last_contact, email.last_contact) == (None, minutes_ago(90))
