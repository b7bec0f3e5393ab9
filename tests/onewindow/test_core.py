"""The rooms without doors: what an installation keeps is there again, and what is broken is named."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from crm.collections import CASES, CONTACTS, DEPARTMENTS
from crm.errors import StoreUnusable
from crm.store import Insert, Replace
from onewindow.core import data_directory, load_rules, load_secret, open_core
from onewindow.settings import BadSetting, Settings, read_settings
from tests.polling import until
from tests.router.house import an_arrival
from tests.router.records import a_department

OUTAGE = """
default_department = "reception"
[[rule]]
name = "outage"
when = { words = ["не работает"] }
then = { department = "technical" }
"""


def settings_in(home: Path, text: str = "") -> Settings:
    return read_settings(text, {}, home=home)


async def test_a_new_installation_takes_contacts_at_once(tmp_path: Path) -> None:
    async with open_core(settings_in(tmp_path)) as core:
        receipt = await core.intake.accept(an_arrival("m1"))
        case = await core.store.get(CASES, receipt.case_id)
        assert case is not None
        assert case.department_id == "front-desk"
        assert await core.store.get(DEPARTMENTS, "front-desk")
    async with open_core(settings_in(tmp_path)) as core:
        assert await core.store.get(CONTACTS, "email:m1")


async def test_what_waited_when_the_core_was_closed_is_stored(tmp_path: Path) -> None:
    async with open_core(settings_in(tmp_path)) as core:
        accepting = [asyncio.create_task(core.intake.accept(an_arrival(f"m{n}"))) for n in range(50)]
        await asyncio.sleep(0)
    await asyncio.gather(*accepting)
    async with open_core(settings_in(tmp_path)) as core:
        assert len(await core.store.find(CONTACTS)) == 50


async def test_the_default_department_of_the_rules_is_made_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(OUTAGE, encoding="utf-8")
    async with open_core(settings_in(tmp_path)) as core:
        made = await core.store.get(DEPARTMENTS, "reception")
        assert made is not None
        await core.store.commit([Replace(DEPARTMENTS, a_department("reception", names={"ru": "Приём"}))])
    async with open_core(settings_in(tmp_path)) as core:
        kept = await core.store.get(DEPARTMENTS, "reception")
        assert kept is not None
        assert kept.names == {"ru": "Приём"}


async def test_a_department_that_is_added_is_soon_known_to_the_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onewindow.core.REFRESH", 0.05)
    (tmp_path / "rules.toml").write_text(OUTAGE, encoding="utf-8")
    async with open_core(settings_in(tmp_path)) as core:
        await core.store.commit([Insert(DEPARTMENTS, a_department("technical"))])
        numbers = iter(range(1000))

        async def where_it_goes() -> str:
            arrival = an_arrival(f"m{next(numbers)}", "интернет не работает")
            receipt = await core.intake.accept(arrival)
            case = await core.store.get(CASES, receipt.case_id)
            assert case is not None
            return case.department_id

        await until(where_it_goes, "technical")
        closed = a_department("technical", active=False)
        await core.store.commit([Replace(DEPARTMENTS, closed)])
        await until(where_it_goes, "reception")


async def test_a_store_that_is_in_use_is_not_opened_twice(tmp_path: Path) -> None:
    async with open_core(settings_in(tmp_path)):
        with pytest.raises(StoreUnusable, match="in use by process"):
            async with open_core(settings_in(tmp_path)):
                pass


def test_data_lie_beside_the_settings_and_are_nobody_elses(tmp_path: Path) -> None:
    data = data_directory(settings_in(tmp_path, "data = 'a/b'"))
    assert data == tmp_path / "a" / "b"
    assert stat.S_IMODE(data.stat().st_mode) == 0o700


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadSetting, match="file/var cannot be made") as caught:
        data_directory(settings_in(tmp_path, "data = 'file/var'"))
    assert caught.value.field == "data"


def test_the_rules_that_come_with_the_program_serve_where_there_are_none(tmp_path: Path) -> None:
    assert load_rules(settings_in(tmp_path)).default_department == "front-desk"


@pytest.mark.parametrize(
    ("setting", "content", "says"),
    [
        ("mine.toml", None, "mine.toml cannot be read"),
        ("rules.toml", b"x =", "rules.toml: The rules are not TOML"),
        ("rules.toml", b"\xff", "rules.toml cannot be read"),
        ("rules.toml", b"default_department = 'a'\n[[rule]]\nname = 'x'\n", "Rule 1, «x»: then: expected"),
    ],
)
def test_rules_that_cannot_be_read_are_named(
    tmp_path: Path, setting: str, content: bytes | None, says: str
) -> None:
    if content is not None:
        (tmp_path / setting).write_bytes(content)
    with pytest.raises(BadSetting, match=says) as caught:
        load_rules(settings_in(tmp_path, f"[router]\nrules = '{setting}'"))
    assert caught.value.field == "router.rules"


def test_the_secret_is_made_once_and_kept_for_us_alone(tmp_path: Path) -> None:
    first = load_secret(settings_in(tmp_path))
    assert len(first) >= 32
    assert load_secret(settings_in(tmp_path)) == first
    assert [path.name for path in (tmp_path / "var").iterdir()] == ["secret"]
    assert stat.S_IMODE((tmp_path / "var" / "secret").stat().st_mode) == 0o600


def test_a_secret_that_is_set_is_used_and_one_too_short_is_refused(tmp_path: Path) -> None:
    assert load_secret(settings_in(tmp_path, "secret = 'sixteen letters.'")) == b"sixteen letters."
    with pytest.raises(BadSetting, match="at least 16") as caught:
        load_secret(settings_in(tmp_path, "secret = 'short'"))
    assert caught.value.field == "secret"
    assert "short" not in str(caught.value)


def test_half_a_secret_signs_nothing(tmp_path: Path) -> None:
    load_secret(settings_in(tmp_path))
    (tmp_path / "var" / "secret").write_bytes(b"")
    with pytest.raises(BadSetting, match="is broken") as caught:
        load_secret(settings_in(tmp_path))
    assert caught.value.field == "data"


def test_what_a_crash_left_of_a_new_secret_is_no_obstacle(tmp_path: Path) -> None:
    data_directory(settings_in(tmp_path)).joinpath("secret.new").write_bytes(b"half")
    assert len(load_secret(settings_in(tmp_path))) >= 32
