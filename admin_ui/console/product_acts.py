"""What is done to products besides writing them: many at once, the bin, the order, a copy, a preview."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui.console import product_rows, products
from admin_ui.console.products import LIST
from admin_ui.frame import AnyRequest, PathId
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms
from kameng.web.guards import requires
from kameng.web.i18n import gettext, ngettext, of_error
from kameng.web.people import Staff, Visitor
from tenants.plans.errors import TooManyProducts
from tenants.shop import bulk, queries, service
from tenants.shop.drafts import LONGEST_LABEL
from tenants.shop.errors import CategoryGone, NothingChosen
from tenants.storefront.products import product_page

Act = Literal["show", "hide", "archive", "restore", "file", "label", "unlabel"]
LONGEST_NAME = 80
NOBODY = Visitor(session_id="", buyer_id=None, name="", role="guest", address="", user_agent="")
WRITES = [requires(Permission.PRODUCTS_WRITE)]


class Wanted(Struct, frozen=True, kw_only=True):
    """Products that are ticked, and what is to become of them."""

    act: Act
    ids: list[Annotated[int, Meta(ge=1, le=2**31 - 1)]] = msgspec.field(default_factory=list, name="id")
    category_id: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    label: Annotated[str, Meta(max_length=LONGEST_LABEL)] = ""


class Move(Struct, frozen=True):
    """One place up, or else down."""

    up: bool = False


class ProductActController(Controller):
    path = LIST
    guards = WRITES

    @post("/bulk")
    async def bulk(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            wanted = await forms.parse(request, Wanted)
            async with tenant.begin() as session:
                count = await _do(session, wanted)
                detail: dict[str, object] = {"products": count, "numbers": wanted.ids[:100]}
                if wanted.act == "file":
                    detail["category"] = wanted.category_id
                if wanted.label:
                    detail["label"] = wanted.label
                await audit.record(session, staff.name, f"products.bulk_{wanted.act}", "", detail, staff.address)
        except (NothingChosen, TooManyProducts, CategoryGone) as refusal:
            answers.toast(request, of_error(refusal), "error")
        except Invalid as wrong:
            answers.toast(request, gettext(next(iter(wrong.errors.values()))), "error")
        else:
            answers.toast(request, _done(wanted.act, count))
        return answers.redirect(request, LIST)

    @post("/{product_id:int}/move")
    async def move(
        self,
        product_id: PathId,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        wanted = await forms.parse(request, Move)
        async with tenant.begin() as session:
            name = (await queries.whole(session, product_id)).name
            await service.move(session, product_id, up=wanted.up)
            await audit.record(session, staff.name, "products.move", str(product_id), {"name": name}, staff.address)
        return answers.redirect(request, LIST)

    @post("/{product_id:int}/archive")
    async def archive(
        self,
        product_id: PathId,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with tenant.begin() as session:
            product = await service.archive(session, product_id)
            detail = {"name": product.name}
            await audit.record(session, staff.name, "products.archive", str(product_id), detail, staff.address)
        answers.toast(request, gettext("The product is in the bin. It can be restored from there."))
        return answers.redirect(request, f"{LIST}/{product_id}")

    @post("/{product_id:int}/restore")
    async def restore(
        self,
        product_id: PathId,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with tenant.begin() as session:
            product = await service.restore(session, product_id)
            detail = {"name": product.name}
            await audit.record(session, staff.name, "products.restore", str(product_id), detail, staff.address)
        answers.toast(request, gettext("The product is restored, and hidden until you put it on sale."))
        return answers.redirect(request, f"{LIST}/{product_id}")

    @post("/{product_id:int}/duplicate")
    async def duplicate(
        self,
        product_id: PathId,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with tenant.begin() as session:
            original = await queries.whole(session, product_id)
            name = gettext("%(name)s (copy)", name=original.name)[:LONGEST_NAME]
            copy = await service.duplicate(session, product_id, name)
            detail = {"name": name, "from": original.name}
            await audit.record(session, staff.name, "products.duplicate", str(copy.id), detail, staff.address)
        answers.toast(request, gettext("This is the copy. It is hidden until you put it on sale."))
        return answers.redirect(request, f"{LIST}/{copy.id}/edit")

    @post("/grid", opt={"quiet": True})
    async def grid(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        """The form with a row for each combination of its specs. Nothing is kept."""
        sent = dict(await forms.pairs(request))
        number = sent.get("product_id", "")
        product_id = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else None
        written = product_rows.sheet(await forms.pairs(request))
        try:
            made = product_rows.with_variants(written)
        except Invalid as wrong:
            return await products.again(request, tenant, wrong, product_id)
        return await products.redrawn(request, tenant, made, product_id)


class PreviewController(Controller):
    path = LIST

    @get("/{product_id:int}/preview", guards=[requires(Permission.PRODUCTS_READ)])
    async def preview(self, product_id: PathId, tenant: NamedDependency[Tenant]) -> Template:
        """The product's page as buyers see it, hidden ones too; to be looked at only."""
        return await product_page(tenant, NOBODY, product_id, inert=True)


async def _do(session: AsyncSession, wanted: Wanted) -> int:
    if wanted.act == "file":
        return await bulk.file_under(session, wanted.ids, wanted.category_id)
    if wanted.act in ("label", "unlabel"):
        word = wanted.label.strip()
        if not word:
            raise Invalid({"label": "Write a label first."})
        return await (bulk.label if wanted.act == "label" else bulk.unlabel)(session, wanted.ids, word)
    acts = {"show": bulk.show, "hide": bulk.hide, "archive": bulk.archive, "restore": bulk.restore}
    return await acts[wanted.act](session, wanted.ids)


def _done(act: Act, count: int) -> str:
    changed = ngettext("%(num)s product is changed.", "%(num)s products are changed.", count)
    if act == "archive":
        return f"{changed} {gettext('What is in the bin can be restored.')}"
    return changed
