"""Mail that is a fax becomes one: internet fax, notices of providers; every other letter stays a letter."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.email.reading import read_email
from channels.fax.letters import read_fax_address, read_fax_letter
from channels.fax.settings import FaxSettings
from crm.contact import Arrival
from tests.channels.fax.machines import MOMENT, Machine, Shelf, a_door, a_fax, a_page
from tests.polling import until

SETTINGS = FaxSettings(
    numbers=("+7 (495) 555-00-00",),
    mail_senders=("@fax.example.net",),
    mail_recipients=("fax@example.com",),
)
PROVIDER = "notice@fax.example.net"
MACHINE = "FAX=+78120000000@gate.example.org"


def a_letter(
    *files: bytes,
    sender: str = "ivan@example.org",
    to: str = "FAX=+74955550000/T33S=12@example.com",
    subject: str = "",
    words: str = "",
) -> Arrival:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = f"<{sender}>", f"<{to}>", subject
    letter["Message-ID"] = "<1@example.org>"
    letter.set_content(words or "\n")
    for number, content in enumerate(files, 1):
        subtype = "pdf" if content.startswith(b"%PDF") else "tiff"
        maintype = "application" if subtype == "pdf" else "image"
        letter.add_attachment(content, maintype=maintype, subtype=subtype, filename=f"{number}.{subtype}")
    return read_email(letter.as_bytes(), received_at=MOMENT, envelope_to=(to,), envelope_from=sender)


def as_fax(letter: Arrival) -> Arrival:
    fax = read_fax_letter(letter, SETTINGS)
    assert fax is not None
    return fax


def test_an_internet_fax_of_several_tiffs_is_one_contact_with_all_of_them() -> None:
    files = [a_fax(a_page(words, height=80)) for words in ("one", "two", "three")]
    fax = as_fax(a_letter(*files, words="See the three pages."))
    contact = fax.contact
    assert [fax.blobs[file.blob] for file in contact.attachments] == files
    assert (contact.channel, contact.text.strip()) == ("fax", "See the three pages.")
    assert (contact.recipients[0].value, contact.fields["subaddress"]) == ("+74955550000", "12")
    assert contact.sender.value == "ivan@example.org"


def test_an_internet_fax_of_a_machine_is_from_its_number() -> None:
    contact = as_fax(a_letter(a_fax(), sender=MACHINE)).contact
    assert (contact.sender.kind, contact.sender.value) == ("fax", "+78120000000")


@pytest.mark.parametrize(
    ("subject", "words"),
    [
        ("New fax from +7 812 000-00-00", "1 page received 02.03.2026 12:30"),
        ("Fax", "To: +7 495 555-00-00\nFrom: +7 812 000-00-00\nPages: 3\nDate: 2026-03-02 12:30:00"),
        ("Новый факс на номер 8 (495) 555-00-00", "Отправитель: +7 (812) 000-00-00"),
    ],
)
def test_the_caller_of_a_notice_is_the_number_that_is_not_ours(subject: str, words: str) -> None:
    fax = as_fax(a_letter(a_fax(), sender=PROVIDER, to="help@example.com", subject=subject, words=words))
    digits = "".join(filter(str.isdigit, fax.contact.sender.value))
    assert digits == "78120000000"


def test_of_the_same_pages_as_tiff_and_as_pdf_the_tiff_is_kept() -> None:
    content = a_fax()
    fax = as_fax(a_letter(b"%PDF-1.4 the same", content, sender=PROVIDER, subject="Fax from +78120000000"))
    assert [fax.blobs[file.blob] for file in fax.contact.attachments] == [content]


@pytest.mark.parametrize(
    "letter",
    [
        a_letter(sender=PROVIDER, to="help@example.com", words="Your bill of March: 500."),
        a_letter(a_fax(), to="help@example.com"),
        a_letter(words="No pages at all."),
    ],
    ids=["a provider's bill", "a scan for the help desk", "words to a fax address"],
)
def test_a_letter_that_is_no_fax_stays_a_letter(letter: Arrival) -> None:
    assert read_fax_letter(letter, SETTINGS) is None


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=200),
    st.text("0123456789+-: \n/#", max_size=200),
)
def test_any_notice_with_pages_is_a_fax(subject: str, words: str) -> None:
    fax = as_fax(a_letter(b"II*\x00", sender=PROVIDER, subject=subject, words=words))
    assert fax.contact.fields["outcome"] == "received"
    assert len(fax.contact.attachments) == 1


@pytest.mark.parametrize(
    ("mailbox", "number"),
    [
        ("FAX=+7.495.555-00-00@example.com", "+74955550000"),
        ("/fax=84955550000/t33s=1*2/@example.com", "84955550000"),
        ("fax@example.com", None),
        ("fax=@example.com", None),
    ],
)
def test_a_fax_address_is_read_as_rfc_3191_has_it(mailbox: str, number: str | None) -> None:
    address = read_fax_address(mailbox)
    assert (address.number if address else None) == number


async def test_a_fax_by_mail_lies_in_the_tray_before_it_is_acknowledged_and_comes_once(
    tmp_path: Path,
) -> None:
    Machine(tmp_path / "spool")
    shelf, mail = Shelf(), Shelf()
    letter = a_letter(a_fax(a_page("one", height=80)), b"II*\x00 broken")
    async with a_door(tmp_path, shelf.accept, mail_recipients=("fax@example.com",)) as (source, _):
        accept = source.sorting(mail.accept)
        first = await accept(letter)
        again = await accept(letter)
        assert (first.repeated, again.repeated) == (False, True)
        assert mail.arrivals == []
        await until(shelf.count, 1)
        contact = shelf.arrivals[0].contact
        assert contact.id == first.contact_id
        # All parts of an internet fax are shown, or it counts as failed (RFC 3965).
        assert contact.fields["outcome"] == "failed"
        assert "chain_broken" in contact.fields["troubles"]
        await accept(a_letter(words="A letter.", to="help@example.com"))
        assert len(mail.arrivals) == 1
