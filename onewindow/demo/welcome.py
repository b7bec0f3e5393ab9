"""What the demo prints: its pages, who signs in, and one line to write in through each door."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from rich.text import Text

from onewindow.demo.telecom import MAILBOX, PASSWORD

LOGINS = ("anna", "boris", "vera", "pavel", "maria", "elena", "supervisor", "admin")
WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "onewindow shows a telecom operator that does not exist: «Северная линия»",
        "pages": "Pages",
        "sign_in": "Sign in as",
        "password": "password",
        "doors": "Write in",
        "mail": "by mail",
        "swaks": "or with swaks",
        "chat": "by chat",
        "widget": "on a site",
        "desk": "at the desk",
        "api": "from another system",
        "sent": "Answers by mail leave this machine for nowhere: they are kept in",
        "stop": "Stop with Ctrl-C; start again and everything is as you left it. Data:",
    },
    "ru": {
        "title": "onewindow показывает оператора связи, которого нет: «Северная линия»",
        "pages": "Страницы",
        "sign_in": "Войти как",
        "password": "пароль",
        "doors": "Написать",
        "mail": "письмом",
        "swaks": "или через swaks",
        "chat": "в чате",
        "widget": "в чате на сайте",
        "desk": "за стойкой",
        "api": "из другой системы",
        "sent": "Ответы по почте никуда не уходят, они лежат в",
        "stop": "Остановить — Ctrl-C; после нового запуска всё будет как было. Данные:",
    },
}


class Welcome(NamedTuple):
    """Where everything is, now that it runs."""

    http: str
    smtp_port: int
    token: str
    sent_mail: Path
    site: str = ""
    language: str = "en"


def language_of(environ: Mapping[str, str]) -> str:
    """The language that the terminal asks for (POSIX locale variables)."""
    locale = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    return "ru" if locale.startswith("ru") else "en"


def welcome(told: Welcome) -> Text:
    """To be printed with `soft_wrap`, so that a terminal cuts no line that is to be copied."""
    say = WORDS[told.language]
    text = Text(f"\n{say['title']}\n\n", style="bold")
    _row(text, say["pages"], f"{told.http}/")
    _row(text, say["sign_in"], f"{' · '.join(LOGINS)}   {say['password']} {PASSWORD}")
    text.append(f"\n{say['doors']}\n", style="bold")
    _row(text, say["mail"], mail_line(told))
    _row(text, say["swaks"], swaks_line(told))
    _row(text, say["chat"], f"{told.http}/chat/")
    if told.site:
        _row(text, say["widget"], told.site)
    _row(text, say["desk"], f"{told.http}/desk")
    _row(text, say["api"], api_line(told))
    text.append(f"\n{say['sent']} {told.sent_mail}\n", style="dim")
    text.append(f"{say['stop']} {told.sent_mail.parent}\n", style="dim")
    return text


def mail_line(told: Welcome) -> str:
    """A letter with what every machine has that runs the demo."""
    # With an id of its own each time: the same letter twice would be a retry.
    letter = (
        "'Message-ID: ' + make_msgid() + '\\nSubject: No internet\\n\\nSince this morning. Is it only me?'"
    )
    script = (
        f"import smtplib; from email.utils import make_msgid; smtplib.SMTP('127.0.0.1', {told.smtp_port})"
        f".sendmail('you@example.org', '{MAILBOX}', {letter})"
    )
    return f'python3 -c "{script}"'


def swaks_line(told: Welcome) -> str:
    return (
        f"swaks --server 127.0.0.1:{told.smtp_port} --from you@example.org --to {MAILBOX}"
        " --header 'Subject: No internet' --body 'Since this morning. Is it only me?'"
    )


def api_line(told: Welcome) -> str:
    body = {
        "channel": "phone",
        "key": "call-SECONDS",
        "sender": {"kind": "phone", "value": "+7 900 555-00-01"},
        "text": "Asks to be called back",
    }
    # Another key each time: the same key twice would be a retry.
    data = quote(json.dumps(body)).replace("SECONDS", "'$(date +%s)'")
    return (
        f"curl -H 'Authorization: Bearer {told.token}' -H 'Content-Type: application/json'"
        f" -d {data} {told.http}/api/v1/contacts"
    )


def _row(text: Text, name: str, value: str) -> None:
    text.append(f"  {name:<20}", style="cyan")
    text.append(f"{value}\n")
