"""Answers by e-mail: what the relay gets, and what its answers mean."""

from __future__ import annotations

import asyncio
import socket
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.base import Reply
from channels.email.outlet import EmailOutlet
from channels.email.reading import read_email
from channels.email.settings import RelaySettings
from channels.email.writing import Envelope, write_email
from crm.contact import Address, Attachment, blob_id
from crm.errors import BadInput, DeliveryDelayed, DeliveryFailed
from tests.channels.email.peers import LETTER, MOMENT, OURS, TOKEN, Shelf, a_door, hand_in
from tests.channels.email.relays import a_relay, an_answer, an_outlet
from tests.polling import until

WE = Envelope(OURS, "Служба поддержки", "help+c1@example.com")


def parsed(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, _class=EmailMessage, policy=policy.default)


async def test_an_answer_goes_out_whole() -> None:
    file = "%PDF договор".encode()
    answer = an_answer(
        references=("first@example.org", "second@example.org"),
        attachments=(
            Attachment(name="Договор №5.pdf", mime="application/pdf", size=len(file), blob=blob_id(file)),
        ),
    )
    async with a_relay() as relay, an_outlet(relay.port, sender_name="Служба поддержки") as outlet:
        queued = await outlet.deliver(Reply(answer, {blob_id(file): file}))
    message = parsed(relay.content())
    assert queued == "ID1"
    assert relay.taken[0].rcpt_tos == ["ivan@example.org"]
    assert message["Message-ID"] == f"<{answer.key}>"
    assert message["In-Reply-To"] == "<second@example.org>"
    assert message["References"].split() == ["<first@example.org>", "<second@example.org>"]
    assert message["From"].addresses[0].display_name == "Служба поддержки"
    assert message["To"].addresses[0].display_name == "Иван Петров"
    assert message["Subject"] == "Re: Нет интернета"
    assert "Auto-Submitted" not in message
    body = message.get_body(("plain",))
    assert body is not None
    assert body.get_content().strip() == "Мастер придёт в среду."
    (attached,) = message.iter_attachments()
    assert attached.get_filename() == "Договор №5.pdf"
    assert attached.get_payload(decode=True) == file


async def test_a_customers_answer_and_a_bounce_find_their_way_back() -> None:
    shelf = Shelf()
    async with a_relay() as relay, an_outlet(relay.port) as outlet, a_door(shelf.accept) as door:
        await outlet.deliver(Reply(an_answer()))
        reply_to = parsed(relay.content())["Reply-To"].addresses[0].addr_spec
        envelope_from = relay.taken[0].mail_from
        assert envelope_from is not None
        await hand_in(door.port, LETTER, to=reply_to, sender="another@example.net")
        bounce = (
            b"From: MAILER-DAEMON@example.org\r\nSubject: failure notice\r\n\r\n550 5.1.1 no such user\r\n"
        )
        await hand_in(door.port, bounce, to=envelope_from, sender="")
    answered, bounced = (arrival.contact for arrival in shelf.arrivals)
    assert answered.thread == "0a1b"
    assert bounced.report is not None
    assert (bounced.report.key, bounced.report.outcome) == (an_answer().key, "bounced")


async def test_an_automatic_answer_says_so() -> None:
    async with a_relay() as relay, an_outlet(relay.port) as outlet:
        await outlet.deliver(Reply(an_answer(automatic="reply")))
    assert parsed(relay.content())["Auto-Submitted"] == "auto-replied"


async def test_the_same_answer_sent_twice_is_the_same_message() -> None:
    async with a_relay() as relay, an_outlet(relay.port) as outlet:
        await outlet.deliver(Reply(an_answer()))
        await outlet.deliver(Reply(an_answer()))
    assert relay.content(0) == relay.content(1)


async def test_answers_share_a_connection() -> None:
    async with a_relay() as relay, an_outlet(relay.port, connections=1) as outlet:
        await asyncio.gather(*(outlet.deliver(Reply(an_answer(f"{number:02}"))) for number in range(5)))
    assert len(relay.taken) == 5
    assert len(relay.servers) == 1


async def test_a_connection_that_waited_in_vain_is_closed() -> None:
    async with a_relay() as relay, an_outlet(relay.port, idle_timeout=0.05) as outlet:
        await outlet.deliver(Reply(an_answer()))

        async def is_gone() -> bool:
            return relay.servers[0].transport is None

        await until(is_gone, wanted=True)


async def test_a_connection_that_the_relay_dropped_is_replaced() -> None:
    async with a_relay() as relay, an_outlet(relay.port) as outlet:
        await outlet.deliver(Reply(an_answer("01")))
        relay.drop_connections()
        await outlet.deliver(Reply(an_answer("02")))
    assert len(relay.taken) == 2


