"""Templates become words."""

from __future__ import annotations

from random import Random

import pytest

from onewindow.demo.person import Person
from onewindow.demo.speech import Facts, Speech

HE = Person("Пётр", "Пётр", "m", {})
SHE = Person("Анна", "Анна", "f", {})


@pytest.fixture
def speech() -> Speech:
    return Speech(Random(3))


def nothing() -> Facts:
    return Facts({}, {})


def test_choices_inside_choices_are_made(speech: Speech) -> None:
    said = {speech.say("{Да|Нет, {никогда|ни за что}}.", HE, nothing()) for _ in range(60)}
    assert said == {"Да.", "Нет, никогда.", "Нет, ни за что."}


def test_words_follow_the_gender_of_the_speaker(speech: Speech) -> None:
    template = "Я звонил[/а] и [нашёл/нашла]."
    assert speech.say(template, HE, nothing()) == "Я звонил и нашёл."
    assert speech.say(template, SHE, nothing()) == "Я звонила и нашла."


def test_a_named_choice_is_made_once_in_a_story(speech: Speech) -> None:
    for _ in range(20):
        facts = nothing()
        asked = speech.say("{#why|аренда|простой|услуга}", HE, facts)
        answered = speech.say("{#why|снята аренда|учтён простой|отключена услуга}", SHE, facts)
        assert answered.split()[1] == asked


def test_values_are_filled_in(speech: Speech) -> None:
    assert speech.say("Верните <sum> ₽", HE, Facts({"sum": "350"}, {})) == "Верните 350 ₽"


def test_a_value_nobody_gave_is_an_error(speech: Speech) -> None:
    with pytest.raises(KeyError):
        speech.say("Верните <sum> ₽", HE, nothing())


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("Да {|} , жду .", "Да, жду."),
        ("Зачем?{|}.", "Зачем?"),
        ("Здравствуйте! {|} когда почините", "Здравствуйте! Когда почините"),
        ("ул. Мира, г. ярославль", "ул. Мира, г. ярославль"),
        ("Раз\n\n{|}\n\nДва", "Раз\n\nДва"),
    ],
)
def test_empty_choices_leave_no_holes(speech: Speech, template: str, said: str) -> None:
    assert speech.say(template, HE, nothing()) == said


def test_nobody_repeats_another_while_there_are_other_words(speech: Speech) -> None:
    template = "{Да|Хорошо|Ладно} {спасибо|жду}"
    said = [speech.say(template, HE, nothing()) for _ in range(6)]
    assert len(set(said)) >= 5
