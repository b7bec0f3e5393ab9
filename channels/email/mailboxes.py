"""Which addresses are ours, whatever case, tag after a plus or spelling of the domain they come in."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NAME = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_DOMAIN = re.compile(rf"{_NAME}(?:\.{_NAME})*")
_LOCAL = re.compile(r"[^\s\x00-\x1f\x7f<>()\[\],;:@\"\\]{1,64}")


def split_address(address: str) -> tuple[str, str]:
    """The local part as it is and the domain in lower-case ASCII (`xn--` where needed)."""
    local, _, domain = address.strip().strip("<>").rpartition("@")
    domain = domain.strip().rstrip(".").lower()
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            return local, domain
    return local, domain


def is_domain(text: str) -> bool:
    """Whether it is the name of a domain, in any script."""
    return (
        "@" not in text
        and text == text.strip()
        and _DOMAIN.fullmatch(split_address("@" + text)[1]) is not None
    )


def is_mailbox(text: str) -> bool:
    """Whether it is a plain mail address, in any script."""
    local, _, domain = text.rpartition("@")
    return _LOCAL.fullmatch(local) is not None and is_domain(domain)


class Mailboxes:
    """The addresses and domains that this installation takes mail for."""

    def __init__(self, addresses: Iterable[str], domains: Iterable[str] = ()) -> None:
        self._addresses = frozenset(_plain(address) for address in addresses)
        self._domains = frozenset(split_address("@" + domain)[1] for domain in domains)

    def __contains__(self, address: object) -> bool:
        if not isinstance(address, str):
            return False
        local, domain = _plain(address)
        return bool(local and domain) and (domain in self._domains or (local, domain) in self._addresses)


def _plain(address: str) -> tuple[str, str]:
    local, domain = split_address(address)
    return local.strip('"').partition("+")[0].lower(), domain
