"""What people deliver by hand: the queue of suppliers who are persons."""

from decimal import Decimal
from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui.frame import AnyRequest, PathId, chips, page
from kameng.audit import service as audit
from kameng.core.errors import Conflict, Invalid, Refused
from kameng.core.money import to_cents
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms, paging
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext, of_error
from kameng.web.people import Staff
from supplier_gateway.adapters.manual import queries, service
from supplier_gateway.adapters.manual.service import Delivery
from supplier_gateway.goods import queries as goods
from supplier_gateway.purchases import queries as purchases
from supplier_gateway.purchases.errors import PurchaseGone
from supplier_gateway.suppliers import by_hand
from supplier_gateway.suppliers import queries as suppliers
from tenants.registry import queries as registry

LONGEST = 60_000
Cost = Annotated[Decimal, Meta(extra={"ge": "0", "le": "1000000", "places": 2})]
Lines = Annotated[str, Meta(max_length=LONGEST, extra={"lines": True})]
Message = Annotated[str, Meta(max_length=500, extra={"lines": True})]


class DeliveryForm(Struct, frozen=True):
    """Cards, one on each line, or the units of a top-up; `cost` in yuan is for all that is delivered."""

    cost: Cost
    lines: Lines = ""
    units: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    message: Message = ""
    in_part: bool = False

    def delivery(self) -> Delivery:
        return Delivery(self.lines.splitlines(), self.units, to_cents(self.cost), self.message, self.in_part)


class FailureForm(Struct, frozen=True):
    """Why it cannot be delivered; the buyer does not read it."""

    reason: Annotated[str, Meta(min_length=1, max_length=200)]


def _to_task(request: AnyRequest, error: Conflict) -> Response[bytes]:
    """Somebody else was first: the page says what he did."""
    answers.toast(request, of_error(error), "warn")
    return answers.redirect(request, f"/manual-tasks/{request.path_params['task_id']}")


class ManualTaskController(Controller):
    path = "/manual-tasks"
    exception_handlers = {Conflict: _to_task}  # noqa: RUF012 - litestar declares it for instances

    @get("/", guards=[requires(Permission.PURCHASES_READ)])
    async def listed(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        asked = paging.wanted(request)
        values = {"words": asked.search, "pattern": paging.like(asked.search), "state": asked.get("state")}
        async with runtime.database.master_session() as session:
            found = await paging.of_sql(session, queries.LINES, values, asked)
            waiting = await queries.waiting(session)
            names = {supplier.id: supplier.name for supplier in await suppliers.all_suppliers(session)}
        return page(
            request,
            "master/manual_tasks.html",
            found=found,
            suppliers=names,
            waiting=waiting,
            filters=chips(asked, "manual_task", {"open": waiting.waiting}),
            asked=asked,
        )

    @get("/{task_id:int}", guards=[requires(Permission.PURCHASES_READ)])
    async def show(self, task_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await _task(request, runtime, task_id)

    @post("/{task_id:int}/claim", guards=[requires(Permission.PURCHASES_WRITE)])
    async def claim(
        self, task_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        async with runtime.database.master_session() as session:
            task = await service.claim(session, task_id, staff.name)
            detail = {"reference": task.reference}
            await audit.record(session, staff.name, "manual_tasks.claim", str(task_id), detail, staff.address)
        answers.toast(request, gettext("The task is yours for half an hour."))
        return answers.redirect(request, f"/manual-tasks/{task_id}")

    @post("/{task_id:int}/release", guards=[requires(Permission.PURCHASES_WRITE)])
    async def release(
        self, task_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        async with runtime.database.master_session() as session:
            task = await service.release(session, task_id, staff.name)
            detail = {"reference": task.reference}
            await audit.record(session, staff.name, "manual_tasks.release", str(task_id), detail, staff.address)
        answers.toast(request, gettext("Somebody else can take the task now."))
        return answers.redirect(request, f"/manual-tasks/{task_id}")

    @post("/{task_id:int}/deliveries", guards=[requires(Permission.PURCHASES_WRITE)])
    async def deliver(
        self, task_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        sealer = await runtime.keyring.master()
        try:
            delivery = (await forms.parse(request, DeliveryForm)).delivery()
            async with runtime.database.master_session() as session:
                task = await by_hand.deliver(session, sealer, task_id, staff.name, delivery)
                detail = {
                    "reference": task.reference,
                    "quantity": task.delivered_quantity,
                    "cost_cents": task.cost_cents,
                    "state": task.state,
                }
                await audit.record(session, staff.name, "manual_tasks.deliver", str(task_id), detail, staff.address)
        except (Invalid, Refused) as error:
            return await _task(request, runtime, task_id, delivery=await forms.again(request, error))
        answers.toast(request, gettext("It is delivered. The buyer has it in a moment."))
        return answers.redirect(request, "/manual-tasks?state=open")

    @post("/{task_id:int}/failures", guards=[requires(Permission.PURCHASES_WRITE)])
    async def fail(
        self, task_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            reason = (await forms.parse(request, FailureForm)).reason
            async with runtime.database.master_session() as session:
                task = await by_hand.fail(session, task_id, staff.name, reason)
                detail = {"reference": task.reference, "reason": reason}
                await audit.record(session, staff.name, "manual_tasks.fail", str(task_id), detail, staff.address)
        except Invalid as error:
            return await _task(request, runtime, task_id, failure=await forms.again(request, error))
        answers.toast(request, gettext("The purchase has failed. The order goes on with another supplier, or by rule."))
        return answers.redirect(request, "/manual-tasks?state=open")


async def _task(
    request: AnyRequest,
    runtime: Runtime,
    task_id: int,
    *,
    delivery: Form | None = None,
    failure: Form | None = None,
) -> Template:
    async with runtime.database.master_session() as session:
        task = await queries.task(session, task_id)
        supplier = await suppliers.find(session, task.supplier_id)
        try:
            purchase = await purchases.by_reference(session, task.reference)
            station = (await registry.names(session, [purchase.tenant_id])).get(purchase.tenant_id, "")
            good = await goods.good(session, purchase.good_id)
        except PurchaseGone:
            purchase, station, good = None, "", None
    return page(
        request,
        "master/manual_task.html",
        status=422 if delivery or failure else 200,
        task=task,
        supplier=supplier,
        purchase=purchase,
        station=station,
        good=good,
        delivery=delivery or Form(values={"units": str(task.quantity)}),
        failure=failure or Form(),
        longest=LONGEST,
    )
