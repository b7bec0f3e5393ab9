"""The case on its page: everything earlier is there, each act is one act, every opening is written down."""

from __future__ import annotations

import html
import re
import time
from pathlib import Path

import aiohttp
import msgspec
import pytest

from agent_ui.admin.deeds import DEEDS
from agent_ui.opening import REASONS
from crm.case import Case
from crm.collections import AUDIT, CASES, CUSTOMERS, EMPLOYEES, ENTRIES, SAVED_REPLIES
from crm.contact import Address, Attachment, Receipt, blob_id
from crm.employee import SavedReply
from crm.store import Insert, Replace, equals
from tests.agent_ui.site import FETCH, Browser, Site
from tests.router.house import a_message, an_arrival

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
ID = "0123456789abcdef"


@pytest.fixture
async def letter(site: Site) -> Receipt:
    """A letter of Ivan's, waiting at the front desk."""
    return await site.house.intake.accept(an_arrival(text="Прошу перерасчёт", subject="Счёт"))


async def way_of(browser: Browser, case_id: str) -> str:
    ways = (await browser.get(f"/cases/{case_id}/ways")).text
    found = re.search(r'value="(\w+)"', ways)
    assert found, ways
    return found[1]


async def audit_of(site: Site, customer_id: str) -> list[tuple[str, str]]:
    await site.rooms.audit.flush()
    found = await site.house.store.find(AUDIT, equals("customer_id", customer_id), limit=100)
    return [(line.what, line.employee_id) for line in found]


async def test_a_call_of_long_ago_has_a_page_though_nobody_ever_held_it(site: Site, anna: Browser) -> None:
    number = Address(kind="phone", value="+79161234567")
    fields = {"outcome": "missed", "past": "yes"}
    call = an_arrival("c1", "", channel="phone", sender=number, subject="Пропущенный", fields=fields)
    receipt = await site.house.intake.accept(call)
    page = await anna.get(f"/cases/{receipt.case_id}")
    assert page.status == 200
    assert "Давний звонок" in page.text


async def test_the_page_shows_what_was_earlier_on_every_channel(
    site: Site, anna: Browser, letter: Receipt
) -> None:
    await anna.post(f"/cases/{letter.case_id}/take")
    await anna.post(f"/cases/{letter.case_id}/decide", {"code": "promised", "text": "Перерасчёт до пятницы"})
    site.house.clock.pass_by(days=60)
    async with site.signed_in("anna") as later:
        at = site.house.clock()
        again = await site.house.intake.accept(
            an_arrival("2", text="Снова я", subject="Другое дело", received_at=at)
        )
        assert again.case_id != letter.case_id
        page = await later.get(f"/cases/{again.case_id}")
        assert f"/cases/{letter.case_id}" in page.text  # the earlier case stands above this one
        assert "Дано обещание" in page.words
        assert "Прошу перерасчёт" not in page.words
        everything = await later.get(f"/cases/{again.case_id}?history=all", headers=FETCH)
        assert "Прошу перерасчёт" in everything.words
        assert "Перерасчёт до пятницы" in everything.words
        assert everything.words.index("Прошу перерасчёт") < everything.words.index("Снова я")


async def test_every_opening_is_written_down(site: Site, anna: Browser, letter: Receipt) -> None:
    await anna.get(f"/cases/{letter.case_id}")
    await anna.get(f"/customers/{letter.customer_id}")
    assert await audit_of(site, letter.customer_id) == [("case.read", "anna"), ("customer.read", "anna")]


async def test_a_script_gets_the_panes_and_a_reader_the_page(
    site: Site, anna: Browser, letter: Receipt
) -> None:
    panes = (await anna.get(f"/cases/{letter.case_id}", headers=FETCH)).text
    assert "<!doctype" not in panes
    assert 'id="case-pane"' in panes
    page = (await anna.get(f"/cases/{letter.case_id}?list=queue")).text
    assert page.startswith("<!doctype html>")
    assert f'data-case="{letter.case_id}"' in page


