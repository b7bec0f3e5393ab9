"""Finds where a letter's signature begins: after two dashes, at "Best regards", at "Sent from my phone"."""

from __future__ import annotations

import re

_DASHES = re.compile(r"--[ \xa0]?\Z")
_CLOSING = re.compile(
    r"[\s*_–—-]*(?:с (?:\w+ )?уважением|с наилучшими(?: пожеланиями)?|с почтением|искренне ваш[аи]?|"
    r"всего (?:доброго|наилучшего|хорошего)|хорошего дня|"
    r"(?:with )?(?:best|kind|kindest|warm|warmest) (?:regards|wishes)|regards|"
    r"(?:yours )?(?:sincerely|faithfully|truly)(?: yours)?|cheers(?=[,!.]|\s*\Z)|br(?=,|\s*\Z))\b",
    re.IGNORECASE,
)
_DEVICE = re.compile(
    r"[\s*_–—-]*(?:(?:отправлено|послано|написано) (?:с|со|из|через|в|от)|sent (?:from|via|with|using)"
    r"|(?:get|скачать|загрузите|получить|скачайте)(?= outlook))\b.{0,30}?"
    r"(?:iphone|ipad|android|samsung|galaxy|xiaomi|redmi|huawei|honor|poco|nokia|phone|мобильн|телефон|смартфон|планшет|устройств|почт|mail|outlook|яндекс|"
    r"yandex|blackberry|tablet|mobile|thunderbird|spark)",
    re.IGNORECASE,
)
_AFTERWORD = re.compile(r"\W*(?:p\.?\s?p?\.?\s?s\b|п\.?\s?с\b|з\.?\s?ы\b)", re.IGNORECASE)

_DASHED_LINES = 30
_CLOSED_LINES = 12
_DEVICE_LINES = 3
_WIDTH = 90
_CLOSING_WIDTH = 60


def signature_start(lines: list[str]) -> int:
    """The index of the signature's first line; the number of lines if there is none, 0 if it is all."""
    end = _used(lines, len(lines))
    device = _before_device(lines, end)
    found = min(_closing(lines, device), _dashes(lines, device), device)
    return len(lines) if found == end else _used(lines, found) and found


def _used(lines: list[str], end: int) -> int:
    """Where the lines end that say something."""
    while end and not lines[end - 1].strip():
        end -= 1
    return end


def _before_device(lines: list[str], end: int) -> int:
    for index in range(end - 1, max(-1, end - 1 - _DEVICE_LINES), -1):
        if len(lines[index]) <= _WIDTH and _DEVICE.match(lines[index]):
            return index
    return end


def _dashes(lines: list[str], end: int) -> int:
    for index in range(max(0, end - _DASHED_LINES), end):
        if _DASHES.match(lines[index]):
            return index
    return end


def _closing(lines: list[str], end: int) -> int:
    """The closing phrase nearest to the end, if only short lines of a signature follow it."""
    seen = 0
    for index in range(_used(lines, end) - 1, -1, -1):
        line = lines[index]
        if not line.strip():
            continue
        seen += 1
        if len(line) <= _CLOSING_WIDTH and _CLOSING.match(line):
            return index
        if (
            seen >= _CLOSED_LINES
            or len(line) > _WIDTH
            or line.rstrip().endswith("?")
            or _AFTERWORD.match(line)
        ):
            break
    return end
