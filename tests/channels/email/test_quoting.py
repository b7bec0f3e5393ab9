"""New words, quoted words and signatures told apart; whole letters of each program are among the samples."""

from __future__ import annotations

import pytest

from channels.email.quoting import Spoken, part_words

COLLEAGUE = "Ваш Иванов написал:\nвсё сделаю.\nОт: него ни слуху"
SAID = "2 марта 2026, Help <help@example.com> писал(а):"
WRAPPED = "On Mon, Mar 2, 2026 at 12:30 PM Help Desk <\nhelp@example.com> wrote:"
WRAPPED_RU = "пн, 2 мар. 2026 г. в 12:30, Служба поддержки\n<help@example.com>:"
LONG = "С уважением отнеситесь к моей просьбе, пожалуйста, и пришлите мастера до вечера пятницы"


@pytest.mark.parametrize(
    ("letter", "parted"),
    [
        ("Просто слова.", Spoken("Просто слова.")),
        ("", Spoken("")),
        # The words about a colleague are the customer's own, though they look like an introduction.
        (COLLEAGUE, Spoken(COLLEAGUE)),
        ("Тема: связь\nАдрес: Ленина, 5\nот: вчера", Spoken("Тема: связь\nАдрес: Ленина, 5\nот: вчера")),
        # Wrapped introductions belong to what they introduce.
        (f"Yes.\n\n{WRAPPED}\n\n> Is it?", Spoken("Yes.", f"{WRAPPED}\n\n> Is it?")),
        (f"Да.\n\n{WRAPPED_RU}\n\n> Вам?", Spoken("Да.", f"{WRAPPED_RU}\n\n> Вам?")),
        # Answers below, between and around.
        ("> Когда?\n\nЗавтра.", Spoken("Завтра.", "> Когда?")),
        ("Добрый день!\n> Когда?\nЗавтра.", Spoken("Добрый день!\n\nЗавтра.", "> Когда?")),
        ("> a\nb\n> c\nd\n> e", Spoken("> a\nb\n> c\nd", "> e")),
        # Nothing of his own: a reply shows its quote apart, a forward is the message.
        (f"{SAID}\n> a", Spoken("", f"{SAID}\n> a")),
        (f"Best regards,\nIvan\n\n{SAID}\n> a", Spoken("", f"{SAID}\n> a", "Best regards,\nIvan")),
        ("> all\n> of it", Spoken("> all\n> of it")),
        (
            "-----Original Message-----\nFrom: a@b.c\nSent: now\nTo: d\n\nold",
            Spoken("-----Original Message-----\nFrom: a@b.c\nSent: now\nTo: d\n\nold"),
        ),
        # Signatures.
        ("Текст.\n\nС уважением,\nИван\n+7 495 1", Spoken("Текст.", "", "С уважением,\nИван\n+7 495 1")),
        ("Text.\n-- \nIvan\nExample Ltd", Spoken("Text.", "", "-- \nIvan\nExample Ltd")),
        ("Текст.\n\nОтправлено с iPhone", Spoken("Текст.", "", "Отправлено с iPhone")),
        ("С уважением, Иван", Spoken("", "", "С уважением, Иван")),
        # What only looks like one.
        ("С уважением, Иван\nP.S. Звоните после 18!", Spoken("С уважением, Иван\nP.S. Звоните после 18!")),
        ("С уважением, Иван\nА когда мастер?", Spoken("С уважением, Иван\nА когда мастер?")),
        ("Отправлено с оплатой вчера", Spoken("Отправлено с оплатой вчера")),
        (LONG, Spoken(LONG)),
        # A signature above the quote and words below it stay what they are.
        ("Да.\n-- \nИван\n> Когда?\nЗавтра.", Spoken("Да.\n\nЗавтра.", "> Когда?", "-- \nИван")),
    ],
)  # fmt: skip
def test_a_letter_is_parted(letter: str, parted: Spoken) -> None:
    assert part_words(letter) == parted


def test_a_forward_is_known_by_its_subject_too() -> None:
    letter = "2 марта 2026, Help <help@example.com> писал(а):\n> Договор готов."
    assert part_words(letter, "Fwd: договор").text == letter
    assert part_words(letter, "Re: договор").text == ""
