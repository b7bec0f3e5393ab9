"""What stories name: sums, dates, addresses and names of one customer at one moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

from onewindow.demo.names import STREETS
from onewindow.demo.person import Known, Person
from onewindow.demo.telecom import OFFERINGS, PRICES

MONTHS = (
    *("январь", "февраль", "март", "апрель", "май", "июнь"),
    *("июль", "август", "сентябрь", "октябрь", "ноябрь", "декабрь"),
)
OF_MONTHS = (
    *("января", "февраля", "марта", "апреля", "мая", "июня"),
    *("июля", "августа", "сентября", "октября", "ноября", "декабря"),
)
MONTHS_IN_ENGLISH = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
QUARTERS = ("IV", "I", "II", "III")
"""The quarter before each quarter of the year."""


def card_of(known: Known, person: Person) -> dict[str, str]:
    """What a card says about the customer, by the names that templates use."""
    customer, names = known.customer, person.full.split()
    offering = known.holds("internet", "business", "mobile", "phone") or "internet-100"
    tariff = next(one for one in OFFERINGS if one.id == offering)
    return {
        "name": person.first,
        "full": person.full,
        "polite": " ".join(names[1:]) if len(names) == 3 else person.first,
        "company": customer.name,
        "contract": customer.contracts[0],
        "account": customer.characteristics["Лицевой счёт"],
        "street": known.home,
        "region": customer.region,
        "phone": person.ways["phone"],
        "tariff": tariff.names[person.language],
        "price": str(PRICES[offering]),
        "login": known.subscriptions[0].number,
    }


def chances_of(known: Known, random: Random, at: datetime) -> dict[str, str]:
    """Sums, dates and places as they may be at this moment."""
    price = PRICES[known.holds("internet", "business", "mobile", "phone") or "internet-100"]
    extra = random.choice((99, 120, 150, 199, 240, 299, 350))
    begins = random.choice((9, 10, 11, 12, 13, 14, 15, 16, 17))
    speed = 100 if price < 600 else 500 if price < 1000 else 940
    before = (at.month - 2) % 12
    return {
        "sum": money(price + extra),
        "refund": money(extra),
        "debt": money(random.randint(12, 90) * 10 + random.choice((0, 4, 7))),
        "offer": money(max(390, round(price * random.choice((0.7, 0.8, 0.85)) / 10) * 10)),
        "rival": money(max(290, round(price * random.choice((0.55, 0.6, 0.65)) / 10) * 10)),
        "budget": money(random.randint(38, 240) * 5000),
        "from": f"{begins}:00",
        "to": f"{begins + random.choice((2, 3))}:00",
        "low": str(random.choice((3, 6, 8, 11, 14, 22, 31))),
        "speed": str(speed - random.randint(3, 12)),
        "wait": str(random.choice((25, 30, 40, 45, 50, 70))),
        "years": random.choice(("5", "6", "7", "8", "9", "11", "12")),
        "ago": _day(at - timedelta(days=random.randint(2, 6))),
        "window": _day(at + timedelta(days=random.randint(2, 7))),
        "day": str(random.randint(5, 27)),
        "days": random.choice(("5", "6", "7", "9", "11")),
        "month": MONTHS[before],
        "month_en": MONTHS_IN_ENGLISH[before],
        "quarter": QUARTERS[(at.month - 1) // 3],
        "new_street": f"{random.choice(STREETS)}, д. {random.randint(1, 96)}",
        "number": str(random.randint(112, 989)),
        "octet": str(random.randint(10, 250)),
        "branches": random.choice(("5", "6", "7", "8", "9", "11")),
    }


def money(roubles: int) -> str:
    """The sum as people write it, with a thin space between thousands."""
    return f"{roubles:,}".replace(",", "\N{NO-BREAK SPACE}")


def _day(at: datetime) -> str:
    return f"{at.day} {OF_MONTHS[at.month - 1]}"
