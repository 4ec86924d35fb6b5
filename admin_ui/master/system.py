"""Which versions the stations stand at, which failed and why; bringing them up, and who is tried first."""

from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui.frame import AnyRequest, page
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from tenants.registry import versions
from tenants.registry.errors import StationGone
from tenants.registry.versions import Migrator


class CanaryForm(Struct, frozen=True):
    """The short name of the station that is tried first; empty for the lowest-numbered one that is open."""

    canary: Annotated[str, Meta(max_length=40)] = ""


class RunForm(Struct, frozen=True):
    """Whether only stations that failed before are to be tried."""

    retry: bool = False


class SystemController(Controller):
    path = "/system"

    @get("/", guards=[requires(Permission.SYSTEM_READ)])
    async def show(
        self, request: AnyRequest, runtime: NamedDependency[Runtime], migrator: NamedDependency[Migrator]
    ) -> Template:
        return await _shown(request, runtime, migrator)

    @post("/migrations", guards=[requires(Permission.SYSTEM_WRITE)])
    async def migrate(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        migrator: NamedDependency[Migrator],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        retry = (await forms.parse(request, RunForm)).retry
        if not migrator.can_run:
            answers.toast(request, gettext("This process has no administrator's connection."), "error")
        elif not await _is_free(runtime, migrator) or not await migrator.start(retry):
            answers.toast(request, gettext("A migration is under way already."), "info")
        else:
            async with runtime.database.master_session() as session:
                action = "migrations.retry" if retry else "migrations.start"
                await audit.record(session, staff.name, action, "", address=staff.address)
            answers.toast(request, gettext("The migration has begun; this page shows how far it is."))
        return answers.redirect(request, "/system")

    @post("/canary", guards=[requires(Permission.SYSTEM_WRITE)])
    async def choose(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        migrator: NamedDependency[Migrator],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            chosen = (await forms.parse(request, CanaryForm)).canary
            async with runtime.database.master_session() as session:
                before = await versions.choose_canary(session, chosen)
                await audit.record(
                    session, staff.name, "stations.canary", chosen, address=staff.address,
                    before={"canary": before}, after={"canary": chosen},
                )  # fmt: skip
        except (Invalid, StationGone) as error:
            return await _shown(request, runtime, migrator, await forms.again(request, error), 422)
        answers.toast(request, gettext("The canary is chosen: it is migrated before all others."))
        return answers.redirect(request, "/system")


async def _is_free(runtime: Runtime, migrator: Migrator) -> bool:
    async with runtime.database.master_session() as session:
        return not (await versions.status(session, migrator.program, runs=1)).is_running


async def _shown(
    request: AnyRequest, runtime: Runtime, migrator: Migrator, form: Form | None = None, status: int = 200
) -> Template:
    async with runtime.database.master_session() as session:
        found = await versions.status(session, migrator.program)
    return page(request, "master/system.html", status=status, found=found, can_run=migrator.can_run, form=form)
