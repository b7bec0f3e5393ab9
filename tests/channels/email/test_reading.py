"""Reading letters: what a contact gets, and that nothing a letter holds can stop it."""

from __future__ import annotations

import re
import time
from base64 import encodebytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.body import FILES_LIMIT, TEXT_LIMIT
from channels.email.reading import read_email, unreadable_email
from crm.contact import Arrival, Contact
from tests.channels.email.peers import LETTER, MOMENT, OURS, TOKEN
from tests.channels.email.test_samples import SAMPLES
from tests.router.house import open_house

MIXED = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
CONTROLS = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127])
REPORT = b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"


def read(raw: bytes, *, to: tuple[str, ...] = (OURS,), sender: str | None = "ivan@example.org") -> Contact:
    return arrive(raw, to=to, sender=sender).contact


def arrive(raw: bytes, *, to: tuple[str, ...] = (OURS,), sender: str | None = "ivan@example.org") -> Arrival:
    return read_email(
        raw,
        received_at=MOMENT,
        envelope_to=to,
        envelope_from=sender,
        thread_of=TOKEN.verify,
        answer_of=TOKEN.verify_bounce,
    )


def a_letter(*headers: str, body: str = "Hello") -> bytes:
    return "\r\n".join([*headers, "", body, ""]).encode()


def test_a_retry_has_the_same_key_and_fingerprint() -> None:
    again = b"Received: from elsewhere by here; Mon, 2 Mar 2026 13:30:00 +0300\r\n" + LETTER
    assert read(again).key == read(LETTER).key == "one@example.org"
    assert read(again).fingerprint == read(LETTER).fingerprint


def test_another_letter_under_a_reused_message_id_has_another_fingerprint() -> None:
    other = LETTER.replace(b"lamp is red", b"lamp is green")
    assert read(other).key == read(LETTER).key
    assert not set(read(other).fingerprint.split()) & set(read(LETTER).fingerprint.split())


def encoded(how: str, *, subject: str = "Модем\n мигает") -> bytes:
    """One letter as servers on different ways hand it on."""
    letter = EmailMessage(policy=SMTP)
    letter["From"] = "Иван <ivan@example.org>"
    letter["Subject"] = subject.replace("\n", "")
    letter["Message-ID"] = "<one@example.org>"
    letter.set_content("Лампочка горит красным.\nЧто делать?\n", cte=how)
    letter.add_attachment(
        "Журнал: всё пропало\n".encode(), maintype="text", subtype="plain", filename="Журнал.log"
    )
    return letter.as_bytes()


@pytest.mark.parametrize("how", ["8bit", "quoted-printable", "base64"])
async def test_a_letter_encoded_anew_on_another_way_is_the_same_contact(tmp_path: Path, how: str) -> None:
    """A server without 8BITMIME must encode it (RFC 6152)."""
    first, again = encoded("8bit"), b"Received: from elsewhere by here\r\n" + encoded(how)
    async with open_house(tmp_path) as house:
        receipts = [
            await house.intake.accept(arrive(raw)) for raw in (first, again, encoded(how, subject="Другое"))
        ]
    assert [receipt.repeated for receipt in receipts] == [False, True, False]


async def test_a_letter_stored_by_its_bytes_alone_knows_its_retry(tmp_path: Path) -> None:
    """So they were stored before fingerprints told what was said."""
    arrival = arrive(LETTER)
    old = msgspec.structs.replace(arrival.contact, fingerprint=arrival.contact.fingerprint.split()[1])
    async with open_house(tmp_path) as house:
        assert not (await house.intake.accept(arrival._replace(contact=old))).repeated
        assert (await house.intake.accept(arrival)).repeated


@pytest.mark.parametrize("header", ["", "Message-ID:", "Message-ID: <>", f"Message-ID: <{'a' * 300}>"])
def test_a_letter_without_a_usable_message_id_is_known_by_its_bytes(header: str) -> None:
    raw = a_letter("From: ivan@example.org", *filter(None, [header]))
    assert read(raw).key.startswith("sha256-")
    assert read(raw).key == read(raw).key != read(raw + b"!").key


def test_the_case_is_proven_by_our_token_in_any_recipient() -> None:
    tagged = TOKEN.make(OURS, "case", "0a1b2c3d")
    assert read(a_letter(f"To: {tagged.upper()}")).thread == "0a1b2c3d"
    assert read(LETTER, to=(OURS, tagged)).thread == "0a1b2c3d"
    assert read(a_letter(f"Cc: boss@example.org, Help <{tagged}>")).thread == "0a1b2c3d"


def test_a_forged_token_proves_nothing() -> None:
    tagged = TOKEN.make(OURS, "case", "0a1b2c3d")
    local, domain = tagged.split("@")
    forged = f"{local[:-1]}{'a' if local[-1] != 'a' else 'b'}@{domain}"
    assert read(LETTER, to=(forged,)).thread == ""


def test_references_stand_nearest_last_each_once() -> None:
    raw = a_letter("References: <a@x> <b@x> <a@x>\r\n <c@x>", "In-Reply-To: <b@x>")
    assert read(raw).references == ("a@x", "c@x", "b@x")


