"""Pictures that strangers send, decoded and drawn anew: what is stored was written by us, dot by dot, so nothing else
that the file held (places, cameras, scripts, a second file behind the first) is in it.

Only the head of a file is read before its size in dots is known, so a small file cannot fill the memory.
"""

import hashlib
import struct
from collections.abc import Callable
from io import BytesIO
from typing import Literal

from msgspec import Struct
from PIL import Image, ImageOps, UnidentifiedImageError

from tenants.branding.errors import (
    Broken,
    Gif,
    NoContent,
    NotAPicture,
    Svg,
    TooManyDots,
    TooThin,
    WebPage,
)

Kind = Literal["logo", "favicon", "page"]

MOST_BYTES = 5 * 1024 * 1024
MOST_DOTS = 25_000_000
FORMATS = ("PNG", "JPEG", "WEBP")
ENDINGS = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp"}
LEAST_SIDE = 16
LOGO, ICON, HOME_SCREEN, PAGE = (240, 64), 64, 180, (1600, 3200)  # as stored; a logo twice as large beside it
SNIFFED = 2048
# By Pillow's decoders, for files that are cut off or lie; the last three by what reads and writes their EXIF.
WHAT_LIARS_RAISE = (
    OSError, SyntaxError, ValueError, LookupError, EOFError, MemoryError, ArithmeticError,
    TypeError, AttributeError, struct.error,
)  # fmt: skip


class Drawn(Struct, frozen=True):
    """A picture as it is stored. `name` is the SHA-256 of `body` with its ending; `large` is the same for finer
    screens."""

    name: str
    kind: Kind
    width: int
    height: int
    body: bytes
    large: bytes | None = None


def redraw(sent: bytes, kind: Kind) -> Drawn:
    """Raises one of the `BadPicture`s. Takes up to a second of a processor: call it in a thread."""
    picture, written_as = _open(sent)
    if kind == "favicon":
        return _drawn(kind, "PNG", _square(picture, ICON), _square(picture, HOME_SCREEN))
    if kind == "logo":
        twice = (LOGO[0] * 2, LOGO[1] * 2)
        return _drawn(kind, written_as, _within(picture, LOGO), _within(picture, twice))
    return _drawn(kind, written_as, _within(picture, PAGE))


def _open(sent: bytes) -> tuple[Image.Image, str]:
    """The picture, turned upright, in plain colours; and the format to write it in."""
    _refuse_by_looks(sent)
    try:
        with Image.open(BytesIO(sent), formats=FORMATS) as opened:
            if opened.width * opened.height > MOST_DOTS:
                raise TooManyDots(most_million=MOST_DOTS // 1_000_000)
            if min(opened.size) < LEAST_SIDE:
                raise TooThin(least=LEAST_SIDE)
            opened.load()
            upright = ImageOps.exif_transpose(opened)
            return _plain(upright), str(opened.format)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise TooManyDots(most_million=MOST_DOTS // 1_000_000) from None
    except UnidentifiedImageError:
        raise NotAPicture from None
    except WHAT_LIARS_RAISE:
        raise Broken from None


def _refuse_by_looks(sent: bytes) -> None:
    """Words for what people send most often; what is taken is decided by the decoder alone."""
    head = sent[:SNIFFED].removeprefix(b"\xef\xbb\xbf").replace(b"\x00", b"").strip().lower()
    if not head:
        raise NoContent
    if head.startswith((b"gif87a", b"gif89a")):
        raise Gif
    if b"<svg" in head and b"<html" not in head:
        raise Svg
    if head.startswith((b"<!doctype", b"<html", b"<script", b"<head", b"<body")) or b"<html" in head:
        raise WebPage


def _plain(picture: Image.Image) -> Image.Image:
    """Red, green, blue, and how much shows through where anything does."""
    has_holes = "A" in picture.getbands() or "transparency" in picture.info
    return picture.convert("RGBA" if has_holes else "RGB")


def _within(picture: Image.Image, most: tuple[int, int]) -> Image.Image:
    """No larger than `most`, in its own proportions; a smaller one stays as it is."""
    scale = min(most[0] / picture.width, most[1] / picture.height, 1.0)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS)


def _square(picture: Image.Image, side: int) -> Image.Image:
    """The whole picture in the middle of a square; what is left of the square shows through."""
    fitted = ImageOps.contain(picture.convert("RGBA"), (side, side), Image.Resampling.LANCZOS)
    square = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    square.paste(fitted, ((side - fitted.width) // 2, (side - fitted.height) // 2))
    return square


def _drawn(kind: Kind, written_as: str, picture: Image.Image, large: Image.Image | None = None) -> Drawn:
    body = _WRITERS[written_as](picture)
    return Drawn(
        name=f"{hashlib.sha256(body).hexdigest()}.{ENDINGS[written_as]}",
        kind=kind,
        width=picture.width,
        height=picture.height,
        body=body,
        large=_WRITERS[written_as](large) if large is not None else None,
    )


def _png(picture: Image.Image) -> bytes:
    return _saved(picture, "PNG", optimize=True)


def _jpeg(picture: Image.Image) -> bytes:
    return _saved(picture.convert("RGB"), "JPEG", quality=86, optimize=True, progressive=True)


def _webp(picture: Image.Image) -> bytes:
    return _saved(picture, "WEBP", quality=86, method=4)


def _saved(picture: Image.Image, written_as: str, **options: int | bool) -> bytes:
    bare = Image.new(picture.mode, picture.size)  # nothing of the sender's besides the dots
    bare.paste(picture)
    file = BytesIO()
    bare.save(file, written_as, **options)
    return file.getvalue()


_WRITERS: dict[str, Callable[[Image.Image], bytes]] = {"PNG": _png, "JPEG": _jpeg, "WEBP": _webp}
