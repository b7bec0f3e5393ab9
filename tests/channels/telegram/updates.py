"""Updates as Telegram writes them, built from what differs."""

from __future__ import annotations

from itertools import count
from typing import Any

IVAN: dict[str, Any] = {
    "id": 4001,
    "is_bot": False,
    "first_name": "Иван",
    "last_name": "Петров",
    "username": "ivan_p",
    "language_code": "ru",
}
ANNA: dict[str, Any] = {"id": 4002, "is_bot": False, "first_name": "Anna"}
GROUP: dict[str, Any] = {"id": -1001234567890, "type": "supergroup", "title": "Наш дом"}

_numbers = count(880_000_001)


def an_update(message: dict[str, Any], *, kind: str = "message", id: int | None = None) -> dict[str, Any]:
    """The update that brings the message."""
    return {"update_id": next(_numbers) if id is None else id, kind: message}


def a_message(number: int = 57, /, **given: Any) -> dict[str, Any]:
    """A message of Ivan's to the bot, with these fields besides; `sender` stands for `from`."""
    sender = given.pop("sender", IVAN)
    chat = {"id": sender["id"], "type": "private", "first_name": sender["first_name"]}
    return {"message_id": number, "from": sender, "chat": chat, "date": 1770000000, **given}


def a_text(words: str, number: int = 57, /, **given: Any) -> dict[str, Any]:
    """An update with words alone."""
    return an_update(a_message(number, text=words, **given))


def a_photo(file_id: str = "small", *more: str) -> list[dict[str, Any]]:
    """A picture in its sizes, the smallest first."""
    return [
        {
            "file_id": one,
            "file_unique_id": f"u{one}",
            "width": 90 * (place + 1),
            "height": 60 * (place + 1),
            "file_size": 1000 * (place + 1),
        }
        for place, one in enumerate((file_id, *more))
    ]
