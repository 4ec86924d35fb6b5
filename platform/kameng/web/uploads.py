"""Files in forms. A multipart body is read as it comes, and of each file no more is kept than its route takes: a
larger one is read to its end, so that the browser listens to the answer, and thrown away on the way.

A route says `opt={"uploads": MOST_BYTES}`, the size of the largest file it takes, and `request_max_body_size=DRAINED`.
"""

from typing import Any

from litestar import Request
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from msgspec import Struct
from multipart import (  # type: ignore[import-untyped]  # Litestar's own parser of forms; it has no types
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
)

from kameng.core.errors import Invalid, KamengError

MOST_PARTS = 1000
MOST_TEXT_BYTES = 256 * 1024
DRAINED = 256 * 1024 * 1024
DRAINED_UNHEARD = 4 * 1024 * 1024

AnyRequest = Request[Any, Any, Any]


class BodyTooLarge(KamengError):
    """More was sent than the route takes. `field` names the largest field, where that can be told."""

    message = "What you sent is too large: at most %(most_kib)s KiB."


class Upload(Struct, frozen=True):
    """A file that came with a form. Of one that `is_too_large` nothing was kept."""

    filename: str
    body: bytes
    is_too_large: bool = False


class Parts(Struct, frozen=True):
    """A multipart form: names and texts in order, and its files by name. A file field left empty is in neither."""

    texts: list[tuple[str, str]]
    files: dict[str, Upload]


class _Reader:
    """Collects the parts. `most_bytes` is the largest file to keep."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.parts = Parts([], {})
        self._segment: MultipartSegment | None = None
        self._kept = bytearray()
        self._text_bytes = 0
        self._is_too_large = False

    def take(self, piece: MultipartSegment | bytes | bytearray | None) -> None:
        """What the parser gives out: the head of a part, some of its content, None at its end."""
        if isinstance(piece, MultipartSegment):
            self._segment, self._kept, self._is_too_large = piece, bytearray(), False
        elif piece is not None:
            self._add(piece)
        elif self._segment is not None:
            self._end(self._segment)
            self._segment, self._kept = None, bytearray()

    def _add(self, content: bytes | bytearray) -> None:
        if self._segment is None or self._is_too_large:
            return
        if self._segment.filename is None:
            self._text_bytes += len(content)
            if self._text_bytes > MOST_TEXT_BYTES:
                raise BodyTooLarge(field=self._segment.name, most_kib=MOST_TEXT_BYTES // 1024)
        elif len(self._kept) + len(content) > self.most_bytes:
            self._is_too_large, self._kept = True, bytearray()
            return
        self._kept += content

    def _end(self, segment: MultipartSegment) -> None:
        name = segment.name or ""
        if segment.filename is None:
            self.parts.texts.append((name, self._kept.decode()))
        elif segment.filename:
            self.parts.files[name] = Upload(segment.filename, bytes(self._kept), self._is_too_large)


async def read(request: AnyRequest) -> Parts:
    """The parts of a multipart body. Raises `BodyTooLarge`, and `Invalid` for what is not one."""
    options = request.content_type[1]
    reader = _Reader(int(request.route_handler.opt.get("uploads", 0)))
    try:
        with PushMultipartParser(options.get("boundary", ""), max_segment_count=MOST_PARTS) as parser:
            async for chunk in request.stream():  # ends with an empty one, which the parser takes for the end
                if not parser.closed:
                    for piece in parser.parse(chunk):
                        reader.take(piece)
    except RequestEntityTooLarge:
        await drain(request)
        most = request.route_handler.resolve_request_max_body_size() or 0
        raise BodyTooLarge(most_kib=most // 1024) from None
    except (MultipartError, ValueError):  # UnicodeDecodeError is one
        raise Invalid({"form": "This is not a form that can be read."}) from None
    return reader.parts


async def drain(request: AnyRequest) -> bytearray:
    """Reads on, so that the client listens to the answer; up to `DRAINED_UNHEARD` bytes, which are returned."""
    body = bytearray()
    while len(body) < DRAINED_UNHEARD:
        event = await request.receive()
        if event["type"] != "http.request":
            break
        body += event["body"]
        if not event["more_body"]:
            break
    return body
