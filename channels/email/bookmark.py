"""How far a folder of a mailbox was taken, kept in the store beside the letters."""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from crm.bookmark import Bookmark
from crm.collections import BOOKMARKS
from crm.store import Insert, Replace, Store, Write

_PLACE = re.compile(r"(\d+) (\d+) ((?:\d+,)*)")


class Place(NamedTuple):
    """Every letter below `next` is taken or gone, but for those `missing`, which are to be tried again.

    The numbers are of the folder's life that `validity` (its UIDVALIDITY) names.
    """

    validity: int
    next: int = 1
    missing: tuple[int, ...] = ()


class FolderBookmark:
    """Kept after the letters are: a crash between makes some of them come again, harmlessly."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._id = name

    async def read(self, validity: int) -> Place:
        """Where to go on. In a new life of the folder all is looked at anew: keys tell what is known."""
        kept = await self._store.get(BOOKMARKS, self._id)
        found = _PLACE.fullmatch(kept.place) if kept else None
        if found is None or int(found[1]) != validity:
            return Place(validity)
        return Place(validity, int(found[2]), tuple(int(one) for one in found[3].split(",") if one))

    async def keep(self, place: Place) -> None:
        """Raises `Conflict` where somebody else keeps the same bookmark, `StoreDown` where nobody can."""
        written = f"{place.validity} {place.next} " + "".join(f"{number}," for number in place.missing)
        kept = await self._store.get(BOOKMARKS, self._id)
        if kept is None:
            write: Write = Insert(BOOKMARKS, Bookmark(id=self._id, place=written))
        elif kept.place == written:
            return
        else:
            write = Replace(BOOKMARKS, msgspec.structs.replace(kept, place=written))
        await self._store.commit([write])
