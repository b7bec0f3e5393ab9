"""Waiting for what is about to be: look again until it is so, and fail with what it was instead."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(look: Callable[[], Awaitable[T]], wanted: T, *, patience: float = 10.0) -> None:
    """Look until it is the wanted."""
    deadline = asyncio.get_running_loop().time() + patience
    while (seen := await look()) != wanted:
        assert asyncio.get_running_loop().time() < deadline, f"still {seen!r}, not {wanted!r}"
        await asyncio.sleep(0.01)
