"""The customers of the demo: who they are, how they can be reached, and what they hold."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import NamedTuple

from channels.chat.token import visitor_of
from crm.contact import AddressKind
from crm.customer import ContactPerson, Customer, CustomerAddress, Preferences, Segment, Subscription
from onewindow.demo.names import COMPANIES, FOREIGNERS, MAIL_DOMAINS
from onewindow.demo.person import Gender, Known, Person, visitor_token
from onewindow.demo.registry import CUSTOMERS, Registry
from onewindow.demo.telecom import PREFIXES, REGIONS
from router.identity import normalise

PEOPLE = 200
"""Customers that the demo begins with."""

VIPS = 5
CORPORATE = 12
Household = tuple[tuple[str, ...], int]

HOUSEHOLDS: tuple[Household, ...] = (
    (("internet-100",), 26),
    (("internet-100", "tv-base"), 24),
    (("internet-500",), 18),
    (("internet-500", "tv-base", "mobile-start"), 16),
    (("internet-1000", "tv-cinema"), 10),
    (("internet-500", "mobile-family"), 12),
    (("mobile-start",), 14),
    (("mobile-family",), 8),
    (("internet-100", "phone-line"), 14),
    (("phone-line",), 6),
    (("internet-1000", "static-ip"), 4),
)
OFFICES: tuple[Household, ...] = (
    (("business-internet",), 6),
    (("business-internet", "pbx"), 8),
    (("business-internet", "static-ip"), 5),
    (("internet-500", "phone-line"), 4),
)
ENTERPRISES: tuple[Household, ...] = (
    (("business-internet", "pbx", "vpn"), 5),
    (("business-internet", "vpn", "static-ip"), 3),
    (("business-internet", "colocation", "static-ip"), 3),
)
TOPICS = ("тарифы", "скорость", "кино", "спорт", "игры", "роуминг", "умный дом", "удалённая работа")


class _Draft(NamedTuple):
    """A customer before he signs: everything that is his own."""

    id: str
    region: str
    segment: Segment
    home: str
    people: tuple[Person, ...]
    held: tuple[str, ...]
    company: str = ""


def make_people(random: Random, now: datetime, *, exchange: str = CUSTOMERS) -> list[Known]:
    """Two hundred customers; the same seed gives the same. Their telephones begin with `exchange`."""
    return _Counter(random, now, Registry(random, exchange)).everybody()


class _Counter:
    """Where customers sign, one after another."""

    def __init__(self, random: Random, now: datetime, registry: Registry) -> None:
        self._random = random
        self._now = now
        self._registry = registry

    def everybody(self) -> list[Known]:
        companies = [
            self._company(name, domain, "corporate" if place < CORPORATE else "business")
            for place, (name, domain) in enumerate(self._random.sample(COMPANIES, len(COMPANIES)))
        ]
        people = [self._person(*names, language="en") for names in FOREIGNERS]
        people += [self._person(*self._registry.name(), segment="vip") for _ in range(VIPS)]
        while len(people) + len(companies) < PEOPLE:
            people.append(self._person(*self._registry.name()))
        everybody = companies + people
        self._random.shuffle(everybody)
        return everybody

    def _person(
        self, first: str, full: str, gender: Gender, *, segment: Segment = "resident", language: str = "ru"
    ) -> Known:
        id_, region, home = self._registry.id(), self._random.choice(REGIONS), self._registry.street()
        ways: dict[AddressKind, str] = {"phone": self._registry.phone()}
        ways["email"] = self._registry.mail(full, first, self._random.choice(MAIL_DOMAINS))
        if language == "en" or self._random.random() < 0.55:
            ways["visitor"] = visitor_of(visitor_token(id_))
        if self._random.random() < 0.35:
            ways["telegram"] = str(self._random.randrange(200_000_000, 7_000_000_000))
        if self._random.random() < 0.6:
            ways["postal"] = f"г. {region}, {home}, кв. {self._random.randint(1, 140)}"
        careless = language == "ru" and self._random.random() < 0.3
        person = Person(first, full, gender, ways, language, careless=careless)
        return self._sign(_Draft(id_, region, segment, home, (person,), self._choose(HOUSEHOLDS)))

    def _company(self, name: str, domain: str, segment: Segment) -> Known:
        id_, region, home = self._registry.id(), self._random.choice(REGIONS), self._registry.street()
        posts = ["директор", "главный бухгалтер", "системный администратор", "офис-менеджер"]
        others = self._random.sample(posts, 2 if segment == "business" else 3)
        people = [self._colleague(post, domain) for post in others]
        ways = people[0].ways
        if self._random.random() < 0.5:
            ways["visitor"] = visitor_of(visitor_token(id_))
        if self._random.random() < 0.7:
            ways["fax"] = self._registry.phone()
        ways["postal"] = f"г. {region}, {home}, офис {self._random.randint(1, 60)}"
        held = self._choose(OFFICES if segment == "business" else ENTERPRISES)
        return self._sign(_Draft(id_, region, segment, home, tuple(people), held, name))

    def _colleague(self, post: str, domain: str) -> Person:
        first, full, gender = self._registry.name()
        mail = self._registry.mail(full, first, f"{domain}.example")
        return Person(first, full, gender, {"phone": self._registry.phone(), "email": mail}, post=post)

    def _sign(self, draft: _Draft) -> Known:
        days, minutes = self._random.randint(560, 3400), self._random.randint(0, 900)
        since = self._now - timedelta(days=days, minutes=minutes)
        company = bool(draft.company)
        customer = Customer(
            id=draft.id,
            kind="company" if company else "person",
            name=draft.company or draft.people[0].full,
            region=draft.region,
            segment=draft.segment,
            contracts=(self._registry.contract(since.year, company=company),),
            preferences=self._preferences(draft.people[0]),
            contact_persons=_contact_persons(draft.people) if company else (),
            owner_id=self._owner(draft.segment),
            characteristics=self._characteristics(draft.held, company=company),
            created_at=since,
            updated_at=since,
        )
        subscriptions = tuple(self._subscription(customer, one, draft.home) for one in draft.held)
        return Known(customer, draft.people, _addresses(customer, draft.people), subscriptions, draft.home)

    def _preferences(self, person: Person) -> Preferences:
        quiet = self._random.random() < 0.2
        kinds = {"email": "email", "visitor": "chat", "phone": "phone", "telegram": "telegram"}
        reachable = [channel for kind, channel in kinds.items() if kind in person.ways]
        return Preferences(
            channel=self._random.choice(reachable) if self._random.random() < 0.5 else "",
            language=person.language,
            quiet_from="21:00" if quiet else "",
            quiet_until="09:00" if quiet else "",
            topics=tuple(self._random.sample(TOPICS, self._random.choice((0, 0, 1, 2)))),
        )

    def _characteristics(self, held: tuple[str, ...], *, company: bool) -> dict[str, str]:
        routers = ("Keen Air 2", "TP-Wave C6", "ZTX F670", "Huasan EG80", "свой")
        found = {"Роутер": self._random.choice(routers)} if held[0].startswith("internet") else {}
        found["Лицевой счёт"] = str(self._random.randint(40_000_000, 49_999_999))
        if company:
            found["ИНН"] = str(self._random.randint(7_600_000_000, 7_699_999_999))
        elif self._random.random() < 0.15:
            found["Предложение конкурента"] = f"500 Мбит/с за {self._random.choice((390, 450, 490))} ₽"
        return found

    def _subscription(self, customer: Customer, offering: str, home: str) -> Subscription:
        mobile = offering.startswith("mobile")
        login = f"{PREFIXES[customer.region]}-{self._random.randint(100_000, 899_999)}"
        return Subscription(
            id=self._registry.id(),
            customer_id=customer.id,
            offering_id=offering,
            since=customer.created_at + timedelta(days=self._random.choice((0, 0, 0, 90, 200))),
            place="" if mobile else f"{customer.region}, {home}",
            number=self._registry.phone() if mobile else login,
        )

    def _owner(self, segment: Segment) -> str:
        if segment in ("corporate", "vip"):
            return self._random.choice(("maria", "emma"))
        return "pavel" if segment == "business" else ""

    def _choose(self, sets: tuple[Household, ...]) -> tuple[str, ...]:
        return self._random.choices([one for one, _ in sets], [weight for _, weight in sets])[0]


def _addresses(customer: Customer, people: tuple[Person, ...]) -> tuple[CustomerAddress, ...]:
    return tuple(
        CustomerAddress(
            id=normalise(person.address(kind)),
            kind=kind,
            value=person.ways[kind]
            if kind == "postal"
            else normalise(person.address(kind)).partition(":")[2],
            customer_id=customer.id,
            name=person.full,
            created_at=customer.created_at,
        )
        for person in people
        for kind in person.ways
    )


def _contact_persons(people: tuple[Person, ...]) -> tuple[ContactPerson, ...]:
    return tuple(
        ContactPerson(
            name=person.full,
            post=person.post,
            addresses=tuple(normalise(person.address(kind)) for kind in person.ways),
        )
        for person in people
    )
