"""What HylaFAX received becomes a contact once, with its pages, whichever way we heard of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from channels.fax.hylafax import read_faxrcvd
from channels.fax.reading import of_hook, read_fax
from channels.fax.state import State
from channels.fax.tray import Tray
from crm.collections import CONTACTS
from crm.contact import Arrival, Receipt
from crm.errors import BadInput, StoreDown
from router.dead_letters import list_dead_letters, replay
from storage.live import MemoryLive
from tests.channels.fax.machines import (
    MOMENT,
    STANDARD,
    Bell,
    Machine,
    Received,
    Shelf,
    a_door,
    a_fax,
    a_page,
    looping,
    names,
)
from tests.polling import until
from tests.router.house import open_house


async def test_a_fax_in_the_spool_becomes_a_contact_with_its_pages(tmp_path: Path) -> None:
    machine, shelf = Machine(tmp_path / "spool"), Shelf()
    machine.receives(Received(12), a_fax(a_page("one"), a_page("two")))
    async with a_door(tmp_path, shelf.accept) as (_, bell):
        await until(shelf.keys, ["fax000000012"])
    (arrival,) = shelf.arrivals
    contact = arrival.contact
    assert (contact.sender.kind, contact.sender.value, contact.sender.name) == ("fax", "+74951234567", "IVAN")
    assert [claim.value for claim in contact.claims] == ["+7 495 000-00-00"]
    assert contact.recipients[0].value == "84955550000"
    assert contact.duration == 58
    assert contact.fields["outcome"] == "received"
    assert contact.fields["pages"] == "2"
    assert names(arrival) == [
        *("fax000000012.tif", "fax000000012.pdf", "fax000000012-001.png", "fax000000012-002.png"),
    ]
    assert all(file.blob in arrival.blobs for file in contact.attachments)
    assert (bell.state, bell.contacts) == ("up", 1)


async def test_hook_and_log_tell_of_one_fax(tmp_path: Path) -> None:
    machine, shelf = Machine(tmp_path / "spool"), Shelf()
    content = a_fax()
    handed = read_faxrcvd(
        [Received(12).qfile, "ttyS0", "000000012", "", "+74951234567", "IVAN", "84955550000"]
    )
    tray = Tray(tmp_path / "ours" / "tray")
    tray.open()
    assert tray.put(read_fax(of_hook(handed), content, received_at=MOMENT))
    machine.receives(Received(12), content)
    machine.receives(Received(13), content)
    async with a_door(tmp_path, shelf.accept):
        await until(shelf.keys, ["fax000000012", "fax000000013"])
    assert shelf.arrivals[0].contact.sender.value == "+74951234567"


async def test_a_reception_that_failed_is_shown_with_its_reason(tmp_path: Path) -> None:
    machine, shelf = Machine(tmp_path / "spool"), Shelf()
    machine.receives(Received(12, reason="T.30 T2 timeout, expected page not received {E216}", pages=0))
    async with a_door(tmp_path, shelf.accept):
        await until(shelf.keys, ["fax000000012"])
    contact = shelf.arrivals[0].contact
    assert contact.fields["outcome"] == "failed"
    assert contact.fields["reason"] == "T.30 T2 timeout, expected page not received {E216}"
    assert contact.attachments == ()


async def test_a_fax_that_broke_off_is_kept_as_far_as_it_came(tmp_path: Path) -> None:
    machine, shelf = Machine(tmp_path / "spool"), Shelf()
    machine.receives(Received(12, reason="Failed to properly detect carrier"), a_fax())
    async with a_door(tmp_path, shelf.accept):
        await until(shelf.keys, ["fax000000012"])
    contact = shelf.arrivals[0].contact
    assert (contact.fields["outcome"], contact.fields["pages"]) == ("partial", "1")


@pytest.mark.parametrize(
    ("content", "trouble", "outcome"),
    [
        (looping(a_fax(a_page("one"), a_page("two"))), "chain_loops", "partial"),
        (b"II*\x00\x08\x00\x00\x00", "chain_broken", "failed"),
        (a_fax()[:600], "chain_broken", "failed"),
        (b"no picture at all", "not_pages", "failed"),
    ],
    ids=["looping", "only a head", "cut off", "not a picture"],
)
async def test_a_broken_file_comes_with_a_visible_error(
    tmp_path: Path, content: bytes, trouble: str, outcome: str
) -> None:
    machine, shelf = Machine(tmp_path / "spool"), Shelf()
    machine.receives(Received(12), content)
    machine.receives(Received(13), a_fax())
    async with a_door(tmp_path, shelf.accept):
        await until(shelf.keys, ["fax000000012", "fax000000013"])
    by_key = {arrival.contact.key: arrival.contact for arrival in shelf.arrivals}
    assert by_key["fax000000012"].fields["troubles"].split()[0] == trouble
    assert by_key["fax000000012"].fields["outcome"] == outcome
    assert by_key["fax000000012"].attachments[0].size == len(content)
    assert by_key["fax000000013"].fields["outcome"] == "received"


async def test_what_is_not_stored_stays_in_the_tray_until_it_is(tmp_path: Path) -> None:
    machine, shelf = Machine(tmp_path / "spool"), Shelf()
    shelf.refusing = StoreDown("full")
    machine.receives(Received(12), a_fax())
    tray = Tray(tmp_path / "ours" / "tray")

    async def waiting() -> int:
        return len(tray.waiting())

    async with a_door(tmp_path, shelf.accept):
        await until(waiting, 1)
    shelf.refusing = None
    async with a_door(tmp_path, shelf.accept):
        await until(shelf.keys, ["fax000000012"])
        await until(waiting, 0)


async def test_a_fax_no_line_names_is_taken_when_it_is_old(tmp_path: Path) -> None:
    machine, shelf = Machine(tmp_path / "spool"), Shelf()
    (machine.root / Received(12).qfile).write_bytes(a_fax())
    async with a_door(tmp_path, shelf.accept, orphan_seconds=0.1):
        await until(shelf.keys, ["fax000000012"])
    assert shelf.arrivals[0].contact.claims[0].value == "+7 495 000-00-00"


async def test_a_line_that_says_nothing_is_a_dead_letter_and_stops_nothing(tmp_path: Path) -> None:
    machine, shelf = Machine(tmp_path / "spool"), Shelf()
    machine.writes("03/02/26 09:30\tRECV\tnonsense\n")
    machine.receives(Received(13), a_fax(lines_per_inch=STANDARD))
    async with a_door(tmp_path, shelf.accept) as (source, bell):
        await until(shelf.readable, ["fax000000013"])
        (buried,) = (arrival for arrival in shelf.arrivals if arrival.unreadable)
        assert buried.unreadable.startswith("xferfaxlog: expected 9, 11")
        raw = buried.blobs[buried.contact.raw]
        assert raw == b"03/02/26 09:30\tRECV\tnonsense"
        with pytest.raises(BadInput, match="expected 9, 11"):
            await source.read_again(buried.contact, raw)
        assert bell.state == "up"


async def test_a_fax_that_cannot_be_read_yet_stops_nothing_and_is_replayed_with_its_caller(
    tmp_path: Path,
) -> None:
    machine, shelf = Machine(tmp_path / "spool"), Shelf()
    content = a_fax()
    machine.receives(Received(12), content)
    path = machine.root / Received(12).qfile
    path.unlink()
    path.mkdir()  # to root every file is open
    async with a_door(tmp_path, shelf.accept) as (source, _):
        machine.receives(Received(13), content)
        await until(shelf.readable, ["fax000000013"])
        (buried,) = (arrival for arrival in shelf.arrivals if arrival.unreadable)
        path.rmdir()
        path.write_bytes(content)
        receipt = await source.read_again(buried.contact, buried.blobs[buried.contact.raw])
        assert (receipt.contact_id, receipt.repeated) == ("fax:fax000000012", False)
        await until(shelf.readable, ["fax000000012", "fax000000013"])
    assert shelf.arrivals[-1].contact.sender.value == "+74951234567"


async def test_a_damaged_file_of_the_tray_is_a_dead_letter_that_can_be_replayed(tmp_path: Path) -> None:
    Machine(tmp_path / "spool")
    shelf, tray = Shelf(), Tray(tmp_path / "ours" / "tray")
    tray.open()
    (tmp_path / "ours" / "tray" / "0a1b.fax").write_bytes(b"\xc1 no fax")
    async with a_door(tmp_path, shelf.accept) as (source, bell):
        await until(shelf.count, 1)
        (buried,) = shelf.arrivals
        assert buried.unreadable == "tray: the file of a fax in our tray is damaged"
        with pytest.raises(BadInput, match="damaged"):
            await source.read_again(buried.contact, b"\xc1 no fax")
        handed = read_faxrcvd([Received(12).qfile, "ttyS0", "000000012", "", "+74951234567", "", ""])
        other = Tray(tmp_path / "other")
        other.open()
        other.put(read_fax(of_hook(handed), a_fax(), received_at=MOMENT))
        (mended,) = (tmp_path / "other").glob("*.fax")
        await source.read_again(buried.contact, mended.read_bytes())
        await until(shelf.readable, ["fax000000012"])

        async def state() -> str:
            return bell.state

        await until(state, "up")


async def test_of_two_processes_one_watches_a_spool(tmp_path: Path) -> None:
    machine, shelf, live = Machine(tmp_path / "spool"), Shelf(), MemoryLive()
    async with a_door(tmp_path, shelf.accept, live=live):
        async with a_door(tmp_path, shelf.accept, live=live) as (_, waiting):
            machine.receives(Received(12), a_fax())
            await until(shelf.keys, ["fax000000012"])
            assert waiting.state == ""
        machine.receives(Received(13), a_fax())
        await until(shelf.keys, ["fax000000012", "fax000000013"])


async def test_a_part_that_works_does_not_hide_one_that_does_not() -> None:
    bell = Bell()
    state = State(bell, parts=("spool", "tray"))
    state.good("tray")
    assert bell.state == ""
    state.bad("spool", "the spool cannot be read")
    state.good("tray")
    assert bell.state == "the spool cannot be read"
    state.good("spool")
    assert bell.state == "up"


@pytest.mark.component("tesseract")
async def test_words_are_not_doubled_when_we_die_between_storing_and_clearing_up(tmp_path: Path) -> None:
    machine, shelf = Machine(tmp_path / "spool"), Shelf()
    machine.receives(Received(12), a_fax(a_page("The lamp is red.")))
    died = asyncio.Event()

    async def accept_and_die(arrival: Arrival) -> Receipt:
        await shelf.accept(arrival)
        died.set()
        raise StoreDown("as if we had died now")

    async with a_door(tmp_path, accept_and_die, ocr=True, ocr_languages="eng"):
        await asyncio.wait_for(died.wait(), 60)
    assert shelf.arrivals[0].contact.text == "The lamp is red."
    # This time nothing can be read before it is routed: the words would come as more words.
    tray = Tray(tmp_path / "ours" / "tray")

    async def waiting() -> int:
        return len(tray.waiting())

    async with a_door(tmp_path, shelf.accept, ocr=True, ocr_languages="eng", ocr_seconds=0.0001):
        await until(waiting, 0, patience=60)
    assert await shelf.keys() == ["fax000000012"]
    assert not list((tmp_path / "ours" / "tray").glob("*.words"))


@pytest.mark.component("tesseract")
async def test_later_words_go_to_the_contact_they_were_read_on(tmp_path: Path) -> None:
    machine, shelf = Machine(tmp_path / "spool"), Shelf()
    machine.receives(Received(12), a_fax(a_page("The lamp is red.")))

    async def accept_under_another_key(arrival: Arrival) -> Receipt:
        receipt = await shelf.accept(arrival)
        return receipt._replace(contact_id=f"{receipt.contact_id}~0a1b")  # HylaFAX counted its files anew

    async def count() -> int:
        return len(shelf.arrivals)

    async with a_door(tmp_path, accept_under_another_key, ocr=True, ocr_languages="eng", ocr_seconds=0.0001):
        await until(count, 2, patience=60)
    words = shelf.arrivals[1].contact
    assert (words.amends, words.text) == ("fax000000012~0a1b", "The lamp is red.")


async def test_a_spool_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    machine, shelf = Machine(tmp_path / "spool"), Shelf()
    machine.log.mkdir()
    async with a_door(tmp_path, shelf.accept) as (_, bell):

        async def state() -> str:
            return bell.state

        await until(state, "the spool cannot be read: Is a directory")
        machine.log.rmdir()
        await until(state, "up")


async def test_a_line_whose_fax_cannot_be_opened_is_listed_and_replayed_by_the_supervisor(
    tmp_path: Path,
) -> None:
    machine = Machine(tmp_path / "spool")
    path = machine.root / Received(12).qfile
    path.mkdir()  # to root every file is open
    machine.writes(Received(12).line())
    async with open_house(tmp_path) as house, a_door(tmp_path, house.intake.accept) as (source, _):
        house.intake.reads_again("fax", source.read_again)

        async def reasons() -> list[str]:
            return [letter.reason for letter in await list_dead_letters(house.store)]

        why = "xferfaxlog: the fax of this line in recvq cannot be read: Is a directory"
        await until(reasons, [why])
        (letter,) = await list_dead_letters(house.store)
        assert (await replay(house.store, house.intake, letter.id)).dead_letter
        path.rmdir()
        path.write_bytes(a_fax())
        receipt = await replay(house.store, house.intake, letter.id)
        assert (receipt.contact_id, await reasons()) == ("fax:fax000000012", [])

        async def caller() -> str:
            contact = await house.store.get(CONTACTS, receipt.contact_id)
            return contact.sender.value if contact else ""

        await until(caller, "+74951234567")
