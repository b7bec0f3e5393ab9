"""A mailbox at a provider: a real Dovecot, other people's programs at it, and each letter exactly once."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from channels.base import Accept
from channels.email import mailbox as mailbox_module
from channels.email.letters import LetterReader
from channels.email.mailbox import MailboxSource
from channels.email.settings import MailboxSettings
from channels.email.signatures import LookupFailed
from channels.email.trust import SenderTrust
from crm.collections import BOOKMARKS
from crm.contact import Arrival, Receipt
from crm.errors import QueueFull
from crm.store import Store
from storage.live import MemoryLive
from storage.sqlite import open_sqlite
from tests.channels.email.dovecot import PASSWORD, Box, Dovecot, a_dovecot
from tests.channels.email.peers import TOKEN, Shelf
from tests.polling import until

pytestmark = pytest.mark.component("dovecot")


def a_letter(key: str, words: str = "The lamp is red.") -> bytes:
    return (
        f"Return-Path: <ivan@example.org>\r\nDelivered-To: help@example.com\r\n"
        f"From: Ivan <ivan@example.org>\r\nTo: help@example.com\r\nSubject: No internet\r\n"
        f"Message-ID: <{key}@example.org>\r\n\r\n{words}\r\n"
    ).encode()


class Sign:
    """A door as the supervisor sees it."""

    def __init__(self) -> None:
        self.state = ""
        self.problems: list[str] = []
        self.lags: list[float] = []
        self.contacts = 0

    def up(self) -> None:
        self.state = "up"

    def down(self, problem: str) -> None:
        self.state = "down"
        self.problems.append(problem)

    def saw_contact(self) -> None:
        self.contacts += 1

    def lag(self, seconds: float) -> None:
        self.lags.append(seconds)


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with a_dovecot(tls=True) as running:
        yield running


@pytest.fixture
def box(server: Dovecot, request: pytest.FixtureRequest) -> Box:
    """A mailbox of the test's own."""
    return Box(server, f"help-{abs(hash(request.node.nodeid)):x}@example.com")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_sqlite(tmp_path / "onewindow.sqlite") as opened:
        yield opened


@asynccontextmanager
async def watching(
    box: Box,
    store: Store,
    accept: Accept,
    live: MemoryLive | None = None,
    *,
    letters: LetterReader | None = None,
    **settings: Any,
) -> AsyncIterator[Sign]:
    given = {
        "user": box.user,
        "host": "127.0.0.1",
        "port": box.server.port,
        "tls": "none",
        "password": PASSWORD,
        **settings,
    }
    sign = Sign()
    source = MailboxSource(
        MailboxSettings(**given),
        given.get("folders", ("INBOX",))[0],
        letters=letters or LetterReader(TOKEN),
        store=store,
        run_alone=(live or MemoryLive()).run_alone,
        door=sign,
    )
    async with source.listening(accept):
        yield sign


class Counting(Shelf):
    """Takes everything, and counts how often each key was offered."""

    def __init__(self) -> None:
        super().__init__()
        self.offered: Counter[str] = Counter()
        self.failing: Exception | None = None

    async def accept(self, arrival: Arrival) -> Receipt:
        self.offered[arrival.contact.key] += 1
        if self.failing:
            raise self.failing
        return await super().accept(arrival)

    async def keys(self) -> list[str]:
        return [arrival.contact.key.partition("@")[0] for arrival in self.arrivals]

    async def number(self) -> int:
        return len(self.arrivals)


async def test_a_letter_comes_in_at_once_and_the_mailbox_stays_as_it_is(box: Box, store: Store) -> None:
    shelf = Counting()
    async with watching(box, store, shelf.accept) as sign:
        box.put(a_letter("one"))
        await until(shelf.keys, ["one"])
        box.put(a_letter("two"))  # now it is told of by IDLE
        await until(shelf.keys, ["one", "two"])
        await until(lambda: _is(sign.lags[-1] == 0.0), True)
    contact = shelf.arrivals[0].contact
    assert (contact.text, contact.sender.value) == ("The lamp is red.", "ivan@example.org")
    assert [address.value for address in contact.recipients] == ["help@example.com"]
    assert box.count(what="UNSEEN") == 2
    assert (sign.state, sign.contacts) == ("up", 2)


async def test_a_letter_that_somebody_read_is_not_missed(box: Box, store: Store) -> None:
    box.put(a_letter("read"), seen=True)
    shelf = Counting()
    async with watching(box, store, shelf.accept):
        await until(shelf.keys, ["read"])


