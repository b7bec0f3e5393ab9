"""Everything that is wrong with what was set, found at once: the operator mends his file one time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Protocol, get_args, get_origin, runtime_checkable

import msgspec

from crm.wrong import Wrong, tell_wrong

NO_CHOICE = "invalid enum value "


@runtime_checkable
class Checked(Protocol):
    """Settings that know more of themselves than the types of their fields."""

    def wrong(self) -> Iterator[Wrong]:
        """What cannot work, each with its field and what was expected."""
        ...


def find_wrong(raw: object, kind: Any, path: str = "") -> Iterator[Wrong]:
    """Whatever does not fit the type, deep inside too; fields are paths such as `email.addresses[1]`."""
    inner = _struct(kind)
    if inner is not None and isinstance(raw, dict):
        yield from _in_table(raw, inner, path)
    elif get_origin(kind) is tuple and _struct(get_args(kind)[0]) and isinstance(raw, list):
        for number, item in enumerate(raw):
            yield from find_wrong(item, get_args(kind)[0], f"{path}[{number}]")
    elif get_origin(kind) is dict and _struct(get_args(kind)[1]) and isinstance(raw, dict):
        for name, item in raw.items():
            yield from find_wrong(item, get_args(kind)[1], f"{path}.{name}")
    elif found := _unfit(raw, kind):
        yield Wrong(path + _joined(path, found.field), found.said)


def _in_table(raw: Mapping[str, Any], kind: type[msgspec.Struct], path: str) -> Iterator[Wrong]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    fit = {}
    for name, value in raw.items():
        where = f"{path}.{name}".lstrip(".")
        found = (
            list(find_wrong(value, fields[name].type, where))
            if name in fields
            else [Wrong(where, "there is nothing of this name")]
        )
        yield from found
        if not found:
            fit[name] = value
    missing = [name for name, field in fields.items() if field.required and name not in raw]
    for name in missing:
        yield Wrong(f"{path}.{name}".lstrip("."), "expected, but missing")
    if all(name in fit for name, field in fields.items() if field.required):
        yield from _in_whole(fit, kind, path, known=set(raw) - set(fit))


def _in_whole(
    fit: Mapping[str, Any], kind: type[msgspec.Struct], path: str, *, known: set[str]
) -> Iterator[Wrong]:
    """What the table says of itself. Of fields that are wrong already (`known`) it sees only the default."""
    if found := _unfit(fit, kind):
        yield Wrong(path + _joined(path, found.field), found.said)
        return
    table = msgspec.convert(fit, kind)
    if isinstance(table, Checked):
        for wrong in table.wrong():
            if wrong.field.partition("[")[0] not in known:
                yield Wrong(f"{path}.{wrong.field}".strip("."), wrong.said)


def _unfit(raw: object, kind: Any) -> Wrong | None:
    try:
        msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        wrong = tell_wrong(error)
        given, choices = wrong.said.removeprefix(NO_CHOICE), _choices(kind)
        if given == wrong.said or not choices:
            return wrong
        return Wrong(wrong.field, f"expected one of {', '.join(choices)}, got {given.partition(' - at ')[0]}")
    return None


def _choices(kind: Any) -> list[str]:
    """The words that may stand somewhere in a value of this type."""
    if get_origin(kind) is Literal:
        return [str(word) for word in get_args(kind)]
    return [word for inner in get_args(kind) for word in _choices(inner)]


def _joined(path: str, field: str) -> str:
    return field if not path or not field or field.startswith("[") else f".{field}"


def _struct(kind: Any) -> type[msgspec.Struct] | None:
    """The table that a setting is, also where it may be left out."""
    if get_origin(kind) is UnionType:
        kinds = [one for one in get_args(kind) if one is not NoneType]
        kind = kinds[0] if len(kinds) == 1 else None
    return kind if isinstance(kind, type) and issubclass(kind, msgspec.Struct) else None
