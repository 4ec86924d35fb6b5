"""The one place that knows which status an error has and how it is told: as a page, to htmx, or as JSON.

Expected errors are those of `kameng.core.errors`, and Litestar's own about bad requests. A server that is
away or too busy is 503. Anything else is a bug: logged with its traceback and the id that the person is
shown.
"""

import html
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
import structlog
from jinja2 import TemplateError
from litestar import Request, Response
from litestar.exceptions import HTTPException, TemplateNotFoundException, ValidationException
from msgspec import Struct
from redis.exceptions import ConnectionError as RedisAway
from redis.exceptions import TimeoutError as RedisLate
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from kameng.core import errors
from kameng.core.errors import Invalid, KamengError, TooManyRequests, Unauthenticated
from kameng.web import context
from kameng.web.answers import is_local
from kameng.web.context import Context, Toast, header
from kameng.web.forms import BodyTooLarge, WrongType
from kameng.web.guards import Closed
from kameng.web.i18n import N_, gettext, of_error

log = structlog.get_logger()

AnyRequest = Request[Any, Any, Any]

STATUS: dict[type[KamengError], int] = {
    Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    BodyTooLarge: 413,
    WrongType: 415,
    Invalid: 422,
    errors.Refused: 422,
    TooManyRequests: 429,
    Closed: 503,
}
TITLES = {
    400: N_("This request cannot be read"),
    401: N_("Please sign in"),
    403: N_("Not allowed"),
    404: N_("Not found"),
    405: N_("Not possible here"),
    409: N_("Somebody was first"),
    413: N_("Too large"),
    415: N_("Not a form"),
    422: N_("This did not work"),
    429: N_("Too fast"),
    500: N_("An error on our side"),
    503: N_("Not available at the moment"),
}
MESSAGES = {
    400: N_("Check the address or the form and try again."),
    404: errors.NotFound.message,
    405: N_("This address cannot be called this way."),
    413: N_("What you sent is too large."),
    500: N_("We have written down what happened. If you ask for help, give the number below."),
    503: N_("The station is busy or being worked on. Nothing was changed; try again in a moment."),
}
BUSY_RETRY_S = 2
AWAY = (RedisAway, RedisLate, OperationalError, psycopg.OperationalError, PoolExhausted)


class Told(Struct, frozen=True, kw_only=True):
    """An error in words. `fields` maps the name of an input to what is wrong with it."""

    status: int
    code: str
    message: str
    field: str | None = None
    fields: dict[str, str] = {}
    headers: dict[str, str] = {}


def answer(request: AnyRequest, error: Exception) -> Response[Any]:
    """Litestar's handler for every exception."""
    here = context.of(request.scope)
    told = _tell(error)
    accept = header(request.scope, b"accept")
    if "application/json" in accept and "text/html" not in accept:
        return _as_json(here, told)
    if told.status == 401:
        return _to_sign_in(request, here, told)
    if here.is_htmx:
        return _to_htmx(here, told)
    return _as_page(request, here, told)


def _tell(error: Exception) -> Told:
    if isinstance(error, KamengError):
        return _expected(error)
    if isinstance(error, HTTPException) and error.status_code < 500:
        return _of_litestar(error)
    if isinstance(error, AWAY):
        log.error("unavailable", error=str(error), exc_info=error)
        return _plain(503, "unavailable", {"Retry-After": str(BUSY_RETRY_S)})
    log.error("bug", exc_info=error)
    return _plain(500, "bug")


def _expected(error: KamengError) -> Told:
    status = next((STATUS[family] for family in type(error).__mro__ if family in STATUS), 500)
    if status == 500:
        log.error("error_without_family", exc_info=error)
        return _plain(500, "bug")
    fields = {}
    if isinstance(error, Invalid):
        fields = {name: gettext(message) for name, message in error.errors.items()}
    elif error.field:
        fields = {error.field: of_error(error)}
    return Told(
        status=status,
        code=_code(type(error).__name__),
        message=of_error(error),
        field=next(iter(fields), None),
        fields=fields,
        headers={"Retry-After": str(error.retry_after_s)} if isinstance(error, TooManyRequests) else {},
    )


