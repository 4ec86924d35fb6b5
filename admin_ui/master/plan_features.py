"""What a plan says of every feature."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template

from admin_ui import features
from admin_ui.console.features import PathKey
from admin_ui.frame import AnyRequest, PathId, page
from admin_ui.master.flag_forms import PlanForm
from admin_ui.master.flags import write_plan_value
from kameng.core.errors import Invalid, NotFound
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from tenants.toggles import queries
from tenants.toggles.flags import FLAGS, flag_of
from tenants.toggles.toggles import Toggles


class PlanFeatureController(Controller):
    path = "/plans/{plan_id:int}/features"

    @get("/", guards=[requires(Permission.POLICIES_READ)])
    async def listed(self, plan_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await _page(request, runtime, plan_id)

    @post("/{key:str}", guards=[requires(Permission.POLICIES_WRITE)])
    async def change(
        self,
        plan_id: PathId,
        key: PathKey,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        toggles: NamedDependency[Toggles],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        flag = flag_of(key)
        try:
            sent = forms.read([*await forms.pairs(request), ("plan_id", str(plan_id))], PlanForm)
            await write_plan_value(runtime, staff, flag, sent)
        except Invalid as error:
            form = await forms.again(request, error)
            return await _page(request, runtime, plan_id, form, wrong=key, status=422)
        await toggles.changed()
        answers.toast(request, gettext("The plan is changed. It is live within two seconds."))
        return answers.redirect(request, f"/plans/{plan_id}/features")


async def _page(
    request: AnyRequest, runtime: Runtime, plan_id: int, form: Form | None = None, wrong: str = "", status: int = 200
) -> Template:
    """Raises `NotFound`."""
    async with runtime.database.master_session() as session:
        plan = await queries.plan(session, plan_id)
        said = await queries.of_plan(session, plan_id)
    if plan is None:
        raise NotFound
    return page(
        request,
        "master/plan_features.html",
        status=status,
        plan=plan,
        flags_of_plan=[(flag, said.get(flag.key), features.options(flag)) for flag in FLAGS.values()],
        said=features.said,
        form=form,
        wrong=wrong,
    )
