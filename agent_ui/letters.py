"""A letter as its sender laid it out: sanitised, without scripts, remote pictures only when asked for."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from html import escape
from typing import NamedTuple

import nh3

TAGS = nh3.ALLOWED_TAGS | {"font", "center", "s", "u", "big", "tt", "figure", "figcaption", "main", "section"}
LAYOUT = {
    "align",
    "valign",
    "width",
    "height",
    "bgcolor",
    "border",
    "cellpadding",
    "cellspacing",
    "color",
    "style",
    "dir",
}
ATTRIBUTES = {
    **{tag: set(allowed) for tag, allowed in nh3.ALLOWED_ATTRIBUTES.items()},
    "*": LAYOUT | {"lang", "title"},
    "img": {"src", "alt", "width", "height", "style"},
    "a": {"href", "name"},
    "font": {"color", "face", "size"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
}
# No position, no background images, no cursor: a letter must not draw over the page or call home.
STYLES = {
    *("color", "background-color", "direction", "display", "height", "width", "max-width", "min-width"),
    *("font", "font-family", "font-size", "font-style", "font-weight", "letter-spacing", "line-height"),
    *("text-align", "text-decoration", "text-indent", "text-transform", "vertical-align", "white-space"),
    *(
        "border",
        "border-top",
        "border-right",
        "border-bottom",
        "border-left",
        "border-collapse",
        "border-color",
    ),
    *("border-radius", "border-spacing", "border-style", "border-width", "list-style-type", "opacity"),
    *("margin", "margin-top", "margin-right", "margin-bottom", "margin-left"),
    *("padding", "padding-top", "padding-right", "padding-bottom", "padding-left"),
}
SCHEMES = {"http", "https", "mailto", "tel", "cid", "data"}

INLINE_BYTES = 5 * 1024 * 1024
"""Bytes of pictures that are put into the page in all; further ones stay attachments."""

LOOK = (
    "html{color-scheme:light}body{margin:0;padding:12px;background:#fff;color:#1a212c;"
    "font:14px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}img{max-width:100%;height:auto}"
    "table{max-width:100%}blockquote{margin:8px 0;padding-left:12px;"
    "border-left:3px solid #c6ccd6;color:#566172}.words{white-space:pre-wrap}"
)


class Letter(NamedTuple):
    """A page to show in a frame, and how many remote pictures were left out of it."""

    html: str
    left_out: int


def lay_out(html: str, pictures: Mapping[str, tuple[str, bytes]], *, remote: bool) -> Letter:
    """Sanitise a letter. `pictures` are its inline ones by cid: type and bytes."""
    left_out = 0
    room = INLINE_BYTES

    def look_at(tag: str, attribute: str, value: str) -> str | None:
        nonlocal left_out, room
        if attribute != "src" or tag != "img":
            return None if value.lower().startswith(("cid:", "data:")) else value
        if value.lower().startswith("cid:"):
            mime, content = pictures.get(value[4:].strip("<>"), ("", b""))
            if not content or len(content) > room:
                return None
            room -= len(content)
            return f"data:{mime};base64,{b64encode(content).decode()}"
        if value.lower().startswith("data:image/"):
            return value
        if value.lower().startswith(("http:", "https:")):
            left_out += 1
            return value if remote else None
        return None

    clean = nh3.clean(
        html,
        tags=TAGS,
        clean_content_tags={"script", "style", "title", "noscript", "template", "svg", "math"},
        attributes=ATTRIBUTES,
        attribute_filter=look_at,
        filter_style_properties=STYLES,
        url_schemes=SCHEMES,
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
        strip_comments=True,
    )
    return Letter(_page(clean), left_out)


def lay_out_words(notice: str, text: str) -> Letter:
    """The words alone, for a letter that cannot be laid out, below a notice that says so."""
    return Letter(_page(f'<p><b>{escape(notice)}</b></p><div class="words">{escape(text)}</div>'), 0)


def _page(body: str) -> str:
    head = f'<head><meta charset="utf-8"><style>{LOOK}</style></head>'
    return f"<!doctype html><html>{head}<body>{body}</body></html>"


def policy(*, remote: bool) -> str:
    """What the frame of a letter may do: show, and open links elsewhere. Nothing in it ever runs."""
    pictures = "data: https: http:" if remote else "data:"
    return (
        f"default-src 'none'; img-src {pictures}; style-src 'unsafe-inline'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'self'; "
        "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox"
    )