def test_references_are_bounded_and_the_nearest_are_kept() -> None:
    raw = a_letter("References: " + " ".join(f"<{number}@x>" for number in range(500)))
    assert read(raw).references[-1] == "499@x"
    assert len(read(raw).references) == 50


def test_a_bounce_that_quotes_nothing_is_matched_by_its_address() -> None:
    bounced = TOKEN.make(OURS, "bounce", "00ff11")
    raw = a_letter(
        "From: MAILER-DAEMON@example.net", "Subject: failure notice", body="No such user (550 5.1.1)"
    )
    contact = read(raw, to=(bounced,), sender="")
    assert contact.automatic == "bounce"
    assert contact.report is not None
    assert (contact.report.key, contact.report.outcome) == ("00ff11@example.com", "bounced")
    assert contact.report.status == "5.1.1"


def test_of_many_recipients_in_a_report_the_worst_counts() -> None:
    status = (
        "Action: delivered\r\nStatus: 2.0.0\r\n\r\nAction: failed\r\nStatus: 5.2.2\r\n\r\nAction: delayed\r\n"
    )
    raw = (
        REPORT
        + b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n"
        + status.encode()
        + b"\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <ours@example.com>\r\n--b--\r\n"
    )
    report = read(raw, sender="").report
    assert report is not None
    assert (report.key, report.outcome, report.status) == ("ours@example.com", "bounced", "5.2.2")


def test_a_report_that_names_no_message_reports_nothing() -> None:
    contact = read(a_letter("From: MAILER-DAEMON@example.net", "Subject: failure notice"), sender="")
    assert contact.automatic == "bounce"
    assert contact.report is None


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (["Auto-Submitted: no"], ""),
        (["Auto-Submitted: auto-replied; owner=x"], "reply"),
        (["X-Autoreply: yes"], "reply"),
        (["X-Autoreply: no"], ""),
        (["Precedence: auto_reply"], "reply"),
        (["Subject: Out of office", "X-Auto-Response-Suppress: All"], "reply"),
        (["Subject: Out of office: when do you open?"], ""),
        (["Subject: Question", "X-Auto-Response-Suppress: OOF"], ""),
        (["Precedence: bulk"], "list"),
        (["List-Id: <x.example.org>"], "list"),
        (["Auto-Submitted: auto-generated"], "notice"),
        (["Subject: Undelivered parcel, please help"], ""),
        (["Subject: Не удалось доставить посылку"], ""),
        (["From: postmaster@example.org", "Subject: Our mail is not delivered"], ""),
    ],
)
def test_only_a_program_is_taken_for_a_program(headers: list[str], expected: str) -> None:
    assert read(a_letter(*headers)).automatic == expected


def test_the_null_sender_is_never_a_person() -> None:
    assert read(LETTER, sender="").automatic == "notice"
    assert read(LETTER, sender=None).automatic == ""


def test_without_a_from_the_envelope_says_who_wrote() -> None:
    assert read(a_letter("Subject: x")).sender.value == "ivan@example.org"
    assert read(a_letter("Subject: x"), sender="").sender.value == ""


