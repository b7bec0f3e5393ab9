"""Tells letters that no person wrote: replies of absent people, bounces, lists, notices."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from channels.email.headers import Headers, read_key, split_head
from channels.email.parts import Part
from crm.contact import Automatic, DeliveryReport

Outcome = Literal["delivered", "delayed", "bounced", "failed"]

_REPLY_HEADERS = (b"x-autoreply", b"x-autorespond", b"x-autoresponder", b"x-auto-reply", b"x-mail-autoreply")
_LIST_HEADERS = (b"list-id", b"list-post", b"list-unsubscribe", b"mailing-list", b"x-mailing-list")
_MASS = {"bulk", "list", "junk"}
_SUPPRESSING = (
    b"x-auto-response-suppress",
    b"x-ms-exchange-inbox-rules-loop",
    b"x-ms-exchange-generated-message-source",
)

_AWAY = re.compile(
    r"\s*(?:auto(?:matic)?[ -]?(?:reply|response)|out of (?:the )?office|away from|vacation"
    r"|автоматический ответ|авто-?ответ|вне офиса|(?:я )?(?:нахожусь )?в отпуске|отсутствую)",
    re.IGNORECASE,
)
_RETURNED = re.compile(
    r"undeliver|delivery (?:status notification|failure|has failed|report|delayed)|failure notice"
    r"|returned (?:mail|to sender)|mail (?:delivery failed|system error|failure|could not be delivered)"
    r"|delivery delayed|warning: message .{0,60}delayed"
    r"|недоставлен|не (?:было |может быть |удалось )?доставлен|не удалось доставить|невозможно доставить"
    r"|ошибка (?:при )?доставк|отч[её]т о доставке|сбой доставки|доставка .{0,40}(?:отложена|задерж)",
    re.IGNORECASE,
)
_DAEMON = re.compile(r"(?:mailer-?daemon|mail-?daemon|mail\.?delivery\S*)@", re.IGNORECASE)
_POSTMASTER = re.compile(r"postmaster@", re.IGNORECASE)
_DELAYED = re.compile(
    r"delay|will (?:keep|continue) (?:trying|to)|still being retried|задерж|отложен", re.IGNORECASE
)
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?!\.?\d)")
_REPLY_CODE = re.compile(r"(?<![\d.])([45])\d\d[ -]")
_KEY_IN_TEXT = re.compile(r"(?im)^[ \t>]*message-id:\s*(<[^<>\s]{3,250}>)")

_OUTCOMES: dict[str, Outcome] = {
    "failed": "bounced",
    "delayed": "delayed",
    "delivered": "delivered",
    "relayed": "delivered",
    "expanded": "delivered",
}
_WORST: tuple[Outcome, ...] = ("bounced", "delayed", "delivered")


class Letter(NamedTuple):
    """What tells who wrote it."""

    root: Part
    sender: str
    subject: str
    envelope_from: str | None  # empty: the null sender of reports; None: unknown


def tell_automatic(letter: Letter) -> Automatic:
    """What kind of program wrote the letter; empty for a person."""
    headers = letter.root.headers
    if _is_bounce(letter):
        return "bounce"
    submitted = headers.word(b"auto-submitted")
    precedence = headers.word(b"precedence")
    if submitted.startswith("auto-replied") or precedence in {"auto_reply", "auto-reply"}:
        return "reply"
    if any(headers.word(name) not in {"", "no"} for name in _REPLY_HEADERS):
        return "reply"
    marked = (
        precedence in _MASS or submitted.startswith("auto-") or any(name in headers for name in _SUPPRESSING)
    )
    if marked and _AWAY.match(letter.subject):
        return "reply"
    if precedence in _MASS or any(name in headers for name in _LIST_HEADERS):
        return "list"
    if submitted.startswith("auto-") or letter.envelope_from == "" or letter.root.mime == "multipart/report":
        return "notice"
    return ""


def read_report(letter: Letter, text: str, answered: str) -> DeliveryReport | None:
    """What became of an answer of ours; `answered` is its key if the address proves it.

    None where the report names no message.
    """
    statuses = [
        part
        for part in letter.root.walk()
        if part.mime in {"message/delivery-status", "message/global-delivery-status"}
    ]
    receipts = [part for part in letter.root.walk() if part.mime == "message/disposition-notification"]
    key = answered or _original_key(letter.root, text)
    if not key:
        return None
    if statuses:
        return _from_statuses(key, statuses[0].content())
    if receipts:
        return DeliveryReport(key=key, outcome="delivered")
    if not _is_bounce(letter):
        return None
    outcome: Outcome = "delayed" if _DELAYED.search(letter.subject) else "bounced"
    code = _STATUS.search(text)
    reply = _REPLY_CODE.search(text)
    status = code[1] if code else f"{reply[1]}.0.0" if reply else ""
    return DeliveryReport(key=key, outcome=outcome, status=status)


def _is_bounce(letter: Letter) -> bool:
    root = letter.root
    if root.mime == "multipart/report":
        kind = root.parameter("report-type").lower()
        if kind == "delivery-status":
            return True
        if not kind and any(part.mime == "message/delivery-status" for part in root.children):
            return True
    if b"x-failed-recipients" in root.headers:
        return True
    reported = letter.envelope_from == ""
    returned = bool(_RETURNED.search(letter.subject))
    if _DAEMON.match(letter.sender):
        return reported or returned
    return reported and (returned or bool(_POSTMASTER.match(letter.sender)))


def _original_key(root: Part, text: str) -> str:
    for part in root.walk():
        if part.mime in {"message/delivery-status", "message/disposition-notification"}:
            key = read_key(_fields(part.content()).first(b"original-message-id"))
        elif part.mime in {
            "message/rfc822",
            "text/rfc822-headers",
            "message/global-headers",
            "message/global",
        }:
            key = read_key(split_head(part.content())[0].first(b"message-id"))
        else:
            continue
        if key:
            return key
    match = _KEY_IN_TEXT.search(text)
    return read_key(match[1].encode()) if match else ""


def _from_statuses(key: str, content: bytes) -> DeliveryReport:
    """The worst of what is said of the recipients; the fields of RFC 3464 come in blocks."""
    found: dict[Outcome, str] = {}
    for block in re.split(rb"\r?\n\r?\n", content)[:100]:
        fields = _fields(block)
        outcome = _OUTCOMES.get(fields.word(b"action"))
        if outcome:
            found.setdefault(outcome, fields.word(b"status"))
    worst: Outcome = next((outcome for outcome in _WORST if outcome in found), "bounced")
    status = _STATUS.search(found.get(worst, ""))
    return DeliveryReport(key=key, outcome=worst, status=status[1] if status else "")


def _fields(block: bytes) -> Headers:
    return split_head(block.strip() + b"\r\n\r\n")[0]
