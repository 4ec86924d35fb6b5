"""What suppliers offer: looked through and adopted, read again, and what of it waits for a person."""

from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui.frame import AnyRequest, PathId, chips, page
from billing.wholesale import queries as wholesale
from billing.wholesale import rules, writing
from billing.wholesale.change_lines import Line, Value
from kameng.audit import service as audit
from kameng.core.errors import Conflict, Invalid, Refused
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms, paging
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext, ngettext, of_error
from kameng.web.people import Staff
from supplier_gateway.catalogue import queries, runs, service
from supplier_gateway.catalogue.service import Adopted
from supplier_gateway.goods.errors import GoodGone
from supplier_gateway.suppliers import queries as suppliers

ROOM = "/catalogue"
MOST_CHOSEN = 200
Article = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,8}:.{1,80}$")]


class BulkForm(Struct, frozen=True):
    """Chosen articles, each `<supplier>:<sku>`, and what is to be done. `rule` makes the wholesale prices of new goods
    in all tiers; empty: each tier's own rule."""

    act: Literal["adopt", "ignore", "show"]
    chosen: Annotated[list[Article], Meta(max_length=MOST_CHOSEN)] = msgspec.field(default_factory=list, name="id")
    rule: Annotated[str, Meta(max_length=60)] = ""

    def articles(self) -> list[tuple[int, str]]:
        return [(int(one.partition(":")[0]), one.partition(":")[2]) for one in self.chosen]


class AdoptForm(Struct, frozen=True):
    """One article: as this good, or as a new one."""

    sku: Annotated[str, Meta(min_length=1, max_length=80)]
    good_id: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    rule: Annotated[str, Meta(max_length=60)] = ""


class TermsForm(Struct, frozen=True):
    sync_minutes: Annotated[int, Meta(ge=0, le=10_080)]
    jump_percent: Annotated[Decimal, Meta(extra={"ge": 0, "le": 1000, "places": 2})]
    vanish_percent: Annotated[int, Meta(ge=1, le=100)]
    calls_a_minute: Annotated[int, Meta(ge=1, le=6000)]


class DecisionForm(Struct, frozen=True):
    approved: bool = False


class CostForm(DecisionForm, frozen=True, kw_only=True):
    """`told` is the figure that the person has seen."""

    told: Annotated[Decimal, Meta(extra={"ge": 0, "le": 100_000, "places": 4})]


