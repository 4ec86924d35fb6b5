"""`/cart`: several products, bought together."""

import json
from collections.abc import Sequence
from typing import Annotated

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import ids
from kameng.core.errors import Conflict, Invalid, KamengError, Refused, TooManyRequests
from kameng.core.money import total_cents
from kameng.infra import ratelimit
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers, context, forms
from kameng.web.answers import AnyRequest, render
from kameng.web.context import Context
from kameng.web.forms import Form
from kameng.web.i18n import gettext, of_error
from kameng.web.people import Visitor
from tenants.cart import service as cart
from tenants.cart.service import CartFull, Line
from tenants.orders.service import WALLET, Item, OrderDraft
from tenants.shop import shelf
from tenants.shop.errors import ProductGone
from tenants.storefront import cart_keeping, cart_view, checkout, entry, pages, pay_ways
from tenants.storefront.cart_view import CartView
from tenants.storefront.checkout import COUPON_TRIES
from tenants.storefront.coupons import coupon_of
from tenants.storefront.products import PUBLIC, REQUEST_KEY_SIGNS
from tenants.toggles import flags
from tenants.toggles.reading import Reading

QUANTITY, INPUT = "quantity.", "inputs."
MOST_DIGITS = 4


class PutIn(Struct, frozen=True, kw_only=True):
    """What the product's page sends."""

    product_id: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    quantity: Annotated[int, Meta(ge=1, le=cart.MOST_UNITS)] = 1


class Changes(Struct, frozen=True, kw_only=True):
    """What the cart's page sends besides quantities: a product to take out, or one to put back."""

    remove: Annotated[int, Meta(ge=1, le=2**63 - 1)] | None = None
    put_back: Annotated[str, Meta(max_length=40)] = ""
    coupon: Annotated[str, Meta(max_length=40)] = ""


class Checkout(Struct, frozen=True, kw_only=True):
    """What is the same for all lines."""

    pay_method: Annotated[str, Meta(min_length=1, max_length=20)]
    request_key: Annotated[str, Meta(min_length=16, max_length=40)]
    contact: Annotated[str, Meta(max_length=100)] = ""
    coupon: Annotated[str, Meta(max_length=40)] = ""


class NothingToBuy(Refused):
    message = "Nothing in the cart can be bought at the moment."


