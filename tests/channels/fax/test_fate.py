"""What became of an answer is told from the log, by the end of its job and by the hook."""

from __future__ import annotations

from pathlib import Path

from channels.fax.hylafax import read_notify
from channels.fax.tray import Tray
from crm.contact import DeliveryReport
from crm.errors import StoreDown
from tests.channels.fax.machines import MOMENT, Machine, Shelf, a_door
from tests.polling import until

TAG = "0a1b"
BUSY = "Busy signal detected {E002}"


class House:
    """Is told what became of answers; `knows` is whether it knows already that they left."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str]] = []
        self.knows = True

    async def tell(self, contact_id: str, report: DeliveryReport) -> bool:
        self.told.append((contact_id, report.outcome, report.status))
        return self.knows

    async def hears(self) -> list[tuple[str, str, str]]:
        return self.told

    async def hears_at_least_twice(self) -> bool:
        return len(self.told) > 1


def a_call(tag: str, reason: str = "") -> str:
    """A call of ours as the log tells of it."""
    fields = (
        *(f"{MOMENT:%m/%d/%y %H:%M}", "SEND", "000000021", "ttyS0", "7", f'"{tag}"', "onewindow"),
        *('"+74951234567"', '"+7 495"', "4194317", "1", "0:01:10", "0:00:58", f'"{reason}"', '""', '""'),
    )
    return "\t".join(fields) + "\n"


def a_job_over(machine: Machine, number: int, *, status: str = "", state: int = 7) -> None:
    text = f"tts:0\njobtag:{TAG}\nstate:{state}\nstatus:{status}\n"
    (machine.root / "doneq" / f"q{number}").write_text(text)


async def test_each_call_of_ours_is_told_and_nobody_elses(tmp_path: Path) -> None:
    machine, house = Machine(tmp_path / "spool"), House()
    async with a_door(tmp_path, Shelf().accept) as (source, _):
        source.on_reported(house.tell)
        machine.writes(a_call("") + a_call(TAG, BUSY) + a_call(TAG))
        await until(house.hears, [("fax:0a1b", "delayed", BUSY), ("fax:0a1b", "delivered", "")])


async def test_the_end_of_a_job_is_told_once_however_long_its_file_lies_there(tmp_path: Path) -> None:
    machine, house = Machine(tmp_path / "spool"), House()
    async with a_door(tmp_path, Shelf().accept) as (source, _):
        source.on_reported(house.tell)
        a_job_over(machine, 20, state=4)  # it goes on
        a_job_over(machine, 21, status="No answer {E001}", state=8)
        await until(house.hears, [("fax:0a1b", "failed", "No answer {E001}")])
        a_job_over(machine, 22)
        await until(house.hears, [("fax:0a1b", "failed", "No answer {E001}"), ("fax:0a1b", "delivered", "")])


async def test_an_end_that_comes_before_we_know_that_the_answer_left_is_told_again(tmp_path: Path) -> None:
    machine, house = Machine(tmp_path / "spool"), House()
    house.knows = False
    async with a_door(tmp_path, Shelf().accept) as (source, _):
        source.on_reported(house.tell)
        a_job_over(machine, 21, status="No answer {E001}", state=8)
        await until(house.hears_at_least_twice, True)
    assert set(house.told) == {("fax:0a1b", "failed", "No answer {E001}")}


async def test_an_end_that_could_not_be_stored_is_told_again(tmp_path: Path) -> None:
    machine, house = Machine(tmp_path / "spool"), House()
    refusals = [StoreDown("full")]

    async def tell(contact_id: str, report: DeliveryReport) -> bool:
        if refusals:
            raise refusals.pop()
        return await house.tell(contact_id, report)

    async with a_door(tmp_path, Shelf().accept) as (source, _):
        source.on_reported(tell)
        a_job_over(machine, 21)
        await until(house.hears, [("fax:0a1b", "delivered", "")])
    assert not refusals


async def test_what_the_hook_tells_is_kept_until_it_is_told(tmp_path: Path) -> None:
    Machine(tmp_path / "spool")
    house, tray = House(), Tray(tmp_path / "ours" / "tray")
    tray.open()
    tray.put_report(read_notify([TAG, "failed", "No answer {E001}"]))
    house.knows = False

    async def kept() -> int:
        return len(tray.reports())

    async with a_door(tmp_path, Shelf().accept, watch=False) as (source, _):
        source.on_reported(house.tell)
        tray.put_report(read_notify([TAG, "requeued", BUSY]))
        await until(house.hears_at_least_twice, True)
        house.knows = True
        await until(kept, 0)
    assert house.told[-1][0] == "fax:0a1b"
