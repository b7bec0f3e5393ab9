"""What the operator sets for a Telegram bot: its token, and how its messages come to us."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Count = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
Token = Annotated[str, msgspec.Meta(pattern=r"^([1-9][0-9]{0,18}:[A-Za-z0-9_-]{1,255})?$")]
Url = Annotated[str, msgspec.Meta(pattern=r"^https?://[^/?#\s]+(/[^?#\s]*)?$")]

DOWNLOAD_LIMIT = 20_000_000
"""Bytes that a bot may fetch of one file, says the Bot API."""


class TelegramSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One bot. `token` is what BotFather gave; empty: the environment has it.

    By `polling` we ask Telegram for news, and need no address of our own that others can reach. By
    `webhook` Telegram calls `<ui.public_url>/telegram/<name>`.
    """

    name: Name = "bot"  # ours for it: in the webhook's path, on the board, in the environment
    token: Token = ""
    receive: Literal["polling", "webhook"] = "polling"
    groups: bool = False  # whether a message in a group that is addressed to the bot is a contact
    greeting: str = ""  # what is said to somebody who presses Start
    api_url: Url = "https://api.telegram.org"  # or a Bot API server of one's own
    proxy: str = ""  # http://… through which Telegram is reached
    timeout: Seconds = 20.0  # for one call
    poll_timeout: Count = 50  # seconds that Telegram waits for news before it answers "none"
    file_size_limit: Annotated[int, msgspec.Meta(ge=0)] = (
        DOWNLOAD_LIMIT  # bytes; 0: files are left where they are
    )
    download_timeout: Seconds = 20.0  # seconds a message waits for its files; they are fetched later then
    webhook_connections: Annotated[int, msgspec.Meta(ge=1, le=100)] = 40
    invitation_hours: Count = 72  # how long a link that ties a customer is good

    @property
    def bot_id(self) -> int:
        """The bot's own id: the part of its token that is no secret."""
        return int(self.token.partition(":")[0] or 0)