def _of_litestar(error: HTTPException) -> Told:
    headers = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
    if not isinstance(error, ValidationException):
        return _plain(error.status_code, _code(type(error).__name__.removesuffix("Exception")), headers)
    details = error.extra if isinstance(error.extra, list) else []
    wrong = [str(detail["key"]) for detail in details if "key" in detail]
    message = gettext("Check %(fields)s.", fields=", ".join(wrong)) if wrong else gettext(MESSAGES[400])
    fields = dict.fromkeys(wrong, gettext("This is not in the right form."))
    return Told(status=400, code="invalid", message=message, field=next(iter(wrong), None), fields=fields)


def _plain(status: int, code: str, headers: dict[str, str] | None = None) -> Told:
    message = gettext(MESSAGES.get(status, KamengError.message))
    return Told(status=status, code=code, message=message, headers=headers or {})


def _code(name: str) -> str:
    """`NotFound` -> `not_found`."""
    return "".join(f"_{sign.lower()}" if sign.isupper() else sign for sign in name).lstrip("_")


def _sentence(told: Told) -> str:
    """Everything in one line: the fields say more than that some of them are wrong."""
    return " ".join(dict.fromkeys(told.fields.values())) or told.message


def _as_json(here: Context, told: Told) -> Response[Any]:
    error: dict[str, Any] = {
        "code": told.code,
        "message": told.message,
        "field": told.field,
        "request_id": here.request_id,
    }
    if told.fields:
        error["fields"] = told.fields
    return Response({"error": error}, status_code=told.status, headers=told.headers)


def _to_htmx(here: Context, told: Told) -> Response[Any]:
    """Nothing is swapped, a toast tells. htmx is configured to take 422 for a form, so there the toast
    comes as an event; for all other errors the kit's script makes it from the header `X-Error-Text`.
    """
    headers = {"HX-Reswap": "none", **told.headers}
    if told.status == 422:
        here.toasts.append(Toast(_sentence(told), "error"))
    else:
        headers["X-Error-Text"] = quote(_sentence(told))
    return Response(html.escape(_sentence(told)), status_code=told.status, headers=headers, media_type="text/html")


def _to_sign_in(request: AnyRequest, here: Context, told: Told) -> Response[Any]:
    """To the sign-in of this side of the house, and back to where the person wanted to go if that only
    reads.
    """
    page = f"{here.base}/login"
    if here.is_htmx:
        wanted = urlsplit(header(request.scope, b"hx-current-url"))
        to = _with_next(page, wanted.path, wanted.query)
        return Response(b"", status_code=told.status, headers={"HX-Redirect": to}, media_type="text/html")
    wish = (here.path, request.scope["query_string"].decode("latin-1")) if request.method == "GET" else ("", "")
    return Response(b"", status_code=303, headers={"Location": _with_next(page, *wish)}, media_type="text/html")


def _with_next(page: str, path: str, query: str) -> str:
    wanted = f"{path}?{query}" if query else path
    return f"{page}?next={quote(wanted)}" if is_local(wanted) and path != page else page


def _as_page(request: AnyRequest, here: Context, told: Told) -> Response[Any]:
    title = gettext(TITLES.get(told.status, TITLES[400]))
    bare = _bare_page(title, _sentence(told), here.request_id)
    values = {
        "status": told.status,
        "title": title,
        "message": told.message,
        "text": _sentence(told),
        "fields": told.fields,
        "error_id": here.request_id if told.status >= 500 else "",
        "request": request,
    }
    engine = request.app.template_engine
    try:
        body = engine.get_template("errors/error.html").render(**values) if engine else bare
    except (TemplateError, TemplateNotFoundException) as error:
        log.error("error_page_failed", exc_info=error)
        body = bare
    return Response(body, status_code=told.status, headers=told.headers, media_type="text/html")


def _bare_page(title: str, message: str, request_id: str) -> str:
    """For when even the page that tells of errors cannot be made."""
    words = [html.escape(word) for word in (title, message, request_id)]
    return "<!doctype html><meta charset=utf-8><title>{0}</title><h1>{0}</h1><p>{1}<p>{2}".format(*words)
