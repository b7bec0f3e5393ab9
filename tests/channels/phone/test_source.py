"""The phone door on real files and a real store: one call is one contact, whoever tells of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from channels.phone.settings import PhoneSettings
from channels.phone.source import PhoneSource
from crm.case import Case
from crm.collections import DEAD_LETTERS, EMPLOYEES
from crm.contact import Contact
from crm.store import Replace
from router.dead_letters import replay
from router.extensions import Extensions
from router.health import Doors
from tests.channels.phone.logs import MOMENT, SAMPLES, a_leg, a_queue_event
from tests.polling import until
from tests.router.house import ANNA, House, open_house


class Desk:
    """The house with the phone door open, and a log to write into."""

    def __init__(self, house: House, folder: Path, doors: Doors) -> None:
        self.house = house
        self.cdr = folder / "Master.csv"
        self.queue = folder / "queue_log"
        self.doors = doors

    def log(self, *lines: bytes) -> None:
        with self.cdr.open("ab") as file:
            file.write(b"".join(lines))

    def queued(self, *lines: bytes) -> None:
        with self.queue.open("ab") as file:
            file.write(b"".join(lines))

    async def calls(self) -> dict[str, Contact]:
        return {contact.fields["call"]: contact for contact in await self.house.contacts()}

    async def see(self, outcomes: dict[str, str]) -> dict[str, Contact]:
        async def now() -> dict[str, str]:
            return {call: contact.fields.get("outcome", "") for call, contact in (await self.calls()).items()}

        await until(now, outcomes)
        return await self.calls()

    async def case_of(self, contact: Contact) -> Case:
        return await self.house.case(contact.case_id)


@asynccontextmanager
async def desk(folder: Path, **given: object) -> AsyncIterator[Desk]:
    async with open_house(folder) as house:
        house.clock.at = MOMENT + timedelta(hours=1)
        anna = await house.employee(ANNA.id)
        if not anna.extensions:
            await house.store.commit([Replace(EMPLOYEES, msgspec.structs.replace(anna, extensions=("101",)))])
        async with phone(house, folder, **given) as opened:
            yield opened


@asynccontextmanager
async def phone(house: House, folder: Path, **given: object) -> AsyncIterator[Desk]:
    settings = msgspec.convert(
        {
            "cdr": [str(folder / "Master.csv")],
            "queue_log": str(folder / "queue_log"),
            "poll_interval": 0.01,
            "settle": 0.05,
            **given,
        },
        PhoneSettings,
    )
    doors = Doors(clock=house.clock)
    source = PhoneSource(
        settings,
        store=house.store,
        live=house.live,
        staff=Extensions(house.store),
        doors=lambda name: doors.door(name, "phone"),
        clock=house.clock,
    )
    house.intake.reads_again("phone", source.read_again)
    async with source.listening(house.intake.accept):
        yield Desk(house, folder, doors)


async def test_recorded_calls_come_out_each_as_what_it_was(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.log((SAMPLES / "master.csv").read_bytes())
        calls = await at.see(
            {
                "1795426200.1": "answered",
                "1795426380.3": "missed",
                "1795426500.5": "abandoned",
                "1795426860.11": "busy",
                "1795426980.13": "missed",
            }
        )
        answered, hidden = calls["1795426200.1"], calls["1795426980.13"]
        assert (answered.sender.name, answered.duration, answered.received_at) == ("Иван Петров", 60, MOMENT)
        assert (await at.case_of(answered)).assignee_id == ANNA.id
        assert (await at.case_of(calls["1795426380.3"])).state == "queued"
        assert (hidden.sender.kind, hidden.sender.value) == ("unknown", "")


async def test_a_call_with_a_queue_a_consultation_and_a_transfer_is_one(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        for line in (SAMPLES / "transfer.csv").read_bytes().splitlines(keepends=True):
            at.log(line)
            await asyncio.sleep(0.03)
        calls = await at.see({"1795427400.20": "answered"})

        async def took() -> str:
            return (await at.calls())["1795427400.20"].fields["took"]

        await until(took, "101, 102")
        assert len(await at.house.cases()) == 1
        assert calls["1795427400.20"].sender.value == "79161234567"


async def test_what_the_queue_and_the_record_tell_is_one_contact_in_either_order(tmp_path: Path) -> None:
    call = "1795426200.1"
    queue = [
        a_queue_event(call, "ENTERQUEUE", "", "79161234567", 1),
        a_queue_event(call, "CONNECT", 15, "1795426200.2", 4, member="PJSIP/101", at=1795426215),
        a_queue_event(call, "COMPLETECALLER", 15, 40, 1, member="PJSIP/101", at=1795426255),
    ]
    record = [a_leg(call, lastapp="Queue", waited=0, talked=55)]
    stored = []
    for number, (first, then) in enumerate([(queue, record), (record, queue)]):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with desk(folder) as at:
            for lines in (first, then):
                (at.queued if lines is queue else at.log)(*lines)
                await at.see({call: "answered"})

            async def known(at: Desk = at) -> tuple[str, str]:
                fields = (await at.calls())[call].fields
                return fields.get("talked", ""), fields.get("line", "")

            await until(known, ("40", "600"))
            stored.append((await at.calls())[call])
            assert len(await at.house.cases()) == 1
    one, other = stored
    assert one.fields == other.fields
    assert (one.sender, one.received_at) == (other.sender, other.received_at)


async def test_who_gave_up_in_the_queue_is_called_back(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.queued(
            a_queue_event("1795426200.1", "ENTERQUEUE", "", "79161234567", 1),
            a_queue_event("1795426200.1", "ABANDON", 1, 3, 48, at=1795426248),
        )
        calls = await at.see({"1795426200.1": "abandoned"})
        assert calls["1795426200.1"].fields["waited"] == "48"
        case = await at.case_of(calls["1795426200.1"])
        assert (case.state, case.subject) == ("queued", "Не дождался ответа: перезвонить")
        # Up to version 11 the record says of such a call that the queue answered it.
        at.log(a_leg("1795426200.1", lastapp="Queue", waited=0, talked=48))
        await asyncio.sleep(0.2)
        await at.see({"1795426200.1": "abandoned"})


async def test_lines_read_again_after_a_restart_change_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.log((SAMPLES / "master.csv").read_bytes(), (SAMPLES / "transfer.csv").read_bytes())
        await until(lambda: _count(at), 6)
        before = await at.calls()
        for _ in range(2):
            async with phone(at.house, tmp_path, exchange="pbx", cdr=[f"{tmp_path}/./Master.csv"]):
                await asyncio.sleep(0.3)
        assert await at.calls() == before


async def test_the_same_record_in_two_files_is_one_call(tmp_path: Path) -> None:
    (tmp_path / "sales.csv").write_bytes(a_leg(account="sales"))
    async with desk(tmp_path, cdr=[str(tmp_path / "*.csv")]) as at:
        at.log(a_leg(account="sales"), a_leg("1795426300.7", sequence=9))
        await until(lambda: _count(at), 2)
        assert len(await at.house.cases()) == 2


async def test_a_bad_line_is_kept_with_its_reason_and_stops_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path, cdr_userfield=False) as at:
        at.log(a_leg())

        async def reasons() -> list[str]:
            return [letter.reason for letter in await at.house.store.find(DEAD_LETTERS)]

        wrong = (
            "cdr: expected 20 columns, found 21: cdr_uniqueid, cdr_userfield and cdr_new_columns must be "
            "as in the exchange's configuration"
        )
        await until(reasons, [wrong])
        (letter,) = await at.house.store.find(DEAD_LETTERS)
        assert (await replay(at.house.store, at.house.intake, letter.id)).dead_letter
        at.queued(b"nonsense\n", a_queue_event("1.1", "ABANDON", 1, 1, 3))
        await until(lambda: _count(at), 1)
    async with desk(tmp_path) as at:
        assert (await replay(at.house.store, at.house.intake, letter.id)).case_id
        await at.see({"1795426200.1": "answered", "1.1": "abandoned"})
        letters = await at.house.store.find(DEAD_LETTERS)
        assert sorted(one.state for one in letters) == ["replayed", "waiting"]


async def test_a_log_laid_out_otherwise_closes_the_door_instead_of_filling_the_list(tmp_path: Path) -> None:
    async with desk(tmp_path, cdr_uniqueid=False) as at:
        at.log(
            *(a_leg(f"17954262{n:02}.{n}", sequence=n) for n in range(100)),
            *(a_leg(sequence=n) for n in range(9)),
        )

        async def state() -> list[str]:
            return [door.state for door in at.doors.all() if door.name == "phone cdr"]

        await until(state, ["down"])
        assert len(await at.house.store.find(DEAD_LETTERS, limit=1000)) < 100


@pytest.mark.parametrize(("outgoing", "expected"), [("all", 1), ("known", 0), ("none", 0)])
async def test_calls_that_we_made_are_kept_as_the_settings_say(
    tmp_path: Path, outgoing: str, expected: int
) -> None:
    async with desk(tmp_path, outgoing=outgoing) as at:
        at.log(
            a_leg(
                src="101", dst="89165550101", channel="PJSIP/101-00000001", dstchannel="PJSIP/trunk-00000002"
            ),
            a_leg("1795426300.7", start=MOMENT + timedelta(minutes=2)),
        )
        await until(lambda: _count(at), expected + 1)


async def _count(at: Desk) -> int:
    return len(await at.calls())
