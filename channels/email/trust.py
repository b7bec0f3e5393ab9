"""Whether the sender of a letter is who he says he is, by what mail servers and signatures prove."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import msgspec

from channels.email.authentication import Edge, Result, is_aligned, read_results
from channels.email.headers import Headers, split_head
from channels.email.mailboxes import split_address
from channels.email.signatures import PATIENCE, Checked, TxtRecords, check_signatures
from crm.contact import Contact, Trust

log = logging.getLogger(__name__)

_HEAD_END = re.compile(rb"\n\r?\n")

AT_ONCE = 8
"""Letters whose signatures are looked up at the same time."""


class Verdict(NamedTuple):
    """What is known of the sender, and by which of a closed list of reasons."""

    trust: Trust
    because: str = ""


NOTHING_KNOWN = Verdict("")


class SenderTrust:
    """Judges letters: by the results of our own servers, else by the letter's signatures.

    `txt` looks up TXT records; without it signatures are not looked at. Nothing is refused for a verdict.
    """

    def __init__(self, edge: Edge = Edge(), txt: TxtRecords | None = None) -> None:  # noqa: B008 - frozen
        self._edge = edge
        self._txt = txt
        self._room = asyncio.Semaphore(AT_ONCE)
        # Threads of its own: strangers choose whom they wait for, and nothing else must wait behind them.
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="signatures")

    async def judged(self, raw: bytes, contact: Contact) -> Contact:
        """The contact with what is known of its sender. Never fails."""
        results = read_results(raw, self._edge)
        if results:
            verdict = judge_results(contact.sender.value, results)
        elif self._txt:
            verdict = judge_signatures(await self._check(raw, contact, self._txt))
        else:
            verdict = Verdict("unproven", "not_checked") if self._edge.ids else NOTHING_KNOWN
        if verdict.trust == "proven" and has_several_authors(raw, contact):
            verdict = Verdict("unproven", "several_authors")
        if not verdict.trust:
            return contact
        said = " ".join(dict.fromkeys(f"{one.method}={one.result}" for one in results))
        fields = {**contact.fields, "trust_because": verdict.because}
        if said:
            fields["authentication"] = said[:200]
        return msgspec.structs.replace(contact, trust=verdict.trust, fields=fields)

    async def _check(self, raw: bytes, contact: Contact, txt: TxtRecords) -> Checked:
        """A letter whose signature is still being looked up after `PATIENCE` is taken without a verdict."""
        domain = split_address(contact.sender.value)[1]
        if b"dkim-signature" not in _headers(raw):
            return "none"
        try:
            async with asyncio.timeout(PATIENCE), self._room:
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._threads, check_signatures, raw, domain, txt)
        except TimeoutError:
            log.warning("email: a signature could not be looked up in time")
            return "unknown"


def judge_results(sender: str, results: Sequence[Result]) -> Verdict:
    """The verdict of our own servers: DMARC where they checked it, else a passed check of his domain."""
    domain = split_address(sender)[1]
    dmarc = [one for one in results if one.method == "dmarc" and _speaks_of(one, domain)]
    if any(one.result == "fail" for one in dmarc):
        return Verdict("forged", "dmarc_fail")
    if any(one.result == "pass" for one in dmarc):
        return Verdict("proven", "dmarc_pass")
    passed = [one for one in results if one.result == "pass"]
    for method, names in (("dkim", ("header.d", "header.i")), ("spf", ("smtp.mailfrom", "smtp.from"))):
        for one in passed:
            if one.method == method and is_aligned(_domain_of(one, names), domain):
                return Verdict("proven", f"{method}_pass")
    if any(one.method in ("dkim", "spf") for one in passed):
        return Verdict("unproven", "other_domain")
    return Verdict("unproven", "nothing_passed")


def judge_signatures(checked: Checked) -> Verdict:
    """The verdict of the letter's own signatures. A broken one proves nothing: lists change letters."""
    match checked:
        case "valid":
            return Verdict("proven", "signature")
        case "broken":
            return Verdict("unproven", "signature_broken")
        case "none":
            return Verdict("unproven", "not_signed")
        case "unknown":
            return Verdict("unproven", "key_unknown")
        case "too_large":
            return Verdict("unproven", "too_large_to_check")


def has_several_authors(raw: bytes, contact: Contact) -> bool:
    """Whether more than one From could be meant: a signature of one is no proof of the other."""
    return "also_from" in contact.fields or len(_headers(raw).all(b"from")) != 1


def _headers(raw: bytes) -> Headers:
    """All of them, however many: without copying what follows."""
    end = _HEAD_END.search(raw)
    return split_head(raw[: end.end()] if end else raw)[0]


def _speaks_of(result: Result, domain: str) -> bool:
    said = _domain_of(result, ("header.from",))
    return not said or is_aligned(said, domain)


def _domain_of(result: Result, names: Sequence[str]) -> str:
    said = next((result.properties[name] for name in names if name in result.properties), "")
    return split_address(said if "@" in said else "@" + said)[1]
