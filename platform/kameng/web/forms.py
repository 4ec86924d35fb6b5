"""Forms: a urlencoded body becomes a msgspec Struct, or `Invalid` with a sentence for each field at fault.

    class OrderDraft(Struct):
        product_id: int
        quantity: Annotated[int, Meta(ge=1, le=1000)]
        contact: Line = ""
        note: Text = ""

    draft = await forms.parse(request, OrderDraft)

A field that is absent or empty takes its default, or None where the type allows it, or is asked for. Text is
trimmed. A text is one line of at most 500 characters unless its type says otherwise: `Meta(max_length=...)`,
and `extra={"lines": True}` for several lines, `extra={"secret": True}` for what is neither trimmed nor shown
again, `extra={"message": N_("...")}` for own words. A `Decimal` is bounded by `extra={"ge": ..., "le": ...,
"places": ...}`.
"""

from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote_plus

from litestar import Request
from litestar.enums import RequestEncodingType
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from msgspec import UNSET, Struct

from kameng.core.errors import Invalid, KamengError
from kameng.web import uploads
from kameng.web.form_fields import Line, Secret, Text, Wrong, fields_of
from kameng.web.i18n import gettext, of_error
from kameng.web.uploads import BodyTooLarge, Parts, Upload

__all__ = [
    "BodyTooLarge", "Form", "Line", "Secret", "Text", "Upload", "WrongType", "again", "files", "pairs", "parse", "read",
]  # fmt: skip

T = TypeVar("T", bound=Struct)

MOST_PAIRS = 1000
LONGEST_NAME = 64
URL_ENCODED = RequestEncodingType.URL_ENCODED.value
MULTIPART = RequestEncodingType.MULTI_PART.value


class WrongType(KamengError):
    """A body that is not a form was sent to a route that takes a form."""

    message = "This address takes a form: send %(expected)s."


async def parse(request: Request[Any, Any, Any], form: type[T]) -> T:
    """The request's form. Raises `Invalid` with every field at fault, `WrongType`, `BodyTooLarge`."""
    return read(await pairs(request), form)


def read(sent: list[tuple[str, str]], form: type[T]) -> T:
    """A form from names and texts. Raises `Invalid`. Names that the form does not know are left alone."""
    texts: dict[str, list[str]] = {}
    for name, text in sent:
        texts.setdefault(name, []).append(text)
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for field in fields_of(form):
        try:
            value = field.read(texts.get(field.name, []))
        except Wrong as wrong:
            errors[field.name] = str(wrong)
        else:
            if value is not UNSET:
                values[field.attribute] = value
    if errors:
        shown = {field.name for field in fields_of(form) if not field.is_secret}
        raise Invalid(errors, {name: said[-1] for name, said in texts.items() if name in shown})
    return form(**values)


class Form(Struct, frozen=True):
    """A form as templates draw it: what stands in the fields, and a sentence for each that is wrong. An
    error under the empty name is about the whole form.
    """

    values: dict[str, str] = {}
    errors: dict[str, str] = {}


async def again(request: Request[Any, Any, Any], error: KamengError) -> Form:
    """The form as it was sent, with what is wrong, for `render(..., status=422, form=...)`. Passwords do
    not return.
    """
    sent = await pairs(request)
    values = {name: text for name, text in sent if "password" not in name}
    if isinstance(error, Invalid):
        return Form(values, {name: gettext(message) for name, message in error.errors.items()})
    return Form(values, {error.field or "": of_error(error)})


async def pairs(request: Request[Any, Any, Any]) -> list[tuple[str, str]]:
    """Names and texts of the form, in order, parsed once for each request. Files of a multipart body are not
    in it.

    Raises `WrongType`, `BodyTooLarge`, and `Invalid` for a body that is not UTF-8.
    """
    return (await _parts(request)).texts


async def files(request: Request[Any, Any, Any]) -> dict[str, Upload]:
    """The files that came with the form, by the name of their field; raises as `pairs` does. Only a route that says
    how large they may be (`kameng.web.uploads`) gets any content.
    """
    return (await _parts(request)).files


async def _parts(request: Request[Any, Any, Any]) -> Parts:
    state = request.scope["state"]
    if "form" not in state:
        state["form"] = Parts([], {})  # what `again` draws where reading fails
        state["form"] = await _read(request)
    parsed: Parts = state["form"]
    return parsed


async def _read(request: Request[Any, Any, Any]) -> Parts:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == MULTIPART:
        return await uploads.read(request)
    if kind != URL_ENCODED:
        raise WrongType(expected=URL_ENCODED)
    try:
        body = await request.body()
    except RequestEntityTooLarge:
        raise await _too_large(request) from None
    try:
        texts = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_PAIRS)
    except ValueError:  # UnicodeDecodeError is one
        raise Invalid({"form": "This is not a form that can be read."}) from None
    return Parts(texts, {})


async def _too_large(request: Request[Any, Any, Any]) -> BodyTooLarge:
    """Reads on, and finds the field that makes the body large."""
    body = await uploads.drain(request)
    name, separator, _ = max(bytes(body).split(b"&"), key=len).partition(b"=")
    field = unquote_plus(name[:LONGEST_NAME].decode("ascii", "replace")) if separator else None
    most_kib = (request.route_handler.resolve_request_max_body_size() or 0) // 1024
    return BodyTooLarge(field=field, most_kib=most_kib)
