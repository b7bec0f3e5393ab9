"""What is wrong with something that was read: which field it is, and what was expected of it."""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

_FIELD = re.compile(r"Object (contains unknown|missing required) field `(.+)`")


class Wrong(NamedTuple):
    """`field` is a path such as `http.port`, empty for the whole; `said` is a clause without a full stop."""

    field: str
    said: str


def tell_wrong(error: msgspec.ValidationError) -> Wrong:
    """The error of msgspec (``Expected `int`, got `str` - at `$.http.port` ``) taken apart."""
    said, _, path = str(error).partition(" - at `$")
    path = path.rstrip("`").lstrip(".")
    field = _FIELD.fullmatch(said)
    if field is None:
        return Wrong(path, said[:1].lower() + said[1:])
    known = "expected, but missing" if field[1] == "missing required" else "there is nothing of this name"
    return Wrong(f"{path}.{field[2]}".lstrip("."), known)
