"""Rules of repricing, and how it is set."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct, structs

from admin_ui.console import pricing_words
from admin_ui.console.pricing_words import plain
from admin_ui.fields import Confirmed, Switch
from admin_ui.frame import AnyRequest, PathId, page
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import N_, gettext
from kameng.web.people import Staff
from tenants.pricing import feed_queries, queries, rule_book, settings
from tenants.pricing.errors import RuleThere
from tenants.pricing.rule_book import RuleDraft
from tenants.pricing.rules import Kind, Rule, Terms
from tenants.toggles import flags

PAGE = "/console/pricing"
WRONG = (Invalid, RuleThere)
STEPS = ("0.01", "0.1", "1", "0.0001")
ENDINGS = ("", "0.9", "0.99", "0.8", "0.88")

Percent = Annotated[Decimal, Meta(extra={"ge": "0", "le": "1000", "places": 2})]
Share = Annotated[Decimal, Meta(extra={"ge": "0", "le": "90", "places": 2})]
Yuan = Annotated[Decimal, Meta(extra={"ge": "0.0001", "le": "100000", "places": 4})]
Amount = Annotated[Decimal, Meta(extra={"ge": "0", "le": "100000", "places": 4})]
Minutes = Annotated[int, Meta(ge=0, le=20_160)]
Scope = Annotated[str, Meta(pattern=r"^(shop|[cp][0-9]{1,9})$", extra={"message": N_("Choose one of the list.")})]


class RuleForm(Struct, frozen=True, kw_only=True):
    """What of it counts depends on `kind`: `plus` for the cost, `margin`, or `off` and the rest for competitors."""

    scope: Scope = "shop"
    kind: Kind
    plus: Amount = Decimal(0)
    plus_unit: Literal["percent", "yuan"] = "percent"
    margin: Share = Decimal(0)
    mode: Literal["match", "undercut", "not_above", "not_below"] = "match"
    off: Amount = Decimal(0)
    off_unit: Literal["percent", "yuan"] = "yuan"
    pick: Literal["lowest", "median"] = "lowest"
    feed: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0
    least_margin: Share = Decimal(0)
    least: Yuan | None = None
    cost: Yuan | None = None
    past_list: bool = False
    step: Literal["0.01", "0.1", "1", "0.0001"] = "0.01"
    ending: Literal["", "0.9", "0.99", "0.8", "0.88"] = ""
    is_automatic: bool = False

    def draft(self) -> RuleDraft:
        follows = self.kind == "follow"
        terms = Terms(
            by=self.off if follows else self.plus,
            by_percent=(self.off_unit if follows else self.plus_unit) == "percent",
            margin=self.margin if self.kind == "keep_margin" else Decimal(0),
            mode=self.mode,
            pick=self.pick,
            feed_id=self.feed or None,
            least_margin=self.least_margin,
            least=self.least,
            cost=self.cost,
            past_list=self.past_list,
            step=Decimal(self.step),
            ending=Decimal(self.ending) if self.ending else None,
        )
        number = int(self.scope[1:]) if self.scope != "shop" else None
        return RuleDraft(
            product_id=number if self.scope.startswith("p") else None,
            category_id=number if self.scope.startswith("c") else None,
            kind=self.kind,
            terms=terms,
            is_automatic=self.is_automatic,
        )


class SettingsForm(Struct, frozen=True, kw_only=True):
    """Limits of moves, the stop, and what goes off a price."""

    step_percent: Annotated[Decimal, Meta(extra={"ge": "1", "le": "100", "places": 2})]
    drift_percent: Annotated[Decimal, Meta(extra={"ge": "1", "le": "500", "places": 2})]
    least_percent: Annotated[Decimal, Meta(extra={"ge": "0", "le": "50", "places": 2})]
    cool_down_min: Minutes
    turn_min: Minutes
    stop_percent: Annotated[int, Meta(ge=1, le=100)]
    stop_from: Annotated[int, Meta(ge=0, le=100_000)]
    every_min: Annotated[int, Meta(ge=5, le=1440)]
    commission_percent: Annotated[Decimal, Meta(extra={"ge": "0", "le": "80", "places": 2})]
    coupon_percent: Annotated[Decimal, Meta(extra={"ge": "0", "le": "80", "places": 2})]


class PricingRuleController(Controller):
    path = f"{PAGE}/rules"
    opt = flags.PRICING.opt

    @get("/new", guards=[requires(Permission.PRICING_WRITE)])
    async def blank(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        product = request.query_params.get("product", "")
        scope = f"p{product}" if product.isascii() and product.isdigit() else "shop"
        values = {"scope": scope, "kind": "cost_plus", "plus": "10", "off": "0", "least_margin": "0", "step": "0.01"}
        return await _form(request, tenant, Form(values={**values, "past_list": "yes"}))

    @post("/", guards=[requires(Permission.PRICING_WRITE)])
    async def add(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            draft = (await forms.parse(request, RuleForm)).draft()
            async with tenant.begin() as session:
                rule = await rule_book.add(session, draft)
                after = _told(rule)
                await audit.record(
                    session, staff.name, "pricing.rule_add", str(rule.id), address=staff.address, after=after
                )
        except WRONG as error:
            return await _form(request, tenant, await forms.again(request, error), status=422)
        answers.toast(request, gettext("The rule is saved. Run it to see what it would change."))
        return answers.redirect(request, PAGE)

    @get("/{rule_id:int}", guards=[requires(Permission.PRICING_READ)])
    async def edit(self, rule_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        async with tenant.begin() as session:
            rule = await queries.rule(session, rule_id)
        return await _form(request, tenant, _filled(rule), rule)

    @post("/{rule_id:int}", guards=[requires(Permission.PRICING_WRITE)])
    async def change(
        self, rule_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        async with tenant.begin() as session:
            before = await queries.rule(session, rule_id)
        try:
            draft = (await forms.parse(request, RuleForm)).draft()
            draft = structs.replace(draft, product_id=before.product_id, category_id=before.category_id)
            async with tenant.begin() as session:
                rule = await rule_book.change(session, rule_id, draft)
                told = {"before": _told(before), "after": _told(rule)}
                await audit.record(
                    session, staff.name, "pricing.rule_change", str(rule_id), address=staff.address, **told
                )
        except WRONG as error:
            return await _form(request, tenant, await forms.again(request, error), before, status=422)
        answers.toast(request, gettext("The rule is saved. Run it to see what it would change."))
        return answers.redirect(request, PAGE)

    @post("/{rule_id:int}/pause", guards=[requires(Permission.PRICING_WRITE)])
    async def pause(
        self, rule_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        wanted = (await forms.parse(request, Switch)).paused
        async with tenant.begin() as session:
            await rule_book.pause(session, rule_id, paused=wanted)
            action = "pricing.rule_pause" if wanted else "pricing.rule_resume"
            await audit.record(session, staff.name, action, str(rule_id), address=staff.address)
        answers.toast(request, gettext("The rule is paused.") if wanted else gettext("The rule counts again."))
        return answers.redirect(request, PAGE)

    @post("/{rule_id:int}/remove", guards=[requires(Permission.PRICING_WRITE)])
    async def remove(
        self, rule_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        await forms.parse(request, Confirmed)
        async with tenant.begin() as session:
            rule = await rule_book.remove(session, rule_id)
            before = _told(rule)
            await audit.record(
                session, staff.name, "pricing.rule_remove", str(rule_id), address=staff.address, before=before
            )
        answers.toast(request, gettext("The rule is deleted. Prices stay as they are."))
        return answers.redirect(request, PAGE)


class PricingSettingsController(Controller):
    path = f"{PAGE}/settings"
    opt = flags.PRICING.opt

    @get("/", guards=[requires(Permission.PRICING_READ)])
    async def show(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        async with tenant.begin() as session:
            set_to = await settings.read(session)
        values = {name: _written(getattr(set_to, name)) for name in SettingsForm.__struct_fields__}
        return await _settings(request, tenant, Form(values=values))

    @post("/", guards=[requires(Permission.PRICING_WRITE)])
    async def save(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            wanted = structs.asdict(await forms.parse(request, SettingsForm))
            async with tenant.begin() as session:
                before = await settings.take_turn(session)
                after = structs.replace(before, **wanted)
                await settings.keep(session, after)
                if before.every_min != after.every_min and await queries.has_rules(session):
                    await rule_book.begin_turns(session, after.every_min)
                names = [name for name in wanted if getattr(before, name) != getattr(after, name)]
                told = {
                    "before": {name: str(getattr(before, name)) for name in names},
                    "after": {name: str(getattr(after, name)) for name in names},
                }
                await audit.record(session, staff.name, "pricing.settings", "", address=staff.address, **told)
        except Invalid as error:
            return await _settings(request, tenant, await forms.again(request, error), status=422)
        answers.toast(request, gettext("The settings are saved."))
        return answers.redirect(request, f"{PAGE}/settings")


async def _settings(request: AnyRequest, tenant: Tenant, form: Form, status: int = 200) -> Template:
    async with tenant.begin() as session:
        shares = await settings.shares(session, settings.Settings())
    return page(request, "console/pricing_settings.html", status=status, form=form, fee=plain(shares.fee * 100))


async def _form(
    request: AnyRequest, tenant: Tenant, form: Form, rule: Rule | None = None, status: int = 200
) -> Template:
    async with tenant.begin() as session:
        categories = await queries.categories(session)
        feeds = await feed_queries.feeds(session)
        scope = form.values.get("scope", "shop")
        number = int(scope[1:]) if scope[:1] == "p" and scope[1:].isdigit() and len(scope) < 11 else 0
        names = await queries.product_names(session, [number] if number else [])
    scopes = [("shop", gettext("The whole shop"))]
    scopes += [(f"c{one.id}", pricing_words.path(one.id, categories)) for one in categories]
    scopes += [(f"p{product_id}", name) for product_id, name in names.items()]
    return page(
        request,
        "console/pricing_rule_form.html",
        status=status,
        form=form,
        rule=rule,
        scopes=scopes,
        scope=dict(scopes).get(scope, ""),
        feeds=[("", gettext("All feeds")), *((str(one.id), one.name) for one in feeds)],
        steps=STEPS,
        endings=ENDINGS,
    )


def _filled(rule: Rule) -> Form:
    terms = rule.terms
    follows = rule.kind == "follow"
    unit = "percent" if terms.by_percent else "yuan"
    scope = f"p{rule.product_id}" if rule.product_id else f"c{rule.category_id}" if rule.category_id else "shop"
    values = {
        "scope": scope,
        "kind": rule.kind,
        "plus": "10" if follows else plain(terms.by),
        "plus_unit": "percent" if follows else unit,
        "off": plain(terms.by) if follows else "0",
        "off_unit": unit if follows else "yuan",
        "margin": plain(terms.margin),
        "mode": terms.mode,
        "pick": terms.pick,
        "feed": str(terms.feed_id or ""),
        "least_margin": plain(terms.least_margin),
        "least": plain(terms.least),
        "cost": plain(terms.cost),
        "step": plain(terms.step),
        "ending": plain(terms.ending),
    }
    switches = {"past_list": terms.past_list, "is_automatic": rule.is_automatic}
    return Form(values=values | {name: "yes" for name, on in switches.items() if on})


def _told(rule: Rule) -> dict[str, object]:
    """For the log."""
    return {"rule": pricing_words.rule(rule), "automatic": rule.is_automatic, "scope": rule.scope}


def _written(value: object) -> str:
    return plain(value) if isinstance(value, Decimal) else str(value)
