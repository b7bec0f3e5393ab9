"""The present: what waits in the queues right now, and what lies in each agent's hands."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files

import msgspec

from onewindow.demo.cast import Cast, play
from onewindow.demo.person import Known
from onewindow.demo.scene import Scene, minutes
from onewindow.demo.stories import questions
from onewindow.demo.stories.story import Story, foreigners, offices, residents
from onewindow.demo.wording import Channel
from onewindow.demo.world import World

Who = Callable[[Known], bool]


def ordinary(known: Known) -> bool:
    """Residents who are not served by name."""
    return residents(known) and known.customer.segment == "resident"


def at_home(known: Known) -> bool:
    """Residents with an internet line."""
    return ordinary(known) and bool(known.holds("internet"))


def small(known: Known) -> bool:
    """Companies without a manager of their own."""
    return offices(known) and known.customer.segment == "business"


def corporate(known: Known) -> bool:
    """Large companies."""
    return offices(known) and known.customer.segment == "corporate"


def vip(known: Known) -> bool:
    """Those whom everybody knows by name."""
    return known.customer.segment == "vip"


WHO: Mapping[str, Who] = {one.__name__: one for one in (ordinary, at_home, small, corporate, vip, foreigners)}


class Matter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody came so many minutes ago, and waits in a queue."""

    ago: float
    channel: Channel
    text: str
    subject: str = ""
    who: str = "ordinary"
    files: tuple[str, ...] = ()


class Held(Matter, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A matter in an agent's hands. `back` is what the customer said to the answer."""

    login: str
    note: str = ""
    answer: str = ""
    back: str = ""


class Passed(Matter, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A matter on its way to another department, not accepted there yet."""

    login: str
    to: str
    reason: str


class Present(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that goes on when the demo starts."""

    waiting: tuple[Matter, ...]
    held: tuple[Held, ...]
    passed: tuple[Passed, ...]


@cache
def read_present() -> Present:
    """The present as it is written down beside this module."""
    text = files("onewindow.demo").joinpath("present.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), Present)


def plan_present(world: World, cast: Cast, now: datetime) -> None:
    """Have everything begin so long ago that it stands as it should now."""
    for story, ago in _finished_today(world):
        _begin(world, cast, story, now - timedelta(minutes=ago))
    present = read_present()
    for matter in (*present.waiting, *present.held, *present.passed):
        _begin(world, cast, _as_story(matter), now - timedelta(minutes=matter.ago))


def _finished_today(world: World) -> Iterator[tuple[Story, float]]:
    """Short matters of the last hours, over and done."""
    quick = [story for story in questions.STORIES if story.nightly]
    for place in range(12):
        yield world.random.choice(quick), 205 + 32 * place + world.random.random() * 25


def _begin(world: World, cast: Cast, story: Story, at: datetime) -> None:
    role = cast.find(story, at)
    if role is None:
        raise LookupError(f"nobody is free who could play {story.tell!r}")
    world.clock.begin(at, play(world, story, role))


def _as_story(matter: Matter) -> Story:
    async def tell(scene: Scene) -> None:
        await scene.opens(matter.subject, matter.text, files=matter.files)
        if isinstance(matter, Held):
            await _hold(scene, matter)
        elif isinstance(matter, Passed):
            await _pass_on(scene, matter)

    return Story(tell, 1, timedelta(minutes=matter.ago), WHO[matter.who], {matter.channel: 1})


async def _hold(scene: Scene, matter: Held) -> None:
    await scene.later(minutes(matter.ago * 0.1, matter.ago * 0.4))
    await scene.given_to(matter.login)
    if matter.note:
        await scene.notes(matter.note)
    if matter.answer:
        await scene.answers(matter.answer)
        await scene.later(minutes(matter.ago * 0.1, matter.ago * 0.4))
        await scene.says(matter.back)


async def _pass_on(scene: Scene, matter: Passed) -> None:
    await scene.later(minutes(matter.ago * 0.3, matter.ago * 0.6))
    await scene.given_to(matter.login)
    if (await scene.case()).department_id != matter.to:
        await scene.transfers(matter.to, matter.reason)
