"""Reads a calendar invitation (RFC 5545) into a few lines a person can read."""

from __future__ import annotations

import re

_FOLD = re.compile(r"\n[ \t]")
_LINE = re.compile(
    r"(?P<name>[A-Z-]+)(?P<parameters>(?:;[^:\"\n]*(?:\"[^\"\n]*\"[^:\"\n]*)*)?):(?P<value>.*)"
)
_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)\d\d(Z?))?")
_ZONE = re.compile(r"TZID=\"?([^;\":]+)")
_LIMIT = 20_000


def read_invitation(calendar: str) -> str:
    """Its first event: title, when, where, who invites, what about."""
    _, begun, event = _FOLD.sub("", calendar[:_LIMIT]).partition("BEGIN:VEVENT")
    if not begun:
        return ""
    said: dict[str, str] = {}
    for line in event.partition("END:VEVENT")[0].split("\n"):
        match = _LINE.match(line.strip())
        if match:
            said.setdefault(match["name"], _value(match["name"], match["parameters"], match["value"]))
    when = " – ".join(filter(None, (said.get("DTSTART"), said.get("DTEND"))))
    lines = (said.get("SUMMARY"), when, said.get("LOCATION"), said.get("ORGANIZER"), said.get("DESCRIPTION"))
    return "\n".join(filter(None, lines))


def _value(name: str, parameters: str, value: str) -> str:
    if name in {"DTSTART", "DTEND"}:
        return _moment(parameters, value)
    if name == "ORGANIZER":
        return re.sub(r"(?i)^mailto:", "", value)
    unescaped = value.replace("\\n", "\n").replace("\\N", "\n")
    return re.sub(r"\\([,;\\])", r"\1", unescaped).strip()


def _moment(parameters: str, value: str) -> str:
    match = _MOMENT.match(value)
    if not match:
        return value
    year, month, day, hour, minute, utc = match.groups()
    zone = _ZONE.search(parameters)
    where = " UTC" if utc else f" ({zone[1]})" if zone else ""
    return f"{year}-{month}-{day}" + (f" {hour}:{minute}{where}" if hour else "")