async def test_what_was_taken_is_not_taken_again_after_a_restart(box: Box, store: Store) -> None:
    box.put(a_letter("one"))
    shelf = Counting()
    for _ in range(2):
        async with watching(box, store, shelf.accept) as sign:
            await until(shelf.number, 1)
            await until(lambda: _is(sign.lags[-1:] == [0.0]), True)
    assert shelf.offered["one@example.org"] == 1


async def _is(fact: bool) -> bool:
    return fact


@pytest.mark.slow
async def test_a_backlog_of_a_thousand_comes_in_order_each_once(box: Box, store: Store) -> None:
    box.put_files(a_letter(f"{number:04}") for number in range(1000))
    shelf = Counting()
    async with watching(box, store, shelf.accept, afterwards="move", move_to="Taken") as sign:
        await until(shelf.number, 1000, patience=60)
        await until(lambda: asyncio.to_thread(box.count), 0)
    assert await shelf.keys() == [f"{number:04}" for number in range(1000)]
    assert set(shelf.offered.values()) == {1}
    assert box.count("Taken") == 1000
    assert max(sign.lags) > 0


async def test_letters_that_somebody_removes_meanwhile_stop_nobody(box: Box, store: Store) -> None:
    shelf = Counting()
    async with watching(box, store, shelf.accept, afterwards="move", move_to="Taken"):
        for number in range(60):
            box.put(a_letter(f"{number}"))
            if number % 3 == 0:
                with box.client("INBOX") as other:
                    other.delete_messages(other.search()[-1:])
                    other.expunge()
        box.put(a_letter("last"))
        await until(lambda: asyncio.to_thread(box.count), 0)
    assert set(shelf.offered.values()) == {1}
    assert "last@example.org" in shelf.offered
    assert {f"{number}@example.org" for number in range(60) if number % 3} <= shelf.offered.keys()


async def test_a_mailbox_with_new_numbers_doubles_nothing(box: Box, store: Store) -> None:
    box.put(a_letter("one"), a_letter("two"))
    shelf = Counting()
    async with watching(box, store, shelf.accept):
        await until(shelf.keys, ["one", "two"])
    box.forget_numbers()
    box.put(a_letter("three"))
    async with watching(box, store, shelf.accept):
        await until(shelf.keys, ["one", "two", "three"])
    assert shelf.offered["one@example.org"] == 2  # looked at anew, known by its key


async def test_a_server_that_was_away_is_found_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox_module, "LONGEST_PAUSE", 0.2)
    with a_dovecot() as server:
        box, shelf = Box(server, "help@example.com"), Counting()
        async with watching(box, store, shelf.accept) as sign:
            box.put(a_letter("one"))
            await until(shelf.keys, ["one"])
            await asyncio.to_thread(server.stop)
            await until(lambda: _is(sign.state == "down"), True)
            server.start()
            box.put(a_letter("two"))
            await until(shelf.keys, ["one", "two"])
            assert sign.state == "up"
    assert set(shelf.offered.values()) == {1}


@pytest.mark.parametrize(
    ("afterwards", "inbox", "unseen", "taken"),
    [("leave", 1, 1, 0), ("seen", 1, 0, 0), ("move", 0, 0, 1), ("delete", 0, 0, 0)],
)
async def test_nothing_is_done_to_a_letter_before_it_is_stored(
    box: Box, store: Store, afterwards: str, inbox: int, unseen: int, taken: int
) -> None:
    async def as_it_is() -> tuple[int, int, int]:
        return await asyncio.to_thread(
            lambda: (box.count(), box.count(what="UNSEEN"), box.count("Taken/Over"))
        )

    shelf = Counting()
    shelf.failing = QueueFull("full")
    async with watching(box, store, shelf.accept, afterwards=afterwards, move_to="Taken/Over") as sign:
        box.put(a_letter("one"))
        await until(lambda: _is(shelf.offered.total() > 0 and sign.state == "down"), True)
        assert await as_it_is() == (1, 1, 0)
        shelf.failing = None
        await until(shelf.keys, ["one"])
        await until(as_it_is, (inbox, unseen, taken))


async def test_only_what_we_took_is_ever_expunged(box: Box, store: Store) -> None:
    with box.client() as other:  # marked by somebody, who may think better of it
        other.append("INBOX", a_letter("old"), [b"\\Deleted"], datetime(2020, 1, 1, tzinfo=UTC))
    box.put(a_letter("one"))
    shelf = Counting()
    async with watching(box, store, shelf.accept, afterwards="delete", since=date(2021, 1, 1)):
        await until(shelf.keys, ["one"])
        await until(lambda: asyncio.to_thread(box.count), 1)
        box.put(a_letter("two"))
        await until(shelf.keys, ["one", "two"])
        await until(lambda: asyncio.to_thread(box.count), 1)
    assert box.count(what="DELETED") == 1
    assert shelf.offered.keys() == {"one@example.org", "two@example.org"}


