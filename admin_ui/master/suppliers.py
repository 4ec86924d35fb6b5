"""Who delivers: supplier accounts, and what they say when asked."""

from typing import Annotated, Any, Literal

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui import words
from admin_ui.fields import Switch, check_web_address
from admin_ui.frame import AnyRequest, PathId, page
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.core.money import format_cents
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from supplier_gateway.port import SupplierUnavailable
from supplier_gateway.suppliers import queries, service
from supplier_gateway.suppliers.errors import SupplierNameTaken

STOCK = "stock"


class SupplierForm(Struct, frozen=True):
    """An account at a supplier. `secret_password` is its key, named so that no page draws it back."""

    protocol: Literal["sandbox", "stock"]
    name: Annotated[str, Meta(min_length=1, max_length=40)]
    base_url: Annotated[str, Meta(max_length=200)] = ""
    account: Annotated[str, Meta(max_length=80)] = ""
    secret_password: Annotated[str, Meta(max_length=200, extra={"secret": True})] = ""

    def check(self) -> None:
        """That an account over the wire is complete. Raises `Invalid`."""
        if self.protocol == STOCK:
            return
        missing = {name: "Fill this in." for name in ("account", "secret_password") if not getattr(self, name)}
        try:
            check_web_address(self.base_url, "base_url")
        except Invalid as wrong:
            missing |= wrong.errors
        if missing:
            raise Invalid(missing)


class SupplierController(Controller):
    path = "/suppliers"

    @get("/", guards=[requires(Permission.SUPPLIERS_READ)])
    async def listed(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        async with runtime.database.master_session() as session:
            suppliers = await queries.all_suppliers(session)
        return page(request, "master/suppliers.html", suppliers=suppliers)

    @get("/new", guards=[requires(Permission.SUPPLIERS_WRITE)])
    async def blank(self, request: AnyRequest) -> Template:
        return _form(request, Form(values={"protocol": "sandbox"}))

    @post("/", guards=[requires(Permission.SUPPLIERS_WRITE)])
    async def add(
        self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        sealer = await runtime.keyring.master()
        try:
            sent = await forms.parse(request, SupplierForm)
            sent.check()
            async with runtime.database.master_session() as session:
                if sent.protocol == STOCK:
                    supplier = await service.add_stock(session, sealer, sent.name)
                else:
                    supplier = await service.add(
                        session,
                        sealer,
                        sent.name,
                        sent.protocol,
                        sent.base_url,
                        sent.account,
                        sent.secret_password,
                    )
                detail = {"name": sent.name, "kind": sent.protocol}
                await audit.record(session, staff.name, "suppliers.add", str(supplier.id), detail, staff.address)
        except (Invalid, SupplierNameTaken) as error:
            return _form(request, await forms.again(request, error), status=422)
        answers.toast(request, gettext("The supplier is added. Add its offers at your goods."))
        return answers.redirect(request, f"/suppliers/{supplier.id}")

    @get("/{supplier_id:int}", guards=[requires(Permission.SUPPLIERS_READ)])
    async def show(self, supplier_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        async with runtime.database.master_session() as session:
            supplier = await queries.find(session, supplier_id)
        return page(request, "master/supplier.html", supplier=supplier)

    @post("/{supplier_id:int}/pause", guards=[requires(Permission.SUPPLIERS_WRITE)])
    async def pause(
        self,
        supplier_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        paused = (await forms.parse(request, Switch)).paused
        async with runtime.database.master_session() as session:
            supplier = await service.pause(session, supplier_id, paused=paused)
            action = "suppliers.pause" if paused else "suppliers.resume"
            await audit.record(session, staff.name, action, str(supplier_id), {"name": supplier.name}, staff.address)
        told = (
            gettext("Nothing is bought from this supplier now.") if paused else gettext("The supplier is asked again.")
        )
        answers.toast(request, told)
        return answers.redirect(request, f"/suppliers/{supplier_id}")

    @post("/{supplier_id:int}/balance", guards=[requires(Permission.SUPPLIERS_READ)])
    async def balance(
        self, supplier_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]
    ) -> Response[Any]:
        """Asks the supplier now, outside any transaction."""
        async with runtime.database.master_session() as session:
            supplier = await queries.find(session, supplier_id)
        if supplier.protocol == STOCK:
            answers.toast(request, gettext("Own card stock has no balance."), "info")
            return answers.redirect(request, f"/suppliers/{supplier_id}")
        adapter = await service.adapter_of(runtime, supplier)
        try:
            balance = format_cents(await adapter.balance_cents())
        except SupplierUnavailable as silent:
            answers.toast(request, words.say("fault", str(silent.fault)), "error")
        else:
            answers.toast(request, gettext("The supplier holds %(balance)s of ours.", balance=balance))
        return answers.redirect(request, f"/suppliers/{supplier_id}")


def _form(request: AnyRequest, form: Form, status: int = 200) -> Template:
    return page(request, "master/supplier_form.html", status=status, form=form)
