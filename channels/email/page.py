"""Turns the HTML of a letter into text a person can read: lists, links, tables, quotes after `>`.

It reads tags as they come and builds no tree: the tree that HTML prescribes for 60 KB of hostile letter
(`<p><b id=1><p><b id=2>…`) takes gigabytes, and nesting takes time squared.
"""

from __future__ import annotations

import re
from html import unescape

_TOKEN = re.compile(
    r"<!--.*?(?:-->|\Z)"
    r"|<(?P<end>/?)(?P<tag>[a-zA-Z][a-zA-Z0-9:-]*+)(?P<attributes>(?:[^<>\"']++|\"[^\"]*+\"|'[^']*+')*+)>?"
    r"|<[!?/][^<>]*+>?"
    r"|(?P<text>[^<]++|<)",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"(?i)\b(href|alt|class)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")

_SILENT = {"script", "style", "title"}
_BLOCKS = {
    *("address", "article", "aside", "blockquote", "body", "center", "dd", "div", "dl", "dt", "fieldset"),
    *("figure", "footer", "form", "header", "html", "li", "main", "menu", "nav", "ol", "section", "table"),
    *("tbody", "tfoot", "thead", "tr", "ul", "caption", "figcaption", "details", "summary", "option"),
}
_PARAGRAPHS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "pre"}
_SPACES = re.compile(r"[ \t\n\f\r]+")
_BLANK_LINES = re.compile(r"\n{3,}")

_LENGTH_LIMIT = 1_000_000  # of the markup: what is beyond can be read on the page itself
_QUOTES_LIMIT = 20
_LISTS_LIMIT = 10


def page_text(markup: str) -> str:
    """The words of an HTML letter in reading order. What is quoted begins with `>`."""
    markup = markup[:_LENGTH_LIMIT]
    page = _Page()
    small = markup.lower()
    closings = {tag: small.rfind("</" + tag) for tag in _SILENT}
    silent = ""
    for token in _TOKEN.finditer(markup):
        tag = (token["tag"] or "").lower()
        if silent:
            if tag == silent and token["end"]:
                silent = ""
        elif token["text"]:
            page.words(unescape(token["text"]))
        elif token["end"]:
            page.leave(tag)
        elif tag in _SILENT:
            # One that is never closed would swallow the rest of the letter.
            silent = tag if token.start() < closings[tag] else ""
        elif tag:
            page.enter(tag, token["attributes"])
    return page.text()


class _Page:
    """Lines as they grow."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line: list[str] = []
        self._quotes = 0
        self._lists: list[int] = []  # number of the next item; 0 where items have no numbers
        self._literal = 0
        self._link: tuple[str, int] | None = None
        self._tight = False
        self._begin = 0  # of the paragraph, in lines

    def text(self) -> str:
        self._break()
        return _BLANK_LINES.sub("\n\n", "\n".join(self._lines)).strip("\n")

    def words(self, text: str) -> None:
        if self._literal:
            self._literal_words(text)
            return
        words = _SPACES.sub(" ", text).replace("\xa0", " ")
        self._line.append(words if self._line else words.lstrip(" "))

    def enter(self, tag: str, attributes: str) -> None:
        if tag == "br":
            self._break(always=True)
        elif tag in _PARAGRAPHS:
            # Outlook makes a paragraph of each line and takes its margins away.
            self._tight = tag == "p" and _attribute(attributes, "class").startswith("Mso")
            self._gap()
            self._begin = len(self._lines)
            self._literal += tag == "pre"
        elif tag in _BLOCKS:
            self._break()
            self._enter_block(tag)
        elif tag in {"td", "th"}:
            if "".join(self._line).strip():
                self._line.append("\t")
        elif tag == "a":
            self._link = (_attribute(attributes, "href"), len(self._line))
        elif tag == "img":
            self._line.append(_attribute(attributes, "alt"))
        elif tag == "hr":
            self._break()
            self._line.append("-" * 8)
            self._break()

    def leave(self, tag: str) -> None:
        if tag in _PARAGRAPHS:
            self._gap()
            if self._tight and self._begin == len(self._lines):
                self._break(always=True)
            self._tight = False
            if tag == "pre":
                self._literal = max(0, self._literal - 1)
        elif tag in _BLOCKS:
            self._break()
            if tag == "blockquote":
                self._quotes = max(0, self._quotes - 1)
            elif tag in {"ul", "ol"} and self._lists:
                self._lists.pop()
        elif tag == "a" and self._link:
            self._end_link(*self._link)
            self._link = None

    def _enter_block(self, tag: str) -> None:
        if tag == "blockquote":
            self._quotes += 1
        elif tag in {"ul", "ol"}:
            self._lists.append(1 if tag == "ol" else 0)
        elif tag == "li":
            number = self._lists[-1] if self._lists else 0
            indent = "  " * min(len(self._lists) - 1, _LISTS_LIMIT)
            self._line.append(f"{indent}{number}. " if number else f"{indent}• ")
            if number:
                self._lists[-1] += 1

    def _literal_words(self, text: str) -> None:
        first, *others = text.split("\n")
        self._line.append(first)
        for line in others:
            self._break(always=True)
            self._line.append(line)

    def _end_link(self, target: str, start: int) -> None:
        shown = "".join(self._line[start:]).strip()
        kind, _, place = target.strip().partition(":")
        kind = kind.lower()
        if kind in {"http", "https"} and shown and place.strip("/") not in shown:
            self._line.append(f" <{target.strip()}>")
        elif kind in {"mailto", "tel"} and shown and (place := place.partition("?")[0]) not in shown:
            self._line.append(f" <{place}>")

    def _break(self, *, always: bool = False) -> None:
        line = "".join(self._line)
        self._line.clear()
        self._link = self._link and (self._link[0], 0)
        if not self._literal:
            line = line.rstrip(" \t")
        if line or always:
            self._lines.append("> " * min(self._quotes, _QUOTES_LIMIT) + line)

    def _gap(self) -> None:
        self._break()
        if not self._tight and self._lines and self._lines[-1].strip("> "):
            self._break(always=True)


def _attribute(attributes: str, name: str) -> str:
    for found in _ATTRIBUTE.finditer(attributes):
        if found[1].lower() == name:
            return unescape(found[2] or found[3] or found[4] or "")
    return ""
