"""What the owner may switch in the shop and its console, and what the master has fixed."""

from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui import features
from admin_ui.frame import AnyRequest, page
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms, paging
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from tenants.toggles import flags, service
from tenants.toggles.errors import FlagFixed, FlagGone
from tenants.toggles.flags import FLAGS, Flag, flag_of
from tenants.toggles.toggles import Toggles

PathKey = Annotated[str, PathParameter(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
HOME = "/console/features"


class ChoiceForm(Struct, frozen=True):
    """A value as `Flag.write` writes it."""

    value: Annotated[str, Meta(min_length=1, max_length=40)]


class FeatureController(Controller):
    path = HOME
    opt = flags.FEATURES.opt

    @get("/", guards=[requires(Permission.FEATURES_READ)])
    async def listed(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], toggles: NamedDependency[Toggles]
    ) -> Template:
        return await _page(request, tenant, toggles)

    @post("/{key:str}", guards=[requires(Permission.FEATURES_WRITE)])
    async def choose(
        self,
        key: PathKey,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        toggles: NamedDependency[Toggles],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        flag = _owners(key)
        try:
            sent = await forms.parse(request, ChoiceForm)
            value = flag.read(sent.value)
            await _check_free(tenant, toggles, flag)
        except (Invalid, FlagFixed) as error:
            form = await forms.again(request, error)
            return await _page(request, tenant, toggles, form=form, wrong=key, status=422)
        async with tenant.begin() as session:
            before = await service.choose(session, flag, value)
            detail = {"from": flag.write(before), "to": sent.value}
            await audit.record(session, staff.name, "features.choose", key, detail, staff.address)
        await toggles.changed()
        said = gettext("%(feature)s: %(value)s.", feature=gettext(flag.title), value=features.said(flag, value))
        answers.toast(request, said)
        return answers.redirect(request, HOME)

    @post("/{key:str}/undo", guards=[requires(Permission.FEATURES_WRITE)])
    async def undo(
        self,
        key: PathKey,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        toggles: NamedDependency[Toggles],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        flag = _owners(key)
        async with tenant.begin() as session:
            before = await service.unchoose(session, flag)
            if before is not None:
                detail = {"from": flag.write(before)}
                await audit.record(session, staff.name, "features.undo", key, detail, staff.address)
        await toggles.changed()
        value = features.said(flag, (await toggles.decision(tenant, flag)).value)
        answers.toast(request, gettext("%(feature)s: %(value)s.", feature=gettext(flag.title), value=value))
        return answers.redirect(request, HOME)


def _owners(key: str) -> Flag:
    """Raises `FlagGone`, for a flag that is the master's alone too."""
    flag = flag_of(key)
    if not flag.for_owner:
        raise FlagGone
    return flag


async def _check_free(tenant: Tenant, toggles: Toggles, flag: Flag) -> None:
    """Whether the station may choose. Raises `FlagFixed`. A policy that comes a moment later counts all the same."""
    if (await toggles.decision(tenant, flag)).is_fixed:
        raise FlagFixed(field="value")


async def _page(
    request: AnyRequest,
    tenant: Tenant,
    toggles: Toggles,
    form: Form | None = None,
    wrong: str = "",
    status: int = 200,
) -> Template:
    """All features, with the one that was sent wrongly."""
    asked = paging.wanted(request)
    facts, killed = await toggles.facts(tenant), toggles.kill_switch.values
    lines = [features.line(flag, facts, killed) for flag in FLAGS.values() if flag.for_owner]
    return page(
        request,
        "console/features.html",
        status=status,
        lines=features.fitting(lines, asked.search),
        asked=asked,
        form=form,
        wrong=wrong,
    )
