"""The garbage collector of a server: it comes round seldom and leaves alone what was there at the start."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

ROUNDS = (10_000, 20, 20)
"""Python's own are (700, 10, 10): under load it goes through all that the process knows many times a
second, and there are hardly any cycles to be found. That took a tenth of the CPU of each contact."""


@contextmanager
def rare_collections() -> Iterator[None]:
    """While open, the collector comes round as seldom as suits a server."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*ROUNDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
