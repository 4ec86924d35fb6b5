"""What is known of one request: host, person, language, and what its answer is to carry.

`of(scope)` makes it at first use and keeps it in `scope["state"]`. `kameng.web.dispatch` has put the tenant,
the request's id and the client's address there before; an application that is called without it takes them
from the request itself.
"""

import hmac
import re
import secrets
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal
from urllib.parse import parse_qs

from msgspec import Struct

from kameng.core import ids
from kameng.identity import sessions, standing
from kameng.identity.sessions import Session
from kameng.identity.standing import Standing
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import cookies, i18n
from kameng.web.bundle import Assets
from kameng.web.features import Features
from kameng.web.people import Staff, Viewer, Visitor
from kameng.web.site import Site

Face = Literal["master", "station"]
Scope = MutableMapping[str, Any]

CONSOLE = "/console"
ID_FORM = re.compile(r"[sv][A-Za-z0-9_-]{43}")
LONGEST_AGENT = 300


class Kit(Struct, frozen=True, kw_only=True):
    """What all requests of one application share. `csrf_key` is 32 bytes; `form_action` is a part of the
    policy.
    """

    runtime: Runtime
    face: Face
    site: Site
    assets: Assets
    csrf_key: bytes
    form_action: str
    features: Features

    @property
    def secure(self) -> bool:
        return self.runtime.settings.secure


class Toast(Struct, frozen=True, array_like=True):
    """A short message for the person. `kind` is ok, info, warn or error."""

    text: str
    kind: str = "ok"


