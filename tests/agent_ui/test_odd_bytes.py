"""Bytes that are no text, and forms in encodings that there are not: answered, and no fault of ours."""

from __future__ import annotations

import logging

import pytest

from tests.agent_ui.site import SETTINGS, Browser, Site
from tests.raw import say

NO_TEXT = b"\xff\xfe\xd0"
FORM = b"Content-Type: application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("path", "header", "status"),
    [
        (b"/inbox", b"Cookie: onewindow=" + NO_TEXT, 303),
        (b"/login", b"Cookie: onewindow=" + NO_TEXT, 200),
        (b"/login", b"Cookie: onewindow-signin=" + NO_TEXT, 200),
        (b"/login", b"Cookie: language=" + NO_TEXT + b"; timezone=" + NO_TEXT, 200),
        (b"/login", b"Accept-Language: " + NO_TEXT, 200),
        (b"/login", b"X-Forwarded-For: " + NO_TEXT, 200),
        (b"/events", b"Last-Event-ID: " + NO_TEXT, 303),
        (b"/api/v1/cases", b"Authorization: Bearer " + NO_TEXT, 401),
    ],
)
async def test_a_header_that_is_no_text_is_no_fault(
    site: Site, path: bytes, header: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    told = await say(site.url, b"GET " + path + b" HTTP/1.1", header)
    assert told.status == status
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_token_that_is_no_text_is_a_wrong_one(site: Site) -> None:
    own = b"Cookie: onewindow-signin=" + b"a" * 32
    for cookie in (own, own + NO_TEXT):
        told = await say(site.url, b"POST /login HTTP/1.1", cookie, FORM, body=b"token=%ed%a0%80")
        assert told.status == 403


async def test_a_page_s_token_that_is_no_text_is_a_wrong_one(anna: Browser) -> None:
    cookie = await anna.enter("anna")
    told = await say(
        anna.site.url,
        b"POST /me/status HTTP/1.1",
        f"Cookie: onewindow={cookie}".encode(),
        b"X-CSRF-Token: " + NO_TEXT,
        FORM,
        body=b"status=away",
    )
    assert told.status == 403


@pytest.mark.parametrize(
    ("about", "body"),
    [
        (FORM + b"; charset=none", b"token=a"),
        (FORM + b"; charset=zlib", b"token=a"),
        (FORM + b"; charset=utf-16", b"token=a"),
        (FORM + b"; charset=" + NO_TEXT, b"token=a"),
        (FORM, b"token=" + NO_TEXT),
        (b"Content-Type: multipart/form-data", b"token=a"),
        (b'Content-Type: multipart/form-data; boundary="', b"token=a"),
        *(
            (
                b"Content-Type: multipart/form-data; boundary=x",
                b'--x\r\nContent-Disposition: form-data; name="token"\r\n'
                + line
                + b"\r\n\r\nabc\r\n--x--\r\n",
            )
            for line in (
                b"Content-Type: text/plain; charset=none",
                b"Content-Transfer-Encoding: none",
                b"Content-Transfer-Encoding: base64",
                b"Content-Encoding: none",
                b"Content-Type: multipart/mixed; boundary=y",
            )
        ),
    ],
)
async def test_a_form_that_cannot_be_read_is_said_to_be_one(
    site: Site, about: bytes, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    told = await say(site.url, b"POST /login HTTP/1.1", about, body=body)
    assert told.status in (400, 403)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_who_has_not_signed_in_may_send_a_small_form_only(site: Site) -> None:
    one_mebibyte = b"password=" + b"a" * 2**20
    assert len(one_mebibyte) < SETTINGS.upload_bytes
    assert (await say(site.url, b"POST /login HTTP/1.1", FORM, body=one_mebibyte)).status == 413
