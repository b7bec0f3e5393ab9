"""Recorded letters: each `.eml` reads as the `.json` beside it says."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from channels.email.reading import read_email
from crm.contact import Contact
from tests.channels.email.peers import MOMENT, OURS

SAMPLES = sorted((Path(__file__).parents[2] / "samples" / "email").glob("*.eml"))
_PLACES = ("raw", "html", "fingerprint", "id", "received_at", "channel", "direction", "version")


def as_written_down(contact: Contact) -> dict[str, object]:
    """What a person can check: no hashes, no places, but whether there is a page."""
    told: dict[str, object] = msgspec.json.decode(msgspec.json.encode(contact))
    told["attachments"] = [
        {"name": file.name, "mime": file.mime, "size": file.size, "cid": file.cid}
        for file in contact.attachments
    ]
    told["page"] = bool(contact.html)
    return {name: value for name, value in told.items() if name not in _PLACES}


def test_there_are_samples_of_every_kind() -> None:
    assert len(SAMPLES) >= 70


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_recorded_letter_reads_as_written_down(sample: Path) -> None:
    raw = sample.read_bytes()
    arrival = read_email(raw, received_at=MOMENT, envelope_to=(OURS,))
    expected = msgspec.json.decode(sample.with_suffix(".json").read_bytes())
    assert as_written_down(arrival.contact) == expected
    assert arrival.blobs[arrival.contact.raw] == raw
    for attachment in arrival.contact.attachments:
        assert len(arrival.blobs[attachment.blob]) == attachment.size