async def test_the_same_answer_sent_twice_is_one_answer(site: Site, anna: Browser, letter: Receipt) -> None:
    fields = {"text": "Здравствуйте", "way": await way_of(anna, letter.case_id), "client_id": ID}
    for _ in range(3):
        assert (await anna.post(f"/cases/{letter.case_id}/answer", fields)).status == 204
    sent = [one for one in await site.house.contacts() if one.direction == "outbound"]
    assert [one.text for one in sent] == ["Здравствуйте"]
    assert sent[0].recipients[0].value == "ivan@example.com"
    assert sent[0].delivery == "queued"
    case = await site.house.case(letter.case_id)
    assert (case.state, case.assignee_id) == ("assigned", "anna")


async def test_an_answer_goes_only_where_the_customer_is(site: Site, anna: Browser, letter: Receipt) -> None:
    refused = await anna.post(f"/cases/{letter.case_id}/answer", {"text": "x", "way": "0" * 16})
    assert (refused.status, refused.json()["field"]) == (422, "way")
    assert [one for one in await site.house.contacts() if one.direction == "outbound"] == []


async def test_files_go_with_an_answer_under_their_bare_names(
    site: Site, anna: Browser, letter: Receipt
) -> None:
    form = aiohttp.FormData({"text": "Акт", "way": await way_of(anna, letter.case_id)}, quote_fields=False)
    form.add_field("files", b"%PDF", filename="C:\\secret\\Акт 1.pdf", content_type="application/pdf")
    form.add_field("files", b"", filename="")
    assert (await anna.post(f"/cases/{letter.case_id}/answer", form)).status == 204
    sent = next(one for one in await site.house.contacts() if one.direction == "outbound")
    assert [(file.name, file.mime, file.size) for file in sent.attachments] == [
        ("Акт 1.pdf", "application/pdf", 4)
    ]
    assert await site.house.store.read_blob(sent.attachments[0].blob) == b"%PDF"


async def test_an_offered_case_is_shown_and_passed_on(site: Site, anna: Browser, letter: Receipt) -> None:
    case = await site.house.case(letter.case_id)
    offered = Replace(CASES, _reserved(case, "anna", site))
    await site.house.store.commit([offered])
    offers = await anna.get("/fragments/offers")
    assert f'data-offer="{letter.case_id}"' in offers.text
    assert "Принять" in offers.words
    await anna.post(f"/cases/{letter.case_id}/release")
    assert (await anna.get("/fragments/offers")).words == ""
    passed = await site.house.case(letter.case_id)
    assert (passed.state, passed.passed_by) == ("queued", ("anna",))


def _reserved(case: Case, id: str, site: Site) -> Case:
    until = site.house.clock()
    return msgspec.structs.replace(case, state="reserved", assignee_id=id, reserved_until=until)


async def test_a_case_goes_through_departments_by_the_page(
    site: Site, anna: Browser, letter: Receipt
) -> None:
    path = f"/cases/{letter.case_id}"
    form = await anna.get(f"{path}/forms/transfer")
    assert 'value="technical"' in form.text
    assert 'value="front-desk"' not in form.text
    sent = {"to_department_id": "technical", "reason": "Нужен выезд"}
    assert (await anna.post(f"{path}/transfer", sent)).status == 204
    async with site.signed_in("boris") as boris:
        head = await boris.get(f"{path}/head")
        assert "Нужен выезд" in head.words
        assert "Принять передачу" in head.words
        assert (await boris.post(f"{path}/return_transfer", {"reason": "Не к нам"})).status == 204
        assert (await site.house.case(letter.case_id)).department_id == "front-desk"
        await anna.post(f"{path}/transfer", sent)
        await boris.post(f"{path}/accept_transfer")
        assert (await site.house.case(letter.case_id)).assignee_id == "boris"
        words = (await boris.get(path)).words
        for said in ("Нужен выезд", "Не к нам", "принимает передачу", "возвращает обращение"):
            assert said in words


async def test_a_case_closes_with_a_decision_and_opens_again(
    site: Site, anna: Browser, letter: Receipt
) -> None:
    path = f"/cases/{letter.case_id}"
    refused = await anna.post(f"{path}/decide", {"text": "без решения"})
    assert (refused.status, refused.json()["field"]) == (422, "code")
    await anna.post(f"{path}/decide", {"code": "informed", "text": "Рассказали", "keep_open": "1"})
    assert (await site.house.case(letter.case_id)).open
    assert "close" in (await anna.get(f"{path}/head")).text
    await anna.post(f"{path}/close")
    assert not (await site.house.case(letter.case_id)).open
    assert 'data-can="note reopen"' in (await anna.get(f"{path}/head")).text
    await anna.post(f"{path}/reopen", {"reason": "Звонил ещё раз"})
    assert (await site.house.case(letter.case_id)).open
    assert "Звонил ещё раз" in (await anna.get(path)).words


