"""Where errors become answers: each kind once, in the reader's language, never with an exception's text."""

from __future__ import annotations

import logging
import secrets
import traceback
from typing import NamedTuple
from urllib.parse import quote

from aiohttp import web
from aiohttp.typedefs import Handler

from agent_ui.pages import PAGES, html
from agent_ui.speaker import Speaker
from agent_ui.visit import SignInFirst, is_fetch, read_theme, speaker_for
from agent_ui.words import mark
from crm.errors import AgainLater, BadInput, Conflict, NotAllowed, NotFound, OnewindowError
from router.customers import AddressTaken

log = logging.getLogger(__name__)

RETRY_SECONDS = 5


class Trouble(NamedTuple):
    """What a reader is told. `code` is for scripts."""

    status: int
    code: str
    title: str
    text: str
    field: str = ""
    incident: str = ""


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The outermost of all: whatever a handler raises becomes an answer here and nowhere else."""
    if request.match_info.apps[-1] is not request.app:
        return await handler(request)  # a room of its own, with borders of its own
    try:
        refuse_compressed(request)
        return await handler(request)
    except SignInFirst:
        return _ask_to_sign_in(request)
    except OnewindowError as error:
        return _tell(request, read_trouble(error, speaker_for(request)))
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _tell(request, _from_http(error))
    except web.RequestPayloadError:
        told = _tell(request, _from_http(web.HTTPBadRequest()))  # cut off, or not encoded as it says
        told.force_close()  # nobody knows where the next request would begin
        return told
    except ConnectionError:
        raise  # he hung up: there is nobody to tell
    except Exception as error:  # noqa: BLE001  # this border is where a bug of ours becomes an answer
        return _tell(request, _report(request, error))


def refuse_compressed(request: web.Request) -> None:
    """No body is unpacked here: a small one may hold gigabytes. Raises `HTTPUnsupportedMediaType`."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise web.HTTPUnsupportedMediaType(headers={"Accept-Encoding": "identity"})


def read_trouble(error: OnewindowError, speaker: Speaker) -> Trouble:
    """How an error of ours is put to a reader."""
    match error:
        case NotFound():
            text = mark("It may have been removed, or the address is mistyped.")
            return Trouble(404, "not_found", mark("There is nothing here"), text, error.field)
        case NotAllowed():
            return Trouble(403, "not_allowed", mark("Not allowed"), str(error), error.field)
        case BadInput():
            text = _bad_input(error, speaker)
            return Trouble(
                422 if error.field else 400, "bad_input", mark("Something is not right"), text, error.field
            )
        case Conflict():
            text = mark("Somebody changed it first. Look at it as it is now and decide again.")
            return Trouble(409, "conflict", mark("Changed meanwhile"), text)
        case AgainLater():
            text = mark(
                "We cannot keep anything just now. What you wrote is still here: try again in a moment."
            )
            return Trouble(503, "again_later", mark("Try again in a moment"), text)
        case _:
            return Trouble(500, "failed", mark("It did not work"), mark("Try again in a moment."))


def _bad_input(error: BadInput, speaker: Speaker) -> str:
    """Its own words where the catalogue has them in this language, else what they are about."""
    if isinstance(error, AddressTaken):
        return _whose(error, speaker)
    text = str(error)
    if speaker.language == "en" or speaker.say(text) != text:
        return text
    return mark("Look at what you entered once more.")


def _whose(error: AddressTaken, speaker: Speaker) -> str:
    """The customer by his name, so that the employee can look him up."""
    if error.customer.name:
        return speaker.say("This address belongs to “%(name)s” already.", name=error.customer.name)
    return speaker.say("This address belongs to another customer already.")


def _from_http(error: web.HTTPException) -> Trouble:
    if error.status == 413:
        text = mark("The file is too large to send.")
        return Trouble(413, "too_large", mark("Too large"), text)
    if error.status in (404, 405):
        text = mark("It may have been removed, or the address is mistyped.")
        return Trouble(error.status, "not_found", mark("There is nothing here"), text)
    return Trouble(
        error.status, "bad_input", mark("Something is not right"), mark("The request was not understood.")
    )


def _report(request: web.Request, error: Exception) -> Trouble:
    incident = secrets.token_hex(4)
    where = request.match_info.route.resource
    # The message of an exception may quote a customer; where it happened says enough.
    log.error(
        "incident %s: %s while serving %s %s\n%s",
        incident,
        type(error).__name__,
        request.method,
        where.canonical if where else "?",
        "".join(traceback.format_tb(error.__traceback__)),
    )
    text = mark(
        "The fault is ours and is written down. If it happens again, tell the administrator this number:"
    )
    return Trouble(500, "failed", mark("It did not work"), text, incident=incident)


def _tell(request: web.Request, trouble: Trouble) -> web.Response:
    speaker = speaker_for(request)
    if is_fetch(request) or request.path.startswith("/api/"):
        told = {
            "error": trouble.code,
            "title": speaker.say(trouble.title),
            "message": f"{speaker.say(trouble.text)} {trouble.incident}".strip(),
            "field": trouble.field,
        }
        response = web.json_response(told, status=trouble.status)
    else:
        values = {"trouble": trouble, "theme": read_theme(request)}
        response = html(request.app[PAGES].render("trouble.html", speaker, values), status=trouble.status)
    if trouble.status == 503:
        response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response


def _ask_to_sign_in(request: web.Request) -> web.StreamResponse:
    if is_fetch(request):
        return web.json_response({"error": "sign_in"}, status=401)
    wanted = request.path_qs if request.method == "GET" and request.path != "/" else ""
    return web.Response(
        status=303, headers={"Location": f"/login?next={quote(wanted)}" if wanted else "/login"}
    )
