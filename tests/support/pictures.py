"""Pictures to send: good ones, and what people and attackers send instead."""

import struct
import zlib
from io import BytesIO
from typing import Any

from PIL import Image


def picture(width: int = 300, height: int = 120, kind: str = "PNG", colour: str = "#0a7d5a", **options: Any) -> bytes:
    """A plain picture."""
    file = BytesIO()
    Image.new("RGB", (width, height), colour).save(file, kind, **options)
    return file.getvalue()


def with_place() -> bytes:
    """A JPEG that says where it was taken, and that it lies on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010F] = "SecretCamera"
    exif.get_ifd(0x8825)[1] = "N"
    return picture(400, 100, "JPEG", exif=exif)


def bomb() -> bytes:
    """A PNG of a few bytes that says it is 50,000 dots wide and high."""
    head = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", head)
        + _chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
# name of the file, its content, part of what is said
REFUSED: dict[str, tuple[str, bytes, str]] = {
    "an SVG with a script": ("logo.svg", SVG, "can hold scripts"),
    "an SVG that calls itself PNG": (
        "logo.png",
        b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- x -->" + SVG,
        "can hold scripts",
    ),
    "an SVG in UTF-16": ("logo.png", SVG.decode().encode("utf-16"), "can hold scripts"),
    "a compressed SVG": ("logo.svgz", zlib.compress(SVG), "can hold scripts"),
    "a GIF": ("logo.gif", picture(kind="GIF"), "A GIF is not taken"),
    "HTML that calls itself PNG": ("logo.png", b"<!doctype html><script>alert(1)</script>", "web page"),
    "a PNG that is cut off": ("logo.png", picture(600, 600)[:200], "damaged"),
    "a JPEG that is cut off": ("logo.jpg", picture(600, 600, "JPEG")[:300], "damaged"),
    "a WebP that is cut off": ("logo.webp", picture(600, 600, "WEBP")[:40], "damaged"),
    "a BMP": ("logo.bmp", picture(kind="BMP"), "not a PNG, JPEG or WebP"),
    "a TIFF that calls itself PNG": ("logo.png", picture(kind="TIFF"), "not a PNG, JPEG or WebP"),
    "words": ("logo.png", b"hello", "not a PNG, JPEG or WebP"),
    "an empty file": ("logo.png", b"", "empty"),
    "a bomb": ("logo.png", bomb(), "more than 25 million dots"),
    "one line of dots": ("logo.png", picture(300, 1), "too small or too narrow"),
}
