"""Access tokens for providers that take no passwords: a refresh token is exchanged for them (RFC 6749, 6)."""

from __future__ import annotations

import time

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout

from channels.email.imap import Lost, NotLetIn
from channels.email.settings import MailboxSettings

_PATIENCE = ClientTimeout(total=30)
_EARLY = 60.0  # seconds that a token is renewed before its end


class _Granted(msgspec.Struct):
    access_token: str
    expires_in: float = 300.0


class AccessTokens:
    """The token of one mailbox, as long as it is good."""

    def __init__(self, settings: MailboxSettings) -> None:
        self._settings = settings
        self._token = ""
        self._until = 0.0

    async def fresh(self) -> str:
        """A token that is good for some time. Raises `NotLetIn` or `Lost`."""
        if time.monotonic() >= self._until:
            granted = await self._ask()
            self._token = granted.access_token
            self._until = time.monotonic() + granted.expires_in - _EARLY
        return self._token

    def forget(self) -> None:
        """The mailbox did not take it."""
        self._until = 0.0

    async def _ask(self) -> _Granted:
        settings = self._settings
        form = {
            "grant_type": "refresh_token",
            "client_id": settings.oauth_client_id,
            "client_secret": settings.oauth_client_secret,
            "refresh_token": settings.oauth_refresh_token,
        }
        try:
            async with (
                ClientSession(timeout=_PATIENCE) as client,
                client.post(settings.oauth_token_url, data=form, allow_redirects=False) as response,
            ):
                body = await response.read()
        except (ClientError, OSError, TimeoutError) as error:
            raise Lost("the provider's token address cannot be reached") from error
        if response.status != 200:
            raise NotLetIn(f"the provider grants no access token: HTTP {response.status}")
        try:
            return msgspec.json.decode(body, type=_Granted)
        except msgspec.DecodeError as error:
            raise Lost("the provider's token address says what cannot be understood") from error