class CartController(Controller):
    path = "/cart"
    opt = PUBLIC | flags.CART.opt

    @get()
    async def show(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Template:
        here = context.of(request.scope)
        coupon = await _coupon(runtime, here, coupon_of(here))
        async with tenant.begin() as session:
            lines = await cart_keeping.lines_of(session, here)
            return await _page(session, visitor, here, lines, Form({"coupon": coupon.code}), coupon)

    @post()
    async def put_in(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Response[bytes] | Template:
        here = context.of(request.scope)
        try:
            wanted = await forms.parse(request, PutIn)
            async with tenant.begin() as session:
                item = await shelf.on_sale(session, wanted.product_id)
                before = await cart_keeping.lines_of(session, here)
                new = Line(item.id, wanted.quantity, total_cents(item.price, 1))
                await cart_keeping.keep(session, here, before, cart.with_line(before, new))
        except (Invalid, CartFull, ProductGone) as error:
            said, kind = of_error(error), "error"
        else:
            said, kind = gettext("It is in your cart."), "ok"
        if here.is_htmx:  # the page stays; a toast of the answer's own would be taken by the fragment
            event = json.dumps({"toast": {"text": said, "kind": kind}})
            return render("storefront/parts/cart_link.html", headers={"HX-Trigger": event}, out_of_band=True)
        answers.toast(request, said, kind)
        return answers.redirect(request, "/cart")

    @post("/lines")
    async def change(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Template:
        """Quantities, what is taken out or put back, and the coupon; what was filled in stays."""
        here = context.of(request.scope)
        sent = dict(await forms.pairs(request))
        try:
            wanted, errors = forms.read(list(sent.items()), Changes), {}
        except Invalid as wrong:
            wanted, errors = Changes(), wrong.errors
        coupon = await _coupon(runtime, here, sent.get("coupon", ""))
        async with tenant.begin() as session:
            before = await cart_keeping.lines_of(session, here)
            items = await shelf.units(session, [line.product_id for line in before])
            lines = [
                cart_view.within(line, items.get(line.product_id), _quantity(sent, line))
                for line in before
                if line.product_id != wanted.remove
            ]
            lines = cart.merged(lines, cart_keeping.read(wanted.put_back))
            await cart_keeping.keep(session, here, before, lines)
            removed = next((line for line in before if line.product_id == wanted.remove), None)
            form = Form({name: said for name, said in sent.items() if not name.startswith(QUANTITY)}, errors)
            return await _page(session, visitor, here, lines, form, coupon, removed=removed)

    @post("/checkout")
    async def check_out(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Response[bytes] | Template:
        here = context.of(request.scope)
        sent = dict(await forms.pairs(request))
        try:
            wanted = await forms.parse(request, Checkout)
            if earlier := await checkout.basket_before(tenant, visitor, wanted.request_key):
                return answers.redirect(request, f"/baskets/{earlier}")
            async with tenant.begin() as session:
                kept = await cart_keeping.lines_of(session, here)
                seen = await cart_view.view(session, visitor.buyer_id, kept)
            items = [_item(wanted, sent, line.line) for line in seen.to_buy]
            if not items:  # perhaps bought by the same form at this moment
                if earlier := await checkout.basket_before(tenant, visitor, wanted.request_key):
                    return answers.redirect(request, f"/baskets/{earlier}")
                raise NothingToBuy
            if wanted.pay_method != WALLET:
                await entry.admit_unpaid(runtime, tenant, visitor)
            sale = await checkout.buy_all(runtime, tenant, visitor, items, Reading(here.flags), wanted.request_key)
        except (Invalid, Refused, Conflict) as error:
            return await _again(request, runtime, tenant, visitor, error)
        if sale.guest:
            await entry.remember(request, runtime, tenant, sale.guest)
        bought = {item.draft.product_id for item in items}
        left = [line for line in kept if line.product_id not in bought]
        cart_keeping.bought(here, left, is_new=sale.guest is not None)
        return answers.redirect(request, f"/baskets/{sale.no}")


def _item(wanted: Checkout, sent: dict[str, str], line: Line) -> Item:
    """One line of the cart with what was filled in for it: `inputs.<product>.<place>`."""
    own = f"{INPUT}{line.product_id}."
    draft = OrderDraft(
        product_id=line.product_id,
        quantity=_quantity(sent, line),
        pay_method=wanted.pay_method,
        request_key=wanted.request_key,
        contact=wanted.contact,
        coupon=wanted.coupon,
        line=str(line.product_id),
    )
    return Item(
        draft=draft, inputs={name.removeprefix(own): said for name, said in sent.items() if name.startswith(own)}
    )


def _quantity(sent: dict[str, str], line: Line) -> int:
    """The units that the form asks for; as before where it says nothing that is a number."""
    said = sent.get(f"{QUANTITY}{line.product_id}", "")
    is_number = said.isascii() and said.isdigit() and len(said) <= MOST_DIGITS and int(said) > 0
    return min(int(said), cart.MOST_UNITS) if is_number else line.quantity


async def _again(
    request: AnyRequest, runtime: Runtime, tenant: Tenant, visitor: Visitor, error: KamengError
) -> Template:
    """The cart with what was entered and what is wrong."""
    form, here = await forms.again(request, error), context.of(request.scope)
    coupon = await _coupon(runtime, here, form.values.get("coupon", ""))
    async with tenant.begin() as session:
        kept = await cart_keeping.lines_of(session, here)
        lines = [Line(line.product_id, _quantity(form.values, line), line.seen_cents) for line in kept]
        status = 409 if isinstance(error, Conflict) else 422
        return await _page(session, visitor, here, lines, form, coupon, status=status)


class Coupon(Struct, frozen=True):
    """The code that the cart is looked at with, and why it is not looked at now."""

    code: str = ""
    trouble: str = ""


async def _coupon(runtime: Runtime, here: Context, code: str) -> Coupon:
    """Takes an attempt for the code, if there is one: the page says whether it counts, and codes are not to be
    guessed."""
    if not code or not here.flags[flags.COUPONS.key]:
        return Coupon()
    try:
        await ratelimit.take(
            runtime.redis, (COUPON_TRIES, f"{here.tenant.id if here.tenant else 0}\n{here.visitor.address}")
        )
    except TooManyRequests as error:
        return Coupon(code, of_error(error))
    return Coupon(code)


async def _page(
    session: AsyncSession,
    visitor: Visitor,
    here: Context,
    lines: Sequence[Line],
    form: Form,
    coupon: Coupon,
    *,
    removed: Line | None = None,
    status: int = 200,
) -> Template:
    takes_coupons = bool(here.flags[flags.COUPONS.key])
    seen = await cart_view.view(session, visitor.buyer_id, lines, "" if coupon.trouble else coupon.code)
    if coupon.trouble:
        seen = replace(seen, coupon=coupon.code, coupon_trouble=coupon.trouble)
    shopper = await pages.shopper(session, visitor)
    ways = await pay_ways.with_wallet(session, shopper, visitor)
    usual = pay_ways.usual(ways, shopper, seen.total_cents)
    return render(
        "storefront/cart.html",
        status=status,
        viewer=shopper,
        seen=seen,
        form=form,
        labels=_labels(seen),
        ways=ways,
        chosen=form.values.get("pay_method", usual),
        options_of=_options,
        takes_coupons=takes_coupons,
        put_back=cart_keeping.written([removed]) if removed else "",
        request_key=form.values.get("request_key") if status != 200 else ids.code(REQUEST_KEY_SIGNS),
    )


def _labels(seen: CartView) -> dict[str, str]:
    """What the fields are called where errors are summed up."""
    labels = {"pay_method": gettext("Pay with"), "contact": gettext("Phone or e-mail"), "coupon": gettext("Coupon")}
    for line in seen.lines:
        labels[f"{QUANTITY}{line.id}"] = line.name
        for place, field in enumerate(line.item.fields if line.item else ()):
            labels[f"{INPUT}{line.id}.{place}"] = f"{line.name}: {field['label']}"
    return labels


def _options(field: dict[str, list[str]]) -> list[tuple[str, str]]:
    """What a field of choices offers."""
    return [("", gettext("Choose")), *((choice, choice) for choice in field["choices"])]
