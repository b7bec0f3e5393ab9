"""Which numbers are ours: by that a call comes in, goes out, or concerns no customer."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from channels.phone.cdr import Leg

Way = Literal["", "inbound", "outbound", "internal"]

PHONES = ("SIP/", "PJSIP/", "IAX2/", "SCCP/", "Skinny/")
"""Channels whose name ends in the name of a telephone: those of trunks of wires are only numbered."""

_INSTANCE = re.compile(r"-[0-9a-fA-F]{4,16}(;[12])?$")


class Plan(NamedTuple):
    """The numbering of one exchange."""

    internal: re.Pattern[str]
    trunks: tuple[str, ...]

    def is_ours(self, number: str) -> bool:
        """An extension of ours."""
        return self.internal.fullmatch(number) is not None

    def is_outside(self, number: str) -> bool:
        """A number of somebody else's: neither an extension nor the name of a place in a dialplan."""
        return not self.is_ours(number) and re.fullmatch(r"\+?[0-9*#]{3,20}", number) is not None

    def leads_outside(self, channel: str) -> bool:
        """The channel is of a trunk that the operator named."""
        return bool(self.trunks) and channel.startswith(self.trunks)

    def way_of(self, leg: Leg) -> Way:
        """Where a leg leads, seen by itself."""
        return self.way(channel=leg.channel, peer=leg.dstchannel, source=leg.src, target=leg.dst)

    def way(self, *, channel: str, peer: str, source: str, target: str) -> Way:
        """By channels where the trunks are known, else by numbers."""
        if self.trunks:
            if self.leads_outside(channel):
                return "inbound"
            return "outbound" if self.leads_outside(peer) else "internal"
        ours = self.is_ours(source) or (channel.startswith(PHONES) and self.is_ours(extension_of(channel)))
        if ours:
            # Whoever calls out may show the number of the house instead of his own.
            return "outbound" if self.is_outside(target) else "internal"
        return "inbound"


def extension_of(channel: str) -> str:
    """The telephone in the name of a channel: 101 in `PJSIP/101-0000001a` and `Local/101@from-queue-3f;1`."""
    resource = channel.partition("/")[2] or channel
    return _INSTANCE.sub("", resource.partition("@")[0])
