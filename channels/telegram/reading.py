"""Reading an update: a message becomes a contact with the files it wants fetched, all else is named."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from channels.telegram.content import Wanted, read_content
from channels.telegram.entities import stretch
from channels.telegram.keys import CHANNEL, Place, album_key, message_key
from channels.telegram.updates import ABOUT, SERVICE, Message, Update, User
from crm.contact import Address, Attachment, Contact, blob_id, contact_id

LANGUAGES = ("en", "ru")
LONGEST_QUOTE = 500
_START = "/start"


class BotName(NamedTuple):
    """The bot that got the update, and whether it listens in groups."""

    id: int
    username: str = ""
    groups: bool = False


class Draft(NamedTuple):
    """A contact whose files are still to be fetched."""

    contact: Contact
    files: tuple[Wanted, ...] = ()
    raw: bytes = b""  # kept where something was not understood
    start: str = ""  # what came behind /start, maybe an invitation of ours
    addressed: bool = True  # false: a part of an album whose other part may be addressed to the bot
    answers_us: bool = False  # he replies to a message of ours
    kept: tuple[Attachment, ...] = ()  # files that it has besides those to be fetched
    album: str = ""  # the key of the album that it is a part of
    beside: Contact | None = None  # what it is where another part of its album has words already


class Ignored(NamedTuple):
    """An update that is no contact. `kind` is what it is counted under."""

    kind: str


class Unreadable(Exception):
    """It is not what the API says it is. The message names the field and nothing of its value."""


_update = msgspec.json.Decoder(Update)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_update(raw: bytes, bot: BotName, *, received_at: datetime) -> Draft | Ignored:
    """What an update comes to. Raises `Unreadable`."""
    try:
        update = _update.decode(raw)
        if update.message:
            return _read_message(update.message, bot, raw, received_at)
        if update.edited_message:
            return _read_edited(update.edited_message, bot, raw, received_at)
        return Ignored(next((name for name in _fields.decode(raw) if name != "update_id"), "empty"))
    except msgspec.ValidationError as error:
        raise Unreadable(_where(error)) from error
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise Unreadable("it is not JSON") from error


def _read_edited(message: Message, bot: BotName, raw: bytes, received_at: datetime) -> Draft | Ignored:
    if message.location:
        return Ignored("live_location")  # it moves on every few seconds: where he was is what he wrote
    draft = _read_message(message, bot, raw, received_at)
    if isinstance(draft, Ignored) or draft.start:
        return Ignored(draft.kind if isinstance(draft, Ignored) else "edited_start")
    contact = draft.contact
    edited = message.edit_date or message.date
    key = f"{message_key(Place(bot.id, message.chat.id), message.message_id)}:edit:{edited}"
    changed = msgspec.structs.replace(
        contact,
        id=contact_id(CHANNEL, key),
        key=key,
        amends=contact.amends or contact.key,
        fingerprint="",
        amending="replace",
        revision=edited,
    )
    return draft._replace(contact=changed)


def _read_message(message: Message, bot: BotName, raw: bytes, received_at: datetime) -> Draft | Ignored:
    sender = _sender(message)
    group = message.chat.type in ("group", "supergroup")
    if reason := _why_not(message, bot, sender):
        return Ignored(reason)
    content = read_content(message)
    kind = "" if content.known else _kind(raw)
    if kind in SERVICE:
        return Ignored(kind)
    words = content.text.split(maxsplit=1)
    if words and words[0] == _START and not group and (len(words) == 1 or _is_payload(words[1])):
        start = words[1] if len(words) > 1 else "/"
    else:
        start = ""
    addressed = not group or _is_addressed(message, bot)
    if not addressed and not message.media_group_id:
        return Ignored("group_talk")
    place = Place(bot.id, message.chat.id)
    key = message_key(place, message.message_id)
    contact = Contact(
        id=contact_id(CHANNEL, key),
        channel=CHANNEL,
        key=key,
        received_at=received_at,
        sender=Address(kind="telegram", value=str(sender.id), name=sender.name),
        recipients=(Address(kind="telegram", value=f"@{bot.username}" if bot.username else str(bot.id)),),
        claims=content.claims,
        proofs=content.proofs,
        text=content.text,
        quoted=_quoted(message),
        attachments=(),
        sent_at=_moment(message.date),
        duration=content.duration,
        references=_references(message, place),
        raw=blob_id(raw) if kind else "",
        fields=_about(message, sender, group=group, kind=kind),
    )
    album = album_key(place, message.media_group_id) if message.media_group_id else ""
    beside = None
    if album:
        beside = msgspec.structs.replace(contact, amends=album, amending="add", revision=message.message_id)
        contact = _with_the_words(album, contact) if contact.text else beside
    answered = message.reply_to_message
    return Draft(
        contact,
        content.files,
        raw=raw if kind else b"",
        start=start,
        addressed=addressed,
        album=album,
        beside=beside,
        answers_us=bool(answered and answered.sender and answered.sender.id == bot.id),
    )


def _with_the_words(album: str, part: Contact) -> Contact:
    """The part with the words is the contact itself. Two of them are told apart by their words."""
    said = blob_id(part.text.encode("utf-8", "replace"))
    return msgspec.structs.replace(part, id=contact_id(CHANNEL, album), key=album, fingerprint=said)


def _why_not(message: Message, bot: BotName, sender: User) -> str:
    """Why a message is none for us; empty when it may be."""
    if message.chat.type == "channel":
        return "channel_post"
    if message.chat.type != "private" and not bot.groups:
        return "group"
    if message.is_automatic_forward:
        return "automatic_forward"
    if not sender.id or (sender.is_bot and not message.sender_chat):
        return "bot"
    return ""


def _sender(message: Message) -> User:
    """Who speaks. An administrator who hides himself speaks as his chat."""
    chat = message.sender_chat
    if chat:
        return User(id=chat.id, first_name=chat.name, username=chat.username)
    return message.sender or User(id=0)


def _is_addressed(message: Message, bot: BotName) -> bool:
    """Whether somebody in a group means the bot: he answers it, names it, or commands it."""
    answered = message.reply_to_message
    if answered and answered.sender and answered.sender.id == bot.id:
        return True
    text = message.text or message.caption
    name = f"@{bot.username}".casefold()
    for entity in message.entities or message.caption_entities:
        if entity.type == "text_mention" and entity.user and entity.user.id == bot.id:
            return True
        if bot.username and entity.type in ("mention", "bot_command"):
            words = stretch(text, entity).casefold()
            if words == name or (entity.type == "bot_command" and words.endswith(name)):
                return True
    return False


def _references(message: Message, place: Place) -> tuple[str, ...]:
    answered = message.reply_to_message
    if answered is None:
        return ()
    if answered.media_group_id:
        return (album_key(place, answered.media_group_id),)
    return (message_key(place, answered.message_id),)


def _quoted(message: Message) -> str:
    """What he answers to: the words he marked, else the beginning of the message."""
    if message.quote and message.quote.text:
        return message.quote.text
    answered = message.reply_to_message
    return (answered.text or answered.caption)[:LONGEST_QUOTE] if answered else ""


def _about(message: Message, sender: User, *, group: bool, kind: str) -> dict[str, str]:
    about: dict[str, str] = {}
    language = sender.language_code[:2].lower()
    if language in LANGUAGES:
        about["language"] = language
    if sender.username:
        about["username"] = sender.username
    if group:
        about["group"] = message.chat.title
    if message.forward_origin:
        about["forwarded"] = message.forward_origin.name or "?"
    if kind:
        about["content"] = kind
    return about


def _kind(raw: bytes) -> str:
    """What a message holds that we cannot read, by the name that Telegram gives it."""
    update = _fields.decode(raw)
    message = _fields.decode(update.get("message") or update["edited_message"])
    return next((name for name in message if name not in ABOUT), "nothing")


def _is_payload(text: str) -> bool:
    return len(text) <= 64 and text.isascii() and text.replace("-", "").replace("_", "").isalnum()


def _moment(seconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None  # no calendar knows it


def _where(error: msgspec.ValidationError) -> str:
    """What was expected and where, without the value: msgspec names types and paths only."""
    return str(error)[:200]
