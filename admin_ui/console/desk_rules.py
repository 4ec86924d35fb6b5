"""The rules of the desk: written, tried out against the last 30 days, switched on."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui import words
from admin_ui.frame import AnyRequest, PathId, page
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.core.money import to_cents
from kameng.identity.permissions import Permission
from kameng.infra import wording
from kameng.infra.tenancy import Tenant
from kameng.infra.wording import BadWording
from kameng.web import answers, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext, of_error
from kameng.web.people import Staff
from tenants.buyers import levels
from tenants.desk import messages, queries, rule_book, simulation, texts
from tenants.desk.conditions import Condition
from tenants.desk.errors import TooManyRules
from tenants.desk.rule_book import RuleDraft
from tenants.desk.states import Action, Kind
from tenants.shop import categories
from tenants.toggles import flags

PATH = "/console/desk/rules"
Said = Annotated[str, Meta(max_length=texts.LONGEST, extra={"lines": True})]
Minutes = Annotated[int, Meta(ge=0, le=10080)]
Amount = Annotated[Decimal, Meta(extra={"ge": "0.01", "le": "1000000", "places": 2})]
Id = Annotated[int, Meta(ge=1, le=2**53)]


class RuleForm(Struct, frozen=True, kw_only=True):
    """A rule as a person writes it; amounts in yuan. Each kind is a box of its own."""

    name: Annotated[str, Meta(min_length=1, max_length=60)]
    payment_timeout: bool = False
    short_stock: bool = False
    supplier_failure: bool = False
    unknown: bool = False
    wrong_input: bool = False
    fraud: bool = False
    product: Id | None = None
    category: Id | None = None
    least: Amount | None = None
    most: Amount | None = None
    buyer_kind: Literal["", "guest", "member"] = ""
    least_rank: Annotated[int, Meta(ge=0, le=1000)] = 0
    words: Annotated[str, Meta(max_length=60)] = ""
    newest_days: Annotated[int, Meta(ge=0, le=3650)] | None = None
    action: Action
    after_minutes: Minutes = 0
    due_minutes: Annotated[int, Meta(ge=1, le=10080)] = 30
    refund_most: Amount | None = None
    text: Said = ""

    def draft(self) -> RuleDraft:
        condition = Condition(
            kinds=[str(kind) for kind in Kind if getattr(self, kind)],
            products=[self.product] if self.product else [],
            categories=[self.category] if self.category else [],
            least_cents=_cents(self.least),
            most_cents=_cents(self.most),
            buyer_kind=self.buyer_kind,
            least_rank=self.least_rank,
            words=self.words,
            newest_days=self.newest_days,
        )
        return RuleDraft(
            name=self.name,
            condition=condition,
            action=self.action,
            after_minutes=self.after_minutes,
            due_minutes=self.due_minutes,
            most_cents=_cents(self.refund_most),
            text=self.text,
        )


class PreviewForm(Struct, frozen=True):
    text: Said = ""


class SwitchForm(Struct, frozen=True):
    state: Literal["on", "off"]


class MoveForm(Struct, frozen=True):
    to: Literal["up", "down"]


class DeskRuleController(Controller):
    path = PATH
    opt = flags.DESK.opt
    guards = [requires(Permission.AUTOMATION_WRITE)]  # noqa: RUF012 - Litestar reads it from the class

    @get("/")
    async def listed(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        async with tenant.begin() as session:
            found = await queries.rules(session)
        return page(request, "console/desk_rules.html", rules=found, name_of=texts.name_of, most=rule_book.MOST)

    @get("/new")
    async def blank(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        start = {"action": str(Action.MESSAGE), "after_minutes": "0", "due_minutes": "30", "least_rank": "0"}
        return await _form(request, tenant, Form(start))

    @post("/")
    async def add(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            draft = (await forms.parse(request, RuleForm)).draft()
            async with tenant.begin() as session:
                rule = await rule_book.add(session, draft)
                rule_id, after = rule.id, rule_book.told(rule)
                await audit.record(session, staff.name, "desk.rule_add", draft.name, None, staff.address, after=after)
        except (Invalid, BadWording, TooManyRules) as error:
            return await _form(request, tenant, await forms.again(request, error), status=422)
        answers.toast(request, gettext("The rule is saved, and off. Try it out, then switch it on."))
        return answers.redirect(request, f"{PATH}/{rule_id}/trial")

    @post("/preview")
    async def preview(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        """What a template says of a sample order, or what is wrong with it."""
        try:
            said = (await forms.parse(request, PreviewForm)).text
            shown, wrong = wording.render(said, messages.sample(tenant), limit=2 * texts.LONGEST), ""
        except BadWording as bad:
            shown, wrong = "", of_error(bad)
        except Invalid as bad:
            shown, wrong = "", next(iter(bad.errors.values()))
        return answers.render("console/parts/wording_preview.html", shown=shown, wrong=wrong)

    @get("/{desk_rule_id:int}")
    async def show(self, desk_rule_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        async with tenant.begin() as session:
            rule = await queries.rule(session, desk_rule_id)
        return await _form(request, tenant, _filled(rule), rule)

    @post("/{desk_rule_id:int}")
    async def change(
        self,
        desk_rule_id: PathId,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with tenant.begin() as session:
            rule = await queries.rule(session, desk_rule_id)
        try:
            draft = (await forms.parse(request, RuleForm)).draft()
            async with tenant.begin() as session:
                before = await rule_book.change(session, desk_rule_id, draft)
                after = rule_book.told(await queries.rule(session, desk_rule_id))
                await audit.record(
                    session, staff.name, "desk.rule_change", draft.name, None, staff.address, before=before, after=after
                )
        except (Invalid, BadWording) as error:
            return await _form(request, tenant, await forms.again(request, error), rule, status=422)
        answers.toast(request, gettext("The rule is saved. It holds for the next case."))
        return answers.redirect(request, PATH)

    @get("/{desk_rule_id:int}/trial")
    async def trial(self, desk_rule_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        """What the last 30 days would have been with it, or without it when it is on."""
        async with tenant.begin() as session:
            rule = await queries.rule(session, desk_rule_id)
            found = await simulation.of_switch(session, desk_rule_id, on=not rule.is_on)
        return page(
            request,
            "console/desk_trial.html",
            rule=rule,
            name=texts.name_of(rule),
            trial=found,
            days=simulation.DAYS,
        )

    @post("/{desk_rule_id:int}/switch")
    async def switch(
        self,
        desk_rule_id: PathId,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        wanted = (await forms.parse(request, SwitchForm)).state
        async with tenant.begin() as session:
            before = (await queries.rule(session, desk_rule_id)).state
            rule = await rule_book.switch(session, desk_rule_id, on=wanted == "on")
            detail = {"from": before, "to": wanted}
            await audit.record(session, staff.name, "desk.rule_switch", texts.name_of(rule), detail, staff.address)
        answers.toast(request, gettext("The rule is on.") if wanted == "on" else gettext("The rule is off."))
        return answers.redirect(request, PATH)

    @post("/{desk_rule_id:int}/move")
    async def move(
        self,
        desk_rule_id: PathId,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        to = (await forms.parse(request, MoveForm)).to
        async with tenant.begin() as session:
            rule = await rule_book.move(session, desk_rule_id, up=to == "up")
            await audit.record(session, staff.name, "desk.rule_move", texts.name_of(rule), {"to": to}, staff.address)
        return answers.redirect(request, PATH)

    @post("/{desk_rule_id:int}/delete")
    async def delete(
        self,
        desk_rule_id: PathId,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with tenant.begin() as session:
            before = await rule_book.delete(session, desk_rule_id)
            name = str(before["name"])
            await audit.record(session, staff.name, "desk.rule_delete", name, None, staff.address, before=before)
        answers.toast(request, gettext("The rule is deleted."))
        return answers.redirect(request, PATH)


async def _form(request: AnyRequest, tenant: Tenant, form: Form, rule: Any = None, status: int = 200) -> Template:
    async with tenant.begin() as session:
        tree = await categories.tree(session)
        products = [(str(one.id), one.name) for one in await queries.sellable(session)]
        ranks = [(str(one.rank), one.name) for one in await levels.levels(session)]
    return page(
        request,
        "console/desk_rule_form.html",
        status=status,
        form=form,
        rule=rule,
        kinds=[(str(kind), words.say("case", kind)) for kind in Kind],
        actions=[(str(action), words.say("desk_act", action)) for action in Action],
        products=[("", gettext("Every product")), *products],
        categories=categories.options(tree, gettext("Every category")),
        ranks=[("0", gettext("Everybody")), *ranks],
        variables=texts.VARIABLES,
        longest=texts.LONGEST,
    )


def _filled(rule: Any) -> Form:
    condition = rule_book.condition_of(rule)
    values = dict.fromkeys(condition.kinds, "yes") | {
        "name": texts.name_of(rule),
        "product": str(condition.products[0]) if condition.products else "",
        "category": str(condition.categories[0]) if condition.categories else "",
        "least": _yuan(condition.least_cents),
        "most": _yuan(condition.most_cents),
        "buyer_kind": condition.buyer_kind,
        "least_rank": str(condition.least_rank),
        "words": condition.words,
        "newest_days": "" if condition.newest_days is None else str(condition.newest_days),
        "action": rule.action,
        "after_minutes": str(rule.after_minutes),
        "due_minutes": str(rule.due_minutes),
        "refund_most": _yuan(rule.most_cents),
        "text": texts.template_of(rule),
    }
    return Form(values)


def _cents(yuan: Decimal | None) -> int | None:
    return None if yuan is None else to_cents(yuan)


def _yuan(cents: int | None) -> str:
    return "" if cents is None else f"{Decimal(cents) / 100:.2f}"
