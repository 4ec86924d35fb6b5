"""The price levels that the master gives to stations."""

from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui.frame import AnyRequest, PathId, page
from billing.wholesale import queries, service
from billing.wholesale.service import TierNameTaken
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from tenants.registry import queries as registry


class TierForm(Struct, frozen=True):
    """A price level's name."""

    name: Annotated[str, Meta(min_length=1, max_length=40)]


class TierController(Controller):
    path = "/tiers"

    @get("/", guards=[requires(Permission.TIERS_READ)])
    async def listed(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        async with runtime.database.master_session() as session:
            tiers = await queries.tiers(session)
            stations = await registry.by_tier(session)
            goods = await queries.goods_by_tier(session)
        return page(request, "master/tiers.html", tiers=tiers, stations=stations, goods=goods)

    @get("/new", guards=[requires(Permission.TIERS_WRITE)])
    async def blank(self, request: AnyRequest) -> Template:
        return page(request, "master/tier_form.html", form=None, tier_id=None)

    @post("/", guards=[requires(Permission.TIERS_WRITE)])
    async def add(
        self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            name = (await forms.parse(request, TierForm)).name
            async with runtime.database.master_session() as session:
                tier = await service.add_tier(session, name)
                await audit.record(session, staff.name, "tiers.add", str(tier.id), {"name": name}, staff.address)
        except (Invalid, TierNameTaken) as error:
            form = await forms.again(request, error)
            return page(request, "master/tier_form.html", status=422, form=form, tier_id=None)
        answers.toast(request, gettext("The tier is added. Give goods a price in it."))
        return answers.redirect(request, "/tiers")

    @get("/{tier_id:int}", guards=[requires(Permission.TIERS_WRITE)])
    async def edit(self, tier_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        async with runtime.database.master_session() as session:
            tier = await queries.tier(session, tier_id)
        return page(request, "master/tier_form.html", form=Form(values={"name": tier.name}), tier_id=tier_id)

    @post("/{tier_id:int}", guards=[requires(Permission.TIERS_WRITE)])
    async def rename(
        self,
        tier_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            name = (await forms.parse(request, TierForm)).name
            async with runtime.database.master_session() as session:
                before = (await queries.tier(session, tier_id)).name
                await service.rename_tier(session, tier_id, name)
                detail = {"from": before, "to": name}
                await audit.record(session, staff.name, "tiers.rename", str(tier_id), detail, staff.address)
        except (Invalid, TierNameTaken) as error:
            form = await forms.again(request, error)
            return page(request, "master/tier_form.html", status=422, form=form, tier_id=tier_id)
        answers.toast(request, gettext("The tier is renamed."))
        return answers.redirect(request, "/tiers")
