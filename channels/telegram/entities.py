"""Marked stretches of a text: what stands behind them and would be lost, such as a link, is written out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from channels.telegram.updates import Entity


def units(text: str) -> int:
    """The length of a text as Telegram counts it: in UTF-16 units, of which an emoji takes two."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def stretch(text: str, entity: Entity) -> str:
    """The words that the entity marks."""
    return _decoded(_encoded(text)[2 * entity.offset : 2 * (entity.offset + entity.length)])


def written_out(text: str, entities: Sequence[Entity]) -> str:
    """The text with every hidden link after its words, and quotes marked as in a letter."""
    marked = [entity for entity in entities if entity.url or entity.type.endswith("blockquote")]
    if not marked:
        return text
    wide = _encoded(text)
    put_in: list[tuple[int, str]] = []
    for entity in marked:
        begin, end = 2 * entity.offset, 2 * (entity.offset + entity.length)
        if not 0 <= begin < end <= len(wide):
            continue  # it marks nothing of this text
        words = _decoded(wide[begin:end])
        if entity.type.endswith("blockquote"):
            lines = words.split("\n")[:-1]
            starts = [begin, *accumulate((len(_encoded(line)) + 2 for line in lines), initial=begin)][1:]
            put_in += [(start, "> ") for start in starts]
        elif entity.url.rstrip("/") != words.strip().rstrip("/"):
            put_in.append((end, f" ({entity.url})"))
    pieces, at = [], 0
    for place, more in sorted(put_in):
        pieces += [wide[at:place], _encoded(more)]
        at = place
    return _decoded(b"".join([*pieces, wide[at:]]))


def _encoded(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def _decoded(wide: bytes) -> str:
    return wide.decode("utf-16-le", "replace")
