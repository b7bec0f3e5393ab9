"""Lays an answer out as a fax: words and files become pages of 1728 dots, as every machine takes them."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import pypdfium2
from PIL import Image, ImageChops, ImageDraw, ImageFont, UnidentifiedImageError

from channels.fax.frames import Document, File, Frame, Trouble, Typeset
from channels.fax.tiff import is_tiff, read_tiff

WIDTH, HEIGHT = 1728, 2287
"""An A4 at 204 by 196 dots an inch."""
X_DPI, Y_DPI = 204, 196
MARGIN, HEAD, FOOT = 110, 100, 90
TEXT_SIZE, HEAD_SIZE, LINE = 38, 26, 52
MOST_PAGES = 200
_PHOTOMETRIC = 262
_PAPER = 255  # in a picture of two tones the library takes a 1 for another white than it draws


class _Unprintable(ValueError):
    """A file that no page can be made of."""


def typeset(asked: Typeset) -> Iterator[Frame]:
    """One TIFF of class F, or what cannot be sent."""
    font = ImageFont.truetype(asked.font, TEXT_SIZE)
    pages = list(_pages_of_words(asked.words, font)) if asked.words.strip() or not asked.files else []
    for number, file in enumerate(asked.files):
        try:
            pages += _pages_of_file(file, font)
        except (OSError, ValueError, TypeError, SyntaxError, MemoryError, pypdfium2.PdfiumError):
            yield Trouble(code="not_printable", file=number)
            return
        if len(pages) > MOST_PAGES:
            yield Trouble(code="too_many_pages", file=number)
            return
    small = ImageFont.truetype(asked.font, HEAD_SIZE)
    for number, page in enumerate(pages, 1):
        _head(page, f"{asked.head}   {number}/{len(pages)}", small)
    yield Document(content=_tiff(pages), pages=len(pages))


def _pages_of_words(words: str, font: ImageFont.FreeTypeFont) -> Iterator[Image.Image]:
    lines = [line for paragraph in words.expandtabs(4).splitlines() for line in _wrapped(paragraph, font)]
    room = (HEIGHT - HEAD - FOOT) // LINE
    for begin in range(0, max(len(lines), 1), room):
        page = Image.new("1", (WIDTH, HEIGHT), _PAPER)
        pen = ImageDraw.Draw(page)
        pen.fontmode = "1"
        for row, line in enumerate(lines[begin : begin + room]):
            pen.text((MARGIN, HEAD + row * LINE), line, font=font, fill=0)
        yield page


def _wrapped(paragraph: str, font: ImageFont.FreeTypeFont) -> Iterator[str]:
    """The paragraph as lines that fit; a word longer than a line is cut."""
    room = WIDTH - 2 * MARGIN
    line = ""
    for word in paragraph.split(" "):
        longer = f"{line} {word}" if line else word
        if font.getlength(longer) <= room:
            line = longer
            continue
        if line:
            yield line
        line = word
        while font.getlength(line) > room:
            fits = max(1, int(len(line) * room / font.getlength(line)) - 1)
            yield line[:fits]
            line = line[fits:]
    yield line


def _pages_of_file(file: File, font: ImageFont.FreeTypeFont) -> list[Image.Image]:
    content = file.content
    if content.lstrip()[:5] == b"%PDF-":
        with pypdfium2.PdfDocument(content) as document:
            return [
                _fitted(page.render(scale=X_DPI / 72, grayscale=True).to_pil().convert("L"), 1.0)
                for page in list(document)[: MOST_PAGES + 1]
            ]
    if is_tiff(content):
        return _pages_of_tiff(content)
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "GIF", "BMP", "WEBP")) as picture:
            return [_fitted(_on_white(picture), 1.0)]
    except UnidentifiedImageError:
        text = content.decode("utf-8-sig")  # a ValueError for what is no text
        if "\0" in text:
            raise _Unprintable("not a text") from None
        return list(_pages_of_words(text, font))


def _pages_of_tiff(content: bytes) -> list[Image.Image]:
    tiff = read_tiff(content)
    if not tiff.pages:
        raise _Unprintable("no pages")
    pages = []
    with Image.open(io.BytesIO(content), formats=("TIFF",)) as chain:
        for page in tiff.pages[: MOST_PAGES + 1]:
            chain.seek(page.place)
            pages.append(_fitted(chain.convert("L"), page.x_dpi / page.y_dpi))
    return pages


def _on_white(picture: Image.Image) -> Image.Image:
    """What is transparent is paper."""
    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return picture.convert("L")
    layer = picture.convert("RGBA")
    paper = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(paper, layer).convert("L")


def _fitted(grey: Image.Image, stretch: float) -> Image.Image:
    """The picture on a page, as large as fits; `stretch` is how much higher its dots are than wide."""
    room_x, room_y = WIDTH, HEIGHT - HEAD - FOOT
    tall = grey.height * stretch * Y_DPI / X_DPI
    scale = min(room_x / grey.width, room_y / tall)
    size = (max(1, round(grey.width * scale)), max(1, round(tall * scale)))
    page = Image.new("L", (WIDTH, HEIGHT), 255)
    page.paste(grey.resize(size, Image.Resampling.LANCZOS), ((WIDTH - size[0]) // 2, HEAD))
    return page.convert("1")


def _head(page: Image.Image, line: str, font: ImageFont.FreeTypeFont) -> None:
    pen = ImageDraw.Draw(page)
    pen.fontmode = "1"
    pen.rectangle((0, 0, WIDTH, HEAD - 20), fill=_PAPER)
    pen.text((MARGIN, 34), line, font=font, fill=0)
    pen.line((MARGIN, 74, WIDTH - MARGIN, 74), fill=0, width=2)


def _tiff(pages: list[Image.Image]) -> bytes:
    """Class F, as HylaFAX sends it without making it anew: Group 3, one strip a page, white is zero."""
    made = io.BytesIO()
    ink = [ImageChops.invert(page) for page in pages]
    ink[0].save(
        made,
        "TIFF",
        save_all=True,
        append_images=ink[1:],
        compression="group3",
        dpi=(X_DPI, Y_DPI),
        strip_size=WIDTH * HEIGHT,
    )
    return _saying_white_is_zero(bytearray(made.getvalue()))


def _saying_white_is_zero(content: bytearray) -> bytes:
    """Asked for this the library inverts dot by dot, two seconds a page: ours are inverted already."""
    order = "<" if content[:2] == b"II" else ">"
    (at,) = struct.unpack_from(f"{order}I", content, 4)
    while at:
        (count,) = struct.unpack_from(f"{order}H", content, at)
        for place in range(at + 2, at + 2 + 12 * count, 12):
            if struct.unpack_from(f"{order}H", content, place)[0] == _PHOTOMETRIC:
                struct.pack_into(f"{order}H", content, place + 8, 0)
        (at,) = struct.unpack_from(f"{order}I", content, at + 2 + 12 * count)
    return bytes(content)
