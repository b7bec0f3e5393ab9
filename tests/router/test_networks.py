"""Who calls, when proxies of ours stand between him and us."""

from __future__ import annotations

import pytest

from router.networks import nearest_stranger, read_networks


@pytest.mark.parametrize(
    ("remote", "forwarded", "peer"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),  # a stranger's word about himself
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.66, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.66", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [", ,"], "10.0.0.1"),
        ("10.0.0.1", ["not an address"], "not an address"),
        ("10.0.0.1", ["x" * 1000], "x" * 45),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),  # a door that listens on both
    ],
)
def test_limits_count_the_visitor_and_not_the_proxy(remote: str, forwarded: list[str], peer: str) -> None:
    networks = read_networks(["10.0.0.0/8"])
    assert nearest_stranger(remote, forwarded, networks) == peer


def test_a_network_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match=r"proxy\.local"):
        read_networks(["10.0.0.0/8", "proxy.local"])
