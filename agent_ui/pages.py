"""Turns a template and values into a page, in the language of whoever reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from agent_ui.assets import read_assets
from agent_ui.drawings import channel_icon, is_heard, is_previewed
from agent_ui.labels import LABELS
from agent_ui.prose import excerpt, linkify, spaced_number
from agent_ui.speaker import Speaker
from agent_ui.words import LANGUAGES, words_in

TEMPLATES = Path(__file__).parent / "templates"


class Pages:
    """One environment for each language, so that a compiled template knows its words."""

    def __init__(self, product: str) -> None:
        self._environments = {language: _environment(language, product) for language in LANGUAGES}

    def render(self, template: str, speaker: Speaker, values: Mapping[str, object]) -> str:
        environment = self._environments[speaker.language]
        return environment.get_template(template).render({"speaker": speaker, **values})


PAGES = web.AppKey("PAGES", Pages)


def initials(name: str) -> str:
    """The letters that stand for a person where there is no room for his name."""
    words = [word for word in name.split() if word[0].isalnum()]
    return "".join(word[0] for word in words[:2]).upper() or "?"


def html(text: str, *, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html")


def _environment(language: str, product: str) -> Environment:
    words = words_in(language)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    install: Callable[..., None] = environment.install_gettext_callables  # type: ignore[attr-defined]  # the i18n extension adds it
    install(words.gettext, words.ngettext, newstyle=True)
    assets = read_assets()
    environment.globals.update(
        product=product,
        language=language,
        languages=LANGUAGES,
        asset=assets.url,
        initials=initials,
        channel_icon=channel_icon,
        is_previewed=is_previewed,
        is_heard=is_heard,
        words_for_browser=_as_data_block(words.for_browser),
    )
    environment.filters.update(
        linkify=linkify, excerpt=excerpt, spaced_number=spaced_number, label=_labeller(words.gettext)
    )
    return environment


def _labeller(translate: Callable[[str], str]) -> Callable[[str, str], str]:
    def label(code: str, kind: str) -> str:
        """A code of that kind in words; a code we do not know is shown as it is."""
        text = LABELS[kind].get(code)
        return translate(text) if text else code

    return label


def _as_data_block(value: object) -> Markup:
    """JSON that no text in it can end the script element that carries it."""
    text = msgspec.json.encode(value).decode().replace("<", "\\u003c")
    return Markup(text)  # noqa: S704  # every "<" was escaped on the line above
