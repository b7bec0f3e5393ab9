"""Our signed tag in an address."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from channels.email.token import AddressToken
from crm.errors import BadInput
from tests.channels.email.peers import OURS, TOKEN

IDS = st.text("0123456789abcdef", min_size=1, max_size=32) | st.from_regex(
    "[a-zA-Zа-я0-9_-]{1,8}", fullmatch=True
)


@given(IDS)
@example("0" * 31)
def test_a_tag_proves_its_id_in_any_case_of_letters(proven: str) -> None:
    tagged = TOKEN.make(OURS, "case", proven)
    assert [TOKEN.verify(spelled) for spelled in (tagged, tagged.upper(), f"<{tagged.title()}>")] == [
        proven
    ] * 3


@given(st.data())
def test_a_changed_tag_proves_nothing(data: st.DataObject) -> None:
    tagged = TOKEN.make(OURS, "case", "0a1b2c3d4e5f")
    begin, end = tagged.index("+") + 1, tagged.index("@")
    at = data.draw(st.integers(begin, end - 1))
    letter = data.draw(
        st.sampled_from("abcdefghijklmnopqrstuvwxyz234567.").filter(lambda new: new != tagged[at])
    )
    assert TOKEN.verify(tagged[:at] + letter + tagged[at + 1 :]) == ""


def test_another_installation_proves_nothing() -> None:
    assert AddressToken(b"another secret of another house").verify(TOKEN.make(OURS, "case", "0a1b")) == ""


def test_a_tag_for_bounces_proves_no_case() -> None:
    assert TOKEN.verify(TOKEN.make(OURS, "bounce", "0a1b")) == ""
    assert TOKEN.verify_bounce(TOKEN.make(OURS, "case", "0a1b")) == ""
    assert TOKEN.verify_bounce(TOKEN.make(OURS, "bounce", "0a1b")) == "0a1b@example.com"


@pytest.mark.parametrize(
    "address", ["", "@", "+", "help@example.com", "help+c@example.com", "help+news@x", "a+b.c"]
)
def test_an_ordinary_address_proves_nothing(address: str) -> None:
    assert TOKEN.verify(address) == ""


def test_a_tagged_local_part_fits_what_the_protocol_allows() -> None:
    assert len(TOKEN.make("customer-service@example.com", "case", "f" * 32).partition("@")[0]) <= 64
    with pytest.raises(BadInput):
        TOKEN.make("the-department-of-long-names@example.com", "case", "f" * 32)


def test_a_short_secret_does_not_start() -> None:
    with pytest.raises(BadInput):
        AddressToken(b"short")
