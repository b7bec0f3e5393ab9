"""Results of our own servers are believed; whatever a stranger wrote in their name is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.authentication import Edge, is_aligned, read_results
from channels.email.trust import judge_results

EDGE = Edge(frozenset({"mx.help.example.ru"}))
RECEIVED = "Received: from out.example.com by mx.help.example.ru; Mon, 2 Mar 2026 12:00:00 +0300\r\n"


def a_letter(*headers: str, sender: str = "ivan@example.com") -> bytes:
    head = "".join(one if one.endswith("\r\n") else one + "\r\n" for one in headers)
    return f"{head}From: {sender}\r\nSubject: x\r\n\r\nwords\r\n".encode()


def verdict(*headers: str, edge: Edge = EDGE, sender: str = "ivan@example.com") -> tuple[str, str]:
    return tuple(judge_results(sender, read_results(a_letter(*headers), edge)))  # type: ignore[return-value]


PASSES = [
    "Authentication-Results: mx.help.example.ru; dmarc=pass header.from=example.com",
    "authentication-results: MX.help.Example.RU; DMARC=Pass header.From=EXAMPLE.com",
    "Authentication-Results: mx.help.example.ru 1; dmarc=pass header.from=example.com",
    (
        "Authentication-Results: mx.help.example.ru;\r\n\tspf=fail smtp.mailfrom=a@b.net;\r\n\tdmarc=pass "
        "(p=REJECT sp=NONE dis=NONE) header.from=example.com"
    ),
    'Authentication-Results: "mx.help.example.ru"; dmarc=pass header.from="example.com"',
    (
        "Authentication-Results: (a comment; (with one; in it) dmarc=fail \\) ) mx.help.example.ru (host) 1;"
        " dmarc (policy) = pass header . from = example.com"
    ),
    "Authentication-Results: mx.help.example.ru; dmarc/1=pass header.from=example.com",
    'Authentication-Results: mx.help.example.ru; dkim=pass reason="ok; dmarc=fail" header.d=example.com',
    "Authentication-Results: mx.help.example.ru; dkim=pass header.i=@mg.example.com header.s=k1",
    "Authentication-Results: mx.help.example.ru; spf=pass smtp.mailfrom=bounce@example.com",
    "Authentication-Results: mx.help.example.ru; dkim=fail header.d=a.ru; dkim=pass header.d=Example.com",
]


@pytest.mark.parametrize("header", PASSES)
def test_a_pass_of_our_server_proves_the_sender_however_it_is_written(header: str) -> None:
    assert verdict(header, RECEIVED)[0] == "proven"
    assert verdict(RECEIVED, header)[0] == "proven", "some servers write it below their own line"


NOTHING = [
    "Authentication-Results: mx.stranger.example; dmarc=pass header.from=example.com",
    "Authentication-Results: mx.help.example.ru 2; dmarc=pass header.from=example.com",
    "Authentication-Results: mx.help.example.ru; dmarc/2=pass header.from=example.com",
    "Authentication-Results: mx.help.example.ru; none",
    "Authentication-Results: mx.help.example.ru.stranger.example; dmarc=pass header.from=example.com",
    "Authentication-Results: mx.stranger.example (mx.help.example.ru); dmarc=pass header.from=example.com",
    "Authentication-Results: mx.stranger.example; x=y (; mx.help.example.ru; dmarc=pass)",
    "X-Authentication-Results: mx.help.example.ru; dmarc=pass header.from=example.com",
    "Authentication-Results:",
]


@pytest.mark.parametrize("header", NOTHING)
def test_what_is_not_of_our_server_says_nothing(header: str) -> None:
    assert read_results(a_letter(header, RECEIVED), EDGE) == []


def test_what_stands_below_our_received_lines_was_in_the_letter_when_it_came() -> None:
    forged = PASSES[0]
    strangers = "Received: from a by b; Mon, 2 Mar 2026 12:00:00 +0300\r\n"
    ours = "Authentication-Results: mx.help.example.ru; dmarc=fail header.from=example.com"
    assert read_results(a_letter(RECEIVED, strangers, forged), EDGE) == []
    assert verdict(ours, RECEIVED, strangers, forged) == ("forged", "dmarc_fail")
    two_of_ours = EDGE._replace(hops=2)
    assert verdict(RECEIVED, RECEIVED, PASSES[0], strangers, edge=two_of_ours)[0] == "proven"


def test_nobody_is_believed_where_no_server_is_named() -> None:
    assert read_results(a_letter(PASSES[0]), Edge()) == []


def test_results_of_several_headers_count_together_and_a_fail_outweighs() -> None:
    spf = "Authentication-Results: mx.help.example.ru; spf=pass smtp.mailfrom=bulk.net"
    dmarc = "Authentication-Results: mx.help.example.ru; dmarc=fail header.from=example.com"
    assert verdict(spf, RECEIVED) == ("unproven", "other_domain")
    assert verdict(spf, PASSES[-1], dmarc, RECEIVED) == ("forged", "dmarc_fail")


def test_a_proof_of_another_domain_proves_nothing_of_the_sender() -> None:
    for said in ("dkim=pass header.d=bulk.net", "spf=pass smtp.mailfrom=a@example.com.bulk.net"):
        assert verdict(f"Authentication-Results: mx.help.example.ru; {said}") == ("unproven", "other_domain")
    nothing = "Authentication-Results: mx.help.example.ru; dkim=none; spf=softfail smtp.mailfrom=example.com"
    assert verdict(nothing) == ("unproven", "nothing_passed")


@pytest.mark.parametrize(
    ("proven", "domain", "aligned"),
    [
        ("example.com", "example.com", True),
        ("mg.example.com", "example.com", True),
        ("example.com", "mail.example.com", True),
        ("a.example.com", "b.example.com", False),
        ("notexample.com", "example.com", False),
        ("com", "example.com", False),
        ("", "example.com", False),
    ],
)
def test_a_domain_speaks_for_itself_and_for_what_lies_within(
    proven: str, domain: str, *, aligned: bool
) -> None:
    assert is_aligned(proven, domain) == aligned


SCRAPS = st.sampled_from(
    [
        "mx.help.example.ru",
        ";",
        "(",
        ")",
        '"',
        "\\",
        "dmarc",
        "=",
        "pass",
        " ",
        "\t",
        "header.from",
        "/1",
        ".",
        "\r\n ",
    ]
)


@given(st.lists(st.one_of(SCRAPS, st.text(max_size=3)), max_size=30))
def test_whatever_stands_in_the_header_it_is_read_or_left(scraps: list[str]) -> None:
    read_results(a_letter("Authentication-Results: " + "".join(scraps).replace("\n\r", "")), EDGE)


@given(st.binary(max_size=300))
def test_whatever_bytes_come_they_are_read_or_left(raw: bytes) -> None:
    read_results(raw, EDGE)
    read_results(b"Authentication-Results: " + raw, EDGE)
