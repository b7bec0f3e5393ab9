"""The operator that the demo plays: «Северная линия», its departments, employees, services and phrases."""

from __future__ import annotations

from typing import NamedTuple

from crm.customer import Offering
from crm.employee import Department, Employee, Hours, Role, SavedReply

NAME = "Северная линия"
MAILBOX = "help@example.com"
"""Where customers of the demo write."""

PASSWORD = "onewindow-demo"  # noqa: S105 - printed at every start of the demo
"""The password of every demo employee."""

ZONE = "Europe/Moscow"


def _hours(days: range, opens: str, closes: str) -> tuple[Hours, ...]:
    return tuple(Hours(day=day, opens=opens, closes=closes) for day in days)


DEPARTMENTS = (
    Department(id="front-desk", names={"ru": "Единая приёмная", "en": "Front desk"}, timezone=ZONE),
    Department(
        id="technical",
        names={"ru": "Техническая поддержка", "en": "Technical support"},
        hours=_hours(range(7), "07:00", "23:00"),
        timezone=ZONE,
    ),
    Department(
        id="billing",
        names={"ru": "Расчёты с абонентами", "en": "Billing"},
        hours=(*_hours(range(5), "09:00", "19:00"), *_hours(range(5, 6), "10:00", "16:00")),
        timezone=ZONE,
    ),
    Department(
        id="sales",
        names={"ru": "Продажи и удержание", "en": "Sales and retention"},
        hours=_hours(range(6), "09:00", "20:00"),
        timezone=ZONE,
    ),
    Department(
        id="corporate",
        names={"ru": "Корпоративные и VIP-клиенты", "en": "Corporate and VIP customers"},
        hours=_hours(range(5), "08:00", "20:00"),
        timezone=ZONE,
    ),
    Department(
        id="complaints",
        names={"ru": "Претензии", "en": "Complaints"},
        hours=_hours(range(5), "09:00", "18:00"),
        timezone=ZONE,
    ),
)

REGIONS = ("Ярославль", "Вологда", "Кострома", "Рыбинск")
PREFIXES = {"Ярославль": "yar", "Вологда": "vol", "Кострома": "kos", "Рыбинск": "ryb"}
"""How logins of lines begin, by region."""


class _Job(NamedTuple):
    """One line of the staff list."""

    login: str
    name: str
    gender: str
    departments: str
    region: str = "Ярославль"
    capacity: int = 5
    role: Role = "agent"
    language: str = "ru"


_STAFF = (
    _Job("anna", "Анна Ковалёва", "f", "front-desk billing"),
    _Job("igor", "Игорь Савин", "m", "front-desk", "Вологда", 6),
    _Job("olga", "Ольга Белкина", "f", "front-desk sales", "Кострома", 6),
    _Job("boris", "Борис Лаптев", "m", "technical"),
    _Job("nikita", "Никита Жданов", "m", "technical", "Вологда"),
    _Job("rustam", "Рустам Ахметов", "m", "technical", "Рыбинск", 4),
    _Job("vera", "Вера Сомова", "f", "billing", "Ярославль", 6),
    _Job("pavel", "Павел Гречко", "m", "sales", "Ярославль", 7),
    _Job("sofia", "София Ланская", "f", "sales complaints", "Кострома"),
    _Job("maria", "Мария Туманова", "f", "corporate", "Ярославль", 4),
    _Job("emma", "Эмма Вильсон", "f", "corporate front-desk", "Ярославль", 4, "agent", "en"),
    _Job("elena", "Елена Крайнова", "f", "complaints billing", "Рыбинск", 4),
    _Job("supervisor", "Галина Орлова", "f", "", "Ярославль", 3, "supervisor"),
    _Job("admin", "Дмитрий Рощин", "m", "", "Ярославль", 3, "admin"),
)

WOMEN_OF_STAFF = frozenset(job.login for job in _STAFF if job.gender == "f")


def staff(password_hash: str) -> list[Employee]:
    """Everybody who works here. Supervisor and administrator serve every department."""
    everywhere = tuple(department.id for department in DEPARTMENTS)
    return [
        Employee(
            id=job.login,
            login=job.login,
            name=job.name,
            role=job.role,
            department_ids=tuple(job.departments.split()) or everywhere,
            region=job.region,
            language=job.language,
            capacity=job.capacity,
            password_hash=password_hash,
        )
        for job in _STAFF
    ]


def _offering(id: str, ru: str, en: str, roubles: int, *, department: str = "technical") -> Offering:
    return Offering(id=id, names={"ru": ru, "en": en}, price=roubles * 100, department_id=department)