async def test_a_supervisor_gives_a_case_and_everybody_may_note(
    site: Site, anna: Browser, olga: Browser, letter: Receipt
) -> None:
    path = f"/cases/{letter.case_id}"
    assert "Pavel" in (await olga.get(f"{path}/forms/give")).words
    assert (await olga.post(f"{path}/give", {"employee_id": "pavel"})).status == 204
    assert (await site.house.case(letter.case_id)).assignee_id == "pavel"
    assert (await anna.post(f"{path}/give", {"employee_id": "anna"})).status == 403
    for _ in range(2):
        await anna.post(f"{path}/note", {"text": "Паша, глянь порт", "client_id": ID})
    notes = await site.house.store.find(ENTRIES, equals("case_id", letter.case_id), limit=50)
    assert [one.text for one in notes if hasattr(one, "text")] == ["Паша, глянь порт"]
    assert (await olga.post(f"{path}/set_priority", {"priority": "1"})).status == 204
    assert (await site.house.case(letter.case_id)).priority == 1
    assert (await olga.post(f"{path}/set_priority", {"priority": "99999999"})).status == 422


async def test_who_looks_and_who_types_is_told_to_the_others(
    site: Site, anna: Browser, olga: Browser, letter: Receipt
) -> None:
    path = f"/cases/{letter.case_id}"
    await anna.post(f"{path}/look", {"page": "p1", "doing": "typing"})
    assert (await olga.get(f"{path}/viewers")).words == "Anna печатает"
    assert (await anna.get(f"{path}/viewers")).words == ""
    await anna.post(f"{path}/look", {"page": "p1", "doing": "gone"})
    assert (await olga.get(f"{path}/viewers")).words == ""


async def test_items_come_one_by_one_and_only_his(site: Site, anna: Browser, letter: Receipt) -> None:
    stranger = await site.house.intake.accept(an_arrival("9", text="чужое", sender="other@example.com"))
    query = {"contact": letter.contact_id}
    items = await anna.get(f"/cases/{letter.case_id}/items", params=query)
    assert "Прошу перерасчёт" in items.words
    theirs = await anna.get(f"/cases/{letter.case_id}/items", params={"contact": stranger.contact_id})
    assert theirs.words == ""


async def test_earlier_pages_of_a_long_timeline_meet_without_a_gap(site: Site, anna: Browser) -> None:
    case_id = ""
    for number in range(120):
        site.house.clock.pass_by(seconds=1)
        at = site.house.clock()
        message = a_message(f"k{number}", f"слово{number:03}", received_at=at)
        case_id = (await site.house.intake.accept(message)).case_id
    page = (await anna.get(f"/cases/{case_id}")).text
    found: list[str] = []
    while True:
        found = re.findall(r"слово\d{3}(?=</div>)", page) + found
        more = re.search(r'data-earlier="([^"]+)"', page)
        if not more:
            break
        page = (await anna.get(f"/cases/{case_id}/earlier", params={"before": more[1]})).text
    assert found == [f"слово{number:03}" for number in range(120)]


async def test_unproven_claims_are_shown_as_such(site: Site, anna: Browser, letter: Receipt) -> None:
    claim = Address(kind="email", value="ivan@example.com", name="Иван")
    chat = await site.house.intake.accept(a_message("c1", "Это Иван", claims=(claim,)))
    page = await anna.get(f"/cases/{chat.case_id}")
    assert "Возможно, не подтверждено" in page.words
    assert f"/customers/{letter.customer_id}" in page.text
    assert "Прошу перерасчёт" not in (await anna.get(f"/cases/{chat.case_id}?history=all")).words


async def test_why_it_came_here_is_told_in_words(site: Site, anna: Browser, letter: Receipt) -> None:
    words = (await anna.get(f"/cases/{letter.case_id}")).words
    assert "Правило «outage» не подошло: слова." in words
    assert "Ни одно правило не подошло" in words