async def test_a_move_that_is_refused_is_shown_and_tried_again(box: Box, store: Store) -> None:
    shelf = Counting()
    settings: dict[str, Any] = {"afterwards": "move", "move_to": "Taken", "idle_seconds": 1}
    async with watching(box, store, shelf.accept, **settings) as sign:
        await until(lambda: _is(sign.lags[-1:] == [0.0]), True)
        with box.closed("Taken"):
            box.put(a_letter("one"))
            await until(shelf.keys, ["one"])
            await until(lambda: _is(sign.state == "down"), True)
            box.put(a_letter("two"))
            await until(shelf.keys, ["one", "two"])
            await until(lambda: _is(len(sign.problems) >= 2 and sign.state == "down"), True)
            assert await asyncio.to_thread(box.count) == 2
        await until(lambda: asyncio.to_thread(box.count), 0)
        await until(lambda: _is(sign.state == "up"), True)
    assert set(sign.problems) == {
        "letters are taken, but the server refuses what is to be done with them afterwards"
    }
    assert box.count("Taken") == 2
    assert set(shelf.offered.values()) == {1}


async def test_of_a_letter_that_is_too_large_the_headers_are_kept_and_the_next_comes(
    box: Box, store: Store
) -> None:
    shelf = Counting()
    box.put(a_letter("huge", "x" * 70 + "\r\n" + "y" * 300_000), a_letter("next"))
    async with watching(box, store, shelf.accept, afterwards="delete", size_limit=100_000):
        await until(shelf.keys, ["huge", "next"])
        await until(lambda: asyncio.to_thread(box.count), 1)
    huge = shelf.arrivals[0].contact
    assert (huge.subject, huge.sender.value, huge.text) == ("No internet", "ivan@example.org", "")
    assert huge.fields["left_out"] == "too_large"
    assert int(huge.fields["size"]) > 300_000


async def test_the_signature_of_a_letter_that_is_too_large_is_not_called_broken(
    box: Box, store: Store
) -> None:
    signature = b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=k1; h=from; bh=AAAA; b=AAAA\r\n"
    letters = LetterReader(TOKEN, SenderTrust(txt=lambda _: None))
    shelf = Counting()
    box.put(signature + a_letter("huge", "y" * 300_000), signature + a_letter("small"))
    async with watching(box, store, shelf.accept, letters=letters, size_limit=100_000):
        await until(shelf.keys, ["huge", "small"])
    huge, small = (arrival.contact for arrival in shelf.arrivals)
    assert (huge.trust, huge.fields["left_out"], "trust_because" in huge.fields) == ("", "too_large", False)
    assert (small.trust, small.fields["trust_because"]) == ("unproven", "signature_broken")


async def test_a_letter_the_server_cannot_give_is_told_of_and_stops_nobody(box: Box, store: Store) -> None:
    paths = box.put_files([a_letter("first"), a_letter("broken"), a_letter("last")])
    paths[1].chmod(0)
    shelf = Counting()
    async with watching(box, store, shelf.accept, idle_seconds=1):
        await until(lambda: _is({"first@example.org", "last@example.org"} <= shelf.offered.keys()), True)
        await until(shelf.number, 3)
    told = next(one.contact for one in shelf.arrivals if one.contact.fields)
    assert told.fields["left_out"] == "unreadable"
    assert set(shelf.offered.values()) == {1}


async def test_a_fault_of_ours_over_one_letter_stops_nobody(box: Box, store: Store) -> None:
    shelf = Counting()
    tries: Counter[str] = Counter()

    async def accept(arrival: Arrival) -> Receipt:
        key = arrival.contact.key
        tries[key] += 1
        if key.startswith("bad") and tries[key] < 3:
            raise KeyError("a bug")
        return await shelf.accept(arrival)

    box.put(a_letter("bad"), a_letter("good"))
    async with watching(box, store, accept, idle_seconds=1):
        await until(shelf.keys, ["good", "bad"])


async def test_letters_whose_signers_nobody_can_look_up_do_not_wait_for_each_other(
    box: Box, store: Store
) -> None:
    waiting = Counter[str]()

    def slow(name: str) -> bytes | None:
        waiting["now"] += 1
        waiting["most"] = max(waiting["most"], waiting["now"])
        time.sleep(0.3)
        waiting["now"] -= 1
        raise LookupFailed

    def signed(number: int) -> bytes:
        signature = f"DKIM-Signature: v=1; a=rsa-sha256; d=d{number}.org; s=k; h=from; bh=AAAA; b=AAAA\r\n"
        return signature.encode() + a_letter(str(number)).replace(b"ivan@example", b"ivan@d%d" % number)

    box.put(*(signed(number) for number in range(8)))
    shelf = Counting()
    letters = LetterReader(TOKEN, SenderTrust(txt=slow))
    async with watching(box, store, shelf.accept, letters=letters):
        await until(shelf.keys, [str(number) for number in range(8)])
    assert waiting["most"] > 1


