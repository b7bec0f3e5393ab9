"""Access tokens from a provider: asked for when one is needed, kept while it is good, refusals told apart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from channels.email.imap import Lost, NotLetIn
from channels.email.oauth import AccessTokens
from channels.email.settings import MailboxSettings


@dataclass
class Provider:
    """Grants tokens over real HTTP, or what the test says."""

    url: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    status: int = 200
    body: str = ""
    seconds: float = 3600

    async def grant(self, request: web.Request) -> web.Response:
        self.asked.append({name: str(value) for name, value in (await request.post()).items()})
        granted = f'{{"access_token": "token-{len(self.asked)}", "expires_in": {self.seconds}}}'
        return web.Response(status=self.status, text=self.body or granted, headers={"Location": self.url})

    def tokens(self) -> AccessTokens:
        return AccessTokens(
            MailboxSettings(
                user="help@example.com",
                host="imap.example.com",
                oauth_token_url=self.url,
                oauth_client_id="client",
                oauth_client_secret="secret",
                oauth_refresh_token="refresh",
            )
        )


@asynccontextmanager
async def a_provider() -> AsyncIterator[Provider]:
    provider = Provider()
    app = web.Application()
    app.router.add_post("/token", provider.grant)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}/token"
    try:
        yield provider
    finally:
        await runner.cleanup()


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with a_provider() as opened:
        yield opened


async def test_a_token_is_asked_for_once_and_kept_while_it_is_good(provider: Provider) -> None:
    tokens = provider.tokens()
    assert [await tokens.fresh() for _ in range(3)] == ["token-1"] * 3
    assert provider.asked == [
        {
            "grant_type": "refresh_token",
            "client_id": "client",
            "client_secret": "secret",
            "refresh_token": "refresh",
        }
    ]


async def test_a_token_is_renewed_before_its_end_and_when_the_mailbox_refuses_it(provider: Provider) -> None:
    tokens = provider.tokens()
    provider.seconds = 30  # less than the minute in which a letter might still be read with it
    assert await tokens.fresh() == "token-1"
    provider.seconds = 3600
    assert await tokens.fresh() == "token-2"
    tokens.forget()
    assert await tokens.fresh() == "token-3"


@pytest.mark.parametrize("status", [400, 401, 302, 503])
async def test_a_provider_that_grants_nothing_is_told_of_by_its_status_alone(
    provider: Provider, status: int
) -> None:
    provider.status, provider.body = status, '{"error_description": "of refresh"}'
    with pytest.raises(NotLetIn) as refused:
        await provider.tokens().fresh()
    assert str(refused.value) == f"the provider grants no access token: HTTP {status}"
    assert len(provider.asked) == 1, "a secret follows no redirect"


@pytest.mark.parametrize("body", ["<html>", "{}", '{"access_token": 7}', "[]"])
async def test_what_is_no_answer_of_a_provider_is_an_outage(provider: Provider, body: str) -> None:
    provider.body = body
    with pytest.raises(Lost, match="cannot be understood"):
        await provider.tokens().fresh()


async def test_a_provider_that_cannot_be_reached_is_an_outage() -> None:
    async with a_provider() as gone:
        tokens = gone.tokens()
    with pytest.raises(Lost, match="cannot be reached"):
        await tokens.fresh()