async def test_saved_replies_know_names_and_departments(site: Site, anna: Browser, letter: Receipt) -> None:
    store = site.house.store
    replies = (
        SavedReply(id="1", title="Привет", text="Здравствуйте, {customer}! Это {agent}."),
        SavedReply(id="2", title="Чужой", text="техника", department_id="technical"),
    )
    await store.commit([Insert(SAVED_REPLIES, reply) for reply in replies])
    shown = await anna.get(f"/cases/{letter.case_id}/replies")
    assert "Это Anna." in shown.text
    assert "{" not in shown.text
    assert "техника" not in shown.text


async def test_a_customer_of_another_region_is_opened_with_a_reason(site: Site, anna: Browser) -> None:
    store = site.house.store
    outage = await site.house.intake.accept(an_arrival("o", text="Интернет не работает"))  # the technicians'
    await _move(site, "anna", outage.customer_id)
    path = f"/cases/{outage.case_id}"
    page = await anna.get(path)
    assert "Клиент другого региона" in page.words
    assert "не работает" not in page.words
    for part in ("head", "card", "ways", "items", "earlier", "viewers", "replies"):
        assert (await anna.get(f"{path}/{part}", headers=FETCH)).status == 403
    assert (await anna.get(f"/customers/{outage.customer_id}", headers=FETCH)).words.count("не работает") == 0
    refused = await anna.post(f"/customers/{outage.customer_id}/reason", {"reason": "just so"})
    assert refused.status == 403
    said = {"reason": "colleague_asked", "case_id": outage.case_id, "csrf": anna.csrf}
    answer = await anna.send("POST", f"/customers/{outage.customer_id}/reason", data=said)
    assert (answer.status, answer.headers["Location"]) == (303, path)
    assert "не работает" in (await anna.get(path)).words
    assert ("reason.colleague_asked", "anna") in await audit_of(site, outage.customer_id)
    site.house.clock.pass_by(hours=13)
    async with site.signed_in("anna") as next_day:
        assert "Клиент другого региона" in (await next_day.get(path)).words
    own = await site.house.intake.accept(an_arrival("f", text="Вопрос", subject="Вопрос"))
    assert own.customer_id == outage.customer_id
    async with site.signed_in("anna") as next_day:  # his own department's case needs no reason
        assert "Почему оно здесь" in (await next_day.get(f"/cases/{own.case_id}")).words
    assert await store.get(CASES, own.case_id)


async def _move(site: Site, employee_id: str, customer_id: str) -> None:
    """The employee and the customer live in different regions."""
    store = site.house.store
    customer = await store.get(CUSTOMERS, customer_id)
    assert customer
    employee = await site.house.employee(employee_id)
    await store.commit(
        [
            Replace(CUSTOMERS, msgspec.structs.replace(customer, region="Москва")),
            Replace(EMPLOYEES, msgspec.structs.replace(employee, region="Санкт-Петербург")),
        ]
    )


async def test_files_are_saved_and_only_pictures_shown(site: Site, anna: Browser) -> None:
    evil = b"<html><script>alert(1)</script></html>"
    files = (
        Attachment(name='стр"ана\r\n.html', mime="image/png", size=len(evil), blob=blob_id(evil)),
        Attachment(name="фото.png", mime="text/html", size=len(PNG), blob=blob_id(PNG)),
    )
    arrival = an_arrival(
        attachments=files, raw=blob_id(b"raw"), blobs={blob_id(b): b for b in (evil, PNG, b"raw")}
    )
    receipt = await site.house.intake.accept(arrival)
    query = {"id": receipt.contact_id, "n": "0", "inline": "1"}
    page = await anna.get("/contacts/file", params=query)
    assert page.headers["Content-Type"] == "application/octet-stream"
    assert page.headers["Content-Disposition"].startswith("attachment; ")
    assert "sandbox" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    picture = await anna.get("/contacts/file", params={**query, "n": "1"})
    assert picture.headers["Content-Type"] == "image/png"
    assert picture.headers["Content-Disposition"].startswith("inline; ")
    raw = await anna.get("/contacts/raw", params={"id": receipt.contact_id})
    assert (raw.body, raw.headers["Content-Type"]) == (b"raw", "application/octet-stream")
    for gone in ({"n": "2"}, {"n": "-1"}, {"n": "x"}, {"id": "email:none"}):
        assert (await anna.get("/contacts/file", params={**query, **gone})).status == 404
    assert ("raw.read", "anna") in await audit_of(site, receipt.customer_id)


