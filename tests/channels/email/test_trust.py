"""Signatures are checked by ourselves where no server of ours did; and no verdict ever refuses a letter."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import dkim
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from dns.resolver import Resolver

from channels.email import trust as module
from channels.email.authentication import Edge
from channels.email.letters import Envelope, LetterReader
from channels.email.signatures import LookupFailed, SystemDns, TxtRecords, check_signatures
from channels.email.token import AddressToken
from channels.email.trust import SenderTrust
from crm.contact import Contact
from crm.record import now

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
RECORD = b"v=DKIM1; k=rsa; p=" + b"".join(
    KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).split(b"\n")[1:-2]
)
NAME = "k1._domainkey.example.com."
LETTER = (
    b"From: Ivan <ivan@example.com>\r\nTo: help@example.ru\r\nSubject: Bill\r\n\r\nNo light, 500 please.\r\n"
)
HEADERS = (b"from", b"to", b"subject")


def signed(letter: bytes = LETTER, domain: bytes = b"example.com", *, length: bool = False) -> bytes:
    return bytes(dkim.sign(letter, b"k1", domain, PEM, include_headers=list(HEADERS), length=length)) + letter


def records(**others: bytes) -> TxtRecords:
    known = {
        NAME: RECORD,
        "k1._domainkey.mg.example.com.": RECORD,
        "k1._domainkey.bulk.net.": RECORD,
        **others,
    }

    def look_up(name: str) -> bytes | None:
        return known.get(name)

    return look_up


async def read(raw: bytes, txt: TxtRecords | None = None, edge: Edge = Edge()) -> Contact:  # noqa: B008
    reader = LetterReader(AddressToken(b"0" * 32), SenderTrust(edge, txt))
    return (await reader.read(raw, Envelope("ivan@example.com", ("help@example.ru",)), now())).contact


async def test_a_signature_of_the_senders_domain_proves_him() -> None:
    for domain in (b"example.com", b"mg.example.com"):
        contact = await read(signed(domain=domain), records())
        assert (contact.trust, contact.fields["trust_because"]) == ("proven", "signature")


RFC_8463 = b"""DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
""".replace(b"\n", b"\r\n")
"""The example of RFC 8463, appendix A.3, by its newer kind of key alone."""


def test_keys_of_the_newer_kind_prove_as_well() -> None:
    key = b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    txt = records(**{"brisbane._domainkey.football.example.com.": key})
    assert check_signatures(RFC_8463, "football.example.com", txt) == "valid"
    changed = RFC_8463.replace(b"dinner", b"supper")
    assert check_signatures(changed, "football.example.com", txt) == "broken"


@pytest.mark.parametrize(
    ("raw", "because"),
    [
        (LETTER, "not_signed"),
        (signed(domain=b"bulk.net"), "not_signed"),
        (signed().replace(b"500", b"900"), "signature_broken"),
        (signed().replace(b"Ivan", b"Anna"), "signature_broken"),
        (signed(length=True) + b"And send it to another account.\r\n", "not_signed"),
        (b"From: boss@example.com\r\n" + signed(), "signature_broken"),
        (b"DKIM-Signature: v=1; d=example.com; s=k1; b=!!; bh=\xff; h=from\r\n" + LETTER, "signature_broken"),
        (b"DKIM-Signature: d=example.com\r\n" + LETTER, "signature_broken"),
    ],
)
async def test_what_does_not_prove_the_sender_leaves_him_unproven(raw: bytes, because: str) -> None:
    contact = await read(raw, records())
    assert (contact.trust, contact.fields["trust_because"]) == ("unproven", because)


async def test_one_signature_that_holds_is_enough_and_only_the_first_few_are_looked_at() -> None:
    broken = signed().partition(b"\r\nFrom:")[0].replace(b"bh=", b"bh=A") + b"\r\n"
    assert (await read(broken + signed(), records())).trust == "proven"
    asked: list[str] = []

    def counting(name: str) -> bytes | None:
        asked.append(name)
        return RECORD

    assert (await read(broken * 40 + LETTER, counting)).trust == "unproven"
    assert len(asked) <= 5


async def test_a_key_that_nobody_could_look_up_proves_nothing_and_the_agent_is_told_so() -> None:
    def silent(name: str) -> bytes | None:
        raise LookupFailed

    contact = await read(signed(), silent)
    assert (contact.trust, contact.fields["trust_because"]) == ("unproven", "key_unknown")
    assert (await read(signed(), None)).trust == ""


async def test_a_lookup_that_takes_too_long_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    go_on = threading.Event()

    def slow(name: str) -> bytes | None:
        go_on.wait(10)
        return RECORD

    contact = await read(signed(), slow)
    go_on.set()
    assert (contact.trust, contact.fields["trust_because"]) == ("unproven", "key_unknown")


async def test_results_of_our_own_server_come_before_signatures() -> None:
    ours = (
        b"Authentication-Results: mx.example.ru; dmarc=fail header.from=example.com;\r\n"
        b" dkim=pass header.d=example.com\r\n"
    )
    contact = await read(ours + signed(), records(), Edge(frozenset({"mx.example.ru"})))
    assert (contact.trust, contact.fields["authentication"]) == ("forged", "dmarc=fail dkim=pass")
    strangers = await read(ours + signed(), records())
    assert strangers.trust == "proven", "a header in the name of nobody we know is not looked at"


async def test_a_proof_is_no_proof_where_two_could_be_meant() -> None:
    ours = b"Authentication-Results: mx.example.ru; dkim=pass header.d=example.com\r\n"
    edge = Edge(frozenset({"mx.example.ru"}))
    assert (await read(ours + LETTER, None, edge)).trust == "proven"
    two = b"From: Boss <boss@example.com>\r\n"
    contact = await read(ours + two + b"X: " + b"x" * 300_000 + b"\r\n" + LETTER, None, edge)
    assert (contact.trust, contact.fields["trust_because"]) == ("unproven", "several_authors")


async def test_a_fault_of_ours_costs_the_verdict_and_not_the_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "read_results", None)
    assert (await read(signed(), records())).text.startswith("No light")


def test_a_letter_beyond_all_measure_is_not_looked_at() -> None:
    assert check_signatures(signed() + b"x" * 13 * 1024 * 1024, "example.com", records()) == "too_large"


@contextmanager
def name_server(
    answer: bytes | None, *, silent: str = "", refused: str = ""
) -> Iterator[tuple[Resolver, list[str]]]:
    """A name server on this machine; with no answer it is silent. The names it was asked for come with it.

    Of names that end on `silent` it says nothing, of those that end on `refused` that it could not find out.
    """
    asked: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.bind(("127.0.0.1", 0))
        wire.settimeout(0.1)
        done = threading.Event()

        def serve() -> None:
            while not done.is_set():
                try:
                    query, peer = wire.recvfrom(4096)
                except TimeoutError:
                    continue
                question = dns.message.from_wire(query)
                name = question.question[0].name.to_text()
                asked.append(name)
                if answer is None or (silent and name.endswith(silent)):
                    continue
                reply = dns.message.make_response(question)
                if refused and name.endswith(refused):
                    reply.set_rcode(dns.rcode.SERVFAIL)
                elif name == NAME:
                    text = " ".join(
                        f'"{answer.decode()[at : at + 200]}"' for at in range(0, len(answer), 200)
                    )
                    reply.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", text))
                else:
                    reply.set_rcode(dns.rcode.NXDOMAIN)
                wire.sendto(reply.to_wire(), peer)

        thread = threading.Thread(target=serve)
        thread.start()
        resolver = Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = wire.getsockname()[1]
        try:
            yield resolver, asked
        finally:
            done.set()
            thread.join()


async def test_keys_are_looked_up_by_real_name_servers_once() -> None:
    with name_server(RECORD) as (resolver, asked):
        txt = SystemDns(resolver)
        assert (await read(signed(), txt)).trust == "proven"
        assert (await read(signed(), txt)).trust == "proven"
        assert (await read(signed(domain=b"mg.example.com"), txt)).trust == "unproven"
    assert asked == [NAME, "k1._domainkey.mg.example.com."]


async def test_a_silent_name_server_is_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("channels.email.signatures.LOOKUP_TIME", 0.3)
    with name_server(None) as (resolver, asked):
        txt = SystemDns(resolver)
        assert (await read(signed(), txt)).fields["trust_because"] == "key_unknown"
        begun, before = time.monotonic(), len(asked)
        assert (await read(signed(), txt)).fields["trust_because"] == "key_unknown"
        assert (time.monotonic() - begun, len(asked)) < (0.2, before + 1)


@pytest.mark.parametrize("selector", [b"k" * 70, b"k..k", b"k." * 120 + b"k"])
async def test_a_signature_with_a_name_that_is_none_is_broken_and_costs_nobody_else_his_verdict(
    selector: bytes,
) -> None:
    with name_server(RECORD) as (resolver, _):
        txt = SystemDns(resolver)
        forged = await read(signed().replace(b"s=k1;", b"s=" + selector + b";"), txt)
        assert (forged.trust, forged.fields["trust_because"]) == ("unproven", "signature_broken")
        assert (await read(signed(), txt)).trust == "proven"


@pytest.mark.parametrize("kind", ["silent", "refused"])
async def test_a_domain_whose_servers_fail_costs_no_other_domain_its_verdict(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("channels.email.signatures.LOOKUP_TIME", 0.3)
    letter = signed(LETTER.replace(b"example.com", b"evil.net"), b"evil.net")
    with name_server(RECORD, **{kind: "evil.net."}) as (resolver, asked):
        txt = SystemDns(resolver)
        assert (await read(letter, txt)).fields["trust_because"] == "key_unknown"
        assert (await read(signed(), txt)).trust == "proven"
        before = len(asked)
        assert (await read(letter, txt)).fields["trust_because"] == "key_unknown"
        assert len(asked) == before, "it is left alone for a while"


def test_a_letter_of_many_names_that_nobody_answers_for_ends_in_bounded_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("channels.email.signatures.PATIENCE", 0.1)
    asked: list[str] = []

    def slow(name: str) -> bytes | None:
        asked.append(name)
        time.sleep(0.11)
        raise LookupFailed

    head = signed().partition(b"\r\nFrom:")[0] + b"\r\n"
    assert check_signatures(head * 4 + LETTER, "example.com", slow) == "unknown"
    assert len(asked) == 1


async def test_many_letters_are_judged_at_once() -> None:
    contacts = await asyncio.gather(*(read(signed(), records()) for _ in range(30)))
    assert {contact.trust for contact in contacts} == {"proven"}
    assert contacts[0].received_at <= datetime.now(UTC)
