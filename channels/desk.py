"""The desk: a visit, a letter or a call becomes a contact like any other when an employee registers it."""

from __future__ import annotations

import re
from datetime import datetime

from channels.base import Accept
from crm.contact import Arrival, Attachment, Contact, Receipt, blob_id, contact_id
from crm.desk import DeskForm
from crm.employee import Employee
from crm.errors import BadInput

LONGEST_TEXT = 200_000
LONGEST_CALL = 24 * 3600
MOST_FILES = 50

KINDS = {
    "visit": ("phone", "email", "postal", "unknown"),
    "letter": ("postal", "email", "phone", "unknown"),
    "phone": ("phone", "unknown"),
}
"""By which kinds of address each channel of the desk may know its sender."""

_FORM_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


def read_desk_form(form: DeskForm, *, employee: Employee, received_at: datetime) -> Arrival:
    """The contact that the form tells of. Raises `BadInput` naming the field."""
    _check(form)
    contact = Contact(
        id=contact_id(form.channel, form.id),
        channel=form.channel,
        key=form.id,
        received_at=received_at,
        sender=form.sender,
        subject=" ".join(form.subject.split())[:300],
        text=form.text.strip(),
        attachments=tuple(
            Attachment(name=file.name, mime=file.mime, size=len(file.content), blob=blob_id(file.content))
            for file in form.files
        ),
        sent_at=form.happened_at,
        duration=form.duration,
        thread=form.case_id,
        fields={"answered": "yes" if form.answered else "no"} if form.channel == "phone" else {},
        customer_id=form.customer_id,
        employee_id=employee.id,
    )
    return Arrival(contact, {blob_id(file.content): file.content for file in form.files})


class Desk:
    """Takes forms from the pages; "registered" is said after the commit, as at every door."""

    def __init__(self, accept: Accept) -> None:
        self._accept = accept

    async def register(self, form: DeskForm, *, employee: Employee, received_at: datetime) -> Receipt:
        """Make the contact. Raises `BadInput` or `AgainLater`; the same form again changes nothing."""
        return await self._accept(read_desk_form(form, employee=employee, received_at=received_at))


def _check(form: DeskForm) -> None:
    if not _FORM_ID.fullmatch(form.id):
        raise BadInput("The page is out of date: load it again.", field="id")
    if form.sender.kind not in KINDS[form.channel]:
        raise BadInput("This address does not go with this kind of contact.", field="sender")
    if not form.sender.value.strip() and not form.sender.name.strip() and not form.customer_id:
        raise BadInput("Choose the customer, or say his name, number or address.", field="sender")
    if form.channel == "phone" and not form.customer_id and not form.sender.value.strip():
        raise BadInput("A call has a number.", field="sender")
    missed = form.channel == "phone" and not form.answered
    if not form.text.strip() and not missed and not (form.channel == "letter" and form.files):
        raise BadInput("Say what it was about.", field="text")
    if len(form.text) > LONGEST_TEXT:
        raise BadInput("The text is too long.", field="text")
    if not 0 <= form.duration <= LONGEST_CALL:
        raise BadInput("A call or a visit lasts no longer than a day.", field="duration")
    if len(form.files) > MOST_FILES:
        raise BadInput("These are too many files for one contact.", field="files")
