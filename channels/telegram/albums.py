"""Albums: pictures sent together are messages of their own, and one contact.

The part that has the words is the contact, and the others add their files to it, in whatever order and
however far apart they come.
"""

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
    """Wordless parts of an album that came together, as one; it stands where its first part stood.

    In a group, parts belong to whom the words among them are addressed to.
    """
    addressed = {work.draft.album for work in works if work.draft.addressed}
    albums: dict[str, Work] = {}
    joined = []
    for work in works:
        draft = work.draft
        if draft.album in addressed and not draft.addressed:
            work.draft = draft = draft._replace(addressed=True)
        wordless = draft.album and draft.contact.amending == "add"
        if wordless and draft.album in albums:
            albums[draft.album].draft = _joined(albums[draft.album].draft, draft)
            albums[draft.album].places += work.places
            continue
        if wordless:
            albums[draft.album] = work
        joined.append(work)
    return joined


def _joined(album: Draft, part: Draft) -> Draft:
    first, more = album.contact, part.contact
    contact = msgspec.structs.replace(
        first,
        quoted=first.quoted or more.quoted,
        references=first.references or more.references,
        revision=max(first.revision, more.revision),
        fields={**more.fields, **first.fields},
    )
    return album._replace(contact=contact, files=album.files + part.files)
