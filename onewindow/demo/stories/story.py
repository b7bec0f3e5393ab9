"""What a story is: how it is told, how often it happens, to whom, and by which channels it comes in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import NamedTuple

from onewindow.demo.person import Known
from onewindow.demo.scene import Scene
from onewindow.demo.wording import Channel

Ways = Mapping[Channel, int]

WRITTEN: Ways = {"email": 5, "chat": 6, "telegram": 3}
ANY: Ways = {"email": 4, "chat": 5, "telegram": 3, "phone": 6, "visit": 1}
SPOKEN: Ways = {"phone": 5, "visit": 3}
MAIL: Ways = {"email": 1}


def residents(known: Known) -> bool:
    """People, the important ones among them; those who write in English have stories of their own."""
    return known.customer.kind == "person" and known.person.language == "ru"


def offices(known: Known) -> bool:
    """Companies, small and large."""
    return known.customer.kind == "company" and known.person.language == "ru"


def enterprises(known: Known) -> bool:
    """Large companies."""
    return offices(known) and known.customer.segment == "corporate"


def anybody(known: Known) -> bool:
    """Every customer who writes in Russian."""
    return known.person.language == "ru"


def foreigners(known: Known) -> bool:
    """Customers who write in English."""
    return known.person.language == "en"


def holding(*beginnings: str) -> Callable[[Known], bool]:
    """People who hold such a service."""
    return lambda known: residents(known) and bool(known.holds(*beginnings))


class Story(NamedTuple):
    """`span` is how long it lasts; a nightly one needs nobody who sleeps."""

    tell: Callable[[Scene], Awaitable[None]]
    times: int
    span: timedelta
    who: Callable[[Known], bool] = residents
    ways: Ways = ANY
    nightly: bool = False