async def test_a_letter_is_shown_in_a_frame_that_runs_nothing(site: Site, anna: Browser) -> None:
    html = '<p>Добрый день</p><script>alert(1)</script><img src="https://x.example/1.gif">'.encode()
    receipt = await site.house.intake.accept(an_arrival(html=blob_id(html), blobs={blob_id(html): html}))
    shown = await anna.get("/contacts/letter", params={"id": receipt.contact_id})
    assert "Добрый день" in shown.text
    assert "script" not in shown.text
    assert shown.headers["X-Left-Out"] == "1"
    assert "default-src 'none'" in shown.headers["Content-Security-Policy"]
    assert shown.headers["X-Frame-Options"] == "SAMEORIGIN"


@pytest.mark.parametrize(
    "bomb",
    [
        "".join(f"<p><b id={n}>x" for n in range(1_000)),
        "<div>" * 50_000,
        "<div " + " ".join(f"a{n}" for n in range(100_000)) + ">x",
        "".join(f'<p><b title=">{"y" * 1_000}{n}">x' for n in range(500)),
    ],
    ids=["formatting opened again and again", "nesting", "attributes", "hidden length"],
)
async def test_a_letter_made_to_explode_is_shown_as_its_words(site: Site, anna: Browser, bomb: str) -> None:
    html = bomb.encode()
    arrival = an_arrival(text="Здравствуйте <b>", html=blob_id(html), blobs={blob_id(html): html})
    receipt = await site.house.intake.accept(arrival)
    began = time.monotonic()
    shown = await anna.get("/contacts/letter", params={"id": receipt.contact_id})
    assert time.monotonic() - began < 5
    assert "Здравствуйте &lt;b&gt;" in shown.text
    assert "too heavy" in shown.text or "слишком тяж" in shown.text
    assert len(shown.text) < 5_000


async def test_customers_words_never_become_elements(site: Site, anna: Browser) -> None:
    trick = '"><img src=x onerror=alert(1)></script>{{ 7*7 }}'
    arrival = an_arrival(
        "t",
        text=trick,
        subject=trick,
        quoted=trick,
        signature=trick,
        sender=Address(kind="email", value="t@example.com", name=trick),
    )
    receipt = await site.house.intake.accept(arrival)
    for path in (
        f"/cases/{receipt.case_id}",
        "/inbox?list=queue",
        f"/customers/{receipt.customer_id}",
        "/search?q=img",
    ):
        text = (await anna.get(path)).text
        assert "<img src=x" not in text, path
        assert "49" not in re.sub(r"\d{3,}|/static/\w+|\w{16,}", "", text) or "{{ 7*7 }}" in text


async def test_the_card_is_changed_unless_somebody_was_faster(
    site: Site, anna: Browser, letter: Receipt
) -> None:
    path = f"/customers/{letter.customer_id}"
    form = (await anna.get(f"{path}/edit")).text
    version = re.search(r'name="version" value="(\d+)"', form)
    assert version
    fields = {
        "version": version[1],
        "kind": "company",
        "name": "ООО «Верфь»",
        "segment": "corporate",
        "region": "СПб",
        "contracts": "77-1\n77-2\n",
        "channel": "email",
        "language": "ru",
        "quiet_from": "22:00",
        "quiet_until": "08:00",
        "topics": "скорость, цена",
        "person": "Нина Горелова",
        "post": "бухгалтер",
        "person_addresses": "buh@verf.example; 8 (812) 333-44-55",
        "address_kind": "phone",
        "address": "8 921 555-00-11",
    }
    assert (await anna.post(path, fields)).status == 204
    customer = await site.house.store.get(CUSTOMERS, letter.customer_id)
    assert customer
    assert (customer.name, customer.contracts) == ("ООО «Верфь»", ("77-1", "77-2"))
    assert customer.preferences.topics == ("скорость", "цена")
    assert customer.contact_persons[0].addresses == ("email:buh@verf.example", "phone:+78123334455")
    assert "+7 921 555-00-11" in (await anna.get(f"{path}/card")).words
    late = await anna.post(path, {**fields, "name": "Другое"})
    assert (late.status, late.json()["error"]) == (409, "conflict")
    wrong = await anna.post(path, {**fields, "version": "2", "quiet_from": "вечером"})
    assert wrong.status == 422
    assert "quiet_from" in wrong.json()["field"]


