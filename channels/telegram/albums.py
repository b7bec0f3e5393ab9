"""Albums: pictures sent together are messages of their own, and one contact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from channels.telegram.reading import Draft


@dataclass
class Work:
    """What is to be stored, and which updates of the batch have been dealt with once it is."""

    places: list[int]
    draft: Draft


def join_albums(works: Sequence[Work]) -> list[Work]:
    """Parts of an album that came together, as one; it stands where its first part stood."""
    albums: dict[str, Work] = {}
    joined = []
    for work in works:
        album = work.draft.contact.amends if _is_part(work.draft) else ""
        if album in albums:
            albums[album].draft = _joined(albums[album].draft, work.draft)
            albums[album].places += work.places
            continue
        if album:
            albums[album] = work
        joined.append(work)
    return joined


def _is_part(draft: Draft) -> bool:
    return draft.is_album and draft.contact.amending == "add"


def _joined(album: Draft, part: Draft) -> Draft:
    first, more = album.contact, part.contact
    contact = msgspec.structs.replace(
        first,
        text="\n".join(filter(None, (first.text, more.text))),
        quoted=first.quoted or more.quoted,
        references=first.references or more.references,
        revision=max(first.revision, more.revision),
        fields={**more.fields, **first.fields},
    )
    files = album.files + part.files
    return album._replace(contact=contact, files=files, addressed=album.addressed or part.addressed)
