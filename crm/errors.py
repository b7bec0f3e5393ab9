"""Every error of ours hangs on one tree, so that each border translates it once.

OnewindowError
├── AgainLater            not the peer's fault: he keeps what he has and sends it again
│   ├── QueueFull             intake has no room
│   └── StoreDown             the store cannot commit (disk full, connection lost)
├── Conflict              somebody changed the record first: read again and decide again
├── BadInput              what came is wrong, and sending it again cannot help
│   ├── NotFound              no record of that id
│   └── NotAllowed            this employee may not do that
├── StoreUnusable         the data cannot be opened as it is: the operator must act first
└── DeliveryError         an answer did not leave
    ├── DeliveryDelayed       the peer asks to wait: try again
    └── DeliveryFailed        it will never be taken: tell the agent
"""

from __future__ import annotations

from datetime import timedelta


class OnewindowError(Exception):
    """The root: whatever we raise on purpose."""


class AgainLater(OnewindowError):
    """Not the peer's fault: he keeps what he has and sends it again."""


class QueueFull(AgainLater):
    """Intake has no room for one more contact just now."""


class StoreDown(AgainLater):
    """The store cannot read or commit just now; nothing of the commit was kept."""


class StoreUnusable(OnewindowError):
    """The data cannot be opened as it is. The message names the remedy; nothing was touched."""


class Conflict(OnewindowError):
    """A record was created or changed by somebody else since it was read.

    `collection` and `id` name the record.
    """

    def __init__(self, collection: str, id: str) -> None:
        super().__init__(f"{collection} record was changed by somebody else")
        self.collection = collection
        self.id = id


class BadInput(OnewindowError):
    """What came is wrong. The message is safe to show: it names the field and what was expected."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class NotFound(BadInput):
    """No record of that id."""


class NotAllowed(BadInput):
    """This employee or token may not do that."""


class DeliveryError(OnewindowError):
    """An answer did not leave. The message is for the agent and the log: no customer's words in it."""


class DeliveryDelayed(DeliveryError):
    """The peer asks to wait: the answer stays queued and is tried again.

    `after` is how long he asks to wait, where he says so.
    """

    def __init__(self, message: str = "", *, after: timedelta | None = None) -> None:
        super().__init__(message)
        self.after = after


class DeliveryFailed(DeliveryError):
    """The peer will never take it: the agent must choose another way."""
