"""The mail door: what it takes, what it refuses, and what it says."""

from __future__ import annotations

import smtplib

import pytest

from crm.contact import Arrival, Receipt
from crm.errors import QueueFull
from tests.channels.email.peers import LETTER, Shelf, a_door, hand_in


async def test_a_letter_is_accepted_with_its_bytes() -> None:
    shelf = Shelf()
    async with a_door(shelf.accept) as door:
        await hand_in(door.port)
    (arrival,) = shelf.arrivals
    assert arrival.contact.key == "one@example.org"
    assert arrival.blobs[arrival.contact.raw] == LETTER


async def test_an_address_that_is_not_ours_is_refused() -> None:
    shelf = Shelf()
    async with a_door(shelf.accept) as door:
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            await hand_in(door.port, to="stranger@example.net")
    assert refused.value.recipients["stranger@example.net"][0] == 550
    assert not shelf.arrivals


async def test_a_full_intake_means_again_later() -> None:
    async def full(arrival: Arrival) -> Receipt:
        raise QueueFull("intake is full")

    async with a_door(full) as door:
        with pytest.raises(smtplib.SMTPDataError) as refused:
            await hand_in(door.port)
    assert refused.value.smtp_code == 451
