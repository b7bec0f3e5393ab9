"""CPU per call record read, against a bare csv parser on the same lines, and how fast a long log is split."""

from __future__ import annotations

import csv
import tempfile
import time
from pathlib import Path

from channels.phone.cdr import layout_of, read_cdr
from channels.phone.moments import reader_of
from channels.phone.tail import Tail
from tests.channels.phone.logs import a_leg

RECORDS = 20_000
LINES = 1_000_000


def main() -> dict[str, float]:
    lines = [a_leg(f"17954262{n % 100:02}.{n}", sequence=n).rstrip(b"\n") for n in range(RECORDS)]
    layout, moment = layout_of(uniqueid=True, userfield=True, new_columns=True), reader_of("Europe/Moscow")
    begin = time.process_time()
    for line in lines:
        next(csv.reader((line.decode(),)))
    bare = (time.process_time() - begin) / RECORDS * 1e6
    begin = time.process_time()
    for line in lines:
        read_cdr(line, layout, moment)
    ours = (time.process_time() - begin) / RECORDS * 1e6
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "Master.csv")
        path.write_bytes(b"\n".join(lines * (LINES // RECORDS)) + b"\n")
        tail, read, begin = Tail(path), 0, time.perf_counter()
        while read < LINES:
            read += len(tail.read().lines)
        spent = time.perf_counter() - begin
        tail.close()
    return {
        "bare csv parser, µs CPU a call record": bare,
        "ours, µs CPU a call record": ours,
        "call records: ours / bare": ours / bare,
        "tail of 1,000,000 lines, lines a second": LINES / spent,
    }
