"""CPU per e-mail accepted, routed and committed, against a bare sink on the same messages."""

from __future__ import annotations

import asyncio
import random
from email.message import EmailMessage
from statistics import median

from tests.bench.children import Child, child

MESSAGES = 3000
CONNECTIONS = 40
ROUNDS = 5

VOCABULARY = """
интернет не работает со вчерашнего вечера прошу проверить линию и сообщить когда будет мастер договор
счёт начислили дважды верните деньги за услугу которую не подключали скорость ниже заявленной роутер
перезагружал не помогло оплата прошла а доступа нет переезд новый адрес подключение телевидение каналы
спасибо за быстрый ответ жду звонка после шести вечера номер телефона изменился просьба перезвонить
"""
WORDS = VOCABULARY.split()


def messages(count: int, seed: int) -> list[bytes]:
    """Letters as a telecom operator gets them: 2–4 KB, half of them with an HTML part, from 500 people."""
    chance = random.Random(seed)
    return [_message(chance, f"{seed}-{number}") for number in range(count)]


def _message(chance: random.Random, key: str) -> bytes:
    letter = EmailMessage()
    letter["From"] = f"Иван Петров <customer{chance.randrange(500)}@example.org>"
    letter["To"] = "help@example.com"
    letter["Subject"] = " ".join(chance.choices(WORDS, k=5))
    letter["Date"] = "Mon, 23 Nov 2026 10:00:00 +0300"
    letter["Message-ID"] = f"<{key}@mail.example.org>"
    for hop in range(4):
        letter["Received"] = (
            f"from relay{hop}.example.org (relay{hop}.example.org [192.0.2.{hop}]) by mx{hop}.example.com "
            f"with ESMTPS id {chance.getrandbits(64):x}; Mon, 23 Nov 2026 10:00:0{hop} +0300"
        )
    lines = [" ".join(chance.choices(WORDS, k=10)) for _ in range(chance.randrange(5, 12))]
    letter.set_content("\n".join(lines), cte="base64" if chance.random() < 0.5 else "8bit")
    if chance.random() < 0.5:
        paragraphs = "".join(f"<p>{line}</p>" for line in lines)
        letter.add_alternative(f"<html><body>{paragraphs}</body></html>", subtype="html", cte="base64")
    return letter.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


async def _send(port: int, letters: list[bytes]) -> None:
    """One connection, kept for all its messages, as a provider's relay keeps it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def said(expected: bytes) -> bytes:
        reply = b""
        while True:
            line = await reader.readline()
            if not line.startswith(expected):
                raise RuntimeError(f"expected {expected!r}, got {line!r}")
            reply += line
            if line[3:4] == b" ":
                return reply

    await said(b"220")
    writer.write(b"EHLO bench.example.org\r\n")
    together = b"PIPELINING" in await said(b"250")  # as a relay does it: RFC 2920
    for letter in letters:
        sender = letter.partition(b"<")[2].partition(b">")[0]
        commands = (b"MAIL FROM:<" + sender + b">\r\n", b"RCPT TO:<help@example.com>\r\n", b"DATA\r\n")
        if together:
            writer.write(b"".join(commands))
        for command, expected in zip(commands, (b"250", b"250", b"354"), strict=True):
            if not together:
                writer.write(command)
            await said(expected)
        writer.write(letter + b".\r\n")
        await said(b"250")
    writer.write(b"QUIT\r\n")
    await said(b"221")
    writer.close()


async def _cost(server: Child, letters: list[bytes]) -> float:
    """Microseconds of the server's CPU per message."""
    before = server.cpu()
    shares = [letters[start::CONNECTIONS] for start in range(CONNECTIONS)]
    await asyncio.gather(*(_send(server.port, share) for share in shares))
    return (server.cpu() - before) / len(letters) * 1e6


def main() -> dict[str, float]:
    """Alternate the two, so that a slow minute of the machine meets both."""
    with child("mail-sink") as sink, child("mail-sink-asyncio") as plain, child("our-mail") as ours:
        for server in (sink, plain, ours):
            asyncio.run(_cost(server, messages(500, 0)))
        floors, plains, costs = [], [], []
        for turn in range(1, ROUNDS + 1):
            letters = messages(MESSAGES, turn)
            floors.append(asyncio.run(_cost(sink, letters)))
            plains.append(asyncio.run(_cost(plain, letters)))
            costs.append(asyncio.run(_cost(ours, letters)))
    return {
        "bare aiosmtpd sink on uvloop, µs CPU a mail": median(floors),
        "bare aiosmtpd sink on asyncio, µs CPU a mail": median(plains),
        "ours, µs CPU a mail": median(costs),
        "mail: ours / sink on uvloop": ratio(costs, floors),
        "mail: ours / sink on asyncio": ratio(costs, plains),
    }


def ratio(costs: list[float], floors: list[float]) -> float:
    """The median of the ratios of each round, so that a slow minute of the machine meets both sides."""
    return median(cost / floor for cost, floor in zip(costs, floors, strict=True))


if __name__ == "__main__":
    for name, value in main().items():
        print(f"{name}: {value:.2f}")
