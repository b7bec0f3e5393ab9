"""What is wrong with an installation, found before it is started."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path

from crm.errors import BadInput
from onewindow.core import load_rules, load_secret
from onewindow.fax import check_fax
from onewindow.place import place
from onewindow.settings import BadSetting, Settings, load_settings


def check_file(path: Path, environ: Mapping[str, str]) -> list[str]:
    """All that is wrong with the settings in that file; what they name is looked at when they can be read."""
    try:
        settings = load_settings(path, environ)
    except BadSetting as error:
        return str(error).splitlines()
    return check_installation(settings)


def check_installation(settings: Settings) -> list[str]:
    """Sentences, each naming a setting and what was expected; none when all is well."""
    findings = [*_rules(settings), *_data(settings), *_secret(settings), *_files(settings), *_ports(settings)]
    findings += check_fax(settings)
    doors = (settings.email, settings.mailbox, settings.chat, settings.fax, settings.telegram, settings.phone)
    if not any(doors):
        findings.append("email, chat: no channel is set up: add a table [email] or [chat]")
    if (settings.email or settings.mailbox) and settings.relay is None:
        findings.append("relay: mail comes in but no relay is set to answer through: add a table [relay]")
    return findings


def _rules(settings: Settings) -> list[str]:
    try:
        load_rules(settings)
    except BadInput as error:
        return [str(error)]
    return []


def _data(settings: Settings) -> list[str]:
    data = Path(settings.home, settings.data)
    there = next(path for path in (data, *data.parents) if path.exists())
    if not there.is_dir():
        return [f"data: {there} is a file: expected a directory"]
    if not os.access(there, os.W_OK | os.X_OK):
        return [f"data: {there} cannot be written to by this user"]
    return []


def _secret(settings: Settings) -> list[str]:
    if not settings.secret:
        return []  # one is made at the start
    try:
        load_secret(settings)
    except BadInput as error:
        return [str(error)]
    return []


def _files(settings: Settings) -> list[str]:
    named = {f"mailbox[{number}].ca_file": box.ca_file for number, box in enumerate(settings.mailbox)}
    if settings.email:
        named["email.tls_certificate"] = settings.email.tls_certificate
        named["email.tls_key"] = settings.email.tls_key
    return [
        f"{name}: {path} cannot be read: expected a PEM file"
        for name, path in named.items()
        if path and not os.access(Path(settings.home, path), os.R_OK)
    ]


def _ports(settings: Settings) -> list[str]:
    """Whether the doors could listen. A port that our own running server has is reported too: it is taken."""
    wanted = [("http.port", settings.http.host, settings.http.port)]
    if settings.email:
        wanted.append(("email.port", settings.email.host, settings.email.port))
    findings = []
    for name, host, port in wanted:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                findings.append(f"{name}: cannot listen on {place(host, port)}: {error.strerror}")
    if len(wanted) > len({(host, port or name) for name, host, port in wanted}):
        findings.append(f"email.port: expected another than http.port, which is {settings.http.port} too")
    return findings
