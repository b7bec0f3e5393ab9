"""The mail door: what it takes, what it refuses, and what it says. Real sockets, a real client."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from channels.email import letters as letters_module
from channels.email.door import EmailSource
from channels.email.settings import EmailSettings
from crm.contact import Arrival, Receipt
from crm.errors import BadInput, QueueFull
from tests.channels.email.peers import LETTER, OURS, TOKEN, Shelf, Talk, a_door, hand_in, with_client
from tests.polling import until


async def test_a_letter_is_accepted_with_its_bytes() -> None:
    shelf = Shelf()
    async with a_door(shelf.accept) as door:
        await hand_in(door.port)
    (arrival,) = shelf.arrivals
    assert arrival.contact.key == "one@example.org"
    assert arrival.blobs[arrival.contact.raw] == LETTER


async def test_a_letter_is_acknowledged_only_after_it_is_stored() -> None:
    begun, finish = asyncio.Event(), asyncio.Event()

    async def slow(arrival: Arrival) -> Receipt:
        begun.set()
        await finish.wait()
        return Receipt(arrival.contact.id, "", "", 1, False)

    async with a_door(slow) as door:
        talk = await Talk.begin(door.port)
        await talk.until_data()
        acknowledged = asyncio.ensure_future(talk.say("Subject: x\r\n\r\nhello\r\n."))
        await begun.wait()
        assert not acknowledged.done()
        finish.set()
        assert (await acknowledged).startswith("250")
        await talk.leave()


async def test_an_address_that_is_not_ours_is_refused() -> None:
    shelf = Shelf()
    async with a_door(shelf.accept) as door:
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            await hand_in(door.port, to="stranger@example.net")
    code, text = refused.value.recipients["stranger@example.net"]
    assert (code, text[:5]) == (550, b"5.1.1")
    assert not shelf.arrivals


async def test_an_address_with_our_token_is_taken_and_proves_its_case() -> None:
    shelf = Shelf()
    async with a_door(shelf.accept) as door:
        await hand_in(door.port, to=TOKEN.make(OURS, "case", "0a1b"))
    assert shelf.arrivals[0].contact.thread == "0a1b"


async def test_a_full_intake_means_again_later_and_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    async def full(arrival: Arrival) -> Receipt:
        raise QueueFull("intake is full")

    async with a_door(full) as door:
        with pytest.raises(smtplib.SMTPDataError) as refused:
            await hand_in(door.port)
    assert refused.value.smtp_code == 451
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_fault_of_ours_means_again_later_and_tells_nobody_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(arrival: Arrival) -> Receipt:
        raise RuntimeError(f"secret words of {arrival.contact.sender.value}")

    async with a_door(broken) as door:
        with pytest.raises(smtplib.SMTPDataError) as refused:
            await hand_in(door.port)
    assert refused.value.smtp_code == 451
    assert "lamp" not in str(refused.value.smtp_error)
    assert "RuntimeError while serving" in caplog.text
    assert "lamp" not in caplog.text
    assert "ivan@" not in caplog.text


async def test_a_letter_our_reader_fails_on_is_taken_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> Arrival:
        raise RecursionError

    monkeypatch.setattr(letters_module, "read_email", fails)
    shelf = Shelf()
    async with a_door(shelf.accept) as door:
        await hand_in(door.port)
    (arrival,) = shelf.arrivals
    assert arrival.contact.fields == {"unreadable": "yes"}
    assert arrival.blobs[arrival.contact.attachments[0].blob] == LETTER


@pytest.mark.parametrize("body", [b"", b"\x00\xff", b"no headers", b"From\x00: \r\n\r\n", b"x" * 200_000])
async def test_a_malformed_letter_is_not_refused(body: bytes) -> None:
    shelf = Shelf()
    async with a_door(shelf.accept) as door:
        await hand_in(door.port, body)
    assert len(shelf.arrivals) == 1


async def test_a_large_letter_is_read_apart_and_taken() -> None:
    shelf = Shelf()
    large = LETTER + b"word \r\n" * 100_000
    async with a_door(shelf.accept) as door:
        await hand_in(door.port, large)
    assert shelf.arrivals[0].blobs[shelf.arrivals[0].contact.raw] == large


async def test_the_null_sender_is_taken_and_marked() -> None:
    shelf = Shelf()
    async with a_door(shelf.accept) as door:
        await hand_in(door.port, sender="")
    assert shelf.arrivals[0].contact.automatic == "notice"


async def test_letters_in_one_connection_are_kept_apart() -> None:
    shelf = Shelf()
    letters = [LETTER.replace(b"<one@", b"<%d@" % number) for number in range(5)]
    async with a_door(shelf.accept) as door:
        await with_client(
            door.port,
            lambda client: [
                client.sendmail(f"s{n}@example.org", [OURS], one) for n, one in enumerate(letters)
            ],
        )
    assert [arrival.contact.key for arrival in shelf.arrivals] == [
        f"{number}@example.org" for number in range(5)
    ]


async def test_what_the_door_offers() -> None:
    async with a_door(Shelf().accept, data_size_limit=12345) as door:
        features = await with_client(door.port, lambda client: (client.ehlo(), client.esmtp_features)[1])
    assert features["size"] == "12345"
    assert {"8bitmime", "smtputf8", "pipelining"} <= features.keys()
    assert "auth" not in features
    assert "starttls" not in features


async def test_commands_may_come_all_at_once() -> None:
    shelf = Shelf()
    async with a_door(shelf.accept) as door:
        talk = await Talk.begin(door.port)
        talk.writer.write(
            b"EHLO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<help@example.com>\r\nDATA\r\n"
            b"Subject: one\r\n\r\none\r\n.\r\nMAIL FROM:<b@example.org>\r\nRCPT TO:<help@example.com>\r\n"
            b"DATA\r\nSubject: two\r\n\r\ntwo\r\n.\r\nQUIT\r\n"
        )
        replies = [await talk.hear() for _ in range(10)]
        await talk.leave()
    assert [reply[:3] for reply in replies[1:]] == [
        "250",
        "250",
        "354",
        "250",
        "250",
        "250",
        "354",
        "250",
        "221",
    ]
    assert [arrival.contact.subject for arrival in shelf.arrivals] == ["one", "two"]


async def test_addresses_outside_ascii_are_taken() -> None:
    shelf = Shelf()
    async with a_door(shelf.accept, addresses=("помощь@пример.рф",)) as door:
        talk = await Talk.begin(door.port)
        assert (await talk.say("EHLO x")).startswith("250")
        assert (await talk.say("MAIL FROM:<иван@пример.рф> SMTPUTF8 BODY=8BITMIME")).startswith("250")
        assert (await talk.say("RCPT TO:<помощь@xn--e1afmkfd.xn--p1ai>")).startswith("250")
        assert (await talk.say("DATA")).startswith("354")
        assert (await talk.say("\r\nтекст\r\n.")).startswith("250")
        await talk.leave()
    assert shelf.arrivals[0].contact.sender.value == "иван@пример.рф"


async def test_an_oversize_letter_is_refused_when_it_says_so_and_when_it_does_not() -> None:
    shelf = Shelf()
    async with a_door(shelf.accept, data_size_limit=1000) as door:
        with pytest.raises(smtplib.SMTPSenderRefused) as declared:
            await hand_in(door.port, LETTER + b"x" * 2000)
        talk = await Talk.begin(door.port)
        await talk.until_data()
        undeclared = await talk.say("x" * 2000 + "\r\n.")
        assert (await talk.say("NOOP")).startswith("250")
        await talk.leave()
    assert declared.value.smtp_code == 552
    assert undeclared.startswith("552 5.3.4")
    assert not shelf.arrivals


async def test_more_mail_at_once_than_fits_in_memory_is_asked_for_later() -> None:
    shelf = Shelf()
    large = LETTER + b"word \r\n" * 1000
    async with a_door(shelf.accept, memory_limit=10_000) as door:
        slow = await Talk.begin(door.port)
        await slow.until_data()
        slow.writer.write(large[:6000])
        await slow.writer.drain()

        async def another_is_asked_to_wait() -> bool:
            try:
                await hand_in(door.port, large)
            except smtplib.SMTPDataError as error:
                return error.smtp_code == 452
            return False

        await until(another_is_asked_to_wait, wanted=True)  # the door has read what the slow one wrote
        assert (await slow.say(large[6000:].decode() + ".")).startswith("250")
        await hand_in(door.port, large.replace(b"<one@", b"<two@"))
        await slow.leave()


async def test_one_sender_cannot_hand_in_faster_than_allowed() -> None:
    shelf = Shelf()
    async with a_door(shelf.accept, sender_messages_per_minute=2) as door:
        for number in (1, 2):
            await hand_in(door.port, LETTER.replace(b"<one@", b"<%d@" % number))
        with pytest.raises(smtplib.SMTPSenderRefused) as refused:
            await hand_in(door.port, sender="IVAN@example.org")
        await hand_in(door.port, LETTER.replace(b"<one@", b"<three@"), sender="maria@example.org")
    assert refused.value.smtp_code == 450
    assert len(shelf.arrivals) == 3


async def test_a_crowd_is_told_to_come_back() -> None:
    async with a_door(Shelf().accept, connections_per_peer=1) as door:
        first = await Talk.begin(door.port)
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        assert (await reader.readline()).startswith(b"421 4.7.0")
        assert await reader.read() == b""
        writer.close()
        await first.say("QUIT")
        await first.reader.read()
        await first.leave()
        second = await Talk.begin(door.port)
        assert (await second.say("NOOP")).startswith("250")
        await second.leave()


async def test_a_connection_is_ended_after_so_many_letters() -> None:
    async with a_door(Shelf().accept, messages_per_connection=1) as door:
        talk = await Talk.begin(door.port)
        await talk.until_data()
        await talk.say("Subject: x\r\n\r\nx\r\n.")
        assert (await talk.say("MAIL FROM:<ivan@example.org>")).startswith("421")
        assert await talk.reader.read() == b""
        await talk.leave()


async def test_a_connection_is_ended_after_so_many_errors() -> None:
    async with a_door(Shelf().accept, errors_per_connection=3) as door:
        talk = await Talk.begin(door.port)
        await talk.say("EHLO x")
        await talk.say("MAIL FROM:<ivan@example.org>")
        for number in range(3):
            assert (await talk.say(f"RCPT TO:<guess{number}@example.com>")).startswith("550")
        assert (await talk.say("RCPT TO:<guess@example.com>")).startswith("550")
        assert (await talk.hear()).startswith("421")
        assert await talk.reader.read() == b""
        await talk.leave()


async def test_too_many_recipients_are_asked_to_come_in_another_letter() -> None:
    async with a_door(Shelf().accept, recipients_per_message=1) as door:
        talk = await Talk.begin(door.port)
        for line in ("EHLO x", "MAIL FROM:<ivan@example.org>", f"RCPT TO:<{OURS}>"):
            assert (await talk.say(line)).startswith("250")
        assert (await talk.say(f"RCPT TO:<{OURS}>")).startswith("452 4.5.3")
        await talk.leave()


async def test_a_silent_peer_is_let_go() -> None:
    async with a_door(Shelf().accept, command_timeout=0.2) as door:
        talk = await Talk.begin(door.port)
        assert await asyncio.wait_for(talk.reader.read(), 10) == b""
        await talk.leave()


async def test_a_peer_that_leaves_within_data_leaves_nothing() -> None:
    shelf = Shelf()
    async with a_door(shelf.accept) as door:
        talk = await Talk.begin(door.port)
        await talk.until_data()
        talk.writer.write(b"Subject: half\r\n\r\nhalf a")
        await talk.writer.drain()
        await talk.leave()
        await hand_in(door.port)
    assert [arrival.contact.subject for arrival in shelf.arrivals] == ["No internet"]


async def test_closing_lets_a_letter_on_its_way_finish() -> None:
    shelf = Shelf()
    async with AsyncExitStack() as house:
        door = await house.enter_async_context(a_door(shelf.accept))
        idle, busy = await Talk.begin(door.port), await Talk.begin(door.port)
        await busy.until_data()
        closing = asyncio.create_task(house.aclose())
        assert (await idle.hear()).startswith("421")
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", door.port)
        assert (await busy.say("Subject: last\r\n\r\nlast\r\n.")).startswith("250")
        assert (await busy.hear()).startswith("421")
        await closing
        await idle.leave()
        await busy.leave()
    assert [arrival.contact.subject for arrival in shelf.arrivals] == ["last"]


async def test_closing_does_not_wait_for_ever() -> None:
    async with AsyncExitStack() as house:
        door = await house.enter_async_context(a_door(Shelf().accept, closing_timeout=0.1))
        busy = await Talk.begin(door.port)
        await busy.until_data()
        await asyncio.wait_for(house.aclose(), 10)
        with suppress(ConnectionResetError):
            assert await busy.reader.read() == b""
        busy.writer.close()


async def test_starttls_is_offered_with_a_certificate_and_keeps_what_is_said_private(tmp_path: Path) -> None:
    certificate = a_certificate(tmp_path)
    shelf = Shelf()

    context = ssl.create_default_context(cafile=str(certificate))
    context.check_hostname = False  # the client connects to an address; the chain is verified

    def talk(client: smtplib.SMTP) -> tuple[str, bool]:
        client.starttls(context=context)
        client.ehlo()
        offered_again = client.has_extn("starttls")
        client.sendmail("ivan@example.org", [OURS], LETTER)
        assert isinstance(client.sock, ssl.SSLSocket)
        return str(client.sock.version()), offered_again

    async with a_door(shelf.accept, tls_certificate=str(certificate)) as door:
        version, offered_again = await with_client(door.port, talk)
    assert version.startswith("TLSv1.")
    assert not offered_again
    assert len(shelf.arrivals) == 1


async def test_a_failed_handshake_is_the_peers_affair_and_leaves_no_trace(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {"tls_certificate": str(a_certificate(tmp_path)), "connections_per_peer": 1}
    async with a_door(Shelf().accept, **settings) as door:
        for _ in range(3):
            talk = await Talk.begin(door.port)
            await talk.say("EHLO x")
            assert (await talk.say("STARTTLS")).startswith("220")
            talk.writer.write(b"this is no handshake at all\r\n" * 3)
            await talk.reader.read()
            await talk.leave()
        # Whoever left is counted out once: one may come in, a second may not.
        first = await Talk.begin(door.port)
        second = await asyncio.open_connection("127.0.0.1", door.port)
        assert (await second[0].readline()).startswith(b"421")
        second[1].close()
        await first.leave()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_what_was_said_before_tls_counts_for_nothing_after_it(tmp_path: Path) -> None:
    async with a_door(Shelf().accept, tls_certificate=str(a_certificate(tmp_path))) as door:
        talk = await Talk.begin(door.port)
        await talk.say("EHLO x")
        await talk.say("MAIL FROM:<ivan@example.org>")
        # A command smuggled in behind STARTTLS must not be taken for one said under TLS.
        talk.writer.write(b"STARTTLS\r\nRCPT TO:<help@example.com>\r\n")
        assert (await talk.hear()).startswith("220")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        await talk.writer.start_tls(context)
        assert (await talk.say("DATA")).startswith("503")
        await talk.leave()


def test_a_certificate_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("nothing")
    settings = EmailSettings(addresses=(OURS,), tls_certificate=str(tmp_path / "bad.pem"))
    with pytest.raises(BadInput) as wrong:
        EmailSource(settings, token=TOKEN)
    assert wrong.value.field == "tls_certificate"


def test_a_door_for_no_address_does_not_open() -> None:
    with pytest.raises(BadInput) as wrong:
        EmailSource(EmailSettings(), token=TOKEN)
    assert wrong.value.field == "addresses"


@pytest.mark.component("swaks")
async def test_swaks_hands_a_letter_with_a_file_in(tmp_path: Path) -> None:
    (tmp_path / "contract.txt").write_text("clause one")
    shelf = Shelf()
    async with a_door(shelf.accept) as door:
        swaks = await asyncio.create_subprocess_exec(
            *("swaks", "--server", f"127.0.0.1:{door.port}", "--from", "ivan@example.org", "--to", OURS),
            *(
                "--header",
                "Subject: From swaks",
                "--body",
                "The lamp is red.",
                "--ehlo",
                "client.example.org",
            ),
            *("--attach", f"@{tmp_path / 'contract.txt'}"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        told, _ = await swaks.communicate()
    assert swaks.returncode == 0, told.decode()
    contact = shelf.arrivals[0].contact
    assert (contact.subject, contact.text) == ("From swaks", "The lamp is red.")
    assert [file.size for file in contact.attachments] == [10]


def a_certificate(folder: Path) -> Path:
    """A fresh certificate for localhost and its key in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "door.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return path
