"""One call of the Bot API for one step of an answer."""

from __future__ import annotations

from collections.abc import Mapping

from telegram import Bot, InputFile, InputMediaDocument, InputMediaPhoto, Message, ReplyParameters
from telegram.error import BadRequest

from channels.telegram.steps import Step
from crm.contact import Attachment

PICTURE_FAULTS = ("photo_invalid", "image_process", "photo_ext", "photo_save", "wrong type of the web page")
"""What Telegram says of a picture that it cannot show; as a file it takes it."""


async def send(
    bot: Bot, chat: int, step: Step, blobs: Mapping[str, bytes], *, answered: int = 0
) -> list[int]:
    """The numbers that the messages have in the chat. The words go as they are: no mark-up, no parsing."""
    reply = ReplyParameters(answered, allow_sending_without_reply=True) if answered else None
    if step.kind == "text":
        return [(await bot.send_message(chat, step.text, reply_parameters=reply)).message_id]
    try:
        return _numbers(await _send_files(bot, chat, step, blobs, reply))
    except BadRequest as error:
        if step.kind != "photo" or not any(fault in error.message.lower() for fault in PICTURE_FAULTS):
            raise
        return _numbers(await _send_files(bot, chat, step._replace(kind="document"), blobs, reply))


async def _send_files(  # noqa: PLR0917 - as above
    bot: Bot, chat: int, step: Step, blobs: Mapping[str, bytes], reply: ReplyParameters | None
) -> list[Message]:
    files = [_file(file, blobs) for file in step.files]
    caption = step.text or None
    if len(files) == 1 and step.kind == "photo":
        return [await bot.send_photo(chat, files[0], caption=caption, reply_parameters=reply)]
    if len(files) == 1:
        sent = await bot.send_document(
            chat, files[0], caption=caption, disable_content_type_detection=True, reply_parameters=reply
        )
        return [sent]
    kind = InputMediaPhoto if step.kind == "photo" else InputMediaDocument
    media = [kind(file, caption=caption if not at else None) for at, file in enumerate(files)]
    return list(await bot.send_media_group(chat, media, reply_parameters=reply))


def _file(file: Attachment, blobs: Mapping[str, bytes]) -> InputFile:
    return InputFile(blobs[file.blob], filename=file.name, attach=True)


def _numbers(messages: list[Message]) -> list[int]:
    return [message.message_id for message in messages]
