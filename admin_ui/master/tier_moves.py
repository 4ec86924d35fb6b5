"""Stations that move up by their turnover: who would, who has, and the switches."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Struct

from admin_ui.frame import AnyRequest, PathId, page
from kameng.audit import service as audit
from kameng.core import clock
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms, paging
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from tenants.registry import queries as registry
from tenants.tiering import queries, service


class OnForm(Struct, frozen=True):
    """Whether stations are moved up by themselves."""

    on: bool = False


class TierMoveController(Controller):
    path = "/tier-moves"

    @get("/", guards=[requires(Permission.TIERS_READ)])
    async def show(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        asked = paging.wanted(request)
        async with runtime.database.master_session() as session:
            found = await paging.of_sql(session, queries.MOVES, {"now": clock.now()}, asked)
            latest = await queries.latest(session)
            is_on = await queries.is_on(session)
        return page(request, "master/tier_moves.html", found=found, latest=latest, is_on=is_on)

    @post("/", guards=[requires(Permission.TIERS_WRITE)])
    async def switch(
        self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        on = (await forms.parse(request, OnForm)).on
        async with runtime.database.master_session() as session:
            await service.switch(session, on=on)
            action = "tiers.upgrades_on" if on else "tiers.upgrades_off"
            await audit.record(session, staff.name, action, "all", address=staff.address)
        told = gettext("Stations move up by themselves.") if on else gettext("Every station keeps its tier.")
        answers.toast(request, told)
        return answers.redirect(request, "/tier-moves")

    @post("/stations/{tenant_id:int}", guards=[requires(Permission.TENANTS_WRITE)])
    async def switch_one(
        self,
        tenant_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        on = (await forms.parse(request, OnForm)).on
        async with runtime.database.master_session() as session:
            station = await registry.station(session, tenant_id)
            await service.switch_one(session, tenant_id, on=on)
            action = "tiers.upgrades_on" if on else "tiers.upgrades_off"
            await audit.record(session, staff.name, action, str(tenant_id), {"name": station.name}, staff.address)
        told = gettext("The station moves up by itself.") if on else gettext("The station keeps its tier.")
        answers.toast(request, told)
        return answers.redirect(request, f"/tenants/{tenant_id}/prices")
