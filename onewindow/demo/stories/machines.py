"""Stories nobody tells: newsletters, absent people, bounces, spam."""

from __future__ import annotations

from datetime import timedelta

from crm.contact import Address
from onewindow.demo.letters import Letter, compose, compose_bounce
from onewindow.demo.scene import Scene, hours, minutes
from onewindow.demo.stories.story import MAIL, Story, anybody, offices


async def newsletter(scene: Scene) -> None:
    """A list somebody signed our mailbox up to."""
    names = (
        (
            "Вестник связиста",
            "digest@svyazist-news.example",
            "Дайджест недели: {новые правила нумерации|рынок ШПД}",
        ),
        (
            "Выставка «СвязьТех»",
            "info@svyaztech.example",
            "{Приглашаем на выставку|Программа конференции} СвязьТех",
        ),
        (
            "Отраслевой портал",
            "news@telecom-portal.example",
            "{Итоги месяца|Что нового у операторов}: № <number>",
        ),
    )
    name, address, subject = scene.random.choice(names)
    await scene.receives_mail(
        _letter(
            scene,
            Address(kind="email", value=address, name=name),
            scene.wording.plain(subject),
            "{Здравствуйте, коллеги!|Уважаемые подписчики!} В этом выпуске: {обзор тарифов регионов|новые "
            "требования к узлам связи|интервью с операторами|разбор судебной практики}.\n\nЧтобы "
            "отписаться, перейдите по ссылке https://news.example/unsubscribe/<number>",
            ("List-Id", f"<{address.partition('@')[2]}>"),
            ("Precedence", "bulk"),
        )
    )
    await scene.at_work(hours(3, 20))
    await scene.decides("not_ours", "{Рассылка, ответа не требует|Рассылка}.")


async def spam(scene: Scene) -> None:
    """Somebody wants to sell us something."""
    sender = scene.random.choice(
        (
            Address(
                kind="email",
                value=f"promo{scene.random.randint(10, 99)}@best-offer.example",
                name="Отдел продаж",
            ),
            Address(
                kind="email", value=f"seo{scene.random.randint(10, 99)}@top-site.example", name="Марина, SEO"
            ),
        )
    )
    subject = scene.wording.plain(
        "{Выведем ваш сайт в топ|Канцтовары со скидкой <day> %|Бухгалтерское сопровождение|Кофе в офис}"
    )
    body = (
        "{Добрый день!|Здравствуйте, руководитель!} {Предлагаем продвижение сайта с гарантией|Только до "
        "конца недели скидка <day> % на бумагу и картриджи|Возьмём бухгалтерию на себя от 4 900 ₽}. "
        "{Звоните прямо сейчас!|Жду вашего ответа.}"
    )
    await scene.receives_mail(_letter(scene, sender, subject, body))
    await scene.at_work(minutes(10, 400))
    await scene.decides("spam", "{Реклама|Спам}.")


async def absent(scene: Scene) -> None:
    """We answer, and his absence answers back."""
    await scene.opens(
        "{#ask|Вопрос по договору|Реквизиты для оплаты|Смена контактного лица}",
        "{#ask|Просим уточнить срок действия договора <contract>.|Пришлите, пожалуйста, реквизиты для "
        "оплаты счёта.|У нас сменилось контактное лицо: теперь это <full>, <phone>.}",
    )
    await scene.at_work(minutes(20, 200))
    answer = await scene.answers(
        "{#ask|Договор действует бессрочно.|Реквизиты те же, что в прошлом счёте: они не менялись.|Спасибо, "
        "контакт внесли в карточку.} {Всего доброго.|Будут вопросы — пишите.}"
    )
    await scene.later(minutes(0.2, 1))
    text = (
        "{Я в отпуске до <day> числа|Нахожусь в командировке}, доступ к почте ограничен. {По срочным "
        "вопросам: <phone>.|Отвечу по возвращении.}"
    )
    sender = scene.person.address("email")
    headers = (("Auto-Submitted", "auto-replied"), ("In-Reply-To", f"<{answer.key}>"))
    await scene.receives_mail(_letter(scene, sender, f"Автоответ: {answer.subject}", text, *headers))
    await scene.at_work(hours(1, 20))
    await scene.decides(
        "informed", "{#ask|Срок договора сообщён|Реквизиты подтверждены|Контакт обновлён}, пришёл автоответ."
    )


async def bounced(scene: Scene) -> None:
    """The answer comes back; a call helps."""
    await scene.opens(
        "{#paper|Копия договора|Справка об услугах}",
        "{#paper|Пришлите, пожалуйста, копию договора <contract>.|Можно справку о подключённых услугах на "
        "почту?}",
    )
    await scene.at_work(minutes(20, 120))
    answer = await scene.answers("{#paper|Копию договора|Справку} направим сегодня же на этот адрес.")
    await scene.later(minutes(0.3, 2))
    daemon = Address(kind="email", value="mailer-daemon@relay.example", name="Mail Delivery System")
    report = Letter(
        key=f"{scene.world.new_id()[:20]}@relay.example",
        sender=daemon,
        subject="Undelivered Mail Returned to Sender",
        text=f"The message to {scene.person.ways['email']} could not be delivered: mailbox unavailable.\r\n",
        at=scene.world.clock(),
    )
    await scene.receives_mail(compose_bounce(report, failed=scene.person.ways["email"], answer=answer.key))
    await scene.at_work(minutes(20, 200))
    await scene.answers(
        "",
        "Письмо вернулось: ящик переполнен. Позвонил[/а], {продиктовал[/а] другой способ|договорились, что "
        "заберут в офисе}.",
        by="phone",
    )
    await scene.decides(
        "informed", "Почта клиента не принимает письма, {документ выдан в офисе|сообщили по телефону}."
    )


def _letter(scene: Scene, sender: Address, subject: str, text: str, *headers: tuple[str, str]) -> bytes:
    return compose(
        Letter(
            key=f"{scene.world.new_id()[:20]}@{sender.value.partition('@')[2]}",
            sender=sender,
            subject=subject,
            text=scene.wording.plain(text) + "\n",
            at=scene.world.clock(),
            headers=headers,
        )
    )


STORIES = (
    Story(newsletter, 8, timedelta(days=4), anybody, MAIL),
    Story(spam, 6, timedelta(days=2), anybody, MAIL),
    Story(absent, 6, timedelta(days=4), offices, MAIL),
    Story(bounced, 3, timedelta(days=3), anybody, MAIL),
)
