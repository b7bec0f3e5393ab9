"""Whose address a request has, proxies or not."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from agent_ui.callers import caller_ip, is_from_elsewhere, own_origin
from agent_ui.rooms import UiSettings

PROXIES = ("127.0.0.0/8", "10.0.0.0/8", "fd00::/8")


@pytest.mark.parametrize(
    ("remote", "forwarded", "caller"),
    [
        ("203.0.113.5", "", "203.0.113.5"),
        ("203.0.113.5", "198.51.100.1", "203.0.113.5"),  # a stranger's word
        ("127.0.0.1", "203.0.113.5", "203.0.113.5"),
        ("127.0.0.1", "6.6.6.6, 203.0.113.5, 10.1.2.3", "203.0.113.5"),  # what he put before is not believed
        ("10.0.0.1", "", "10.0.0.1"),
        ("127.0.0.1", "2001:db8::1", "2001:db8::1"),
    ],
)
def test_the_caller_is_the_nearest_stranger(remote: str, forwarded: str, caller: str) -> None:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = make_mocked_request("GET", "/", headers=headers).clone(remote=remote)
    assert caller_ip(request, PROXIES) == caller


def test_only_a_trusted_proxy_says_that_it_was_https() -> None:
    headers = {"Host": "help.example.com", "X-Forwarded-Proto": "https"}
    request = make_mocked_request("GET", "/", headers=headers)
    inside, outside = request.clone(remote="10.0.0.1"), request.clone(remote="203.0.113.5")
    settings = UiSettings(trusted_proxies=PROXIES)
    assert own_origin(inside, settings) == "https://help.example.com"
    assert own_origin(outside, settings) == "http://help.example.com"
    assert own_origin(outside, UiSettings(public_url="https://h.example/")) == "https://h.example"


def test_a_program_without_an_origin_is_not_another_site() -> None:
    assert not is_from_elsewhere(make_mocked_request("POST", "/"), UiSettings())


def test_a_network_that_is_none_is_named() -> None:
    (wrong,) = UiSettings(trusted_proxies=("10.0.0.0/8", "10.0.0.0/99")).wrong()
    assert wrong.field == "trusted_proxies[1]"
    assert "10.0.0.0/99" in wrong.said