OFFERINGS = (
    _offering("internet-100", "Интернет 100 Мбит/с", "Internet 100 Mbit/s", 550),
    _offering("internet-500", "Интернет 500 Мбит/с", "Internet 500 Mbit/s", 750),
    _offering("internet-1000", "Интернет 1 Гбит/с", "Internet 1 Gbit/s", 1100),
    _offering("tv-base", "ТВ «Базовый», 142 канала", "TV Basic, 142 channels", 290),
    _offering("tv-cinema", "ТВ «Кино и спорт»", "TV Cinema and Sport", 450),
    _offering("mobile-start", "Мобильный «Старт», 15 ГБ", "Mobile Start, 15 GB", 390),
    _offering("mobile-family", "Мобильный «Семья», 60 ГБ", "Mobile Family, 60 GB", 690),
    _offering("phone-line", "Домашний телефон", "Fixed line", 250),
    _offering("static-ip", "Статический IP-адрес", "Static IP address", 180),
    _offering("business-internet", "Интернет для бизнеса 300 Мбит/с", "Business internet 300 Mbit/s", 3900),
    _offering("pbx", "Виртуальная АТС, 10 номеров", "Virtual PBX, 10 numbers", 2400),
    _offering("vpn", "Корпоративная сеть (VPN)", "Corporate network (VPN)", 14500, department="corporate"),
    _offering("colocation", "Размещение сервера, 4U", "Colocation, 4U", 9800, department="corporate"),
)
PRICES = {offering.id: offering.price // 100 for offering in OFFERINGS}
"""Roubles a month, by offering."""

SAVED_REPLIES = (
    SavedReply(
        id="reply-hello",
        title="Приветствие",
        text="Здравствуйте, {customer}! Меня зовут {agent}. Уже смотрю ваше обращение.",
    ),
    SavedReply(
        id="reply-reboot",
        title="Перезагрузить роутер",
        text=(
            "{customer}, выключите, пожалуйста, роутер из розетки на 30 секунд и включите снова. Через 2–3 "
            "минуты проверьте, горит ли индикатор «Интернет», и напишите, какого он цвета."
        ),
        department_id="technical",
    ),
    SavedReply(
        id="reply-visit",
        title="Выезд мастера назначен",
        text=(
            "{customer}, выезд мастера назначен. Он позвонит за час до приезда. Если планы изменятся, "
            "ответьте на это сообщение, и мы перенесём визит."
        ),
        department_id="technical",
    ),
    SavedReply(
        id="reply-recalculated",
        title="Перерасчёт сделан",
        text="{customer}, мы сделали перерасчёт, сумма уже на лицевом счёте. Приносим извинения за ошибку.",
        department_id="billing",
    ),
    SavedReply(
        id="reply-payment",
        title="Платёж не поступил: что прислать",
        text=(
            "Пришлите, пожалуйста, чек или квитанцию, где видны дата, сумма и лицевой счёт. Найдём платёж в "
            "течение одного рабочего дня."
        ),
        department_id="billing",
    ),
    SavedReply(
        id="reply-keep",
        title="Предложение для удержания",
        text=(
            "{customer}, нам не хотелось бы с вами расставаться. Можем предложить скидку 30 % на шесть "
            "месяцев или бесплатное повышение скорости. Что вам больше подходит?"
        ),
        department_id="sales",
    ),
    SavedReply(
        id="reply-claim",
        title="Претензия зарегистрирована",
        text=(
            "{customer}, ваша претензия зарегистрирована. Письменный ответ направим в течение 30 дней со "
            "дня регистрации, как требует закон «О связи», но постараемся раньше."
        ),
        department_id="complaints",
    ),
    SavedReply(
        id="reply-thanks",
        title="Спасибо за обращение",
        text="{customer}, рады, что всё получилось. Если появятся вопросы, просто ответьте на это сообщение.",
    ),
    SavedReply(
        id="reply-hello-en",
        title="Greeting",
        text="Hello {customer}, this is {agent} from Northern Line. I am looking into it right now.",
        language="en",
    ),
    SavedReply(
        id="reply-reboot-en",
        title="Restart the router",
        text=(
            "{customer}, could you unplug the router for 30 seconds and plug it in again? After two or "
            "three minutes please tell me the colour of the Internet light."
        ),
        language="en",
    ),
    SavedReply(
        id="reply-thanks-en",
        title="Thank you",
        text="Thank you, {customer}. If anything else comes up, just answer this message.",
        language="en",
    ),
)