class CatalogueController(Controller):
    path = ROOM

    @get("/", guards=[requires(Permission.SUPPLIERS_READ)])
    async def listed(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await _list(request, runtime)

    @post("/bulk", guards=[requires(Permission.GOODS_WRITE)])
    async def bulk(
        self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, BulkForm)
            if not sent.chosen:
                raise Invalid({"id": "Choose at least one article."})
            rule = rules.canonical(sent.rule) if sent.rule.strip() else ""
        except (Invalid, Refused) as error:
            answers.toast(request, _said(error), "error")
            return answers.redirect(request, ROOM)
        if sent.act == "adopt":
            return await _adopt_all(request, runtime, staff, sent, rule)
        async with runtime.database.master_session() as session:
            done = await service.ignore(session, sent.articles(), ignored=sent.act == "ignore")
            action = "catalogue.ignore" if sent.act == "ignore" else "catalogue.show"
            await audit.record(session, staff.name, action, "", {"articles": done}, staff.address)
        answers.toast(request, ngettext("%(num)s article is changed.", "%(num)s articles are changed.", done))
        return answers.redirect(request, ROOM)

    @get("/suppliers/{supplier_id:int}/match", guards=[requires(Permission.GOODS_WRITE)])
    async def match(self, supplier_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await _match(request, runtime, supplier_id, request.query_params.get("sku", ""))

    @post("/suppliers/{supplier_id:int}/match", guards=[requires(Permission.GOODS_WRITE)])
    async def adopt(
        self,
        supplier_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        sku = ""
        try:
            sent = await forms.parse(request, AdoptForm)
            sku = sent.sku
            rule = rules.canonical(sent.rule) if sent.rule.strip() else ""
            async with runtime.database.master_session() as session:
                done = await service.adopt(session, supplier_id, sku, sent.good_id)
                await _price(session, [done], rule, staff.name)
                detail = {"good": done.name, "sku": sku, "cost": str(done.cost)}
                await audit.record(session, staff.name, "catalogue.adopt", str(done.good_id), detail, staff.address)
        except GoodGone as error:
            wrong = await forms.again(request, Invalid({"good_id": error.message}))
            return await _match(request, runtime, supplier_id, sku, wrong, 422)
        except (Invalid, Refused, Conflict) as error:
            return await _match(request, runtime, supplier_id, sku, await forms.again(request, error), 422)
        answers.toast(request, gettext("%(name)s is offered now.", name=done.name))
        return answers.redirect(request, f"/goods/{done.good_id}")

    @get("/suppliers/{supplier_id:int}", guards=[requires(Permission.SUPPLIERS_READ)])
    async def supplier(self, supplier_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await _supplier(request, runtime, supplier_id)

    @post("/suppliers/{supplier_id:int}", guards=[requires(Permission.SUPPLIERS_WRITE)])
    async def change_terms(
        self,
        supplier_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, TermsForm)
        except Invalid as error:
            return await _supplier(request, runtime, supplier_id, await forms.again(request, error), 422)
        async with runtime.database.master_session() as session:
            before = await queries.terms(session, supplier_id)
            after = msgspec.structs.asdict(sent)
            await service.change_terms(session, supplier_id, **after)
            await audit.record(
                session, staff.name, "catalogue.terms", str(supplier_id), {"supplier": before.name}, staff.address,
                before={name: str(getattr(before, name)) for name in after},
                after={name: str(value) for name, value in after.items()},
            )  # fmt: skip
        answers.toast(request, gettext("Saved."))
        return answers.redirect(request, f"{ROOM}/suppliers/{supplier_id}")

    @post("/suppliers/{supplier_id:int}/runs", guards=[requires(Permission.SUPPLIERS_WRITE)])
    async def read_now(
        self,
        supplier_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            async with runtime.database.master_session() as session:
                run_id = await runs.start(session, supplier_id, staff.name)
                await audit.record(session, staff.name, "catalogue.read", str(supplier_id), None, staff.address)
        except Conflict as error:
            answers.toast(request, of_error(error), "warn")
            return answers.redirect(request, f"{ROOM}/suppliers/{supplier_id}")
        return answers.redirect(request, f"{ROOM}/runs/{run_id}")

    @get("/runs/{run_id:int}", guards=[requires(Permission.SUPPLIERS_READ)])
    async def run(self, run_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        async with runtime.database.master_session() as session:
            found = await queries.run(session, run_id)
            report = await queries.report(session, run_id)
            lost = await queries.lost(session, run_id) if found.state == "held" else []
        names = {sku: name for _, sku, name, *_ in report if name}  # a line about a cost that waits has none
        return page(request, "master/catalogue_run.html", run=found, report=report, names=names, lost=lost)

    @post("/runs/{run_id:int}/decision", guards=[requires(Permission.SUPPLIERS_WRITE)])
    async def decide_run(
        self,
        run_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        approved = (await forms.parse(request, DecisionForm)).approved
        try:
            async with runtime.database.master_session() as session:
                supplier = await runs.decide(session, run_id, approved=approved)
                action = "catalogue.approve" if approved else "catalogue.decline"
                await audit.record(session, staff.name, action, str(run_id), {"supplier": supplier}, staff.address)
        except Conflict as error:
            answers.toast(request, of_error(error), "warn")
        else:
            told = gettext("The catalogue is in force.") if approved else gettext("The catalogue stays as it was.")
            answers.toast(request, told)
        return answers.redirect(request, f"{ROOM}/runs/{run_id}")

    @get("/costs", guards=[requires(Permission.SUPPLIERS_READ)])
    async def costs(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        asked = paging.wanted(request)
        async with runtime.database.master_session() as session:
            values = {"words": asked.search, "pattern": paging.like(asked.search)}
            found = await paging.of_sql(session, queries.HELD_COSTS, values, asked)
        return page(request, "master/catalogue_costs.html", found=found.map(queries.held_cost), asked=asked)

    @post("/costs/{offer_id:int}", guards=[requires(Permission.GOODS_WRITE)])
    async def decide_cost(
        self,
        offer_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        sent = await forms.parse(request, CostForm)
        try:
            async with runtime.database.master_session() as session:
                done = await service.decide_cost(session, offer_id, sent.told, approved=sent.approved)
                action = "offers.cost_approve" if sent.approved else "offers.cost_decline"
                detail = {"sku": done.sku, "cost": str(sent.told)}
                await audit.record(session, staff.name, action, str(offer_id), detail, staff.address)
        except Conflict as error:
            answers.toast(request, of_error(error), "warn")
        else:
            told = gettext("The new cost is in force.") if sent.approved else gettext("The old cost stays.")
            answers.toast(request, told)
        return answers.redirect(request, f"{ROOM}/costs")


async def _list(request: AnyRequest, runtime: Runtime) -> Template:
    asked = paging.wanted(request, size=50)
    wanted = asked.get("supplier")
    number = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 10 else None
    values = {"words": asked.search, "pattern": paging.like(asked.search), "supplier": number,
              "state": asked.get("state")}  # fmt: skip
    async with runtime.database.master_session() as session:
        found = await paging.of_sql(session, queries.ARTICLES, values, asked)
        accounts = [one for one in await suppliers.all_suppliers(session) if one.protocol != "stock"]
        costs, held = await queries.to_decide(session)
        waiting = await queries.held_runs(session) if held else []
    return page(
        request,
        "master/catalogue.html",
        found=found.map(queries.article),
        suppliers=[(str(one.id), one.name) for one in accounts],
        filters=chips(asked, "article"),
        asked=asked,
        costs=costs,
        waiting=waiting,
    )


async def _adopt_all(request: AnyRequest, runtime: Runtime, staff: Staff, sent: BulkForm, rule: str) -> Response[Any]:
    """All that can be adopted; what somebody else has adopted meanwhile is passed over."""
    done: list[Adopted] = []
    async with runtime.database.master_session() as session:
        for supplier_id, sku in sent.articles():
            try:
                done.append(await service.adopt(session, supplier_id, sku))
            except Conflict:
                continue
        await _price(session, done, rule, staff.name)
        detail = {"articles": len(done), "rule": rule}
        await audit.record(session, staff.name, "catalogue.adopt_all", "", detail, staff.address)
    fresh = sum(one.is_new for one in done)
    told = gettext("%(num)s offered, %(fresh)s of them as new goods.", num=len(done), fresh=fresh)
    passed = len(sent.chosen) - len(done)
    if passed:
        told += " " + ngettext("%(num)s could not be adopted.", "%(num)s could not be adopted.", passed)
    answers.toast(request, told, "warn" if passed else "ok")
    return answers.redirect(request, f"{ROOM}?state=adopted")


async def _price(session: AsyncSession, done: list[Adopted], rule: str, by: str) -> None:
    """Prices new goods in every tier by the rule; without one, each tier's own rule does it when the cost is heard."""
    fresh = [one for one in done if one.is_new and one.cost > 0]
    if not rule or not fresh:
        return
    tiers = await wholesale.tiers(session)
    lines = [
        Line(kind="tier", tier_id=tier.id, good_id=one.good_id,
             after=Value(price=rules.price_of(rule, one.cost), rule=rule))
        for one in fresh for tier in tiers
    ]  # fmt: skip
    await writing.take_turn(session)
    await writing.write(session, await writing.found(session, lines), actor=by)


async def _match(
    request: AnyRequest, runtime: Runtime, supplier_id: int, sku: str, form: Form | None = None, status: int = 200
) -> Template:
    async with runtime.database.master_session() as session:
        article = await queries.find(session, supplier_id, sku)
        likest = await queries.suggestions(session, article.name, article.kind)
    return page(
        request, "master/catalogue_match.html", status=status, article=article, likest=likest, form=form or Form()
    )  # fmt: skip


async def _supplier(
    request: AnyRequest, runtime: Runtime, supplier_id: int, form: Form | None = None, status: int = 200
) -> Template:
    asked = paging.wanted(request)
    async with runtime.database.master_session() as session:
        terms = await queries.terms(session, supplier_id)
        found = await paging.of_sql(session, queries.RUNS, {"supplier": supplier_id}, asked)
    values = {name: str(getattr(terms, name)).removesuffix(".00") for name in TermsForm.__struct_fields__}
    return page(
        request, "master/catalogue_supplier.html", status=status, terms=terms, found=found.map(queries.run_of),
        form=form or Form(values=values),
    )  # fmt: skip


def _said(error: Invalid | Refused) -> str:
    return next(iter(error.errors.values())) if isinstance(error, Invalid) else of_error(error)
