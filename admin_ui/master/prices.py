"""What one good costs the stations of each tier, and the least they may sell it for: one form for all of it."""

from collections.abc import Sequence
from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Struct

from admin_ui.frame import AnyRequest, PathId, page
from admin_ui.master import drafting, goods
from admin_ui.master.drafting import Reason
from billing.wholesale import change_queries, changes, lists, queries
from billing.wholesale.change_lines import Line, Value
from billing.wholesale.errors import NothingChanges
from billing.wholesale.lists import FLOOR, PRICE, Row, Wrong
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import forms, paging
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.pages import yuan
from kameng.web.people import Staff
from supplier_gateway.goods import queries as good_queries


class WhyForm(Struct, frozen=True):
    """What stands beside the prices: why, and whether a loss is meant."""

    reason: Reason
    loss: bool = False


class PriceController(Controller):
    path = "/goods/{good_id:int}/prices"

    @get("/", guards=[requires(Permission.TIERS_READ)])
    async def history(self, good_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        asked = paging.wanted(request, size=50)
        async with runtime.database.master_session() as session:
            good = await good_queries.good(session, good_id)
            found = await paging.of_sql(session, change_queries.OF_GOOD, {"id": good_id}, asked)
        return page(request, "master/good_prices.html", good=good, found=found, in_words=drafting.in_words)

    @post("/", guards=[requires(Permission.TIERS_WRITE)])
    async def change(
        self,
        good_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            lines = await _lines(request, runtime, good_id)
            why = await forms.parse(request, WhyForm)
            if not why.loss:
                await _refuse_losses(runtime, lines)
            return await drafting.look_at(request, runtime, staff, lines, "form", why.reason, allows_loss=why.loss)
        except (Invalid, NothingChanges) as error:
            form = await forms.again(request, error)
            return await goods.detail(request, runtime, good_id, 422, prices_form=form)


async def _lines(request: AnyRequest, runtime: Runtime, good_id: int) -> list[Line]:
    """What the form says, a line for each tier and one for the good's floor. Raises `Invalid`, `GoodGone`."""
    async with runtime.database.master_session() as session:
        await good_queries.good(session, good_id)
        tiers = await queries.tiers(session)
        is_supplied = bool(await queries.costs(session, [good_id]))
    sent = dict(await forms.pairs(request))
    errors: dict[str, str] = {}
    lines: list[Line] = []
    for tier in tiers:
        price, floor = f"price_{tier.id}", f"floor_{tier.id}"
        if price not in sent:  # a tier that was added since the page was drawn
            continue
        row = Row(0, {PRICE: sent[price].strip(), FLOOR: sent.get(floor, "").strip()})
        try:
            value = lists.tier_value(row, tier.default_rule)
        except Wrong as wrong:
            errors[price if wrong.column == PRICE else floor] = wrong.text
            continue
        if value and value.rule and not is_supplied:
            errors[price] = gettext("Nobody supplies this good now, so a rule makes no price. Write a price.")
        lines.append(Line(kind="tier", tier_id=tier.id, good_id=good_id, after=value))
    try:
        lines.append(Line(kind="floor", good_id=good_id, after=_floor(sent.get("floor", "").strip())))
    except Wrong as wrong:
        errors["floor"] = wrong.text
    try:
        await forms.parse(request, WhyForm)
    except Invalid as wrong_why:
        errors |= wrong_why.errors
    if errors:
        raise Invalid(errors)
    return lines


def _floor(written: str) -> Value | None:
    if not written:
        return None
    return Value(floor=lists.yuan_of(Row(0, {FLOOR: written}), FLOOR))


async def _refuse_losses(runtime: Runtime, lines: Sequence[Line]) -> None:
    """Raises `Invalid` at each price below cost, and at the box that confirms them."""
    async with runtime.database.master_session() as session:
        ready = await changes.resolved(session, lines)
        losses = await changes.losses(session, ready)
    if not losses:
        return
    errors = {
        f"price_{ready[loss.line].tier_id}": gettext(
            "Below the best cost of %(cost)s: each sale would lose %(loss)s.",
            cost=yuan(loss.cost),
            loss=yuan(loss.cost - loss.price),
        )
        for loss in losses
    }
    worst = max(loss.cost - loss.price for loss in losses)
    errors["loss"] = gettext("Tick this to lose up to %(loss)s on each sale, or change the price.", loss=yuan(worst))
    raise Invalid(errors)
