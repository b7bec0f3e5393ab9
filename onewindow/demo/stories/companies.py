"""Stories of companies: networks, telephone exchanges, addresses and racks, through several departments."""

from __future__ import annotations

from datetime import timedelta

from onewindow.demo.scene import Scene, days, hours, minutes
from onewindow.demo.stories.story import MAIL, Story, enterprises, offices


async def corporate_network(scene: Scene) -> None:
    """A network for several branches: a request, a survey, a contract, an installation, an acceptance."""
    await scene.opens(
        "{Корпоративная сеть для филиалов|Объединить офисы в одну сеть|Запрос КП: VPN для <branches> точек}",
        "{Планируем объединить|Нужно объединить|Рассматриваем объединение} <branches> {офисов|площадок} "
        "«<company>» {в одну защищённую сеть|в корпоративную сеть (L2 VPN)}. // Адреса: <street>; "
        "<new_street>; остальные {вышлем по запросу|во вложении}. {Нужны резервные каналы и приоритет для "
        "телефонии.|Важна скорость от 100 Мбит/с между точками и SLA не ниже 99,5 %.|Оборудование «под "
        "ключ».} // Просим {подготовить коммерческое предложение|прислать предложение и сроки} {до конца "
        "недели|к <window>}.",
        files=("scan",) if scene.chance(0.6) else (),
    )
    await scene.at_work(hours(1, 5))
    await scene.reaches("sales", "Новый проект: сеть на <branches> точек, нужно предложение.")
    await scene.answers(
        "Спасибо за запрос. {Подготовим предложение в течение трёх рабочих дней|Начали расчёт}. Для оценки "
        "нужен выезд инженера на {каждую площадку|две площадки}: {удобно <window>?|когда можно приехать?}"
    )
    await scene.at_work(hours(3, 26))
    await scene.says(
        "{Инженера ждём <window>, контакт на месте: <full>, <phone>.|<window> подойдёт, пропуск закажем, "
        "пришлите паспортные данные и номер машины.}"
    )
    await scene.at_work(hours(1, 6))
    await scene.transfers(
        "technical",
        "Обследование <branches> площадок {«<company>»|}: {порты, трассы, питание|проверить оптику и место "
        "под стойку}. Срок КП — три дня.",
    )
    await scene.at_work(hours(1, 5))
    await scene.notes(
        "{Обследовали <street>: оптика в здании есть, нужен ввод 40 м.|<street>: наша оптика в подвале, "
        "порт свободен.} <new_street>: {строить 220 м по опорам, две недели|есть тёмное волокно}."
    )
    await scene.at_work(days(2, 4))
    await scene.notes("{Итог обследования|Смета}: <budget> ₽ разово, готовность {15|21|18} рабочих дней.")
    await scene.transfers("corporate", "Обследование готово, смета <budget> ₽. Ведите договор и сдачу.")
    await scene.at_work(hours(1, 8))
    await scene.answers(
        "Направляем предложение: <branches> точек, <budget> ₽ за подключение, {14 500|13 900} ₽ в месяц. "
        "Срок — {15|18|21} рабочих дней с даты договора. {Проект договора во вложении.|Готовы обсудить по "
        "телефону.}"
    )
    await scene.at_work(days(1, 5))
    await scene.says(
        "{Предложение согласовано|Условия согласованы руководством}, {подписанный договор во вложении|скан "
        "договора прилагаем, оригинал отправили почтой}. {Просим приступить.|Ждём график работ.}",
        files=("scan",),
    )
    await scene.at_work(hours(2, 20))
    await scene.decides("order_taken", "Договор подписан, <budget> ₽. Старт монтажа <window>.", close=False)
    await scene.answers(
        "Договор получили, спасибо. График работ: {монтаж с <window>, сдача через три недели|ввод на "
        "<street> на этой неделе, затем <new_street>}."
    )
    await scene.at_work(days(12, 18))
    await scene.notes(
        "{Все точки подняты|<branches> точек в сети}, тест: {потерь нет, задержка 3 мс|SLA выдержан}."
    )
    await scene.answers(
        "Сеть {сдана в опытную эксплуатацию|запущена на всех площадках}. Просим подписать акт приёмки."
    )
    await scene.at_work(days(1, 4))
    await scene.says(
        "{Акт подписан|Подписанный акт во вложении}. {Всё работает, спасибо команде|Замечаний нет|Отдельное "
        "спасибо монтажникам}.",
        files=("scan",),
    )
    await scene.at_work(hours(1, 6))
    await scene.decides("solved", "Сеть на <branches> точек сдана, акт подписан.")


async def static_address(scene: Scene) -> None:
    """One more service for an office."""
    await scene.opens(
        "{Статический IP|Белый IP-адрес для офиса|Нужен постоянный адрес}",
        "{Нам нужен|Просим подключить|Сколько стоит} статический IP {для видеонаблюдения|для 1С|для "
        "удалённых сотрудников}, договор <contract>. // {Как быстро можно подключить?|Нужна ли перезагрузка "
        "роутера?|Желательно сегодня.} {Обратную зону (PTR) пропишете?|}",
        "<company> просит статический IP {для камер|для 1С}.",
    )
    await scene.at_work(minutes(15, 200))
    await scene.reaches("sales", "Статический IP, <company>.")
    await scene.answers(
        "Статический адрес — 180 ₽ в месяц, {подключим сегодня после 18:00|включим в течение часа}. "
        "{Подтвердите, пожалуйста, письмом.|Оформляем?}",
        "Назвал[/а] цену 180 ₽, согласие получено.",
    )
    if scene.channel in ("email", "chat"):
        await scene.at_work(minutes(20, 300))
        await scene.says("{Подтверждаем.|Да, подключайте.|Оформляйте, счёт на <company>.}")
        await scene.at_work(minutes(15, 180))
        await scene.answers(
            "{Готово, параметры: 198.51.100.<octet>/24, шлюз 198.51.100.1.|Адрес 203.0.113.<octet> "
            "закреплён за вами, перезагрузите роутер.}"
        )
    await scene.decides("order_taken", "{Подключён статический IP|IP 203.0.113.<octet>}.")


