"""A store beside a dictionary: whatever is committed and asked in whatever order, both say the same."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from crm.errors import Conflict
from crm.store import After, Group, Insert, Order, Replace, Scalar, Store, Where, Write, equals, one_of
from tests.storage.conftest import ENGINES, Engine
from tests.storage.samples import COMPARED, THINGS, Thing, holds, minutes

IDS = st.sampled_from("abcdefgh")
OWNERS = st.sampled_from(["", "anna", "boris"])
RANKS = st.integers(-2, 2)
DUES = st.none() | st.integers(-1, 2).map(minutes)
LABELS = st.none() | st.sampled_from(["", "x", "я"])
THING = st.builds(
    Thing,
    id=IDS,
    owner=OWNERS,
    rank=RANKS,
    open=st.booleans(),
    due=DUES,
    label=LABELS,
    weight=st.integers(5, 9),
)
FIELDS: dict[str, st.SearchStrategy[Scalar]] = {
    "owner": OWNERS,
    "rank": RANKS,
    "open": st.booleans(),
    "due": DUES,
    "label": LABELS,
    "id": IDS,
}
ORDERS = st.builds(Order, st.sampled_from(sorted(FIELDS)), st.booleans())


@st.composite
def conditions(draw: st.DrawFn) -> list[Where]:
    where = []
    for field in draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=3)):
        op = draw(st.sampled_from(["=", "=", "in", "<", "<=", ">", ">="]))
        values = FIELDS[field]
        if op == "=":
            where.append(equals(field, draw(values)))
        elif op == "in":
            where.append(one_of(field, draw(st.lists(values, max_size=3))))
        else:
            value = draw(values.filter(lambda value: value is not None))
            where.append(Where(field, op, value))  # type: ignore[arg-type]  # one of the literals above
    return where


class Attempt(msgspec.Struct, frozen=True):
    """A write to try: an insert, or a replace of a version that may be the stored one or not."""

    thing: Thing
    insert: bool
    off: int  # how far from the stored version


ATTEMPTS = st.lists(
    st.builds(Attempt, THING, st.booleans(), st.sampled_from([0, 0, 0, 1, -1])), min_size=1, max_size=4
)


class StoreBesideDictionary(RuleBasedStateMachine):
    """Runs over a store of the engine, opened anew for each example and now and then within one."""

    engine: ClassVar[type[Engine]]

    def __init__(self) -> None:
        super().__init__()
        self._directory = tempfile.TemporaryDirectory()
        self._at = self.engine(Path(self._directory.name))
        self._runner = asyncio.Runner()
        self._opened = AsyncExitStack()
        self._store = self._runner.run(self._open())
        self._model: dict[str, Thing] = {}

    async def _open(self) -> Store:
        return await self._opened.enter_async_context(self._at.open())

    def teardown(self) -> None:
        self._runner.run(self._opened.aclose())
        self._runner.close()
        self._directory.cleanup()

    @rule()
    def open_again(self) -> None:
        self._runner.run(self._opened.aclose())
        self._store = self._runner.run(self._open())

    @rule(attempts=ATTEMPTS)
    def commit(self, attempts: list[Attempt]) -> None:
        writes = [self._write(attempt) for attempt in attempts]
        assert self._runner.run(_outcomes(self._store, [writes])) == [self._expected(writes)]

    @rule(several=st.lists(ATTEMPTS, min_size=2, max_size=5))
    def commit_together(self, several: list[list[Attempt]]) -> None:
        """Commits made at once are taken in that order, each whole or not at all."""
        commits = [[self._write(attempt) for attempt in attempts] for attempts in several]
        outcomes = self._runner.run(_outcomes(self._store, commits))
        assert outcomes == [self._expected(writes) for writes in commits]

    def _write(self, attempt: Attempt) -> Write:
        if attempt.insert:
            return Insert(THINGS, attempt.thing)
        known = self._model.get(attempt.thing.id)
        version = max((known.version if known else 1) + attempt.off, 1)
        return Replace(THINGS, msgspec.structs.replace(attempt.thing, version=version))

    def _expected(self, writes: list[Write]) -> str | None:
        """What should become of the commit; the model is brought to where it should be."""
        after = dict(self._model)
        for write in writes:
            record: Thing = write.record
            known = after.get(record.id)
            if isinstance(write, Insert):
                if known is not None:
                    return record.id
                after[record.id] = record
            else:
                if known is None or known.version != record.version:
                    return record.id
                after[record.id] = msgspec.structs.replace(record, version=record.version + 1)
        self._model = after
        return None

    @invariant()
    def every_record_is_read_as_it_should_be(self) -> None:
        ids = [*"abcdefgh", "none"]
        assert self._runner.run(self._store.get_many(THINGS, ids)) == self._model
        assert self._runner.run(self._store.get(THINGS, "a")) == self._model.get("a")

    @rule(where=conditions(), order=ORDERS, limit=st.integers(1, 10), data=st.data())
    def find(self, where: list[Where], order: Order, limit: int, data: st.DataObject) -> None:
        after = None
        if data.draw(st.booleans()):
            after = After(data.draw(FIELDS[order.field]), data.draw(IDS))
            after = After(after.id, after.id) if order.field == "id" else after
        found = self._runner.run(self._store.find(THINGS, *where, order=order, limit=limit, after=after))
        assert found == self._found(where, order, after)[:limit]

    def _found(self, where: Sequence[Where], order: Order, after: After | None) -> list[Thing]:
        def key(value: Scalar, id: str) -> tuple[bool, Scalar, str]:
            return (value is not None, "" if value is None else value, id)

        kept = [thing for thing in self._model.values() if _meets(thing, where)]
        keys = {thing.id: key(getattr(thing, order.field), thing.id) for thing in kept}
        if after is not None:
            mark = key(after.value, after.id)
            behind = COMPARED["<" if order.descending else ">"]
            kept = [thing for thing in kept if behind(keys[thing.id], mark)]
        return sorted(kept, key=lambda thing: keys[thing.id], reverse=order.descending)

    @rule(where=conditions(), by=st.lists(st.sampled_from(sorted(FIELDS)), max_size=2, unique=True))
    def aggregate(self, where: list[Where], by: list[str]) -> None:
        groups: dict[tuple[Scalar, ...], Group] = {} if by else {(): Group((), 0, 0)}
        for thing in self._model.values():
            if _meets(thing, where):
                key = tuple(getattr(thing, field) for field in by)
                _, records, total = groups.get(key, Group(key, 0, 0))
                groups[key] = Group(key, records + 1, total + thing.weight)
        counted = self._runner.run(self._store.aggregate(THINGS, *where, by=by, sum="weight"))
        assert len(counted) == len(groups)
        assert {group.key: group for group in counted} == groups


def _meets(thing: Thing, where: Sequence[Where]) -> bool:
    return all(holds(thing, one) for one in where)


async def _outcomes(store: Store, commits: list[list[Write]]) -> list[str | None]:
    """For each commit the id of the record that stood in its way; None where it was kept."""
    outcomes = await asyncio.gather(*(store.commit(writes) for writes in commits), return_exceptions=True)
    ids: list[str | None] = []
    for outcome in outcomes:
        assert outcome is None or isinstance(outcome, Conflict)
        ids.append(outcome.id if outcome else None)
    return ids


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
def test_a_store_says_what_a_dictionary_would_say(engine: type[Engine]) -> None:
    machine = type("OverEngine", (StoreBesideDictionary,), {"engine": engine})
    run_state_machine_as_test(machine, settings=settings(stateful_step_count=30, max_examples=50))
