"""What the HTTP library may write into our log: where something failed, and nothing that a peer said."""

from __future__ import annotations

import logging
import traceback

from aiohttp.http_exceptions import HttpProcessingError

LIBRARY = logging.getLogger("aiohttp.server")


def keep_peers_out_of_the_log() -> None:
    """Its errors quote what came: addresses with their words and headers with their tokens."""
    if not any(isinstance(kept, _Peers) for kept in LIBRARY.filters):
        LIBRARY.addFilter(_Peers())


class _Peers(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, ConnectionError):
            return False  # he hung up
        if isinstance(error, HttpProcessingError):
            record.msg, record.args = "http: what came is no request: %s", (type(error).__name__,)
            record.levelno, record.levelname = logging.INFO, logging.getLevelName(logging.INFO)
        elif error is not None:
            where = "".join(traceback.format_tb(error.__traceback__))
            record.msg, record.args = "http: %s\n%s", (type(error).__name__, where)
        record.exc_info = record.exc_text = None
        return LIBRARY.isEnabledFor(record.levelno)
