"""How one person's words come out: in a letter with all its trimmings, in a chat in haste, as an answer."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Literal

from crm.contact import AddressKind
from crm.employee import Employee
from onewindow.demo.person import Person
from onewindow.demo.speech import Facts, Speech
from onewindow.demo.telecom import WOMEN_OF_STAFF

Channel = Literal["email", "chat", "telegram", "phone", "visit", "letter", "fax"]
KINDS: Mapping[Channel, AddressKind] = {
    "email": "email",
    "chat": "visitor",
    "telegram": "telegram",
    "phone": "phone",
    "visit": "phone",
    "letter": "postal",
    "fax": "fax",
}
"""The kind of address that each channel knows somebody by."""

SPOKEN: tuple[Channel, ...] = ("phone", "visit")
TYPED: tuple[Channel, ...] = ("chat", "telegram")

GREETINGS = {
    "ru": (
        "{Здравствуйте!|Добрый день!|Здравствуйте.|Добрый день.|"
        "Здравствуйте, уважаемые сотрудники!|Приветствую!|}"
    ),
    "en": "{Hello,|Hi,|Good afternoon,|Dear support team,|Hi there,}",
}
ENDINGS = {
    "ru": (
        "{С уважением,\n<full>|<full>|Спасибо.\n<name>|Заранее спасибо, <name>|"
        "С уважением, <full>\nдоговор <contract>|}"
    ),
    "en": (
        "{Best regards,\n<full>|Thanks,\n<name>|Kind regards,\n<full>\nContract <contract>|"
        "Thank you!\n<name>}"
    ),
}
SIGNATURES = (
    "",
    "",
    "",
    "--\nОтправлено из мобильной Почты",
    "--\n<full>\nтел. <phone>",
    "Отправлено с iPhone",
)
LONG = 260
"""Characters of a template from which a letter has paragraphs."""


class Wording:
    """Puts templates into this person's words. `values` are what they name: sums, dates, streets."""

    def __init__(self, speech: Speech, random: Random, person: Person, values: dict[str, str]) -> None:
        self._speech = speech
        self._random = random
        self._person = person
        self._values = values
        self._made: dict[str, int] = {}

    def plain(self, template: str, agent: Employee | None = None) -> str:
        """As it is said, by the customer or by the agent."""
        speaker = _as_person(agent) if agent else self._person
        values = {**self._values, "agent": agent.name if agent else ""}
        return self._speech.say(template.replace(" // ", " "), speaker, Facts(values, self._made))

    def typed(self, template: str) -> list[str]:
        """The messages of a chat."""
        said = list(filter(None, [self.plain(piece.strip()) for piece in template.split(" // ")]))
        return [self._speech.careless(text) for text in said] if self._person.careless else said

    def on_paper(self, template: str) -> str:
        """The paragraphs of a letter or a fax."""
        return self.plain(template.replace(" // ", "\n\n") if len(template) > LONG else template)

    def mailed(self, template: str) -> str:
        """With a greeting, an ending and what the mail program puts below."""
        language = self._person.language
        body = template.replace(" // ", "\n\n" if len(template) > LONG else " ")
        signature = self._random.choice(SIGNATURES) if language == "ru" else ""
        parts = [part for part in (GREETINGS[language], body, ENDINGS[language], signature) if part]
        return self.plain("\n\n".join(parts)) + "\n"

    def answer(self, template: str, agent: Employee, channel: Channel) -> str:
        """What the agent writes back; a letter begins and ends as one."""
        if channel in TYPED:
            return self.plain(template, agent)
        if self._person.language == "en":
            letter = f"Dear <name>,\n\n{template}\n\nKind regards,\n<agent>\nNorthern Line"
            return self.plain(letter, agent)
        greeting = "{Здравствуйте, <polite>!|<polite>, добрый день!|Добрый день, <polite>!}"
        return self.plain(f"{greeting}\n\n{template}\n\nС уважением,\n<agent>\n«Северная линия»", agent)


def _as_person(agent: Employee) -> Person:
    return Person(agent.name, agent.name, "f" if agent.id in WOMEN_OF_STAFF else "m", {})
