"""Signatures of a letter (DKIM, RFC 6376): whether one that speaks for its sender holds."""

from __future__ import annotations

import logging
import re
import time
from typing import Literal, Protocol

import dkim
from dns.exception import DNSException
from dns.rdatatype import TXT
from dns.resolver import NXDOMAIN, LRUCache, NoAnswer, Resolver

from channels.email.authentication import is_aligned
from channels.email.mailboxes import split_address

log = logging.getLogger(__name__)

Checked = Literal["valid", "broken", "none", "unknown"]
"""`none`: no signature speaks for the sender; `unknown`: its key could not be looked up."""

SIGNATURES_LIMIT = 5
SIZE_LIMIT = 12 * 1024 * 1024
"""Bytes of a letter beyond which its signatures are not looked at."""
SMALLEST_KEY = 1024
LOOKUP_TIME = 3.0
SILENCE = 60.0
"""Seconds for which a name server that did not answer is not asked again."""

_TAG = re.compile(rb"(?:\A|;)\s*([a-z]+)\s*=([^;]*)")


class LookupFailed(Exception):
    """The name servers did not say whether there is such a record."""


class TxtRecords(Protocol):
    """Looks up TXT records. Blocks; raises `LookupFailed`."""

    def __call__(self, name: str) -> bytes | None:
        """The first record of that name, put together; None where there is none."""
        ...


class SystemDns:
    """TXT records as the name servers of this machine know them. A silent one is left alone for a while."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._resolver.cache = LRUCache(2000)
        self._resolver.lifetime = LOOKUP_TIME
        self._silent_until = 0.0

    def __call__(self, name: str) -> bytes | None:
        if time.monotonic() < self._silent_until:
            raise LookupFailed
        try:
            answer = self._resolver.resolve(name, TXT, search=False)
        except (NXDOMAIN, NoAnswer):
            return None
        except DNSException as error:
            self._silent_until = time.monotonic() + SILENCE
            log.warning("email: name servers do not answer: %s", type(error).__name__)
            raise LookupFailed from error
        return next((b"".join(record.strings) for record in answer), None)


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
        return "unknown"
    failed: list[LookupFailed] = []

    def look_up(name: bytes | str, timeout: float = LOOKUP_TIME) -> bytes | None:  # noqa: ARG001
        try:
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
