"""What the operating system lets one process have."""

from __future__ import annotations

import resource

FILES = 65_536
"""Connections, files and sockets at once."""


def allow_many_connections() -> None:
    """As many as the system allows us: the usual 1024 is less than one busy chat holds open."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = FILES if most == resource.RLIM_INFINITY else min(FILES, most)
    if now != resource.RLIM_INFINITY and now < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
