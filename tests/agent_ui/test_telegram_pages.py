"""What a message in Telegram was besides its words stands on the agent's page, in his language."""

from __future__ import annotations

import html

import msgspec
import pytest

from channels.telegram import outlet
from crm.collections import CONTACTS
from crm.contact import Address
from crm.store import Replace
from tests.agent_ui.site import Browser, Site
from tests.router.house import an_arrival

IVAN = Address(kind="telegram", value="42", name="Иван")


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"group": "Наш <дом>"}, "В группе «Наш <дом>»: ответ прочтут все, кто в ней."),
        ({"forwarded": "Анна"}, "Переслано: это слова автора Анна."),
        ({"forwarded": "?"}, "Переслано: это чужие слова."),
        ({"files_late": "a.pdf, b.pdf"}, "Ещё загружается: a.pdf, b.pdf"),
        ({"files_left": "film.mp4"}, "Не удалось загрузить, попросите прислать иначе: film.mp4"),
        ({"content": "giveaway"}, "Клиент прислал то, что мы не умеем показать (giveaway)."),
    ],
)
async def test_what_words_do_not_say_is_shown(
    site: Site, anna: Browser, fields: dict[str, str], shown: str
) -> None:
    arrival = an_arrival("m1", "Вот", channel="telegram", sender=IVAN, fields=fields)
    receipt = await site.house.intake.accept(arrival)
    page = (await anna.get(f"/cases/{receipt.case_id}")).text
    assert shown in html.unescape(page)
    assert "<дом>" not in page


@pytest.mark.parametrize(
    ("problem", "shown"),
    [
        (outlet.BLOCKED, "клиент заблокировал нашего бота"),
        (outlet.NEVER_BEGAN, "клиент никогда не писал нашему боту"),
        (outlet.NO_SUCH_CHAT, "такого чата больше нет"),
        (outlet.TOO_LARGE, "файл больше, чем принимает Telegram (50 МБ)"),
        ("something new", "something new"),
    ],
)
async def test_why_an_answer_did_not_arrive_is_told_in_the_agents_language(
    site: Site, anna: Browser, problem: str, shown: str
) -> None:
    arrival = an_arrival("m1", "Вот", channel="telegram", sender=IVAN)
    receipt = await site.house.intake.accept(arrival)
    stored = await site.house.store.get(CONTACTS, receipt.contact_id)
    assert stored
    failed = msgspec.structs.replace(stored, direction="outbound", delivery="failed", problem=problem)
    await site.house.store.commit([Replace(CONTACTS, failed)])
    assert shown in html.unescape((await anna.get(f"/cases/{receipt.case_id}")).text)
