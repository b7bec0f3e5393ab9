"""Recorded updates of every kind, and what each comes to."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from channels.telegram.reading import BotName, Ignored, read_update

SAMPLES = Path(__file__).resolve().parents[2] / "samples" / "telegram"
MOMENT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
NAMES = sorted(path.name.removesuffix(".update.json") for path in SAMPLES.glob("*.update.json"))


def outcome(raw: bytes) -> dict[str, Any]:
    """What is read of an update, as the sample beside it has it."""
    read = read_update(raw, BotName(111, "shop_bot", groups=True), received_at=MOMENT)
    if isinstance(read, Ignored):
        return {"ignored": read.kind}
    told: dict[str, Any] = json.loads(msgspec.json.encode(read.contact))
    for name in ("id", "channel", "received_at"):
        del told[name]
    told["files"] = [msgspec.to_builtins(file) for file in read.files]
    told |= {"start": read.start, "addressed": read.addressed, "keeps_all": bool(read.raw)}
    return {name: value for name, value in told.items() if value not in ("", [], False)}


@pytest.mark.parametrize("name", NAMES)
def test_an_update_comes_to_what_its_sample_says(name: str) -> None:
    raw = (SAMPLES / f"{name}.update.json").read_bytes()
    assert outcome(raw) == json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))


def test_there_are_samples() -> None:
    assert len(NAMES) > 30
