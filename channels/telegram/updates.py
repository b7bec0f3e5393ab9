"""Telegram's updates as far as we read them (Bot API 10.0); what else they hold is skipped unread."""

from __future__ import annotations

import msgspec


class Wire(msgspec.Struct, frozen=True, gc=False):
    """A piece of an update. Fields that we do not know are no fault: the API grows every month."""


class User(Wire, frozen=True, gc=False):
    id: int
    first_name: str = ""
    last_name: str = ""
    username: str = ""
    language_code: str = ""
    is_bot: bool = False

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


class Chat(Wire, frozen=True, gc=False):
    id: int
    type: str
    title: str = ""
    first_name: str = ""
    username: str = ""

    @property
    def name(self) -> str:
        return self.title or self.first_name or self.username


class Entity(Wire, frozen=True, gc=False):
    """A stretch of the text, in UTF-16 units."""

    type: str
    offset: int
    length: int
    url: str = ""
    user: User | None = None


class File(Wire, frozen=True, gc=False):
    """A file of any kind; each kind has some of these."""

    file_id: str
    file_unique_id: str = ""
    file_size: int = 0
    file_name: str = ""
    mime_type: str = ""
    duration: int = 0
    width: int = 0
    height: int = 0
    emoji: str = ""
    performer: str = ""
    title: str = ""
    is_animated: bool = False
    is_video: bool = False


class Location(Wire, frozen=True, gc=False):
    latitude: float
    longitude: float
    live_period: int = 0


class Venue(Wire, frozen=True, gc=False):
    location: Location
    title: str = ""
    address: str = ""


class SharedContact(Wire, frozen=True, gc=False):
    phone_number: str
    first_name: str = ""
    last_name: str = ""
    user_id: int = 0


class PollOption(Wire, frozen=True, gc=False):
    text: str = ""


class Poll(Wire, frozen=True, gc=False):
    question: str = ""
    options: list[PollOption] = []


class Dice(Wire, frozen=True, gc=False):
    emoji: str = ""
    value: int = 0


class Quote(Wire, frozen=True, gc=False):
    text: str = ""


class Origin(Wire, frozen=True, gc=False):
    """Who wrote what is forwarded: a user, one who hides himself, a chat or a channel."""

    type: str = ""
    sender_user: User | None = None
    sender_user_name: str = ""
    sender_chat: Chat | None = None
    chat: Chat | None = None

    @property
    def name(self) -> str:
        if self.sender_user:
            return self.sender_user.name
        chat = self.chat or self.sender_chat
        return chat.name if chat else self.sender_user_name


class Replied(Wire, frozen=True, gc=False):
    """The message that this one answers."""

    message_id: int
    sender: User | None = msgspec.field(name="from", default=None)
    media_group_id: str = ""
    text: str = ""
    caption: str = ""


class Message(Wire, frozen=True, gc=False):
    message_id: int
    date: int
    chat: Chat
    sender: User | None = msgspec.field(name="from", default=None)
    sender_chat: Chat | None = None
    edit_date: int = 0
    is_automatic_forward: bool = False
    media_group_id: str = ""
    forward_origin: Origin | None = None
    reply_to_message: Replied | None = None
    quote: Quote | None = None
    text: str = ""
    entities: list[Entity] = []
    caption: str = ""
    caption_entities: list[Entity] = []
    photo: list[File] = []
    animation: File | None = None
    document: File | None = None
    voice: File | None = None
    audio: File | None = None
    video: File | None = None
    video_note: File | None = None
    sticker: File | None = None
    location: Location | None = None
    venue: Venue | None = None
    contact: SharedContact | None = None
    poll: Poll | None = None
    dice: Dice | None = None


class Update(Wire, frozen=True, gc=False):
    update_id: int
    message: Message | None = None
    edited_message: Message | None = None


class UpdateId(Wire, frozen=True, gc=False):
    """All that must be read of an update to have done with it."""

    update_id: int


ASKED_FOR = ("message", "edited_message")
"""The kinds of update that Telegram is asked to send; other kinds may come all the same."""

SERVICE = frozenset(
    {
        *("new_chat_members", "left_chat_member", "new_chat_title", "new_chat_photo", "delete_chat_photo"),
        *("group_chat_created", "supergroup_chat_created", "channel_chat_created", "pinned_message"),
        *("message_auto_delete_timer_changed", "migrate_to_chat_id", "migrate_from_chat_id"),
        *("users_shared", "chat_shared", "connected_website", "write_access_allowed", "boost_added"),
        *("proximity_alert_triggered", "chat_background_set", "chat_owner_left", "chat_owner_changed"),
        *("forum_topic_created", "forum_topic_edited", "forum_topic_closed", "forum_topic_reopened"),
        *("general_forum_topic_hidden", "general_forum_topic_unhidden", "giveaway_created"),
        *("giveaway_completed", "video_chat_scheduled", "video_chat_started", "video_chat_ended"),
        *("video_chat_participants_invited", "paid_message_price_changed", "direct_message_price_changed"),
    }
)
"""What happens to a chat rather than is said in it."""

ABOUT = frozenset(
    {
        *("message_id", "message_thread_id", "direct_messages_topic", "from", "sender_chat", "chat", "date"),
        *("sender_boost_count", "sender_business_bot", "business_connection_id", "forward_origin"),
        *("is_topic_message", "is_automatic_forward", "reply_to_message", "external_reply", "quote"),
        *("reply_to_story", "reply_to_checklist_task_id", "via_bot", "edit_date", "has_protected_content"),
        *("is_from_offline", "is_paid_post", "media_group_id", "author_signature", "paid_star_count"),
        *("text", "entities", "link_preview_options", "suggested_post_info", "effect_id", "caption"),
        *("caption_entities", "show_caption_above_media", "has_media_spoiler", "reply_markup"),
    }
)
"""Fields that tell of a message, or of its words, and not what else it holds."""