async def test_a_server_without_idle_is_asked_now_and_then(store: Store) -> None:
    with a_dovecot(idle=False) as server:
        box, shelf = Box(server, "help@example.com"), Counting()
        settings: dict[str, Any] = {
            "poll_seconds": 0.1,
            "afterwards": "move",
            "move_to": "Taken",
        }  # nor can it move
        async with watching(box, store, shelf.accept, **settings):
            box.put(a_letter("one"))
            await until(shelf.keys, ["one"])
            box.put(a_letter("two"))
            await until(shelf.keys, ["one", "two"])
            await until(lambda: asyncio.to_thread(box.count), 0)
        assert box.count("Taken") == 2


async def test_a_wrong_password_is_told_to_the_supervisor(box: Box, store: Store) -> None:
    async with watching(box, store, Counting().accept, password="wrong") as sign:
        await until(lambda: _is(bool(sign.problems)), True)
    assert sign.problems == ["the server does not accept the user or the password"]


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
async def test_no_password_is_told_to_a_server_whose_certificate_is_not_known(
    box: Box, store: Store, tls: str
) -> None:
    port = box.server.tls_port if tls == "implicit" else box.server.port
    shelf = Counting()
    async with watching(box, store, shelf.accept, tls=tls, port=port) as sign:
        await until(lambda: _is(bool(sign.problems)), True)
    assert "certificate cannot be trusted" in sign.problems[0]
    trusted = str(box.server.home / "server.pem")
    box.put(a_letter("one"))
    async with watching(box, store, shelf.accept, tls=tls, port=port, ca_file=trusted) as sign:
        await until(shelf.keys, ["one"])
    async with watching(
        box, store, shelf.accept, tls=tls, port=port, ca_file=trusted, host="localhost"
    ) as sign:
        await until(lambda: _is(bool(sign.problems)), True)
    assert "certificate cannot be trusted" in sign.problems[0]


async def test_without_starttls_no_password_leaves_in_the_clear(store: Store) -> None:
    with a_dovecot() as server:
        box = Box(server, "help@example.com")
        async with watching(box, store, Counting().accept, tls="starttls") as sign:
            await until(lambda: _is(bool(sign.problems)), True)
        assert "Login" not in (server.home / "dovecot.log").read_text()


async def _next_number(box: Box, store: Store) -> int:
    """As far as the inbox was taken."""
    mark = await store.get(BOOKMARKS, f"mailbox {box.user} at 127.0.0.1")
    return int(mark.place.split()[1]) if mark else 0


async def test_of_two_readers_one_reads_and_the_other_follows_when_it_is_gone(box: Box, store: Store) -> None:
    live, first, second = MemoryLive(), Counting(), Counting()
    async with AsyncExitStack() as reading:
        await reading.enter_async_context(watching(box, store, first.accept, live))
        box.put(a_letter("one"))
        await until(first.keys, ["one"])
        async with watching(box, store, second.accept, live) as waiting:
            box.put(a_letter("two"))
            await until(first.keys, ["one", "two"])
            assert (waiting.state, second.offered.total()) == ("", 0)
            # A reader that is cut off between a letter and its bookmark makes the letter come again.
            await until(lambda: _next_number(box, store), 3)
            await reading.aclose()
            box.put(a_letter("three"))
            await until(second.keys, ["three"])
    assert set((first.offered + second.offered).values()) == {1}


async def test_several_folders_are_read_beside_each_other(box: Box, store: Store) -> None:
    shelf = Counting()
    box.put(a_letter("spam"), folder="Нежелательные")
    box.put(a_letter("one"))
    async with (
        watching(box, store, shelf.accept),
        watching(box, store, shelf.accept, folders=("Нежелательные",)),
    ):
        await until(lambda: _is(sorted(shelf.offered) == ["one@example.org", "spam@example.org"]), True)
    assert set(shelf.offered.values()) == {1}


async def test_a_folder_that_is_not_there_is_told_to_the_supervisor(box: Box, store: Store) -> None:
    async with watching(box, store, Counting().accept, folders=("Nowhere",)) as sign:
        await until(lambda: _is(bool(sign.problems)), True)
    assert sign.state == "down"
