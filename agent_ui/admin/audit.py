"""The audit: who read and changed what, of whom, when and from where."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from agent_ui.admin.deeds import DEEDS
from agent_ui.admin.tabs import admin_page, note
from agent_ui.names import Names, read_names
from agent_ui.visit import Visit, get
from agent_ui.words import mark
from crm.collections import CONTACTS, CUSTOMERS, EMPLOYEES, TOKENS
from crm.employee import AuditRecord
from crm.errors import BadInput
from crm.store import After, Order
from router.audit import AuditFilter, find_audit
from router.search import search_everything

PAGE = 100


class Line(NamedTuple):
    """A record in words: who, what, and where a click leads."""

    record: AuditRecord
    who: str
    what: str
    thing: str
    link: str


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The filter as it stands in the address of the page."""

    employee: str = ""
    customer: str = ""
    object: str = ""
    since: str = ""
    until: str = ""

    @property
    def query(self) -> str:
        return urlencode({name: value for name, value in msgspec.structs.asdict(self).items() if value})


async def show_audit(visit: Visit) -> web.Response:
    """Newest first. Reading the audit stands in the audit too."""
    rooms, asked = visit.rooms, _read_asked(visit)
    await note(visit, "audit.read", "audit", asked.query[:200])
    await rooms.audit.flush()
    customer_id = await _find_customer(visit, asked.customer)
    wanted = AuditFilter(
        employee_id=asked.employee,
        customer_id=customer_id,
        object_id=asked.object,
        since=_read_day(visit, asked.since, "since"),
        until=_read_day(visit, asked.until, "until", after=1),
    )
    nobody = bool(asked.customer) and not customer_id
    after = _read_cursor(visit.request.query.get("after", ""))
    records = [] if nobody else await find_audit(rooms.store, wanted, after=after, limit=PAGE + 1)
    names = await _names(
        visit, [*records, AuditRecord(id="", at=rooms.clock(), what="", customer_id=customer_id)]
    )
    more = f"{records[PAGE - 1].at.isoformat()}|{records[PAGE - 1].id}" if len(records) > PAGE else ""
    return admin_page(
        visit,
        "admin_audit.html",
        asked=asked,
        customer=names.customer(customer_id) if customer_id else "",
        lines=await _lines(visit, records[:PAGE], names),
        more=urlencode({"after": more}) if more else "",
        employees=await rooms.store.find(EMPLOYEES, order=Order("name"), limit=5000),
        names=names,
    )


async def _lines(visit: Visit, records: list[AuditRecord], names: Names) -> list[Line]:
    store = visit.rooms.store
    tokens = await store.get_many(TOKENS, {record.token_id for record in records} - {""})
    contacts = await store.get_many(
        CONTACTS, {record.object_id for record in records if record.object_kind == "contact"}
    )
    case_of = {id_: contact.case_id for id_, contact in contacts.items()}
    lines = []
    for record in records:
        token = tokens.get(record.token_id)
        system = visit.speaker.say(mark("System “%(name)s”"), name=token.name) if token else ""
        who = names.employee(record.employee_id) if record.employee_id else ""
        what = visit.speaker.say(DEEDS[record.what]) if record.what in DEEDS else record.what
        thing, link = _thing(record, case_of)
        lines.append(Line(record, " · ".join(filter(None, (who, system))) or "—", what, thing, link))
    return lines


def _thing(record: AuditRecord, case_of: dict[str, str]) -> tuple[str, str]:
    """What it was about, as short as it can be told, and where it is."""
    match record.object_kind:
        case "case":
            return f"№ {record.object_id}", f"/cases/{record.object_id}"
        case "contact" if case := case_of.get(record.object_id):
            return f"№ {case}", f"/cases/{case}"
        case "employee" | "department" | "reply" | "token" | "dead_letter":
            return record.object_id[:24], ""
        case _:
            return "", ""


async def _names(visit: Visit, records: list[AuditRecord]) -> Names:
    return await read_names(
        visit.rooms.store,
        visit.speaker,
        customers=[record.customer_id for record in records],
        employees=[record.employee_id for record in records],
    )


async def _find_customer(visit: Visit, words: str) -> str:
    """The customer somebody means by an id, a number, an address or a name."""
    if not words:
        return ""
    if await visit.rooms.store.get(CUSTOMERS, words):
        return words
    found = await search_everything(visit.rooms.store, words, limit=1, region=visit.rooms.settings.region)
    return found.customers[0].id if found.customers else ""


def _read_asked(visit: Visit) -> Asked:
    query = visit.request.query
    values = {name: query.get(name, "").strip()[:200] for name in Asked.__struct_fields__}
    return Asked(**values)


def _read_day(visit: Visit, text: str, field: str, *, after: int = 0) -> datetime | None:
    """The beginning of a day by the reader's clock; `after` days later."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text) + timedelta(days=after)
        return datetime.combine(day, time(), visit.speaker.zone).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadInput(mark("This is no date."), field=field) from error


def _read_cursor(cursor: str) -> After | None:
    if not cursor:
        return None
    at, _, id_ = cursor.partition("|")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError as error:
        raise BadInput("A page of a list begins at a time and an id.", field="after") from error
    if moment.tzinfo is None:
        raise BadInput("A page of a list begins at a time and an id.", field="after")
    return After(moment, id_)


ROUTES = [get("/admin/audit", show_audit, "admin")]
