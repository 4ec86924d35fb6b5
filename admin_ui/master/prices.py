"""What one good costs the stations of each tier: one form for all of them."""

from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Optional

import msgspec
from litestar import Controller, Response, post
from litestar.di import NamedDependency
from msgspec import Meta, Struct

from admin_ui.frame import AnyRequest, PathId
from admin_ui.master import goods
from billing.wholesale import queries, service
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from supplier_gateway.goods import queries as good_queries
from supplier_gateway.offers import queries as offers

Price = Annotated[Decimal, Meta(extra={"ge": "0.0001", "le": "100000", "places": 4})]


class PriceController(Controller):
    path = "/goods/{good_id:int}/prices"

    @post("/", guards=[requires(Permission.TIERS_WRITE)])
    async def change(
        self,
        good_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            below = await _change(request, runtime, good_id, staff)
        except Invalid as error:
            form = await forms.again(request, error)
            return await goods.detail(request, runtime, good_id, 422, prices_form=form)
        if below:
            told = gettext("Saved, but these tiers pay less than the good costs us: %(tiers)s.", tiers=", ".join(below))
            answers.toast(request, told, "warn")
        else:
            answers.toast(request, gettext("The prices are saved and hold from the next sale on."))
        return answers.redirect(request, f"/goods/{good_id}")


async def _change(request: AnyRequest, runtime: Runtime, good_id: int, staff: Staff) -> list[str]:
    """Saves what changed; returns the tiers that pay less than best cost. Raises `Invalid`, `GoodGone`."""
    async with runtime.database.master_session() as session:
        good = await good_queries.good(session, good_id)
        tiers = await queries.tiers(session)
        before = await queries.prices_of(session, [good_id])
        cost = goods.best_cost(await offers.of_goods(session, [good_id]))
        wanted = await _sent(request, [tier.id for tier in tiers])
        changed: dict[str, str] = {}
        for tier in tiers:
            price = wanted[tier.id]
            if price == before.get((good_id, tier.id)):
                continue
            if price is None:
                await service.clear_price(session, tier.id, good_id)
            else:
                await service.set_price(session, tier.id, good_id, price)
            changed[tier.name] = str(price) if price is not None else "-"
        if changed:
            detail = {"name": good.name, "prices": changed}
            await audit.record(session, staff.name, "goods.prices", str(good_id), detail, staff.address)
    return [tier.name for tier in tiers if cost is not None and (price := wanted[tier.id]) is not None and price < cost]


async def _sent(request: AnyRequest, tier_ids: list[int]) -> dict[int, Decimal | None]:
    """Yuan by tier; None where the field is empty: the tier is not offered the good. Raises `Invalid`."""
    parsed = await forms.parse(request, _form_of(tuple(tier_ids)))
    return {tier_id: getattr(parsed, f"price_{tier_id}") for tier_id in tier_ids}


@lru_cache(maxsize=32)
def _form_of(tier_ids: tuple[int, ...]) -> type[Struct]:
    """A form with one field for each tier. Tiers change rarely, so few such types are ever made."""
    fields = [(f"price_{tier_id}", Optional[Price], None) for tier_id in tier_ids]  # noqa: UP045 - X | None fails here
    return msgspec.defstruct("Prices", fields, frozen=True)
