"""Gives out names, numbers and addresses: none of them twice."""

from __future__ import annotations

from random import Random

from onewindow.demo.names import FATHERS, MEN, STREETS, SURNAMES, WOMEN, latin
from onewindow.demo.person import Gender

NUMBERS = range(1000, 10000)
"""The last four digits of telephones."""

CUSTOMERS, STRANGERS = "+7900555", "+7900556"
"""How the numbers of the demo begin: nobody lives there."""


class Registry:
    """What was given out is remembered."""

    def __init__(self, random: Random, exchange: str = CUSTOMERS) -> None:
        self._random = random
        self._exchange = exchange
        self._taken: set[str] = set()
        self._phones = random.sample(NUMBERS, len(NUMBERS))

    def name(self) -> tuple[str, str, Gender]:
        """First name, full name and gender of somebody new."""
        while True:
            gender: Gender = self._random.choice(("m", "f"))
            first = self._random.choice(MEN if gender == "m" else WOMEN)
            father, surname = self._random.choice(FATHERS), self._random.choice(SURNAMES)
            ending = ("", "ич") if gender == "m" else ("а", "на")
            if self._is_new(f"{first} {surname}"):
                return first, f"{surname}{ending[0]} {first} {father}{ending[1]}", gender

    def mail(self, full: str, first: str, domain: str) -> str:
        """A mailbox as people of that name have them."""
        surname, given = latin(next(name for name in full.split() if name != first)), latin(first)
        year = self._random.randint(58, 99)
        shapes = (
            f"{given[:1]}.{surname}",
            f"{surname}.{given}",
            f"{given}{year}",
            f"{surname}_{given[:1]}{year}",
        )
        mailbox = f"{self._random.choice(shapes)}@{domain}"
        while not self._is_new(mailbox):
            mailbox = f"{surname}{self._random.randint(100, 999)}@{domain}"
        return mailbox

    def phone(self) -> str:
        return f"{self._exchange}{self._phones.pop()}"

    def contract(self, year: int, *, company: bool) -> str:
        """Like `Д-2023/004512`."""
        while True:
            number = f"{'К' if company else 'Д'}-{year}/{self._random.randint(1, 9800):06d}"
            if self._is_new(number):
                return number

    def street(self) -> str:
        """A street and a house; several people may live there."""
        return f"{self._random.choice(STREETS)}, д. {self._random.randint(1, 96)}"

    def id(self) -> str:
        return f"{self._random.getrandbits(128):032x}"

    def _is_new(self, word: str) -> bool:
        new = word not in self._taken
        self._taken.add(word)
        return new
