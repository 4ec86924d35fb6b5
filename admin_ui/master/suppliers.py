"""Who delivers: supplier accounts, what they say when asked, and how they have answered."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template

from admin_ui.fields import Switch
from admin_ui.frame import AnyRequest, PathId, page
from admin_ui.master.supplier_forms import AccountForm, SupplierForm, Trial, filled, try_out
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from supplier_gateway.adapters.registry import PROTOCOLS
from supplier_gateway.purchases import measures
from supplier_gateway.suppliers import queries, service
from supplier_gateway.suppliers.errors import SupplierGone, SupplierNameTaken
from supplier_gateway.suppliers.service import STOCK, Supplier


class SupplierController(Controller):
    path = "/suppliers"

    @get("/", guards=[requires(Permission.SUPPLIERS_READ)])
    async def listed(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        async with runtime.database.master_session() as session:
            suppliers = await queries.all_suppliers(session)
            answered = await measures.answers(session)
        return page(request, "master/suppliers.html", suppliers=suppliers, answered=answered)

    @get("/new", guards=[requires(Permission.SUPPLIERS_WRITE)])
    async def blank(self, request: AnyRequest) -> Template:
        return _form(request, Form(values={"protocol": "sandbox"}))

    @post("/trials", guards=[requires(Permission.SUPPLIERS_WRITE)])
    async def try_new(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        """Tests what stands in the form of a new account; nothing is kept."""
        try:
            sent = await forms.parse(request, SupplierForm)
            sent.check(with_name=False)
        except Invalid as error:
            return page(request, "master/supplier_trial.html", trial=None, form=await forms.again(request, error))
        trial = None
        if sent.protocol in PROTOCOLS:
            trial = await try_out(await service.adapter_of(runtime, sent.trial(), sent.wanted()))
        return page(request, "master/supplier_trial.html", trial=trial, form=None)

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
                        sent.low_balance_cents,
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
            answered = (await measures.answers(session, supplier_id))[supplier_id]
            faults = await measures.faults(session, supplier_id)
        return page(
            request,
            "master/supplier.html",
            supplier=supplier,
            entry=PROTOCOLS.get(supplier.protocol),
            answered=answered,
            faults=faults,
            callback_url=service.callback_url(runtime, supplier),
        )

    @get("/{supplier_id:int}/account", guards=[requires(Permission.SUPPLIERS_WRITE)])
    async def account(self, supplier_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        supplier = await _over_the_wire(runtime, supplier_id)
        return _account(request, supplier, filled(supplier))

    @post("/{supplier_id:int}/account", guards=[requires(Permission.SUPPLIERS_WRITE)])
    async def change(
        self,
        supplier_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        """Another address, account or key. It is asked first, so that a slip of the pen does not stop the sales."""
        supplier = await _over_the_wire(runtime, supplier_id)
        sealer = await runtime.keyring.master()
        try:
            sent = await forms.parse(request, AccountForm)
            wanted = sent.change_of(supplier)
        except Invalid as error:
            return _account(request, supplier, await forms.again(request, error), status=422)
        if sent.asks_anew(supplier) and not sent.untested:
            trial = await try_out(await service.adapter_of(runtime, supplier, wanted))
            if trial.greeting is None:
                form = await forms.again(request, Invalid({}))
                return _account(request, supplier, Form(form.values, {"": trial.problem}), status=422, refused=True)
        before = _shown(supplier)
        async with runtime.database.master_session() as session:
            changed = await service.change(session, sealer, supplier_id, wanted)
            action = "suppliers.rekey" if sent.secret_password else "suppliers.change"
            await audit.record(
                session, staff.name, action, str(supplier_id), {"name": changed.name}, staff.address,
                before=before, after=_shown(changed),
            )  # fmt: skip
        answers.toast(request, gettext("The account is changed. Purchases that are under way end as they began."))
        return answers.redirect(request, f"/suppliers/{supplier_id}")

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

    @post("/{supplier_id:int}/trials", guards=[requires(Permission.SUPPLIERS_READ)])
    async def try_again(
        self, supplier_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]
    ) -> Response[Any]:
        """Asks the supplier now, outside any transaction, and keeps the balance that it tells."""
        async with runtime.database.master_session() as session:
            supplier = await queries.find(session, supplier_id)
        if supplier.protocol == STOCK:
            answers.toast(request, gettext("Own card stock has no balance."), "info")
            return answers.redirect(request, f"/suppliers/{supplier_id}")
        trial = await try_out(await service.adapter_of(runtime, supplier))
        await _keep(runtime, supplier_id, trial)
        answers.toast(request, trial.text, "ok" if trial.greeting else "error")
        return answers.redirect(request, f"/suppliers/{supplier_id}")


async def _over_the_wire(runtime: Runtime, supplier_id: int) -> Supplier:
    """A supplier that has an account to change. Raises `SupplierGone`."""
    async with runtime.database.master_session() as session:
        supplier = await queries.find(session, supplier_id)
    if supplier.protocol not in PROTOCOLS or not PROTOCOLS[supplier.protocol].needs:
        raise SupplierGone
    return supplier


async def _keep(runtime: Runtime, supplier_id: int, trial: Trial) -> None:
    if trial.greeting is None or trial.greeting.balance_cents is None:
        return
    async with runtime.database.master_session() as session:
        await service.balance_told(session, supplier_id, trial.greeting.balance_cents)


def _shown(supplier: Supplier) -> dict[str, object]:
    return {
        "path": supplier.base_url,
        "account": supplier.account,
        "low_balance_cents": supplier.low_balance_cents,
    }


def _form(request: AnyRequest, form: Form, status: int = 200) -> Template:
    over_the_wire = [code for code, entry in PROTOCOLS.items() if entry.needs]
    return page(
        request,
        "master/supplier_form.html",
        status=status,
        form=form,
        protocols=[*PROTOCOLS, STOCK],
        over_the_wire=" ".join(over_the_wire),
    )


def _account(
    request: AnyRequest, supplier: Supplier, form: Form, status: int = 200, *, refused: bool = False
) -> Template:
    return page(request, "master/supplier_account.html", status=status, supplier=supplier, form=form, refused=refused)
