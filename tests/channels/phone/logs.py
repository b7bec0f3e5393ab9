"""Lines as an exchange writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "phone"
MOSCOW = ZoneInfo("Europe/Moscow")
MOMENT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)

ANNAS, BORISES = "101", "102"


def quoted(value: object) -> str:
    return str(value) if isinstance(value, int) else '"' + str(value).replace('"', '""') + '"'


def a_leg(
    uniqueid: str = "1795426200.1",
    *,
    linkedid: str = "",
    sequence: int = 1,
    src: str = "79161234567",
    dst: str = "600",
    name: str = "",
    channel: str = "PJSIP/trunk-00000001",
    dstchannel: str = "PJSIP/101-00000002",
    lastapp: str = "Dial",
    start: datetime = MOMENT,
    waited: int = 5,
    talked: int = 60,
    disposition: str = "ANSWERED",
    userfield: str = "",
    zone: ZoneInfo | None = MOSCOW,
    account: str = "",
    columns: int = 21,
) -> bytes:
    """A line of Master.csv; `zone` None is usegmtime."""
    answered = disposition == "ANSWERED"
    end = start + timedelta(seconds=waited + (talked if answered else 0))

    def clock(moment: datetime) -> str:
        return quoted(moment.astimezone(zone or UTC).strftime("%Y-%m-%d %H:%M:%S"))

    row = [
        *(quoted(value) for value in (account, src, dst, "from-trunk", f'"{name or src}" <{src}>')),
        *(quoted(value) for value in (channel, dstchannel, lastapp, "PJSIP/101,30")),
        clock(start),
        clock(start + timedelta(seconds=waited)) if answered else "",
        clock(end),
        str(int((end - start).total_seconds())),
        str(talked if answered else 0),
        *(quoted(value) for value in (disposition, "DOCUMENTATION", uniqueid, userfield)),
        *(quoted(value) for value in ("", linkedid or uniqueid, str(sequence))),
    ]
    return ",".join(row[:columns]).encode() + b"\n"


def a_queue_event(
    call: str, event: str, *data: object, member: str = "NONE", queue: str = "support", at: float = 1795426200
) -> bytes:
    return "|".join([str(at), call, queue, member, event, *map(str, data)]).encode() + b"\n"
