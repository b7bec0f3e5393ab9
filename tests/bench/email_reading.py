"""How much CPU it takes to read a letter: the standard library's two parsers and ours, on the same letters.

Run it with `python -m tests.bench.email_reading`.
"""

from __future__ import annotations

import sys
import time
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.utils import getaddresses
from quopri import encodestring

from channels.email.reading import read_email

MOMENT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
WORDS = (
    "Здравствуйте! Второй день не работает интернет по адресу Ленина, 5. "
    "На модеме горит красная лампа, перезагрузка не помогла. "
)
ENGLISH = "Hello, the internet has been down since yesterday and the red lamp on the modem is on. "

HEAD = """Return-Path: <ivan@example.org>
Received: from mail.example.org (mail.example.org [192.0.2.10])
\tby mx.example.com (Postfix) with ESMTPS id 4F1A2B3C4D
\tfor <help@example.com>; Mon,  2 Mar 2026 12:30:01 +0300 (MSK)
Received: by mail-lf1-f51.example.org with SMTP id k12so{number}lfv.3
\tfor <help@example.com>; Mon, 02 Mar 2026 01:30:00 -0800 (PST)
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=20230601;
\tt=1772443800; x=1773048600; darn=example.com;
\th=to:subject:message-id:date:from:mime-version:from:to:cc:subject
\t :date:message-id:reply-to; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;
\tb=dzdVyOfAKCdLXdJOc9G2q8LoXSlEniSbav+yuU4zGeeruD00lszZVoG4ZHRNiYzR
MIME-Version: 1.0
References: <a{number}@example.com> <b{number}@example.com>
In-Reply-To: <b{number}@example.com>
From: =?UTF-8?B?0JjQstCw0L0g0J/QtdGC0YDQvtCy?= <ivan@example.org>
Date: Mon, 2 Mar 2026 12:30:00 +0300
Message-ID: <CAF{number}@mail.example.org>
Subject: =?UTF-8?B?UmU6INCd0LUg0YDQsNCx0L7RgtCw0LXRgiDQuNC90YLQtdGA0L3QtdGC?=
To: =?UTF-8?B?0KHQu9GD0LbQsdCwINC/0L7QtNC00LXRgNC20LrQuA==?= <help@example.com>
"""


def letters(count: int) -> list[bytes]:
    """The mixture: plain and multipart, Russian and English, 2-4 KB."""
    return [
        (_alternative, _plain_utf8, _plain_cp1251, _english)[number % 4](number) for number in range(count)
    ]


def _alternative(number: int) -> bytes:
    text = (
        WORDS * 4 + "\n\nпн, 2 мар. 2026 г. в 12:30, Help <help@example.com>:\n\n> Опишите, что случилось\n"
    )
    page = f'<div dir="ltr"><p>{WORDS * 4}</p></div><blockquote>Опишите, что случилось</blockquote>'
    return _finished(
        HEAD.format(number=number)
        + 'Content-Type: multipart/alternative; boundary="000000000000a1b2c3"\n\n'
        + '--000000000000a1b2c3\nContent-Type: text/plain; charset="UTF-8"\n'
        + "Content-Transfer-Encoding: base64\n\n"
        + _wrapped(b64encode(text.encode()).decode())
        + '\n--000000000000a1b2c3\nContent-Type: text/html; charset="UTF-8"\n'
        + "Content-Transfer-Encoding: quoted-printable\n\n"
        + encodestring(page.encode()[:700]).decode()
        + "\n--000000000000a1b2c3--\n"
    )


def _plain_utf8(number: int) -> bytes:
    head = (
        HEAD.format(number=number)
        + "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
    )
    return _finished(head) + _finished(WORDS * 5 + "\n-- \nИван Петров\n")


def _plain_cp1251(number: int) -> bytes:
    head = HEAD.format(number=number) + "Content-Type: text/plain; charset=windows-1251\n"
    return _finished(head + "Content-Transfer-Encoding: 8bit\n\n") + (WORDS * 6).encode("cp1251") + b"\r\n"


def _english(number: int) -> bytes:
    head = HEAD.format(number=number) + "Content-Type: text/plain; charset=us-ascii\n\n"
    return _finished(head + (ENGLISH + "\n") * 12 + "\nBest regards,\nJohn\n")


def _wrapped(text: str) -> str:
    return "\n".join(text[at : at + 76] for at in range(0, len(text), 76))


def _finished(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def with_default(raw: bytes) -> object:
    """The standard library's comfortable way."""
    message = message_from_bytes(raw, _class=EmailMessage, policy=policy.default)
    body = message.get_body(("plain", "html"))
    return (
        str(message["Message-ID"]),
        str(message["Subject"]),
        message["From"].addresses,
        message["To"].addresses,
        message["Date"].datetime,
        body.get_content() if body else "",
    )


def with_compat32(raw: bytes) -> object:
    """The standard library's older way, with the decoding done by hand."""
    message: Message[str, str] = message_from_bytes(raw)
    parts = [part for part in message.walk() if not part.is_multipart()]
    payload = parts[0].get_payload(decode=True)
    text = (
        payload.decode(parts[0].get_content_charset() or "ascii", "replace")
        if isinstance(payload, bytes)
        else ""
    )
    names = [str(make_header(decode_header(message[name]))) for name in ("From", "To", "Subject")]
    return message["Message-ID"], getaddresses(names[:2]), names[2], message["Date"], text


def with_ours(raw: bytes) -> object:
    """The whole contact: words parted from quotes, files, references, fingerprint and blobs too."""
    return read_email(
        raw, received_at=MOMENT, envelope_to=("help@example.com",), envelope_from="ivan@example.org"
    )


def cost(read: Callable[[bytes], object], sample: list[bytes]) -> float:
    """Microseconds of CPU a letter, the best of five."""
    times = []
    for _ in range(5):
        begin = time.process_time()
        for raw in sample:
            read(raw)
        times.append((time.process_time() - begin) / len(sample) * 1e6)
    return min(times)


def main() -> None:
    """Prints the three costs and their ratios to ours."""
    sample = letters(400)
    ours = cost(with_ours, sample)
    size = sum(map(len, sample)) / len(sample)
    sys.stdout.write(f"{len(sample)} letters of {size:.0f} bytes\n")
    for name, read in (("policy.default", with_default), ("compat32", with_compat32)):
        spent = cost(read, sample)
        sys.stdout.write(f"{name:15} {spent:7.0f} us a letter, {spent / ours:5.1f} x ours\n")
    sys.stdout.write(f"{'ours':15} {ours:7.0f} us a letter\n")


if __name__ == "__main__":
    main()
