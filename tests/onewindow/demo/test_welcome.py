"""What the demo prints can be copied, pasted and works."""

from __future__ import annotations

import asyncio
import io
import subprocess
from pathlib import Path

import pytest
from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session
from rich.console import Console

from onewindow.demo.welcome import (
    WORDS,
    Welcome,
    api_line,
    language_of,
    mail_line,
    swaks_line,
    welcome,
)
from tests.components import path_to

TOLD = Welcome("http://127.0.0.1:8080", 2525, "ow_token", Path("var/sent-mail"), "http://127.0.0.1:4711/")


class Taken:
    """A mail door that keeps what it was handed."""

    def __init__(self) -> None:
        self.letters: list[Envelope] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.letters.append(envelope)
        return "250 taken"


async def run(line: str) -> None:
    """As it is pasted into a shell."""
    process = await asyncio.create_subprocess_shell(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    _, problems = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, problems.decode()


@pytest.mark.parametrize("language", ["en", "ru"])
def test_no_line_is_cut_however_narrow_the_terminal(language: str) -> None:
    paper = io.StringIO()
    Console(file=paper, width=40).print(welcome(TOLD._replace(language=language)), soft_wrap=True)
    for line in (mail_line(TOLD), swaks_line(TOLD), api_line(TOLD)):
        assert line in paper.getvalue()


def test_both_languages_say_the_same() -> None:
    assert WORDS["en"].keys() == WORDS["ru"].keys()


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({"LANG": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "ru_RU.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({}, "en"),
    ],
)
def test_the_terminal_says_which_language(environ: dict[str, str], language: str) -> None:
    assert language_of(environ) == language


async def test_the_python_line_sends_another_letter_each_time() -> None:
    taken, loop = Taken(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(taken, loop=loop), "127.0.0.1", 0)
    told = TOLD._replace(smtp_port=server.sockets[0].getsockname()[1])
    await run(mail_line(told))
    await run(mail_line(told))
    server.close()
    assert [letter.rcpt_tos for letter in taken.letters] == [["help@example.com"]] * 2
    one, other = (letter.content for letter in taken.letters)
    assert one != other
    assert isinstance(one, bytes)
    assert b"Subject: No internet\r\n\r\nSince this morning." in one


@pytest.mark.component("swaks")
async def test_the_swaks_line_sends_a_letter() -> None:
    taken, loop = Taken(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(taken, loop=loop), "127.0.0.1", 0)
    told = TOLD._replace(smtp_port=server.sockets[0].getsockname()[1])
    await run(swaks_line(told).replace("swaks", str(path_to("swaks")), 1))
    server.close()
    assert len(taken.letters) == 1


@pytest.mark.component("curl")
async def test_the_curl_line_posts_a_contact() -> None:
    posted: list[dict[str, object]] = []

    async def take(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer ow_token"
        posted.append(await request.json())
        return web.Response(status=201)

    app = web.Application()
    app.router.add_post("/api/v1/contacts", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await run(api_line(TOLD._replace(http=f"http://127.0.0.1:{runner.addresses[0][1]}")))
    await runner.cleanup()
    (contact,) = posted
    assert contact["channel"] == "phone"
    key = contact["key"]
    assert isinstance(key, str)
    assert key.removeprefix("call-").isdecimal()
