"""The headers of every answer: what the browser may do with it, whether it may be kept, which cookies go with
it.

The policy has a nonce for the scripts of the page and nothing inline. Mind `form-action`: a browser follows
the redirect that answers a form only to the origins it names, so a form that ends at a payment gateway is
refused. Lead there by a link, or a page that is loaded with GET; or give the gateway's origin to
`create_app(form_action=...)`. No page stands in a frame, but for routes that say `framed`, in our own pages.
"""

from collections.abc import Sequence

from litestar.types import Message, Scope

from kameng.web import context, cookies, toasts
from kameng.web.context import Context

POLICY = (
    "default-src 'none'; script-src {scripts}; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action {forms}; base-uri 'none'; frame-ancestors {ancestors}{frames}"
)
ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
)
OVER_TLS = (b"strict-transport-security", b"max-age=31536000")


def form_action(origins: Sequence[str]) -> str:
    """The sources that forms may lead to: this host, and `origins` such as `https://pay.example`."""
    return " ".join(["'self'", *origins])


async def finish(message: Message, scope: Scope) -> None:
    """Litestar's hook before each message: adds what is not there yet to the head of an answer."""
    if message["type"] != "http.response.start":
        return
    here = context.of(scope)
    headers = list(message["headers"])
    there = {name.lower(): value for name, value in headers}
    fresh = dict(ALWAYS)
    fresh[b"content-security-policy"] = _policy(here)
    fresh[b"cache-control"] = b"no-store"
    if here.kit.secure:
        fresh[OVER_TLS[0]] = OVER_TLS[1]
    if not here.is_anonymous:
        fresh.update(toasts.leave(here, there, message["status"]))
        if here.is_entered and here.visitor_is_new and not (here.at_console and here.staff_id):
            here.set_cookie(cookies.VISITOR, here.visitor_id)
        headers.extend((b"set-cookie", cookie) for cookie in here.set_cookies)
    headers.extend((name, value) for name, value in fresh.items() if name not in there)
    message["headers"] = headers


def _policy(here: Context) -> bytes:
    scripts = f"'nonce-{here.nonce}'" if here.nonce else "'none'"
    return POLICY.format(
        scripts=scripts,
        forms=here.kit.form_action,
        ancestors="'self'" if here.is_framed else "'none'",
        frames="; frame-src 'self'" if here.has_frames else "",
    ).encode()
