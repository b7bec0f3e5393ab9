"""Which addresses are ours."""

from __future__ import annotations

from channels.email.mailboxes import Mailboxes


def test_our_addresses_are_ours_however_they_are_written() -> None:
    ours = Mailboxes(["Help@Example.com", "помощь@пример.рф"], ["sales.example.com"])
    for address in (
        "help@example.com",
        "HELP+c1.x@EXAMPLE.COM",
        "<help@example.com>",
        "any@sales.example.com",
    ):
        assert address in ours
    for address in ("помощь@xn--e1afmkfd.xn--p1ai", "помощь+тег@ПРИМЕР.РФ", "help@example.com."):
        assert address in ours
    for address in (
        "helpme@example.com",
        "help@example.org",
        "help",
        "@example.com",
        "help@sub.example.com",
        "",
    ):
        assert address not in ours