async def exchange(scene: Scene) -> None:
    """The virtual exchange: a menu, a number, a recording."""
    await scene.opens(
        "{#pbx|Голосовое меню|Новые номера сотрудникам|Не проходят звонки на многоканальный|Записи "
        "разговоров}",
        "{#pbx|Нужно поменять голосовое меню, {текст|новый текст} — в письме ниже: «Вы позвонили в "
        "<company>»|Просим добавить два внутренних номера новым сотрудникам|Не проходят входящие на "
        "многоканальный номер, {клиенты жалуются|слышат «занято»}|Как выгрузить записи разговоров за "
        "<month>?} // {<company>, договор <contract>.|Сделайте, пожалуйста, сегодня.|Ждём ответа.}",
        "<company>: {#pbx|сменить голосовое меню|добавить два внутренних номера|входящие на многоканальный "
        "не проходят|нужны записи разговоров за <month>}.",
    )
    await scene.at_work(minutes(10, 120))
    await scene.reaches(
        "technical",
        "{#pbx|АТС: сменить меню|АТС: добавить номера|АТС: нет входящих|АТС: записи за <month>}, <company>.",
    )
    await scene.answers(
        "{#pbx|Меню обновили, проверьте, пожалуйста, звонком.|Добавили внутренние номера 114 и 115, пароли "
        "отправили вам.|Ошибка была в расписании: в выходные номер уходил на занятого сотрудника. "
        "Исправили.|Записи доступны в кабинете, раздел «Вызовы»; за <month> собрали архив.}",
        "{#pbx|Меню обновлено, проверили вместе|Номера 114 и 115 добавлены|Исправили расписание, звонки "
        "проходят|Показал[/а], где выгрузить записи}.",
    )
    await scene.decides(
        "solved",
        "{#pbx|Обновлено меню АТС|Добавлены внутренние номера|Расписание АТС исправлено|Записи за <month> "
        "выгружены}.",
    )


async def rack(scene: Scene) -> None:
    """A server of a customer's in our rack."""
    await scene.opens(
        "{#rack|Сервер недоступен|Перезагрузка сервера в стойке|Доступ в ЦОД}",
        "{#rack|Наш сервер в вашей стойке перестал отвечать в <from>|Просим перезагрузить по питанию сервер "
        "4U, <company>|Наш инженер приедет <window> с <from> до <to> менять диски, просим пропуск}. // "
        "{#rack|Мониторинг {молчит|красный}.|Консоль не отвечает.|Документы инженера пришлём.} "
        "{Ответственный: <full>, <phone>.|Подтвердите, пожалуйста.}",
        "{#rack|Сервер <company> в стойке не отвечает с <from>|Просят перезагрузить сервер 4U, "
        "<company>|Просят пропуск в ЦОД на <window>, <company>}.",
    )
    await scene.at_work(minutes(3, 40))
    await scene.answers(
        "{#rack|Нашли: отключился один ввод питания, переключили на второй, сервер отвечает.|Перезагрузили "
        "по питанию, сервер отвечает на ping.|Пропуск на <window> заказан, ждём у турникета.}",
        "{#rack|Питание переключено, сервер отвечает|Сервер перезагружен|Пропуск заказан}, подтвердили по "
        "телефону.",
    )
    if scene.channel == "email":
        await scene.at_work(minutes(10, 120))
        await scene.says("{#rack|Видим, спасибо.|Отвечает, благодарим.|Принято, спасибо.}")
        await scene.at_work(minutes(3, 60))
    await scene.decides(
        "solved", "{#rack|Питание стойки восстановлено|Перезагрузка по питанию|Пропуск в ЦОД}."
    )


async def reconciliation(scene: Scene) -> None:
    """A fax, as some still send."""
    await scene.opens(
        "{#fax|Акт сверки|Гарантийное письмо|Запрос реквизитов}",
        "{#fax|Просим направить акт сверки за <quarter> квартал|Гарантируем оплату <sum> ₽ до конца месяца, "
        "просим не отключать|Просим сообщить новые банковские реквизиты}. <company>, договор <contract>. "
        "{Директор <full>|Гл. бухгалтер <full>}, тел. <phone>.",
        files=("scan",),
    )
    await scene.at_work(hours(1, 9))
    await scene.reaches("billing", "Факс от <company>: {#fax|акт сверки|гарантийное письмо|реквизиты}.")
    await scene.answers(
        "{#fax|Акт сверки за <quarter> квартал направляем на подпись.|Гарантийное письмо принято, "
        "отключение отложено до конца месяца.|Реквизиты направляем, они же есть в счёте за <month>.}"
    )
    await scene.decides(
        "informed", "{#fax|Акт сверки отправлен|Гарантийное письмо принято|Реквизиты сообщены}, ответ факсом."
    )


STORIES = (
    Story(corporate_network, 5, timedelta(days=52), enterprises, MAIL),
    Story(static_address, 12, timedelta(days=4), offices, {"email": 5, "phone": 2, "chat": 1}),
    Story(exchange, 14, timedelta(days=4), offices, {"email": 5, "phone": 3, "chat": 2}),
    Story(rack, 9, timedelta(days=4), enterprises, {"email": 5, "phone": 3}),
    Story(reconciliation, 9, timedelta(days=5), offices, {"fax": 1}),
)
