"""Pictures and papers that customers attach: drawn here, so that they are real files of real kinds."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from functools import cache
from random import Random

Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
INK: Colour = (58, 60, 68)
STAMP: Colour = (44, 82, 176)
DARK: Colour = (28, 30, 34)


class Canvas:
    """A raster to draw on, in red, green and blue."""

    def __init__(self, width: int, height: int, ground: Colour = WHITE) -> None:
        self.width = width
        self.height = height
        self.pixels = bytearray(bytes(ground) * (width * height))

    def box(  # noqa: PLR0917 - left, top, width, height, as everybody writes a rectangle
        self, left: int, top: int, width: int, height: int, colour: Colour
    ) -> None:
        left, width = max(0, left), min(width, self.width - left)
        line = bytes(colour) * max(0, width)
        for row in range(max(0, top), min(top + height, self.height)):
            start = 3 * (row * self.width + left)
            self.pixels[start : start + len(line)] = line

    def disc(self, x: int, y: int, radius: int, colour: Colour) -> None:
        for row in range(-radius, radius + 1):
            half = int((radius * radius - row * row) ** 0.5)
            self.box(x - half, y + row, 2 * half, 1, colour)

    def png(self) -> bytes:
        """The picture as PNG (RFC 2083)."""
        stride = 3 * self.width
        rows = b"".join(
            b"\0" + self.pixels[start : start + stride] for start in range(0, len(self.pixels), stride)
        )
        head = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        return (
            b"\x89PNG\r\n\x1a\n"
            + _chunk(b"IHDR", head)
            + _chunk(b"IDAT", zlib.compress(rows, 9))
            + _chunk(b"IEND", b"")
        )

    def pdf(self) -> bytes:
        """The picture as one page of A4 (ISO 32000-1)."""
        image = zlib.compress(bytes(self.pixels), 9)
        page = b"q 595 0 0 842 0 0 cm /Scan Do Q"
        size = f"/Width {self.width} /Height {self.height}".encode()
        objects = (
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources 6 0 R>>",
            _stream(b"", page),
            _stream(
                b"/Type/XObject/Subtype/Image/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/FlateDecode"
                + size,
                image,
            ),
            b"<</XObject<</Scan 5 0 R>>>>",
        )
        return _pdf_file(objects)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _stream(entries: bytes, content: bytes) -> bytes:
    return b"<<%b/Length %d>>\nstream\n%b\nendstream" % (entries, len(content), content)


def _pdf_file(objects: tuple[bytes, ...]) -> bytes:
    file = bytearray(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(file))
        file += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start, count = len(file), len(objects) + 1
    file += b"xref\n0 %d\n0000000000 65535 f \n%b" % (count, table)
    file += b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (count, start)
    return bytes(file)


def _paper(random: Random) -> Canvas:
    """A typed page as a scanner sees it: lines of words, a signature and a round stamp."""
    page = Canvas(420, 594, (250, 249, 245))
    top = 54
    for width in (120, 150, 110):  # to whom it goes, at the right
        page.box(250, top, width, 5, INK)
        top += 13
    page.box(150, top + 20, 120, 7, INK)
    top += 52
    for _ in range(random.randint(16, 22)):
        left, end = 44 + random.choice((0, 0, 0, 16)), random.choice((376, 376, 370, 230))
        while left < end - 8:
            word = min(random.randint(10, 44), end - left)
            page.box(left, top, word, 5, INK)
            left += word + 6
        top += 13
    page.box(60, top + 36, 90, 4, INK)
    for step in range(46):
        page.box(176 + step, top + 30 + (step * 7) % 13 - 6, 3, 2, STAMP)
    page.disc(300, top + 42, 36, STAMP)
    page.disc(300, top + 42, 33, (250, 249, 245))
    page.box(278, top + 40, 44, 5, STAMP)
    return page


def _router(random: Random) -> Canvas:
    """A router on a shelf with one light red."""
    photo = Canvas(480, 320, (178, 166, 148))
    photo.box(0, 210, 480, 110, (121, 92, 66))
    photo.box(110, 130, 260, 86, DARK)
    photo.box(126, 40, 10, 92, DARK)
    photo.box(344, 40, 10, 92, DARK)
    red = random.randrange(5)
    for place in range(5):
        photo.disc(150 + 44 * place, 176, 6, (226, 42, 38) if place == red else (64, 200, 92))
    return photo


def _speed_test(random: Random) -> Canvas:
    """A screenshot of a speed test that shows far too little."""
    shot = Canvas(540, 300, (18, 20, 32))
    shot.box(0, 0, 540, 34, (32, 36, 54))
    for place in range(48):
        height = random.randint(8, 42)
        shot.box(30 + 10 * place, 250 - height, 7, height, (72, 196, 222))
    shot.box(30, 62, 190, 26, (220, 224, 236))
    shot.box(30, 98, 110, 12, (120, 126, 148))
    shot.box(300, 62, 90, 26, (220, 224, 236))
    shot.box(300, 98, 130, 12, (120, 126, 148))
    return shot


def _receipt(random: Random) -> Canvas:
    """A till receipt, photographed."""
    photo = Canvas(300, 420, (92, 84, 80))
    photo.box(60, 24, 180, 372, (244, 243, 238))
    for place in range(19):
        photo.box(76, 48 + 16 * place, random.randint(40, 100), 5, INK)
        photo.box(196, 48 + 16 * place, random.randint(14, 30), 5, INK)
    photo.box(76, 362, 148, 10, INK)
    return photo


_DRAWINGS: dict[str, tuple[Callable[[Random], Canvas], str]] = {
    "scan": (_paper, "pdf"),
    "router": (_router, "png"),
    "speed": (_speed_test, "png"),
    "receipt": (_receipt, "png"),
}
MIMES = {"pdf": "application/pdf", "png": "image/png"}
VARIANTS = 3


@cache
def draw(what: str, variant: int = 0) -> tuple[bytes, str]:
    """The bytes and the MIME type of a `scan`, a `router`, a `speed` test or a `receipt`."""
    drawing, kind = _DRAWINGS[what]
    canvas = drawing(Random(f"{what} {variant % VARIANTS}"))  # noqa: S311 - a drawing, not a secret
    return (canvas.pdf() if kind == "pdf" else canvas.png()), MIMES[kind]
