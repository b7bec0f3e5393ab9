"""The live interface: who calls is on the agent's screen before he answers, and the call is one contact."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from channels.phone.ami import Framer, Message
from router.ringing import Ringing
from tests.channels.phone.exchange import SECRET, USER, Exchange, an_end, an_exchange
from tests.channels.phone.logs import a_leg
from tests.channels.phone.test_source import Desk, desk
from tests.polling import until
from tests.router.house import ANNA

CALL, PHONE = "1795426200.1", "1795426200.2"
CALLER = an_end(
    CALL,
    "PJSIP/trunk-00000001",
    CALL,
    CallerIDNum="79161234567",
    CallerIDName="Иван",
    Exten="600",
    ChannelState=4,
)
ANNAS = an_end(PHONE, "PJSIP/101-00000002", CALL, prefix="Dest", CallerIDNum="101")


@asynccontextmanager
async def listening(folder: Path, **given: object) -> AsyncIterator[tuple[Desk, Exchange, Ringing]]:
    async with an_exchange() as exchange:
        manager = {"manager_host": "127.0.0.1", "manager_port": exchange.port, "manager_user": USER}
        async with desk(folder, **{**manager, "manager_secret": SECRET, **given}) as at:
            board = Ringing(at.house.clock)
            async with asyncio.TaskGroup() as tasks:
                task = tasks.create_task(board.listen(at.house.live))
                yield at, exchange, board
                task.cancel()


async def rings(exchange: Exchange) -> None:
    await exchange.signed_in.wait()
    await exchange.tell("Newchannel", **CALLER)
    await exchange.tell("DialBegin", **CALLER, **ANNAS, DialString="101")


async def test_who_calls_is_shown_before_it_is_answered_and_the_call_is_in_the_hands_of_who_took_it(
    tmp_path: Path,
) -> None:
    async with listening(tmp_path) as (at, exchange, board):
        await rings(exchange)
        await until(lambda: _numbers(board), "79161234567")
        assert await at.calls() == {}
        await exchange.tell("DialEnd", **CALLER, **ANNAS, DialStatus="ANSWER")
        calls = await at.see({CALL: "answered"})
        case = await at.case_of(calls[CALL])
        assert (case.state, case.assignee_id) == ("assigned", ANNA.id)
        assert [ring.talking for ring in board.at(ANNA.id)] == [True]
        for end in ((PHONE, "PJSIP/101-00000002"), (CALL, "PJSIP/trunk-00000001")):
            await exchange.tell("Hangup", **an_end(*end, CALL), Cause=16)
        await until(lambda: _numbers(board), "")
        # The record comes when all is over: it is the same contact.
        at.log(a_leg(CALL, talked=60))

        async def line() -> str:
            return (await at.calls())[CALL].fields.get("over", "")

        await until(line, "yes")
        assert len(await at.house.contacts()) == 1


async def test_a_call_that_nobody_takes_is_called_back_at_once(tmp_path: Path) -> None:
    async with listening(tmp_path) as (at, exchange, board):
        await rings(exchange)
        await until(lambda: _numbers(board), "79161234567")
        await exchange.tell("Hangup", **CALLER, Cause=16)
        calls = await at.see({CALL: "missed"})
        await until(lambda: _numbers(board), "")
        assert (await at.case_of(calls[CALL])).state == "queued"


async def test_a_ring_that_a_colleague_answers_goes_away(tmp_path: Path) -> None:
    async with listening(tmp_path) as (at, exchange, board):
        await rings(exchange)
        other = an_end("1795426200.3", "PJSIP/102-00000003", CALL, prefix="Dest")
        await exchange.tell("DialBegin", **CALLER, **other)
        await until(lambda: _numbers(board), "79161234567")
        await exchange.tell("DialEnd", **CALLER, **other, DialStatus="ANSWER")
        await exchange.tell("DialEnd", **CALLER, **ANNAS, DialStatus="CANCEL")
        await until(lambda: _numbers(board), "")
        calls = await at.see({CALL: "answered"})
        assert (await at.case_of(calls[CALL])).assignee_id == ""


async def test_an_exchange_of_before_version_12_rings_too(tmp_path: Path) -> None:
    async with listening(tmp_path, manager_login="plain") as (at, exchange, board):
        await exchange.signed_in.wait()
        await exchange.tell(
            "Newchannel", Channel="SIP/trunk-00000001", Uniqueid=CALL, CallerIDNum="79161234567", Exten="600"
        )
        await exchange.tell("Newchannel", Channel="SIP/101-00000002", Uniqueid=PHONE)
        await exchange.tell(
            "Dial", SubEvent="Begin", UniqueID=CALL, DestUniqueID=PHONE, Destination="SIP/101-00000002"
        )
        await until(lambda: _numbers(board), "79161234567")
        await exchange.tell("Bridge", Uniqueid1=CALL, Uniqueid2=PHONE, Bridgestate="Link")
        await at.see({CALL: "answered"})


async def test_a_connection_that_is_lost_is_made_again_and_what_ended_meanwhile_is_over(
    tmp_path: Path,
) -> None:
    async with listening(tmp_path) as (at, exchange, board):
        await rings(exchange)
        await until(lambda: _numbers(board), "79161234567")
        exchange.cut()
        await until(lambda: _numbers(board), "")
        await exchange.signed_in.wait()
        assert exchange.sign_ins == 2
        await at.see({CALL: "missed"})


async def test_a_wrong_secret_closes_the_door_with_the_reason(tmp_path: Path) -> None:
    async with listening(tmp_path, manager_secret="guess") as (at, exchange, _):

        async def problems() -> list[str]:
            return [door.problem for door in at.doors.all() if door.name == "phone manager"]

        wrong = f"127.0.0.1:{exchange.port}: it refuses manager_user and manager_secret"
        await until(problems, [wrong])


async def _numbers(board: Ringing) -> str:
    return " ".join(ring.number for ring in board.at(ANNA.id))


def messages(pieces: list[bytes]) -> list[Message]:
    framer = Framer(line_limit=200)
    return [message for piece in pieces for message in framer.feed(piece)]


@given(st.binary(max_size=3000), st.lists(st.integers(0, 3000), max_size=8))
def test_messages_are_the_same_however_the_bytes_are_cut(data: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[begin:end] for begin, end in pairwise(places)]
    assert messages(pieces) == messages([data])


def test_a_line_without_an_end_fills_no_memory_and_the_next_message_is_heard() -> None:
    framer = Framer()
    for _ in range(100):
        assert list(framer.feed(b"x" * 100_000)) == []
    heard = list(framer.feed(b"\r\n\r\nEvent: Hangup\r\n\r\n"))
    assert [message.event for message in heard] == ["hangup"]
    assert framer.dropped == 1
