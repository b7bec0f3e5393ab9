"""A visitor's WebSocket, set up for many that are mostly silent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Literal

from aiohttp import WSCloseCode, WSMsgType, web

from channels.chat.protocol import ServerFrame, write_frame

LINGER = 5.0
"""Seconds in which a peer may finish sending what was refused, before the line is cut."""


class Wire(web.WebSocketResponse[Literal[False]]):
    """No compression (for each connection it costs more memory than all else) and no timer of its own."""

    def __init__(self, *, frame_limit: int, patience: float) -> None:
        super().__init__(
            compress=False, decode_text=False, autoping=False, max_msg_size=frame_limit, timeout=2.0
        )
        self._patience = patience

    async def send(self, frame: ServerFrame) -> None:
        """Raises `ConnectionResetError` when the peer is gone."""
        await self.send_frame(write_frame(frame), WSMsgType.TEXT)

    async def tell(self, frame: ServerFrame) -> None:
        """The same for somebody else than its own handler: who does not read is not waited for."""
        await self._or_cut(self.send(frame))

    async def ask(self) -> None:
        """Whether anybody is there; a page answers by itself."""
        await self._or_cut(self.ping())

    async def part(self, code: int, reason: str = "") -> None:
        """Say goodbye. The page comes again by itself and lacks nothing then."""
        await self._or_cut(self.close(code=code, message=reason.encode()))

    async def _or_cut(self, act: Awaitable[object]) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await act
        except (ConnectionResetError, TimeoutError):
            if self._req and self._req.transport:
                self._req.transport.abort()

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes = b"", drain: bool = True) -> bool:
        if code == WSCloseCode.MESSAGE_TOO_BIG and not self.closed:
            await self._refuse(b"too_big")
        return await super().close(code=code, message=message, drain=drain)

    async def _refuse(self, reason: bytes) -> None:
        """Say so and let him finish: cutting the line while he sends would lose our word with it."""
        loop = asyncio.get_running_loop()
        until = loop.time() + LINGER
        code = WSCloseCode.MESSAGE_TOO_BIG.to_bytes(2, "big")
        await self.send_frame(code + reason, WSMsgType.CLOSE)
        # aiohttp throws away what comes now, and tells nobody when the peer has left.
        while self._req and self._req.transport and loop.time() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
