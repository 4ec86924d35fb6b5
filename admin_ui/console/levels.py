"""Levels of buyers, and the level of one buyer."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui.frame import AnyRequest, PathId, page
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext, of_error
from kameng.web.people import Staff
from tenants.buyers import levels
from tenants.buyers.errors import LevelGone, LevelInUse, LevelNameTaken, LevelRankTaken, TooManyLevels
from tenants.buyers.levels import Level, LevelDraft
from tenants.toggles import flags

PATH = "/console/levels"
WRONG = (Invalid, LevelNameTaken, LevelRankTaken, TooManyLevels)


class Given(Struct, frozen=True):
    """The level that a buyer gets; none takes it away."""

    level_id: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None


class LevelController(Controller):
    path = PATH
    opt = flags.LEVELS.opt

    @get("/", guards=[requires(Permission.BUYERS_READ)])
    async def listed(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        return await _page(request, tenant)

    @post("/", guards=[requires(Permission.BUYERS_WRITE)])
    async def add(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            draft = await forms.parse(request, LevelDraft)
            async with tenant.begin() as session:
                level_id = await levels.add(session, draft)
                await audit.record(session, staff.name, "levels.add", str(level_id), _told(draft), staff.address)
        except WRONG as error:
            return await _page(request, tenant, await forms.again(request, error), status=422)
        answers.toast(request, gettext("The level is added."))
        return answers.redirect(request, PATH)

    @get("/{level_id:int}", guards=[requires(Permission.BUYERS_READ)])
    async def show(self, level_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        return await _one(request, tenant, level_id)

    @post("/{level_id:int}", guards=[requires(Permission.BUYERS_WRITE)])
    async def change(
        self,
        level_id: PathId,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            draft = await forms.parse(request, LevelDraft)
            async with tenant.begin() as session:
                before = await levels.change(session, level_id, draft)
                detail = {"from": _told(before), "to": _told(draft)}
                await audit.record(session, staff.name, "levels.change", str(level_id), detail, staff.address)
        except WRONG as error:
            return await _one(request, tenant, level_id, await forms.again(request, error), status=422)
        answers.toast(request, gettext("The level is saved."))
        return answers.redirect(request, PATH)

    @post("/{level_id:int}/delete", guards=[requires(Permission.BUYERS_WRITE)])
    async def delete(
        self,
        level_id: PathId,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            async with tenant.begin() as session:
                gone = await levels.delete(session, level_id)
                await audit.record(session, staff.name, "levels.delete", str(level_id), _told(gone), staff.address)
        except LevelInUse as refusal:
            answers.toast(request, of_error(refusal), "error")
            return answers.redirect(request, f"{PATH}/{level_id}")
        answers.toast(request, gettext("The level is deleted."))
        return answers.redirect(request, PATH)


class BuyerLevelController(Controller):
    path = "/console/buyers/{buyer_id:uuid}/level"
    opt = flags.BUYERS.opt

    @post("/", guards=[requires(Permission.BUYERS_WRITE)])
    async def give(
        self,
        buyer_id: FromPath[UUID],
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            wanted = await forms.parse(request, Given)
            async with tenant.begin() as session:
                before, after = await levels.give(session, buyer_id, wanted.level_id)
                detail = {"from": before.name if before else None, "to": after.name if after else None}
                await audit.record(session, staff.name, "buyers.level", str(buyer_id), detail, staff.address)
        except LevelGone as gone:
            answers.toast(request, of_error(gone), "error")
        except Invalid as wrong:
            answers.toast(request, gettext(next(iter(wrong.errors.values()))), "error")
        else:
            answers.toast(request, gettext("The buyer's level is set."))
        return answers.redirect(request, f"/console/buyers/{buyer_id}")


async def _page(request: AnyRequest, tenant: Tenant, form: Form | None = None, status: int = 200) -> Template:
    async with tenant.begin() as session:
        found = await levels.levels(session)
    return page(request, "console/levels.html", status=status, levels=found, form=form)


async def _one(
    request: AnyRequest, tenant: Tenant, level_id: int, form: Form | None = None, status: int = 200
) -> Template:
    async with tenant.begin() as session:
        level = await levels.level(session, level_id)
    held = form or Form({"name": level.name, "rank": str(level.rank)})
    return page(request, "console/level.html", status=status, level=level, form=held)


def _told(one: LevelDraft | Level) -> dict[str, object]:
    return {"name": one.name, "rank": one.rank}