def test_every_deed_that_is_recorded_has_words() -> None:
    root = Path(__file__).resolve().parents[2] / "agent_ui"
    kinds = "case|customer|file|raw|session|password"
    said = {
        code
        for path in root.rglob("*.py")
        for code in re.findall(rf'"((?:{kinds})\.(?!html)[a-z_]+)"', path.read_text("utf-8"))
    }
    assert len(said) > 15
    assert said | {f"reason.{reason}" for reason in REASONS} <= set(DEEDS)


async def test_search_finds_by_number_address_words_and_name(
    site: Site, anna: Browser, letter: Receipt
) -> None:
    for words in (letter.case_id, "ivan@example.com", "перерасчет", "счета"):
        found = await anna.get("/search", params={"q": words}, headers=FETCH)
        assert f"/cases/{letter.case_id}" in found.text, words
    nothing = await anna.get("/search", params={"q": "неттакого"}, headers=FETCH)
    assert "Ничего не нашлось" in nothing.words


async def test_words_that_were_changed_are_shown_with_those_before_and_their_files(
    site: Site, anna: Browser
) -> None:
    picture = b"\x89PNG\r\n\x1a\n"
    file = Attachment(name="счёт.png", mime="image/png", size=len(picture), blob=blob_id(picture))
    first = an_arrival("m1", "Счёт на 500 ₽", attachments=(file,), blobs={file.blob: picture})
    receipt = await site.house.intake.accept(first)
    change = an_arrival("m2", "Счёт на 700 ₽", amends="m1", amending="replace", revision=2)
    await site.house.intake.accept(change)
    page = await anna.get(f"/cases/{receipt.case_id}")
    for said in ("Счёт на 700 ₽", "изменено", "Клиент изменил сообщение", "Счёт на 500 ₽", "счёт.png"):
        assert said in page.text
    link = re.search(r'href="(/contacts/file\?[^"]*entry=[^"]*)"', page.text)
    assert link
    assert (await anna.get(html.unescape(link[1]))).status == 200
    gone = f"/contacts/file?id={receipt.contact_id}&n=0&v={file.blob[:16]}"
    assert (await anna.get(gone)).status == 404


async def test_the_old_page_of_somebody_who_proved_who_he_is_shows_who_he_is(
    site: Site, anna: Browser
) -> None:
    phone = Address(kind="phone", value="+79051234567", name="Пётр Иванов")
    call = await site.house.intake.accept(an_arrival("c1", "Счёт", channel="phone", sender=phone))
    me = Address(kind="telegram", value="42", name="petya")
    before = await site.house.intake.accept(an_arrival("m1", "Привет", channel="telegram", sender=me))
    proof = an_arrival("m2", "Мой номер", channel="telegram", sender=me, proofs=(phone,))
    await site.house.intake.accept(proof)
    assert before.customer_id != call.customer_id
    page = await anna.get(f"/customers/{before.customer_id}")
    assert "Пётр Иванов" in page.text
    assert "Клиент подтвердил, кто он" in (await anna.get(f"/cases/{before.case_id}")).text


async def test_who_is_not_proven_is_shown_as_such_beside_the_history(site: Site, anna: Browser) -> None:
    ours = await site.house.intake.accept(an_arrival("m1", "Спасибо", trust="proven"))
    proven = await anna.get(f"/cases/{ours.case_id}")
    assert "Отправитель подтверждён" in proven.text
    assert 'class="unproven' not in proven.text
    fields = {"trust_because": "dmarc_fail", "authentication": "spf=fail dmarc=fail"}
    forged = await site.house.intake.accept(an_arrival("m2", "Срочно!", trust="forged", fields=fields))
    page = (await anna.get(f"/cases/{forged.case_id}")).text
    for said in (
        'class="unproven forged"',
        "Отправитель подделан",
        "spf=fail dmarc=fail",
        "ivan@example.com",
    ):
        assert said in page
    assert "Домен отправителя не ручается за письмо" in page
