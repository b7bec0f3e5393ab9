"""Peers of the mail door that mean no good, or speak something else than SMTP."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from tests.channels.email.peers import OURS, Shelf, Talk, a_door
from tests.channels.email.test_door import a_certificate

SECOND = f"MAIL FROM:<evil@example.org>\r\nRCPT TO:<{OURS}>\r\nDATA\r\nSubject: smuggled\r\n\r\nx"


@pytest.mark.parametrize("end", ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\r\n\0.\r\n"])
async def test_no_end_but_the_true_one_smuggles_a_second_letter_in(end: str) -> None:
    shelf = Shelf()
    async with a_door(shelf.accept) as door:
        talk = await Talk.begin(door.port)
        await talk.until_data()
        assert (await talk.say(f"Subject: first\r\n\r\nhello{end}{SECOND}\r\n.")).startswith("250")
        assert (await talk.say("QUIT")).startswith("221")
        await talk.leave()
    assert [arrival.contact.subject for arrival in shelf.arrivals] == ["first"]


@pytest.mark.parametrize("command", ["MAIL FROM:<a\0b@example.org>", 'MAIL FROM:<"a\x07\udcff"@example.org>'])
async def test_an_address_with_control_characters_is_none(command: str) -> None:
    async with a_door(Shelf().accept) as door:
        talk = await Talk.begin(door.port)
        await talk.say("EHLO x")
        assert (await talk.say(command)).startswith("553")
        assert (await talk.say("MAIL FROM:<ivan@example.org>")).startswith("250")
        assert (await talk.say("RCPT TO:<help+\0@example.com>")).startswith("553")
        await talk.leave()


async def test_an_envelope_in_an_old_charset_keeps_what_can_be_read() -> None:
    shelf = Shelf()
    async with a_door(shelf.accept) as door:
        talk = await Talk.begin(door.port)
        await talk.until_data(sender="\udce9\udcea@example.org")
        assert (await talk.say("Subject: no From\r\n\r\nx\r\n.")).startswith("250")
        await talk.leave()
    assert shelf.arrivals[0].contact.sender.value == "\ufffd\ufffd@example.org"


async def test_what_cannot_be_said_back_is_no_fault_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    async with a_door(Shelf().accept) as door:
        talk = await Talk.begin(door.port)
        await talk.say("EHLO \udcff")
        for line in (
            "VRFY \udcff",
            "VRFY <<\udcff",
            "HELP \udcff",
            "NOOP \udcff",
            "MAIL \udcff",
            "RCPT \udcff",
        ):
            assert (await talk.say(line))[:3] in ("250", "252", "500", "501", "502", "503", "553"), line
        await talk.leave()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize(
    "verb", ["GET / HTTP/1.1", "POST / HTTP/1.1", "OPTIONS * HTTP/1.1", "CONNECT x:25 HTTP/1.1"]
)
async def test_a_browser_that_is_sent_here_is_shown_out(verb: str) -> None:
    """A page may make its visitor's browser post a form whose body is a conversation of SMTP."""
    shelf = Shelf()
    async with a_door(shelf.accept) as door:
        talk = await Talk.begin(door.port)
        conversation = f"{verb}\r\nHost: x\r\n\r\nEHLO x\r\n{SECOND}\r\n."
        assert (await talk.say(conversation)).startswith("421")
        assert await talk.reader.read() == b""
        await talk.leave()
    assert shelf.arrivals == []


async def test_tls_is_begun_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with a_door(Shelf().accept, tls_certificate=str(a_certificate(tmp_path))) as door:
        talk = await Talk.begin(door.port)
        await talk.say("EHLO x")
        assert (await talk.say("STARTTLS")).startswith("220")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        await talk.writer.start_tls(context)
        await talk.say("EHLO x")
        assert (await talk.say("STARTTLS")).startswith("503")
        assert (await talk.say("NOOP")).startswith("250")
        await talk.leave()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
