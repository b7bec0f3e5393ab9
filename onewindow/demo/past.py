"""The past: who lives which story, and when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from onewindow.demo.calendar import some_moment
from onewindow.demo.cast import Cast, Role, play
from onewindow.demo.person import Known
from onewindow.demo.stories import (
    changes,
    claims,
    companies,
    english,
    lines,
    machines,
    money,
    questions,
)
from onewindow.demo.stories.story import Story
from onewindow.demo.world import World

STORIES: tuple[Story, ...] = (
    *lines.STORIES,
    *money.STORIES,
    *changes.STORIES,
    *questions.STORIES,
    *companies.STORIES,
    *claims.STORIES,
    *english.STORIES,
    *machines.STORIES,
)
OFFICE_WORK = tuple({story.who for story in companies.STORIES})


MARGIN = timedelta(hours=5)
"""What begins later belongs to the present."""


def plan_past(world: World, cast: Cast, now: datetime) -> None:
    """Have every story begin at some time of the past. The latest may still go on when it is over."""
    for story in STORIES:
        for _ in range(story.times):
            office = story.who in OFFICE_WORK
            begins = some_moment(world.random, now, before=MARGIN, office=office)
            role = cast.find(story, begins)
            if role:
                world.clock.begin(begins, play(world, story, role))


def plan_hero(world: World, cast: Cast, people: Sequence[Known], now: datetime) -> None:
    """The customer who goes through five doors needs all of them."""
    doors = ("visitor", "phone", "email", "postal")
    hero = next(
        known
        for known in people
        if known.customer.segment == "resident"
        and known.person.language == "ru"
        and known.holds("internet")
        and all(door in known.person.ways for door in doors)
    )
    begins = (now - timedelta(days=26)).replace(hour=17, minute=42, second=8)
    story = Story(claims.five_doors, 1, timedelta(days=30))
    cast.take(hero, begins, begins + story.span)
    world.clock.begin(begins, play(world, story, Role(hero, hero.person, "chat")))
