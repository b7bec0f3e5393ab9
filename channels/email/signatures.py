"""Signatures of a letter (DKIM, RFC 6376): whether one that speaks for its sender holds."""

from __future__ import annotations

import logging
import re
import time
from typing import Literal, Protocol

import dkim
from dns.exception import DNSException
from dns.name import Name, from_text, root
from dns.rdatatype import NS, TXT
from dns.resolver import NXDOMAIN, LRUCache, NoAnswer, Resolver

from channels.email.authentication import is_aligned
from channels.email.mailboxes import split_address

log = logging.getLogger(__name__)

Checked = Literal["valid", "broken", "none", "unknown", "too_large"]
"""`none`: no signature speaks for the sender; `unknown`: its key could not be looked up."""

SIGNATURES_LIMIT = 5
SIZE_LIMIT = 12 * 1024 * 1024
"""Bytes of a letter beyond which its signatures are not looked at."""
SMALLEST_KEY = 1024
LOOKUP_TIME = 3.0
PATIENCE = 6.0
"""Seconds after which no more names are looked up for one letter."""

PROBE_TIME = 1.0
SILENCE = 60.0
"""Seconds for which what did not answer is not asked again: a domain, or our name servers as a whole."""

_SILENT_LIMIT = 1000

_TAG = re.compile(rb"(?:\A|;)\s*([a-z]+)\s*=([^;]*)")


class LookupFailed(Exception):
    """The name servers did not say whether there is such a record."""


class TxtRecords(Protocol):
    """Looks up TXT records. Blocks; raises `LookupFailed`."""

    def __call__(self, name: str) -> bytes | None:
        """The first record of that name, put together; None where there is none."""
        ...


class SystemDns:
    """TXT records as the name servers of this machine know them. What is silent is left alone for a while.

    A stranger chooses the names that are asked for: one that nobody answers for must silence no other.
    """

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._resolver.cache = LRUCache(2000)
        self._silent_until = 0.0
        self._silent_domains: dict[str, float] = {}

    def __call__(self, name: str) -> bytes | None:
        domain = name.rpartition("._domainkey.")[2].lower()
        if time.monotonic() < max(self._silent_until, self._silent_domains.get(domain, 0.0)):
            raise LookupFailed
        try:
            asked = from_text(name)
        except (DNSException, UnicodeError):
            return None  # no name at all: nobody has a record of it
        try:
            answer = self._resolver.resolve(asked, TXT, search=False, lifetime=LOOKUP_TIME)
        except (NXDOMAIN, NoAnswer):
            return None
        except DNSException as error:
            self._fell_silent(domain, error)
            raise LookupFailed from error
        return next((b"".join(record.strings) for record in answer), None)

    def _fell_silent(self, domain: str, error: DNSException) -> None:
        until = time.monotonic() + SILENCE
        if not self._answers(root):
            self._silent_until = until
            log.warning("email: name servers do not answer: %s", type(error).__name__)
            return
        if len(self._silent_domains) >= _SILENT_LIMIT:
            self._silent_domains.pop(next(iter(self._silent_domains)), None)
        self._silent_domains[domain] = until

    def _answers(self, name: Name) -> bool:
        """Whether our name servers say anything of a name that each of them knows."""
        try:
            self._resolver.resolve(name, NS, search=False, lifetime=PROBE_TIME)
        except (NXDOMAIN, NoAnswer):
            return True
        except DNSException:
            return False
        return True


def open_dns() -> TxtRecords | None:
    """The name servers of this machine; None where it has none: then signatures are not looked at."""
    try:
        return SystemDns(Resolver(configure=True))
    except DNSException as error:
        log.warning("email: no name servers, signatures are not checked: %s", type(error).__name__)
        return None


def check_signatures(raw: bytes, domain: str, txt: TxtRecords) -> Checked:
    """Whether a signature of the sender's domain holds for the whole letter. Blocks; never fails."""
    if len(raw) > SIZE_LIMIT:
        return "too_large"
    failed: list[LookupFailed] = []
    deadline = time.monotonic() + PATIENCE

    def look_up(name: bytes | str, timeout: float = LOOKUP_TIME) -> bytes | None:  # noqa: ARG001
        try:
            if time.monotonic() > deadline:
                raise LookupFailed
            return txt(name.decode() if isinstance(name, bytes) else name)
        except LookupFailed as error:
            failed.append(error)
            return None

    try:
        letter = dkim.DKIM(raw, minkey=SMALLEST_KEY, timeout=LOOKUP_TIME)
        speaking = [
            number
            for number, tags in enumerate(
                _read_tags(value) for name, value in letter.headers if _is_signature(name)
            )
            if _speaks_for(tags, domain)
        ]
        for number in speaking[:SIGNATURES_LIMIT]:
            if _holds(letter, number, look_up):
                return "valid"
    except Exception as error:  # noqa: BLE001 - whatever a stranger signed, his letter is taken
        log.info("email: a signature cannot be read: %s", type(error).__name__)
        return "broken"
    if failed:
        return "unknown"
    return "broken" if speaking else "none"


def _holds(letter: dkim.DKIM, number: int, look_up: object) -> bool:
    try:
        return bool(letter.verify(number, dnsfunc=look_up))
    except dkim.DKIMException:
        return False


def _is_signature(name: bytes) -> bool:
    return name.strip().lower() == b"dkim-signature"


def _read_tags(value: bytes) -> dict[bytes, bytes]:
    return {name: b"".join(content.split()) for name, content in _TAG.findall(value)}


def _speaks_for(tags: dict[bytes, bytes], domain: str) -> bool:
    """Of a letter that is signed up to a length, anybody may have written the rest."""
    signer = split_address("@" + tags.get(b"d", b"").decode("latin-1"))[1]
    return b"l" not in tags and is_aligned(signer, domain)
