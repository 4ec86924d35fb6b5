"""One station's features at the master: every value with its reason, and the policy for this station alone."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template

from admin_ui import features
from admin_ui.console.features import PathKey
from admin_ui.frame import AnyRequest, PathId, page
from admin_ui.master.flag_forms import PolicyForm
from admin_ui.master.flags import erase_policy, write_policy
from admin_ui.master.station_tabs import tabs
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, context, forms, paging
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from tenants.registry import queries as registry
from tenants.toggles import queries
from tenants.toggles.flags import FLAGS, Flag, flag_of
from tenants.toggles.toggles import Toggles


class StationFeatureController(Controller):
    path = "/tenants/{tenant_id:int}/features"

    @get("/", guards=[requires(Permission.POLICIES_READ)])
    async def listed(
        self,
        tenant_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        toggles: NamedDependency[Toggles],
    ) -> Template:
        asked = paging.wanted(request)
        async with runtime.database.master_session() as session:
            station = await registry.station(session, tenant_id)
            facts = await queries.facts(session, tenant_id)
        killed = toggles.kill_switch.values
        lines = [features.line(flag, facts, killed) for flag in FLAGS.values()]
        return page(
            request,
            "master/station_features.html",
            station=station,
            tabs=tabs(context.of(request.scope), tenant_id),
            url=runtime.settings.base_url,
            lines=features.fitting(lines, asked.search),
            asked=asked,
            plan=facts.plan,
        )

    @get("/{key:str}", guards=[requires(Permission.POLICIES_READ)])
    async def show(
        self,
        tenant_id: PathId,
        key: PathKey,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        toggles: NamedDependency[Toggles],
    ) -> Template:
        return await _one(request, runtime, toggles, tenant_id, flag_of(key))

    @post("/{key:str}", guards=[requires(Permission.POLICIES_WRITE)])
    async def set_policy(
        self,
        tenant_id: PathId,
        key: PathKey,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        toggles: NamedDependency[Toggles],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        flag = flag_of(key)
        try:
            policy = (await forms.parse(request, PolicyForm)).policy(flag)
        except Invalid as error:
            form = await forms.again(request, error)
            return await _one(request, runtime, toggles, tenant_id, flag, form, status=422)
        async with runtime.database.master_session() as session:
            station = await registry.station(session, tenant_id)
            await write_policy(session, staff, flag, policy, station.id)
        await toggles.changed()
        answers.toast(request, gettext("The policy is live within two seconds."))
        return answers.redirect(request, f"/tenants/{tenant_id}/features")

    @post("/{key:str}/drop", guards=[requires(Permission.POLICIES_WRITE)])
    async def drop_policy(
        self,
        tenant_id: PathId,
        key: PathKey,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        toggles: NamedDependency[Toggles],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        flag = flag_of(key)
        async with runtime.database.master_session() as session:
            await erase_policy(session, staff, flag, tenant_id)
        await toggles.changed()
        answers.toast(request, gettext("The policy is taken back."))
        return answers.redirect(request, f"/tenants/{tenant_id}/features")


async def _one(
    request: AnyRequest,
    runtime: Runtime,
    toggles: Toggles,
    tenant_id: int,
    flag: Flag,
    form: Form | None = None,
    status: int = 200,
) -> Template:
    """One feature of one station, with the form of its policy. Raises `StationGone`."""
    async with runtime.database.master_session() as session:
        station = await registry.station(session, tenant_id)
        facts = await queries.facts(session, tenant_id)
    shown = features.line(flag, facts, toggles.kill_switch.values)
    own = shown.own
    filled = Form({"mode": str(own.mode), "value": flag.write(own.value), "reason": own.reason}) if own else None
    return page(
        request,
        "master/station_feature.html",
        status=status,
        station=station,
        tabs=tabs(context.of(request.scope), tenant_id),
        url=runtime.settings.base_url,
        line=shown,
        flag=flag,
        modes=features.modes(),
        form=form or filled,
    )
