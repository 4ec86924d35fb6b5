"""What a route gives back: a page, the way to another page, a word to the person; and signing in and out."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from litestar import Request, Response
from litestar.response import Template

from kameng.identity import sessions
from kameng.identity.sessions import Session
from kameng.web import context, cookies
from kameng.web.context import Toast

AnyRequest = Request[Any, Any, Any]

SEE_OTHER = 303
PLAIN = "!#$%&'()*+,/:;=?@[]~"  # in an address these stay as they are; a header takes no Chinese


def render(name: str, /, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any) -> Template:
    """A page or a fragment from the template `name`, with `values` beside what every template has."""
    return Template(
        name,
        context=values,
        status_code=status,
        headers=dict(headers or {}),
        media_type="text/html",
    )


def redirect(request: AnyRequest, to: str) -> Response[bytes]:
    """To another page of this host: 303, or `HX-Redirect` where htmx asked. `to` is a path, or `NotLocal` is
    raised.
    """
    if not is_local(to):
        raise NotLocal(to)
    to = quote(to, safe=PLAIN)
    if context.of(request.scope).is_htmx:
        return Response(b"", status_code=200, headers={"HX-Redirect": to}, media_type="text/html")
    return Response(b"", status_code=SEE_OTHER, headers={"Location": to}, media_type="text/html")


def toast(request: AnyRequest, text: str, kind: str = "ok") -> None:
    """A short message (kind: ok, info, warn, error), in words already translated.

    It goes with the answer to htmx, on the page that is rendered, or after a redirect on the page that comes
    next.
    """
    context.of(request.scope).toasts.append(Toast(text, kind))


async def sign_in(request: AnyRequest, session: Session) -> None:
    """Gives the browser this session, and ends the one it had on this side of the house."""
    here = context.of(request.scope)
    if here.session is not None:
        await sessions.destroy(here.kit.runtime.redis, here.session)
    here.session = session
    if session.kind == "staff":
        here.set_cookie(cookies.STAFF, session.id)
    else:
        here.set_cookie(cookies.VISITOR, session.id, cookies.LONGEST_S)
        here.visitor_id, here.visitor_is_new = session.id, False


async def sign_out(request: AnyRequest) -> None:
    """Ends the session on this side of the house: the staff's at a console, the buyer's in the shop."""
    here = context.of(request.scope)
    if here.session is not None:
        await sessions.destroy(here.kit.runtime.redis, here.session)
        here.session = None
    here.drop_cookie(cookies.STAFF if here.at_console else cookies.VISITOR)


def next_path(request: AnyRequest, default: str) -> str:
    """Where the person wanted to go before signing in: `?next=`, if that is a path of this host."""
    wanted = request.query_params.get("next", "")
    return wanted if is_local(wanted) else default


def is_local(path: str) -> bool:
    """Whether `path` can only lead to this host: no scheme, no `//`, no backslash, no control characters."""
    return (
        path.startswith("/")
        and not path.startswith("//")
        and "\\" not in path
        and path.isprintable()
        and not urlsplit(path).netloc
    )


class NotLocal(ValueError):
    """A redirect to another host: a bug, or an open redirect in the making."""
