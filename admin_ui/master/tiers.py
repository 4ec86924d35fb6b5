"""The price levels that the master gives to stations, and what each of them pays."""

from decimal import Decimal
from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui.frame import AnyRequest, Chip, PathId, page
from admin_ui.master import drafting
from admin_ui.master.drafting import Reason
from billing.wholesale import change_queries, queries, rules, service
from billing.wholesale.change_lines import Line, Value
from billing.wholesale.errors import NothingChanges, SellsAtLoss, TierNameTaken
from billing.wholesale.lists import price_text
from billing.wholesale.queries import TierLine
from billing.wholesale.rules import BadRule
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.core.money import to_cents, to_yuan
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms, paging
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from tenants.registry import queries as registry

Turnover = Annotated[Decimal, Meta(extra={"ge": "0.01", "le": "1000000000", "places": 2})]
WRONG_RULE = (Invalid, BadRule, NothingChanges, SellsAtLoss)


class TierForm(Struct, frozen=True):
    """A price level. The lowest `rank` is the best; `turnover` in yuan of a month brings a station into it."""

    name: Annotated[str, Meta(min_length=1, max_length=40)]
    rank: Annotated[int, Meta(ge=0, le=1000)] = 0
    turnover: Turnover | None = None

    @property
    def upgrade_cents(self) -> int | None:
        return None if self.turnover is None else to_cents(self.turnover)


class RuleForm(Struct, frozen=True):
    """The rule for goods without a price of their own; empty: they are not offered."""

    reason: Reason
    rule: Annotated[str, Meta(max_length=60)] = ""
    loss: bool = False

    def line(self, tier_id: int) -> Line:
        """Raises `BadRule`."""
        if not self.rule:
            return Line(kind="default", tier_id=tier_id)
        try:
            return Line(kind="default", tier_id=tier_id, after=Value(rule=rules.canonical(self.rule)))
        except BadRule as error:
            error.field = "rule"
            raise


class TierController(Controller):
    path = "/tiers"

    @get("/", guards=[requires(Permission.TIERS_READ)])
    async def listed(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        async with runtime.database.master_session() as session:
            tiers = await queries.tiers(session)
            stations = await registry.by_tier(session)
            goods = await queries.goods_by_tier(session)
        return page(request, "master/tiers.html", tiers=tiers, stations=stations, goods=goods)

    @get("/new", guards=[requires(Permission.TIERS_WRITE)])
    async def blank(self, request: AnyRequest) -> Template:
        return page(request, "master/tier_form.html", form=None, tier_id=None)

    @post("/", guards=[requires(Permission.TIERS_WRITE)])
    async def add(
        self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, TierForm)
            async with runtime.database.master_session() as session:
                tier = await service.add_tier(session, sent.name, sent.rank, sent.upgrade_cents)
                detail = {"name": sent.name, "rank": sent.rank}
                await audit.record(session, staff.name, "tiers.add", str(tier.id), detail, staff.address)
        except (Invalid, TierNameTaken) as error:
            form = await forms.again(request, error)
            return page(request, "master/tier_form.html", status=422, form=form, tier_id=None)
        answers.toast(request, gettext("The tier is added. Give goods a price in it."))
        return answers.redirect(request, f"/tiers/{tier.id}")

    @get("/{tier_id:int}", guards=[requires(Permission.TIERS_READ)])
    async def show(self, tier_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await detail(request, runtime, tier_id)

    @get("/{tier_id:int}/edit", guards=[requires(Permission.TIERS_WRITE)])
    async def edit(self, tier_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        async with runtime.database.master_session() as session:
            tier = await queries.tier(session, tier_id)
        turnover = "" if tier.upgrade_cents is None else str(to_yuan(tier.upgrade_cents))
        form = Form(values={"name": tier.name, "rank": str(tier.rank), "turnover": turnover})
        return page(request, "master/tier_form.html", form=form, tier_id=tier_id)

    @post("/{tier_id:int}", guards=[requires(Permission.TIERS_WRITE)])
    async def change(
        self,
        tier_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, TierForm)
            async with runtime.database.master_session() as session:
                tier = await queries.tier(session, tier_id)
                detail = {"from": _described(tier.name, tier.rank, tier.upgrade_cents)}
                await service.change_tier(session, tier_id, sent.name, sent.rank, sent.upgrade_cents)
                detail |= {"to": _described(sent.name, sent.rank, sent.upgrade_cents)}
                await audit.record(session, staff.name, "tiers.change", str(tier_id), detail, staff.address)
        except (Invalid, TierNameTaken) as error:
            form = await forms.again(request, error)
            return page(request, "master/tier_form.html", status=422, form=form, tier_id=tier_id)
        answers.toast(request, gettext("The tier is saved."))
        return answers.redirect(request, f"/tiers/{tier_id}")

    @post("/{tier_id:int}/rule", guards=[requires(Permission.TIERS_WRITE)])
    async def rule(
        self,
        tier_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with runtime.database.master_session() as session:
            await queries.tier(session, tier_id)
        try:
            sent = await forms.parse(request, RuleForm)
            return await drafting.look_at(
                request, runtime, staff, [sent.line(tier_id)], "default", sent.reason, allows_loss=sent.loss
            )
        except WRONG_RULE as error:
            return await detail(request, runtime, tier_id, 422, await forms.again(request, error))

    @get("/{tier_id:int}/history", guards=[requires(Permission.TIERS_READ)])
    async def history(self, tier_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        asked = paging.wanted(request, size=50)
        async with runtime.database.master_session() as session:
            tier = await queries.tier(session, tier_id)
            found = await paging.of_sql(session, change_queries.OF_TIER, {"id": tier_id}, asked)
        return page(request, "master/tier_history.html", tier=tier, found=found, in_words=drafting.in_words)


async def detail(
    request: AnyRequest, runtime: Runtime, tier_id: int, status: int = 200, rule_form: Form | None = None
) -> Template:
    """A tier's page, with a form that was refused. Raises `TierGone`."""
    asked = paging.wanted(request)
    state = asked.get("state")
    values = {"tier": tier_id, "words": asked.search, "pattern": paging.like(asked.search), "state": state}
    async with runtime.database.master_session() as session:
        tier = await queries.tier(session, tier_id)
        found = await paging.of_sql(session, queries.TIER_LINES, values, asked)
        stations = (await registry.by_tier(session)).get(tier_id, 0)
    kept = found.map(lambda row: TierLine(*tuple(row)))
    return page(
        request,
        "master/tier.html",
        status=status,
        tier=tier,
        stations=stations,
        found=kept,
        asked=asked,
        filters=[
            Chip(gettext("All"), found.url_with(state=""), not state),
            Chip(gettext("Offered to it"), found.url_with(state="priced"), state == "priced"),
            Chip(gettext("Not offered"), found.url_with(state="none"), state == "none"),
        ],
        price_text=price_text,
        rule_form=rule_form,
    )


def _described(name: str, rank: int, upgrade_cents: int | None) -> str:
    return f"{name}, {rank}, {'-' if upgrade_cents is None else to_yuan(upgrade_cents)}"
