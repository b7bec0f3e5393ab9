"""The cast: which customer plays in which story, and when he is free to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from onewindow.demo.person import Known, Person
from onewindow.demo.scene import Scene
from onewindow.demo.stories.story import Story
from onewindow.demo.wording import KINDS, Channel
from onewindow.demo.world import World

REST = timedelta(days=2)
"""Nobody lives two stories at once: this long lies between them."""


class Role(NamedTuple):
    """Who plays in a story, and by which channel he begins."""

    known: Known
    person: Person
    channel: Channel


class Cast:
    """Everybody, and when each is taken."""

    def __init__(self, world: World, people: Sequence[Known]) -> None:
        self._random = world.random
        self._people = people
        # Some call every month and some never: the first third of the town has half of the matters.
        self._talkative = [3 if place % 3 == 0 else 1 for place in range(len(people))]
        self._taken: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)

    def find(self, story: Story, begins: datetime) -> Role | None:
        """Somebody who fits the story and is free."""
        ends = begins + story.span + REST
        fit = [
            (known, weight)
            for known, weight in zip(self._people, self._talkative, strict=True)
            if story.who(known) and _ways(story, known.person) and self._is_free(known, begins, ends)
        ]
        if not fit:
            return None
        known = self._random.choices([known for known, _ in fit], [weight for _, weight in fit])[0]
        person = self._random.choice([one for one in known.people if _ways(story, one)])
        ways = _ways(story, person)
        channel = self._random.choices(list(ways), list(ways.values()))[0]
        self.take(known, begins, ends)
        return Role(known, person, channel)

    def take(self, known: Known, begins: datetime, ends: datetime) -> None:
        self._taken[known.customer.id].append((begins, ends))

    def _is_free(self, known: Known, begins: datetime, ends: datetime) -> bool:
        taken = self._taken[known.customer.id]
        return all(ends < since or until < begins for since, until in taken)


def _ways(story: Story, person: Person) -> dict[Channel, int]:
    return {channel: weight for channel, weight in story.ways.items() if KINDS[channel] in person.ways}


async def play(world: World, story: Story, role: Role) -> None:
    """The story, told by this customer."""
    await story.tell(Scene(world, role.known, role.person, role.channel))
