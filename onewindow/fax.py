"""What HylaFAX's scripts call: a fax received, or a job that is over, is kept for the server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from channels.fax.hylafax import BadLine, Handed, read_faxrcvd, read_notify
from channels.fax.outlet import find_font
from channels.fax.reading import of_hook, read_fax
from channels.fax.settings import FaxSettings
from channels.fax.spool import LARGEST_FAX
from channels.fax.tray import Tray
from crm.errors import AgainLater, BadInput
from crm.record import now
from onewindow.core import data_directory
from onewindow.settings import BadSetting, Settings


def keep_received(settings: Settings, arguments: Sequence[str]) -> None:
    """Put the fax into the tray, where the server finds it. Raises `BadInput` or `AgainLater`."""
    fax, tray = _opened(settings)
    try:
        handed = read_faxrcvd(arguments)
    except BadLine as error:
        raise BadInput(f"fax-received: {error}") from error
    try:
        content = _content(fax, handed)
        tray.open()
        tray.put(read_fax(of_hook(handed), content, received_at=now()))
    except OSError as error:
        raise AgainLater(f"the fax could not be kept: {error.strerror}; it stays in the spool") from error


def keep_sent(settings: Settings, arguments: Sequence[str]) -> None:
    """Put the end of a job into the tray. Raises `BadInput` or `AgainLater`."""
    _, tray = _opened(settings)
    try:
        report = read_notify(arguments)
    except BadLine as error:
        raise BadInput(f"fax-sent: {error}") from error
    try:
        tray.open()
        tray.put_report(report)
    except OSError as error:
        raise AgainLater(f"the report could not be kept: {error.strerror}") from error


def fax_directory(settings: Settings) -> Path:
    """Where what the fax door must keep is."""
    return data_directory(settings) / "fax"


def read_zone(name: str) -> tzinfo:
    """The time zone of that name; the machine's own where none is named. Raises `BadSetting`."""
    try:
        if name:
            return ZoneInfo(name)
        with Path("/etc/localtime").open("rb") as file:
            return ZoneInfo.from_file(file, key="local")
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise BadSetting(
            "fax.time_zone: expected a name such as Europe/Moscow.", field="fax.time_zone"
        ) from error
    except OSError:
        return ZoneInfo("UTC")


def check_fax(settings: Settings) -> list[str]:
    """What is wrong with the table of fax, each with the name of its setting."""
    fax = settings.fax
    if fax is None:
        return []
    findings = []
    try:
        read_zone(fax.time_zone)
    except BadSetting as error:
        findings.append(str(error))
    if fax.watch and not os.access(Path(fax.spool, "recvq"), os.R_OK | os.X_OK):
        findings.append(f"fax.spool: {fax.spool}/recvq cannot be read: expected HylaFAX's spool directory")
    if fax.server:
        findings += [
            f"fax.{name}: {program} cannot be run: install hylafax-client"
            for name, program in (("sendfax", fax.sendfax), ("faxstat", fax.faxstat))
            if not shutil.which(program)
        ]
        if not find_font(fax):
            findings.append("fax.font: no font to write with: install fonts-dejavu-core, or name a .ttf file")
    return findings


def _opened(settings: Settings) -> tuple[FaxSettings, Tray]:
    if settings.fax is None:
        raise BadSetting("fax: no table [fax] in the settings: the fax door is off.", field="fax")
    return settings.fax, Tray(fax_directory(settings) / "tray")


def _content(fax: FaxSettings, handed: Handed) -> bytes | None:
    """The file that was handed over; it is one of the spool's own, whatever the path says."""
    path = Path(fax.spool, "recvq", Path(handed.qfile).name)
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_FAX) or None
    except FileNotFoundError:
        return None  # nothing was received: that too is told
