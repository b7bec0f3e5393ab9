"""Where a door is, as it stands in an address."""

from __future__ import annotations


def place(host: str, port: int) -> str:
    """Host and port (RFC 3986: an IPv6 host in brackets)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
