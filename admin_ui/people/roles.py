"""Roles that are composed of permissions."""

from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui.fields import Confirmed
from admin_ui.frame import AnyRequest, PathId, page
from admin_ui.people import permission_words
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity import outgrown, roles, standing
from kameng.identity.permissions import PERMISSIONS, Permission
from kameng.identity.roles import BUILT_IN, GUARDED, BeyondOwn, Giver, RoleNameTaken, TooManyRoles
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import as_place
from kameng.web import answers, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import N_, gettext
from kameng.web.people import Staff, role_title

WRONG = (Invalid, BeyondOwn, RoleNameTaken, TooManyRoles)


class RoleForm(Struct, frozen=True):
    """A role's name and what it may do."""

    name: Annotated[str, Meta(min_length=1, max_length=30)]
    permissions: Annotated[list[Permission], Meta(extra={"message": N_("Choose one of the list.")})]


def controller(base: str, read: Permission, write: Permission) -> type[Controller]:
    """The roles of a place."""

    class RoleController(Controller):
        path = f"{base}/roles"

        @get("/", guards=[requires(read)])
        async def listed(
            self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
        ) -> Template:
            async with runtime.database.master_session() as session:
                composed = await roles.composed(session, staff.tenant_id)
            built_in = [
                (role_title(one), permission_words.groups(PERMISSIONS[one]))
                for one in BUILT_IN[staff.tenant_id is None]
            ]
            return page(
                request,
                "people/roles.html",
                composed=[(one, permission_words.groups(one.permissions)) for one in composed],
                built_in=built_in,
                writes=write in staff.permissions,
            )

        @get("/new", guards=[requires(write)])
        async def blank(
            self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
        ) -> Template:
            return await _form(request, runtime, staff, None, None, frozenset())

        @post("/", guards=[requires(write)])
        async def add(
            self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
        ) -> Response[Any]:
            try:
                await _add(runtime, staff, await forms.parse(request, RoleForm))
            except WRONG as error:
                return await _again(request, runtime, staff, None, error)
            answers.toast(request, gettext("The role is there. Give it to somebody of the team."))
            return answers.redirect(request, f"{base}/roles")

        @get("/{role_id:int}", guards=[requires(write)])
        async def edit(
            self,
            role_id: PathId,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Template:
            async with runtime.database.master_session() as session:
                role = await roles.one(session, staff.tenant_id, role_id)
            form = Form(values={"name": role.name})
            return await _form(request, runtime, staff, role_id, form, role.permissions)

        @post("/{role_id:int}", guards=[requires(write)])
        async def change(
            self,
            role_id: PathId,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Response[Any]:
            try:
                await _change(runtime, staff, role_id, await forms.parse(request, RoleForm))
            except WRONG as error:
                return await _again(request, runtime, staff, role_id, error)
            answers.toast(request, gettext("The role is changed. It holds within two seconds."))
            return answers.redirect(request, f"{base}/roles")

        @post("/{role_id:int}/delete", guards=[requires(write)])
        async def delete(
            self,
            role_id: PathId,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Response[Any]:
            await forms.parse(request, Confirmed)
            await _delete(runtime, staff, role_id)
            answers.toast(request, gettext("The role is deleted."))
            return answers.redirect(request, f"{base}/roles")

    return RoleController


async def _add(runtime: Runtime, viewer: Staff, sent: RoleForm) -> None:
    async with runtime.database.master_session() as session:
        by = await roles.giver(session, viewer.tenant_id, viewer.id)
        role_id = await roles.add(session, viewer.tenant_id, sent.name, sent.permissions, by)
        detail = {"name": sent.name, "permissions": _codes(sent.permissions)}
        await as_place(session, runtime.database, viewer.tenant_id)
        await audit.record(session, viewer.name, "roles.add", str(role_id), detail, viewer.address)


async def _change(runtime: Runtime, viewer: Staff, role_id: int, sent: RoleForm) -> None:
    async with runtime.database.master_session() as session:
        by = await roles.giver(session, viewer.tenant_id, viewer.id)
        before = await roles.change(session, viewer.tenant_id, role_id, sent.name, sent.permissions, by)
        await outgrown.end_of_role(session, viewer.tenant_id, role_id)
        given, taken = set(sent.permissions) - before.permissions, before.permissions - set(sent.permissions)
        detail = {"from": before.name, "to": sent.name, "added": _codes(given), "removed": _codes(taken)}
        await as_place(session, runtime.database, viewer.tenant_id)
        await audit.record(session, viewer.name, "roles.change", str(role_id), detail, viewer.address)
    standing.forget()


async def _delete(runtime: Runtime, viewer: Staff, role_id: int) -> None:
    async with runtime.database.master_session() as session:
        by = await roles.giver(session, viewer.tenant_id, viewer.id)
        before = await roles.remove(session, viewer.tenant_id, role_id, by)
        detail = {"name": before.name, "permissions": _codes(before.permissions)}
        await as_place(session, runtime.database, viewer.tenant_id)
        await audit.record(session, viewer.name, "roles.delete", str(role_id), detail, viewer.address)


def _codes(permissions: list[Permission] | set[Permission] | frozenset[Permission]) -> list[str]:
    return sorted(str(one) for one in permissions)


async def _again(
    request: AnyRequest, runtime: Runtime, viewer: Staff, role_id: int | None, error: Exception
) -> Template:
    """The form as it was sent, ticks and all."""
    known = {str(one): one for one in Permission}
    sent = [said for name, said in await forms.pairs(request) if name == "permissions"]
    ticked = frozenset(known[one] for one in sent if one in known)
    form = await forms.again(request, error)  # type: ignore[arg-type]  # one of WRONG
    return await _form(request, runtime, viewer, role_id, form, ticked, 422)


async def _form(
    request: AnyRequest,
    runtime: Runtime,
    viewer: Staff,
    role_id: int | None,
    form: Form | None,
    ticked: frozenset[Permission],
    status: int = 200,
) -> Template:
    async with runtime.database.master_session() as session:
        by = await roles.giver_now(session, viewer.tenant_id, viewer.id)
        role = await roles.one(session, viewer.tenant_id, role_id) if role_id is not None else None
    return page(
        request,
        "people/role_form.html",
        status=status,
        form=form,
        role=role,
        groups=permission_words.groups(_offered(by)),
        ticked={str(one) for one in ticked},
    )


def _offered(by: Giver) -> frozenset[Permission]:
    return by.own if by.is_head else by.own - GUARDED