@pytest.mark.parametrize(
    ("answer", "error", "code"),
    [
        ("550 5.1.1 <ivan@example.org> unknown", DeliveryFailed, "550 5.1.1"),
        ("553 mailbox", DeliveryFailed, "553"),
        ("450 4.2.0 greylisted", DeliveryDelayed, "450 4.2.0"),
    ],
)
async def test_what_the_relay_says_of_a_recipient(answer: str, error: type[Exception], code: str) -> None:
    async with a_relay() as relay, an_outlet(relay.port) as outlet:
        relay.at_recipient["ivan@example.org"] = answer
        with pytest.raises(error) as refused:
            await outlet.deliver(Reply(an_answer()))
        assert code in str(refused.value)
        assert "ivan" not in str(refused.value)
        relay.at_recipient.clear()
        await outlet.deliver(Reply(an_answer()))
    assert len(relay.taken) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [("554 5.7.1 spam", DeliveryFailed), ("451 4.3.0 try later", DeliveryDelayed)],
)
async def test_what_the_relay_says_of_the_message(answer: str, error: type[Exception]) -> None:
    async with a_relay() as relay, an_outlet(relay.port) as outlet:
        relay.at_data = answer
        with pytest.raises(error) as refused:
            await outlet.deliver(Reply(an_answer()))
    assert answer[4:9] in str(refused.value)


async def test_a_refusal_for_some_recipients_is_told() -> None:
    both = (Address(kind="email", value="ivan@example.org"), Address(kind="email", value="maria@example.org"))
    async with a_relay() as relay, an_outlet(relay.port) as outlet:
        relay.at_recipient["maria@example.org"] = "550 5.1.1 no"
        with pytest.raises(DeliveryFailed, match=r"1 of 2 recipients: 550 5\.1\.1"):
            await outlet.deliver(Reply(an_answer(recipients=both)))


async def test_a_relay_that_is_away_is_tried_again() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with an_outlet(taken.getsockname()[1]) as outlet:
            with pytest.raises(DeliveryDelayed):
                await outlet.deliver(Reply(an_answer()))


async def test_a_relay_that_is_silent_is_tried_again() -> None:
    gone = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        gone.set()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    async with server, an_outlet(server.sockets[0].getsockname()[1], timeout=0.2) as outlet:
        with pytest.raises(DeliveryDelayed):
            await outlet.deliver(Reply(an_answer()))
        await gone.wait()


async def test_a_wrong_password_is_the_operators_to_mend_not_a_failure_of_the_answer() -> None:
    async with a_relay() as relay, an_outlet(relay.port, user="we", password="wrong") as outlet:
        with pytest.raises(DeliveryDelayed, match="refuses us"):
            await outlet.deliver(Reply(an_answer()))


async def test_an_answer_to_nobody_fails() -> None:
    async with a_relay() as relay, an_outlet(relay.port) as outlet:
        with pytest.raises(DeliveryFailed):
            await outlet.deliver(Reply(an_answer(recipients=())))


@pytest.mark.parametrize(
    "address", ["", "ivan", "a b@example.org", "a@b\r\nRCPT TO:<c@d.e>", "a@b>c", "a@b@c.d,e"]
)
async def test_what_is_no_mailbox_is_never_said_to_the_relay(address: str) -> None:
    async with a_relay() as relay, an_outlet(relay.port) as outlet:
        with pytest.raises(DeliveryFailed):
            await outlet.deliver(Reply(an_answer(to=address)))
    assert not relay.taken


async def test_an_address_outside_ascii_is_sent_as_such() -> None:
    async with a_relay() as relay, an_outlet(relay.port) as outlet:
        await outlet.deliver(Reply(an_answer(to="иван@пример.рф")))
    assert relay.taken[0].rcpt_tos == ["иван@xn--e1afmkfd.xn--p1ai"]


def test_a_mailbox_that_leaves_no_room_for_a_tag_does_not_start() -> None:
    with pytest.raises(BadInput):
        EmailOutlet(RelaySettings(mailbox=f"{'a' * 40}@example.com"), token=TOKEN)


LINES = st.text(max_size=80) | st.sampled_from(
    ["a\r\nBcc: evil@example.net", "x\n\nbody", "=?utf-8?q?x?=", "\x00", '"']
)


@given(subject=LINES, name=LINES, text=st.text(max_size=200), reference=LINES, file=LINES)
def test_nobody_can_write_headers_into_an_answer(
    subject: str, name: str, text: str, reference: str, file: str
) -> None:
    answer = an_answer(
        subject=subject,
        text=text,
        references=(reference,),
        recipients=(Address(kind="email", value="ivan@example.org", name=name),),
        attachments=(Attachment(name=file, mime="text/plain\r\nX: y", size=1, blob="b"),),
    )
    raw = write_email(answer, {"b": b"x"}, Envelope(OURS, name, "help+c1@example.com"))
    message = parsed(raw)
    assert "Bcc" not in message
    assert "X" not in message
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert raw.isascii()
    expected = {"From", "To", "Subject", "Message-ID", "Date", "Reply-To", "In-Reply-To", "References"}
    assert set(message.keys()) <= expected | {"MIME-Version", "Content-Type", "Content-Transfer-Encoding"}


@given(subject=st.text(max_size=100), text=st.text(max_size=300))
def test_an_answer_is_read_as_it_was_written(subject: str, text: str) -> None:
    raw = write_email(an_answer(subject=subject, text=text), {}, WE)
    contact = read_email(raw, received_at=MOMENT).contact
    shown = " ".join("".join(letter if letter.isprintable() else " " for letter in subject).split())
    assert contact.subject == shown
    assert contact.sender.name == "Служба поддержки"
    controls = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127])
    said = f"{contact.text}\n{contact.quoted}\n{contact.signature}"
    assert sorted(said.split()) == sorted(text.translate(controls).split())
