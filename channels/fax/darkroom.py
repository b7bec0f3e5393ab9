"""Makes pages visible, in a process of its own with little memory and time: their bytes are strangers'.

Run as `python -m channels.fax.darkroom`: a request comes in by the standard input, frames go out by the
standard output as soon as each is made.
"""

from __future__ import annotations

import io
import resource
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence

import pypdfium2
from PIL import Image, UnidentifiedImageError

from channels.fax.frames import Develop, Document, File, Frame, Sheet, Trouble, pack, read_request
from channels.fax.tiff import MOST_PIXELS, Page, is_tiff, read_tiff
from channels.fax.typesetting import typeset

MEMORY = 1 << 30
DPI = 204
"""Dots an inch of what is shown: what a fax has across."""
_A4_INCHES = 11.7
_GREY_LEVELS = 17  # 255 / 15: sixteen greys pack far better and no eye sees it on a fax

_BROKEN = (OSError, ValueError, TypeError, SyntaxError, MemoryError, EOFError, IndexError, KeyError)
"""What the library of pictures raises for bytes that are none, besides its own."""


def develop(files: Sequence[File], most: int) -> Iterator[Frame]:
    """Every page as a picture, what is wrong with any of them, and all of them as one PDF."""
    book = pypdfium2.PdfDocument.new()
    made = 0
    for number, file in enumerate(files):
        if is_tiff(file.content):
            frames = _of_tiff(number, file.content, book, most - made)
        elif file.content.lstrip()[:5] == b"%PDF-":
            frames = _of_pdf(number, file.content, book, most - made)
        else:
            frames = _of_picture(number, file.content, book)
        for frame in frames:
            made += isinstance(frame, Sheet)
            yield frame
    if len(book):
        bound = io.BytesIO()
        book.save(bound)
        yield Document(content=bound.getvalue(), pages=len(book))


def _of_tiff(number: int, content: bytes, book: pypdfium2.PdfDocument, most: int) -> Iterator[Frame]:
    tiff = read_tiff(content)
    yield from (Trouble(code=problem, file=number) for problem in tiff.problems)
    if len(tiff.pages) > most:
        yield Trouble(code="too_many_pages", file=number)
    for page in tiff.pages[: max(most, 0)]:
        try:
            with Image.open(io.BytesIO(content), formats=("TIFF",)) as chain:
                chain.seek(page.place)
                chain.load()
                yield _shown(chain, page, book)
        except (*_BROKEN, Image.DecompressionBombError):
            yield Trouble(code="page_damaged", file=number, page=page.place + 1)


def _shown(picture: Image.Image, page: Page, book: pypdfium2.PdfDocument) -> Sheet:
    """The page with square dots, in its true proportion; its own dots go into the PDF."""
    _bind(picture, (page.x_dpi, page.y_dpi), book)
    width = max(1, round(page.width * DPI / page.x_dpi))
    height = max(1, round(page.height * DPI / page.y_dpi))
    if width * height > MOST_PIXELS:
        raise ValueError("too large when its dots are square")
    if picture.mode == "1" and width == page.width:
        # Lines doubled by half: a letter keeps its stems, and two tones stay two.
        shown = picture if height == page.height else _stretched(picture, width, height)
    else:
        grey = picture.convert("L").resize((width, height), Image.Resampling.LANCZOS)
        shown = grey.point(lambda tone: tone // _GREY_LEVELS * _GREY_LEVELS)
    return Sheet(png=_png(shown), dpi=DPI)


def _stretched(picture: Image.Image, width: int, height: int) -> Image.Image:
    grey = picture.convert("L").resize((width, height), Image.Resampling.BILINEAR)
    return grey.point(lambda tone: 255 if tone > 127 else 0, mode="1")


def _png(picture: Image.Image) -> bytes:
    made = io.BytesIO()
    picture.save(made, "PNG", compress_level=6, dpi=(DPI, DPI))
    return made.getvalue()


def _bind(picture: Image.Image, dpi: tuple[float, float], book: pypdfium2.PdfDocument) -> None:
    leaf = io.BytesIO()
    plain = picture if picture.mode in ("1", "L", "RGB") else picture.convert("RGB")
    plain.save(leaf, "PDF", dpi=dpi)
    with pypdfium2.PdfDocument(leaf.getvalue()) as one:
        book.import_pages(one)


def _of_pdf(number: int, content: bytes, book: pypdfium2.PdfDocument, most: int) -> Iterator[Frame]:
    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError:
        yield Trouble(code="pdf_damaged", file=number)
        return
    with document:
        pages = len(document)
        if not pages:
            yield Trouble(code="no_pages", file=number)
        if pages > most:
            yield Trouble(code="too_many_pages", file=number)
        for index in range(min(pages, max(most, 0))):
            try:
                yield _sheet_of_pdf(document[index])
                book.import_pages(document, [index])
            except (pypdfium2.PdfiumError, *_BROKEN):
                yield Trouble(code="page_damaged", file=number, page=index + 1)


def _sheet_of_pdf(page: pypdfium2.PdfPage) -> Sheet:
    longest = max(page.get_width(), page.get_height()) / 72
    if not longest > 0:
        raise ValueError("a page without a size")
    # A poster is shown as a page: the dots of an A4 are enough to read it.
    dpi = DPI * min(1.0, 2 * _A4_INCHES / longest)
    grey = page.render(scale=dpi / 72, grayscale=True).to_pil().convert("L")
    return Sheet(png=_png(grey.point(lambda tone: tone // _GREY_LEVELS * _GREY_LEVELS)), dpi=round(dpi))


def _of_picture(number: int, content: bytes, book: pypdfium2.PdfDocument) -> Iterator[Frame]:
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "GIF", "BMP")) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                yield Trouble(code="page_too_large", file=number, page=1)
                return
            across = picture.width / 8.27
            yield _shown(picture, Page(0, picture.width, picture.height, across, across, 1), book)
    except UnidentifiedImageError:
        yield Trouble(code="not_pages", file=number)
    except (*_BROKEN, Image.DecompressionBombError):
        yield Trouble(code="page_damaged", file=number, page=1)


def main() -> None:
    """One request, answered within the limits."""
    # Whoever asked ends us by the clock; these end us when he is gone, or when memory is what is eaten.
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    warnings.simplefilter("ignore")  # of pictures that are larger than usual: the limits above are ours
    request = read_request(sys.stdin.buffer.read())
    out = sys.stdout.buffer
    frames = develop(request.files, request.most) if isinstance(request, Develop) else typeset(request)
    for frame in frames:
        out.write(pack(frame))
        out.flush()


if __name__ == "__main__":
    main()
