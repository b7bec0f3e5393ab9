"""What an answer becomes: the messages that it takes, in order, each within Telegram's limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from channels.telegram.entities import units
from channels.telegram.splitting import CAPTION_LIMIT, split_text
from crm.contact import Attachment

PICTURES = ("image/jpeg", "image/png")
PICTURE_LIMIT = 10_000_000
UPLOAD_LIMIT = 50_000_000
"""Bytes of a picture that Telegram shows, and of any file that a bot may send."""

MOST_TOGETHER = 10

Kind = Literal["text", "photo", "document"]


class Step(NamedTuple):
    """One call: words, or up to ten files of one kind with words under the first."""

    kind: Kind
    text: str = ""
    files: tuple[Attachment, ...] = ()


def steps_of(text: str, files: Sequence[Attachment]) -> list[Step]:
    """The calls, in order. The same answer is always cut the same way, so that it can be taken up again."""
    text = text.strip()
    caption = text if files and units(text) <= CAPTION_LIMIT else ""
    steps = [] if caption else [Step("text", piece) for piece in split_text(text)]
    for kind, together in _bundles(files):
        steps.append(Step(kind, caption, together))
        caption = ""
    return steps


def _bundles(files: Sequence[Attachment]) -> Iterator[tuple[Kind, tuple[Attachment, ...]]]:
    pictures = tuple(file for file in files if _is_picture(file))
    others = tuple(file for file in files if not _is_picture(file))
    for at in range(0, len(pictures), MOST_TOGETHER):
        yield "photo", pictures[at : at + MOST_TOGETHER]
    for at in range(0, len(others), MOST_TOGETHER):
        yield "document", others[at : at + MOST_TOGETHER]


def _is_picture(file: Attachment) -> bool:
    return file.mime in PICTURES and file.size <= PICTURE_LIMIT