class Context:
    """One request. `session` is None until `enter`, and for whoever is not signed in or is nobody here any more;
    `standing` is what its holder may do at a console.
    """

    def __init__(self, kit: Kit, scope: Scope) -> None:
        state = scope["state"]
        self.kit = kit
        self.scope = scope
        self.tenant: Tenant | None = state.get("tenant")
        self.request_id: str = state.get("request_id") or str(ids.uuid7())
        self.trace_id: str = state.get("trace_id") or ""
        self.address: str = state.get("address") or (scope.get("client") or ("",))[0]
        self.path: str = scope["path"]
        self.at_console = kit.face == "master" or self.path == CONSOLE or self.path.startswith(f"{CONSOLE}/")
        self.site: Site = self.tenant or kit.site
        self.session: Session | None = None
        self.standing: Standing | None = None
        self.nonce = ""
        self.is_anonymous = False
        self.is_entered = False
        self.is_quiet = False
        self.is_framed = False
        self.has_frames = False
        self.toasts: list[Toast] = []
        self.set_cookies: list[bytes] = []
        self._flags: Mapping[str, Any] | None = None

        self.cookies = cookies.read(scope["headers"])
        self.staff_id = self._cookie_id(cookies.STAFF)
        sent = self._cookie_id(cookies.VISITOR)
        self.visitor_is_new = sent is None
        self.visitor_id = sent or sessions.new_id(sessions.ANONYMOUS)
        self.locale = self._choose_locale()
        i18n.use(self.locale, self.site.time_zone)

    @property
    def csrf_token(self) -> str:
        """What forms carry: it belongs to the staff's cookie at a console, to the visitor's in the shop."""
        return self._token(self.staff_id if self.at_console and self.staff_id else self.visitor_id)

    def knows_token(self, sent: str) -> bool:
        """Whether `sent` belongs to one of this browser's cookies, compared in constant time."""
        owners = [self.visitor_id, *([self.staff_id] if self.staff_id else [])]
        return any(hmac.compare_digest(sent.encode(), self._token(owner).encode()) for owner in owners)

    @property
    def csp_nonce(self) -> str:
        self.nonce = self.nonce or secrets.token_urlsafe(16)
        return self.nonce

    @property
    def origin(self) -> str:
        """`https://shop.example`: where this host is reached from outside, for addresses that leave the page."""
        settings = self.kit.runtime.settings
        return settings.base_url(self.tenant.host if self.tenant else settings.master_host)

    @property
    def base(self) -> str:
        """What the addresses of this side of the house begin with: `/console` at a station's, else
        nothing.
        """
        return CONSOLE if self.at_console and self.kit.face == "station" else ""

    @property
    def flags(self) -> Mapping[str, Any]:
        """The station's flags by key; nothing at the master. Before `load_flags` those that were known."""
        if self._flags is None:
            self._flags = self.kit.features.known(self.tenant) if self.tenant else {}
        return self._flags

    @property
    def is_suspended(self) -> bool:
        return self.tenant is not None and not self.tenant.is_open

    @property
    def is_htmx(self) -> bool:
        return header(self.scope, b"hx-request") == "true"

    @property
    def staff(self) -> Staff | None:
        session, stands = self.session, self.standing
        if session is None or stands is None:
            return None
        return Staff(
            id=session.subject,
            name=stands.name,
            role=stands.role,
            role_name=stands.role_name,
            permissions=stands.permissions,
            tenant_id=session.tenant_id,
            address=self.address,
            places=stands.places,
            visit=stands.visit,
            visits=stands.visits,
        )

    @property
    def user_agent(self) -> str:
        """What the browser says it is, cut to a decent length."""
        return header(self.scope, b"user-agent")[:LONGEST_AGENT]

    @property
    def visitor(self) -> Visitor:
        buyer = self.session if self.session and self.session.kind == "buyer" else None
        return Visitor(
            session_id=self.visitor_id,
            buyer_id=buyer.subject if buyer else None,
            name=buyer.name if buyer else "",
            role=buyer.role if buyer else "",
            address=self.address,
            user_agent=self.user_agent,
        )

    @property
    def viewer(self) -> Viewer | None:
        """Whoever is signed in on this side of the house."""
        if self.at_console:
            return self.staff
        session = self.session
        return Viewer(id=session.subject, name=session.name, role=session.role) if session else None

    async def load_flags(self) -> None:
        if self.tenant is not None:
            self._flags = await self.kit.features.at(self.tenant)

    async def enter(self) -> None:
        """Finds out who is signed in: the staff at a console, the buyer in the shop. At most one read of Redis; and
        for staff, every two seconds, a query for what they may do.
        """
        self.is_entered = True
        tenant_id = self.tenant.id if self.tenant else None
        redis = self.kit.runtime.redis
        if not self.at_console:
            self.session = await sessions.load(redis, self.visitor_id, "buyer", tenant_id)
        elif self.staff_id:
            session = await sessions.load(redis, self.staff_id, "staff", tenant_id)
            if session is not None:
                database = self.kit.runtime.database
                self.standing = await standing.of(database, session.subject, tenant_id, session.visit)
                self.session = session if self.standing else None

    def set_cookie(self, cookie: str, value: str, max_age_s: int | None = None) -> None:
        self.set_cookies.append(cookies.write(cookie, value, secure=self.kit.secure, max_age_s=max_age_s))

    def drop_cookie(self, cookie: str) -> None:
        self.set_cookies.append(cookies.drop(cookie, secure=self.kit.secure))

    def cookie(self, cookie: str) -> str | None:
        """The value of one of our own cookies."""
        return self.cookies.get(cookies.name_of(cookie, self.kit.secure))

    def _token(self, owner: str) -> str:
        return hmac.digest(self.kit.csrf_key, b"csrf:" + owner.encode(), "sha256").hex()

    def _cookie_id(self, cookie: str) -> str | None:
        value = self.cookie(cookie)
        return value if value is not None and ID_FORM.fullmatch(value) else None

    def _choose_locale(self) -> str:
        query = self.scope["query_string"]
        if b"lang=" in query:
            asked: str = parse_qs(query.decode("latin-1")).get("lang", [""])[0]
            if asked in i18n.LOCALES:
                self.set_cookie(cookies.LANGUAGE, asked, cookies.LONGEST_S)
                return asked
        for wish in (self.cookie(cookies.LANGUAGE), self.site.locale):
            if wish is not None and wish in i18n.LOCALES:
                return wish
        return i18n.DEFAULT


def of(scope: Mapping[str, Any]) -> Context:
    """The context of the request that `scope` belongs to."""
    state = scope["state"]
    known: Context | None = state.get("context")
    if known is None:
        kit: Kit = scope["litestar_app"].state.kit
        known = state["context"] = Context(kit, dict(scope) if not isinstance(scope, MutableMapping) else scope)
    return known


def header(scope: Mapping[str, Any], wanted: bytes) -> str:
    """The first header of this name (lower case), or an empty text."""
    for name, value in scope["headers"]:
        if name == wanted:
            return bytes(value).decode("latin-1")
    return ""
