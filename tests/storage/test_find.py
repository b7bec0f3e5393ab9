"""What every store promises about finding and counting records."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

import pytest

from crm.errors import BadInput
from crm.store import After, Group, Insert, Order, Store, Where, at_least, equals, less_than, one_of
from tests.storage.samples import THINGS, Thing, holds, minutes


async def put(store: Store, *things: Thing) -> None:
    await store.commit([Insert(THINGS, thing) for thing in things])


async def ids(store: Store, *where: Where, order: Order | None = None, limit: int = 100) -> list[str]:
    return [thing.id for thing in await store.find(THINGS, *where, order=order, limit=limit)]


async def test_conditions_hold_together(store: Store) -> None:
    await put(
        store,
        Thing(id="1", owner="a", open=True, due=minutes(1)),
        Thing(id="2", owner="a", open=False, due=minutes(2)),
        Thing(id="3", owner="b", open=True, due=minutes(3)),
    )
    assert await ids(store, equals("owner", "a")) == ["1", "2"]
    assert await ids(store, equals("owner", "a"), equals("open", False)) == ["2"]
    assert await ids(store, at_least("due", minutes(2))) == ["2", "3"]
    assert await ids(store, at_least("due", minutes(1)), less_than("due", minutes(3))) == ["1", "2"]
    assert await ids(store, Where("due", ">", minutes(2))) == ["3"]
    assert await ids(store, Where("due", "<=", minutes(2))) == ["1", "2"]
    assert await ids(store, one_of("owner", ["b", "a", "a"]), equals("open", True)) == ["1", "3"]
    assert await ids(store, equals("id", "2")) == ["2"]


async def test_one_of_nothing_finds_nothing(store: Store) -> None:
    await put(store, Thing(id="1"))
    assert await ids(store, one_of("owner", [])) == []
    assert await store.aggregate(THINGS, one_of("owner", []), by=["owner"]) == []
    assert await store.search(THINGS, "word", one_of("owner", [])) == []


async def test_none_equals_none_and_compares_with_nothing(store: Store) -> None:
    await put(store, Thing(id="1", due=None), Thing(id="2", due=minutes(0)), Thing(id="3", label="x"))
    assert await ids(store, equals("due", None)) == ["1", "3"]
    assert await ids(store, less_than("due", minutes(9))) == ["2"]
    assert await ids(store, at_least("due", minutes(-9))) == ["2"]
    assert await ids(store, one_of("due", [None, minutes(0)])) == ["1", "2", "3"]
    assert await ids(store, one_of("label", [None])) == ["1", "2"]
    with pytest.raises(BadInput):
        await store.find(THINGS, less_than("due", None))


async def test_equal_values_are_ordered_by_id_in_the_same_direction(store: Store) -> None:
    await put(store, *(Thing(id=str(number), owner="a", due=minutes(number // 2)) for number in range(6)))
    assert await ids(store, order=Order("due")) == ["0", "1", "2", "3", "4", "5"]
    assert await ids(store, order=Order("due", descending=True)) == ["5", "4", "3", "2", "1", "0"]
    assert await ids(store, equals("owner", "a"), order=Order("due", descending=True), limit=2) == ["5", "4"]
    assert await ids(store, order=Order("id", descending=True), limit=2) == ["5", "4"]


async def test_none_comes_before_every_value(store: Store) -> None:
    await put(store, Thing(id="1", due=minutes(-1_000_000_000)), Thing(id="2"), Thing(id="3", due=minutes(1)))
    assert await ids(store, order=Order("due")) == ["2", "1", "3"]
    assert await ids(store, order=Order("due", descending=True)) == ["3", "1", "2"]


async def test_a_moment_keeps_its_microseconds(store: Store) -> None:
    moments = [
        datetime.fromisoformat(text)
        for text in (
            "0001-01-01T00:00:00+00:00",
            "1969-12-31T23:59:59.999999+00:00",
            "2026-03-02T12:00:00.000001+00:00",
            "2026-03-02T12:00:00.000002+00:00",
            "9999-12-31T23:59:59.999999+00:00",
        )
    ]
    await put(store, *(Thing(id=str(place), due=due) for place, due in enumerate(moments)))
    found = await store.find(THINGS, order=Order("due"))
    assert [thing.due for thing in found] == moments
    for due in moments:
        assert [thing.due for thing in await store.find(THINGS, equals("due", due))] == [due]
    groups = await store.aggregate(THINGS, by=["due"])
    assert [group.key for group in groups] == [(due,) for due in moments]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("field", ["due", "id", "rank", "label"])
@pytest.mark.parametrize(
    "where",
    [
        (),
        (equals("owner", "a"),),
        (one_of("owner", ["a", "b"]),),
        (one_of("owner", ["a", "b"]), one_of("open", [True, False])),
        (equals("open", True),),
        (at_least("due", minutes(2)),),
        (less_than("due", minutes(9)), Where("due", ">", minutes(1))),
        (equals("owner", "b"), at_least("due", minutes(2)), less_than("due", minutes(9))),
        (Where("id", ">", "05"), Where("id", "<=", "31")),
    ],
)
async def test_pages_one_after_another_are_the_whole_list(
    store: Store, where: tuple[Where, ...], field: str, descending: bool
) -> None:
    things = [
        Thing(
            id=f"{number * 7 % 40:02}",
            owner="ab"[number % 2],
            rank=number % 3,
            open=number % 5 > 0,
            due=None if number % 4 == 0 else minutes(number // 3),
            label=None if number % 6 == 0 else "xyz"[number % 3],
        )
        for number in range(40)
    ]
    await put(store, *things)
    order = Order(field, descending=descending)
    whole = await store.find(THINGS, *where, order=order)
    pages: list[Thing] = []
    while page := await store.find(THINGS, *where, order=order, limit=3, after=behind(pages, field)):
        pages += page
    assert pages == whole
    assert [thing.id for thing in whole] == sorted_ids(things, where, field, descending=descending)


async def test_a_page_may_begin_outside_the_bounds(store: Store) -> None:
    await put(store, Thing(id="none"), *(Thing(id=str(number), due=minutes(number)) for number in range(9)))
    within = (at_least("due", minutes(3)), less_than("due", minutes(6)))

    async def page(value: datetime | None, *, descending: bool) -> list[str]:
        order, after = Order("due", descending=descending), After(value, "5")
        return [thing.id for thing in await store.find(THINGS, *within, order=order, after=after)]

    assert await page(minutes(1), descending=False) == ["3", "4", "5"]
    assert await page(minutes(4), descending=False) == ["5"]
    assert await page(minutes(8), descending=False) == []
    assert await page(None, descending=False) == ["3", "4", "5"]
    assert await page(minutes(8), descending=True) == ["5", "4", "3"]
    assert await page(minutes(4), descending=True) == ["4", "3"]
    assert await page(minutes(1), descending=True) == []
    assert await page(None, descending=True) == []


def behind(pages: list[Thing], field: str) -> After | None:
    return After(getattr(pages[-1], field), pages[-1].id) if pages else None


def sorted_ids(things: list[Thing], where: tuple[Where, ...], field: str, *, descending: bool) -> list[str]:
    kept = [thing for thing in things if all(holds(thing, one) for one in where)]

    def key(thing: Thing) -> tuple[bool, object, str]:
        value = getattr(thing, field)
        return (value is not None, "" if value is None else value, thing.id)

    return [thing.id for thing in sorted(kept, key=key, reverse=descending)]


async def test_a_long_list_comes_whole_and_in_order(store: Store) -> None:
    await put(store, *(Thing(id=f"{number:05}", rank=number % 7) for number in range(3000)))
    found = await ids(store, order=Order("id"), limit=5000)
    assert found == [f"{number:05}" for number in range(3000)]
    ranked = await store.find(THINGS, order=Order("rank", descending=True), limit=5000)
    assert len(ranked) == 3000
    assert all((one.rank, one.id) > (other.rank, other.id) for one, other in pairwise(ranked))


async def test_records_are_counted_and_summed_by_groups(store: Store) -> None:
    await put(
        store,
        Thing(id="1", owner="a", open=True, rank=1, weight=10),
        Thing(id="2", owner="a", open=True, rank=2),
        Thing(id="3", owner="a", open=False, rank=3, weight=1),
        Thing(id="4", owner="b", open=True, rank=4, weight=-5),
    )
    assert await store.aggregate(THINGS) == [Group((), 4, 0)]
    assert await store.aggregate(THINGS, sum="rank") == [Group((), 4, 10)]
    assert await store.aggregate(THINGS, equals("open", True), by=["owner"], sum="rank") == [
        Group(("a",), 2, 3),
        Group(("b",), 1, 4),
    ]
    assert await store.aggregate(THINGS, by=["owner", "open"], sum="weight") == [
        Group(("a", False), 1, 1),
        Group(("a", True), 2, 17),  # a weight that was left out is the field's default, 7
        Group(("b", True), 1, -5),
    ]


async def test_groups_of_none_have_none_for_a_key(store: Store) -> None:
    await put(store, Thing(id="1"), Thing(id="2", label="x"), Thing(id="3", due=minutes(1)))
    assert await store.aggregate(THINGS, by=["label"]) == [Group((None,), 2, 0), Group(("x",), 1, 0)]
    assert await store.aggregate(THINGS, by=["due"]) == [Group((None,), 2, 0), Group((minutes(1),), 1, 0)]


async def test_nothing_counted_is_zero(store: Store) -> None:
    assert await store.aggregate(THINGS, sum="rank") == [Group((), 0, 0)]
    assert await store.aggregate(THINGS, by=["owner"]) == []


async def test_a_field_that_is_not_indexed_is_refused_by_name(store: Store) -> None:
    for attempt in (
        store.find(THINGS, equals("weight", 1)),
        store.find(THINGS, order=Order("text")),
        store.aggregate(THINGS, by=["nonsense"]),
        store.aggregate(THINGS, sum="text"),
        store.search(THINGS, "word", equals("weight", 1)),
    ):
        with pytest.raises(BadInput) as caught:
            await attempt
        assert caught.value.field in str(caught.value)
        assert caught.value.field in {"weight", "text", "nonsense"}
