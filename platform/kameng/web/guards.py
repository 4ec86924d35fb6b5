"""Who may call a route. Every route has one of these guards, or says `opt={"public": True}`; `create_app`
sees to it.

`gate` stands before all of them on every route. What a route may say in `opt`:

* `public`: needs no guard.
* `anonymous`: nothing of the person is looked up, no cookie is set and the answer may be cached (styles,
scripts).
* `csrf=False`: called by machines that prove themselves otherwise; such a route is anonymous too.
* `while_suspended`: answers at a suspended station too. Consoles do, and routes with `csrf=False`; the rest
of a shop says that it is closed.
* `flag`: the key of a flag. Where it is off at the station, the route does not exist for anybody.
* `quiet`: the request is logged at level debug.
* `uploads`: takes files of at most so many bytes (`kameng.web.uploads`); from whoever is signed in only, or in the shop
holds a grant (`kameng.web.grants`), and that is found out before the body is read.
* `framed`: our own pages may show it in a frame. `frames`: it shows such a page.
"""

from typing import Any

from litestar.connection import ASGIConnection, Request
from litestar.handlers.base import BaseRouteHandler

from kameng.core.errors import Forbidden, KamengError, NotFound, Unauthenticated
from kameng.identity.permissions import Permission
from kameng.web import context, csrf, grants

Connection = ASGIConnection[Any, Any, Any, Any]


class Closed(KamengError):
    """The station is suspended."""

    message = "This shop is closed at the moment."


class requires:
    """A guard: staff with this permission. Whoever visits a station only to look sends no forms, whatever their routes
    ask for: marking a notice as read takes no more than reading it, and hides it from the owner.
    """

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(self, connection: Connection, _: BaseRouteHandler) -> None:
        """Raises `Unauthenticated` or `Forbidden`."""
        staff = context.of(connection.scope).staff
        if staff is None:
            raise Unauthenticated
        if self.permission not in staff.permissions:
            raise Forbidden
        only_looks = staff.visit is not None and staff.visit.mode == "view"
        if only_looks and isinstance(connection, Request) and connection.method not in csrf.SAFE:
            raise Forbidden


async def signed_in_staff(connection: Connection, _: BaseRouteHandler) -> None:
    """A guard: any staff of this station. Raises `Unauthenticated`."""
    if context.of(connection.scope).staff is None:
        raise Unauthenticated


async def signed_in_buyer(connection: Connection, _: BaseRouteHandler) -> None:
    """A guard: a buyer of this station, guest or member. Raises `Unauthenticated`."""
    if context.of(connection.scope).visitor.buyer_id is None:
        raise Unauthenticated


async def gate(connection: Connection, handler: BaseRouteHandler) -> None:
    """Stands before every route: is it switched on, is the shop open, is the request from our own page, who is
    it. Raises `NotFound`, `Closed`, `csrf.StalePage`, and what reading a form raises.
    """
    here = context.of(connection.scope)
    here.is_quiet = bool(handler.opt.get("quiet"))
    here.is_framed, here.has_frames = bool(handler.opt.get("framed")), bool(handler.opt.get("frames"))
    here.is_anonymous = bool(handler.opt.get("anonymous")) or handler.opt.get("csrf") is False
    flag = handler.opt.get("flag")
    if flag is not None or not here.is_anonymous:
        await here.load_flags()
    if flag is not None and not here.flags[flag]:
        raise NotFound
    if here.is_anonymous:
        return
    if here.is_suspended and not here.at_console and not handler.opt.get("while_suspended"):
        raise Closed
    if handler.opt.get("uploads"):
        await here.enter()
        if here.session is None and (here.at_console or not grants.held(here)):
            raise Unauthenticated
    if isinstance(connection, Request) and connection.method not in csrf.SAFE:
        await csrf.check(connection, here)
    if not here.is_entered:
        await here.enter()
