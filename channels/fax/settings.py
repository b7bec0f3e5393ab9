"""What the operator sets for fax: where HylaFAX keeps its things, which mail is a fax, how answers leave."""

from __future__ import annotations

from typing import Annotated

import msgspec

Count = Annotated[int, msgspec.Meta(ge=1)]
Days = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]


class FaxSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The door and the way out. Paths of `log` begin at `spool`; without `server` no answer goes by fax."""

    spool: str = "/var/spool/hylafax"
    log: str = "etc/xferfaxlog"
    watch: bool = True  # read the log and recvq ourselves; false: only what the hook and the mail bring
    poll_seconds: Seconds = 2
    history_days: Days = 1  # how far back the log is read the very first time
    orphan_seconds: Seconds = 900  # how old a file in recvq must be that no line of the log names
    time_zone: str = ""  # of the log and of the times in faxes; empty: this machine's
    numbers: tuple[str, ...] = ()  # our own fax numbers: a notice that names one does not mean its sender
    mail_senders: tuple[str, ...] = ()  # addresses or @domains whose notices are faxes
    mail_recipients: tuple[str, ...] = ()  # mailboxes of ours that internet fax is sent to
    pages: Count = 100  # of one fax that are shown
    page_seconds: Seconds = 60  # that the pages of one fax may take to be made
    ocr: bool = True  # where tesseract is installed
    ocr_languages: Annotated[str, msgspec.Meta(pattern="^[A-Za-z_]+([+][A-Za-z_]+)*$")] = "rus+eng"
    ocr_seconds: Seconds = 60  # of reading before a fax is routed; what is read later is added to it
    at_once: Count = 2  # faxes that are being made visible and read
    server: str = ""  # host or host:port of hfaxd
    sendfax: str = "sendfax"
    faxstat: str = "faxstat"
    sender_name: str = ""  # on the line above each page
    sender_number: str = ""  # likewise, and the identification that the other machine shows
    font: str = ""  # a TrueType font with all the letters you write; empty: DejaVu Sans where Debian has it
    tries: Count = 3  # with the other machine on the line
    dials: Count = 12