def test_a_text_too_long_to_show_comes_whole_as_a_file() -> None:
    words = "слово " * (TEXT_LIMIT // 3)
    arrival = arrive(b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + words.encode())
    (file,) = arrival.contact.attachments
    assert len(arrival.contact.text) <= TEXT_LIMIT
    assert arrival.blobs[file.blob].decode() == words


def test_more_files_than_can_be_listed_are_counted() -> None:
    raw = MIXED + b"--b\r\nContent-Type: application/pdf\r\n\r\n%PDF\r\n" * (FILES_LIMIT + 7)
    contact = read(raw)
    assert len(contact.attachments) == FILES_LIMIT
    assert contact.fields["files_left_out"] == "7"


def test_a_letter_our_reader_failed_on_is_kept_whole() -> None:
    arrival = unreadable_email(
        LETTER, received_at=MOMENT, envelope_to=(OURS,), envelope_from="ivan@example.org"
    )
    (file,) = arrival.contact.attachments
    assert arrival.blobs[file.blob] == arrival.blobs[arrival.contact.raw] == LETTER
    assert arrival.contact.sender.value == "ivan@example.org"


HOSTILE = {
    "nested multiparts": b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (depth, depth)
        for depth in range(10_000)
    ),
    "nested messages": b"Content-Type: message/rfc822\r\n\r\n" * 10_000,
    "parts": MIXED + b"--b\r\n\r\nword\r\n" * 10_000,
    "a line of a megabyte": b"Subject: " + b"x" * 1_000_000,
    "encoded words": b"Subject: " + b"=?utf-8?B?0J/R?= " * 60_000,
    "unclosed encoded words": b"Subject: " + b"=?u?q?" * 160_000,
    "escaped quotes": b"To: " + b'\\"' * 500_000,
    "brackets": b"To: " + b"(<" * 500_000,
    "header lines": b"X: y\r\n" * 150_000,
    "lines without a name": b"From: x\r\n" + b"bad\r\n" * 150_000 + b"To: y\r\n\r\n",
    "delimiters that are none": MIXED + b"--bx" * 1_000_000,
    "base64 of junk": b"Content-Transfer-Encoding: base64\r\n\r\n" + b"QU*" * 2_000_000,
    "tags": b"Content-Type: text/html\r\n\r\n" + b"<div>" * 200_000,
    "formatting that multiplies": b"Content-Type: text/html\r\n\r\n"
    + b"".join(b"<p><b id=%d>" % number for number in range(50_000)),
    "quotation marks in tags": b"Content-Type: text/html\r\n\r\n" + b"<a '\"" * 150_000,
    "questions and answers": b"\r\n" + b"> a\r\nb\r\n" * 100_000,
    "letterheads": b"\r\n" + b"From: x\r\n\r\n\r\n" * 50_000,
    "a charset that is slow on purpose": b"Content-Type: text/plain; charset=punycode\r\n\r\n"
    + b"a-" * 300_000,
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_letter_takes_long(raw: bytes) -> None:
    begin = time.process_time()
    contact = read(raw)
    # Each takes well under a second; what is not linear would take minutes.
    assert time.process_time() - begin < 10
    assert contact.key


def encodes(contact: Contact) -> bool:
    text = msgspec.json.encode(contact)  # fails on a lone surrogate
    return b"\\u0000" not in text


@given(st.binary(max_size=2000))
def test_any_bytes_are_a_contact(raw: bytes) -> None:
    arrival = arrive(raw)
    assert encodes(arrival.contact)
    assert arrival.blobs[arrival.contact.raw] == raw


WILD = [
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\x00",
        b"=?utf-8?B?",
        b"?=",
        b"--alt1",
        b"--mix--",
        b'"',
        b"<",
        b"@",
        b";",
        b"%",
    ),
    *(
        b"Content-Type: multipart/mixed; boundary=",
        b"Content-Type: text/html; charset=utf-7",
        b"+2AA-",
        b"\xff\xfe",
    ),
    *(
        b"Content-Transfer-Encoding: base64\r\n",
        b"&#xD800;",
        b"name*0*=",
        b"\x1b$B",
        b"message/rfc822",
        b"\xd0",
    ),
]


@given(st.data())
def test_a_damaged_letter_is_still_a_contact(data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from(SAMPLES)).read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(raw)))
        cut = data.draw(st.integers(0, 40))
        raw[at : at + cut] = data.draw(st.sampled_from(WILD) | st.binary(max_size=6))
    arrival = arrive(bytes(raw), sender=data.draw(st.sampled_from([None, "", "a@example.org"])))
    assert encodes(arrival.contact)
    assert arrival.blobs[arrival.contact.raw] == bytes(raw)


QUOTING = """
Здравствуйте!
Да, удобно.
> Вам удобно?
>> Раньше
--
С уважением,
Best regards
Иван Петров
+7 495 123-45-67
Отправлено с iPhone
P.S. Звоните
От: Help <help@example.com>
Тема: счёт
Кому: Иван
Отправлено: 2 марта 2026 г. 12:30
-----Original Message-----
02.03.2026 12:30, Help пишет:
On Mon, Mar 2, 2026 Help <help@example.com> wrote:
________________
-------- Завершение пересылаемого сообщения --------
---------- Forwarded message ---------
Что: это?
"""
PIECES = st.sampled_from([*QUOTING.split("\n"), "-- "])


def words_kept(contact: Contact) -> list[str]:
    return sorted(f"{contact.text}\n{contact.quoted}\n{contact.signature}".split())


@given(st.lists(PIECES | st.text(max_size=20), max_size=25), st.sampled_from(["Re: x", "Fwd: x", ""]))
def test_no_word_of_a_letter_is_dropped(lines: list[str], subject: str) -> None:
    body = "\n".join(lines).encode("utf-8", "replace")
    contact = read(f"Subject: {subject}\nContent-Type: text/plain; charset=utf-8\n\n".encode() + body)
    written = re.sub("\r\n?", "\n", body.decode().removeprefix("\ufeff")).translate(CONTROLS)
    assert words_kept(contact) == sorted(written.split())


WORDS = """
Здравствуйте интернет не работает со вчерашнего вечера прошу проверить линию и сообщить когда придёт мастер
договор счёт начислили дважды верните деньги за услугу которую я не подключал скорость ниже роутер ООО
перезагружал помогло оплата прошла доступа нет переезд новый адрес телевидение каналы спасибо жду звонка
"""
RUSSIAN = st.lists(st.sampled_from(WORDS.split()), min_size=2).map(" ".join)
CHARSETS = ["windows-1251", "koi8-r", "cp866", "iso-8859-5", "utf-8", "mac-cyrillic", "utf-16", "utf-7"]


@given(RUSSIAN, st.sampled_from(CHARSETS))
def test_russian_in_the_charset_it_declares_is_read(text: str, charset: str) -> None:
    head = f"Content-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: base64\n\n"
    contact = read(head.encode() + encodebytes(text.encode(charset)))
    assert words_kept(contact) == sorted(text.split())
