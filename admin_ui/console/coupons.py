"""Coupons: made, watched, stopped."""

from collections.abc import Sequence
from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta

from admin_ui import sheets, words
from admin_ui.console import coupon_form
from admin_ui.console.coupon_form import KINDS, SCOPES, CouponForm, LimitsForm
from admin_ui.fields import Confirmed
from admin_ui.frame import AnyRequest, Chip, PathId, page
from kameng.audit import service as audit
from kameng.core.errors import Conflict, Invalid
from kameng.core.money import format_cents
from kameng.identity.permissions import Permission
from kameng.infra.tenancy import Tenant
from kameng.web import answers, context, forms, paging
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.pages import when
from kameng.web.paging import Wanted
from kameng.web.people import Staff
from tenants.marketing.coupons import queries, service
from tenants.marketing.coupons.errors import CouponGone
from tenants.marketing.coupons.queries import STANDINGS, Kept
from tenants.shop import categories
from tenants.toggles import flags

PAGE = "/console/coupons"
USE_STATES = ("reserved", "used", "released")


class BatchForm(Confirmed, frozen=True):
    """All codes that were made together."""

    batch: Annotated[str, Meta(min_length=1, max_length=40)]


class CouponController(Controller):
    path = PAGE
    opt = flags.MARKETING.opt

    @get("/", guards=[requires(Permission.MARKETING_READ)])
    async def listed(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        asked = paging.wanted(request)
        async with tenant.begin() as session:
            found = await paging.of_sql(session, queries.LISTED, _filters(asked), asked)
            batches = await queries.batches(session)
        return page(
            request,
            "console/coupons.html",
            found=found,
            asked=asked,
            filters=_chips(asked),
            batches=batches,
            off=takes_off,
            link=_links(request),
            file=paging.address(f"{PAGE}/file", asked.query),
        )

    @get("/file", guards=[requires(Permission.MARKETING_READ)])
    async def export(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Response[Any]:
        """The list as it is filtered, up to 10,000 codes."""
        asked = paging.wanted(request)
        async with tenant.begin() as session:
            rows = await queries.in_file(session, _filters(asked))
        link = _links(request)
        head = [
            gettext("Code"), gettext("State"), gettext("Takes off"), gettext("Used"), gettext("Left"),
            gettext("Discount, ¥"), gettext("Revenue, ¥"), gettext("Begins"), gettext("Ends"), gettext("Batch"),
            gettext("Note"), gettext("Link"),
        ]  # fmt: skip
        lines = [
            [
                row.code, words.badge("coupon", row.standing).word, takes_off(row), row.used,
                "" if row.most is None else row.most - row.taken, coupon_form.yuan_of(row.discount_cents),
                coupon_form.yuan_of(row.revenue_cents), when(row.starts_at), when(row.ends_at), row.batch, row.note,
                link(row.code),
            ]
            for row in rows
        ]  # fmt: skip
        return sheets.csv_file("coupons.csv", head, lines)

    @get("/new", guards=[requires(Permission.MARKETING_WRITE)])
    async def blank(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        return await _form(request, tenant, coupon_form.blank())

    @post("/", guards=[requires(Permission.MARKETING_WRITE)])
    async def add(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, CouponForm)
            draft = sent.draft()
            async with tenant.begin() as session:
                if sent.how == "many":
                    batch = await service.add_many(session, sent.count, sent.prefix, draft, staff.name)
                    detail: dict[str, Any] = {"batch": batch, "codes": sent.count, "kind": sent.kind}
                    to = paging.address(PAGE, {"batch": batch})
                    await audit.record(session, staff.name, "coupons.add_many", batch, detail, staff.address)
                else:
                    coupon_id = await service.add(session, sent.code, draft, staff.name)
                    detail = {"code": sent.code.upper(), "kind": sent.kind}
                    to = f"{PAGE}/{coupon_id}"
                    await audit.record(session, staff.name, "coupons.add", str(coupon_id), detail, staff.address)
        except (Invalid, Conflict) as error:
            return await _form(request, tenant, await forms.again(request, error), status=422)
        answers.toast(request, gettext("The coupon is made.") if sent.how == "one" else gettext("The codes are made."))
        return answers.redirect(request, to)

    @get("/{coupon_id:int}", guards=[requires(Permission.MARKETING_READ)])
    async def show(self, coupon_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        return await _detail(request, tenant, coupon_id)

    @post("/{coupon_id:int}", guards=[requires(Permission.MARKETING_WRITE)])
    async def change(
        self, coupon_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            limits = (await forms.parse(request, LimitsForm)).limits()
            async with tenant.begin() as session:
                before = await service.change(session, coupon_id, limits)
                detail = {"from": _told(before), "to": _told(await queries.coupon(session, coupon_id))}
                await audit.record(session, staff.name, "coupons.change", str(coupon_id), detail, staff.address)
        except Invalid as error:
            return await _detail(request, tenant, coupon_id, await forms.again(request, error), status=422)
        answers.toast(request, gettext("The coupon is saved."))
        return answers.redirect(request, f"{PAGE}/{coupon_id}")

    @post("/{coupon_id:int}/stop", guards=[requires(Permission.MARKETING_WRITE)])
    async def stop(
        self, coupon_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        await forms.parse(request, Confirmed)
        async with tenant.begin() as session:
            coupon = await service.switch(session, coupon_id, stopped=True)
            await audit.record(
                session, staff.name, "coupons.stop", str(coupon_id), {"code": coupon.code}, staff.address
            )
        answers.toast(request, gettext("The coupon is stopped."))
        return answers.redirect(request, f"{PAGE}/{coupon_id}")

    @post("/{coupon_id:int}/resume", guards=[requires(Permission.MARKETING_WRITE)])
    async def resume(
        self, coupon_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        async with tenant.begin() as session:
            coupon = await service.switch(session, coupon_id, stopped=False)
            await audit.record(
                session, staff.name, "coupons.resume", str(coupon_id), {"code": coupon.code}, staff.address
            )
        answers.toast(request, gettext("The coupon counts again."))
        return answers.redirect(request, f"{PAGE}/{coupon_id}")

    @post("/stop-batch", guards=[requires(Permission.MARKETING_WRITE)])
    async def stop_batch(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        batch = (await forms.parse(request, BatchForm)).batch
        async with tenant.begin() as session:
            stopped = await service.stop_batch(session, batch)
            if not stopped:
                raise CouponGone
            detail = {"batch": batch, "codes": stopped}
            await audit.record(session, staff.name, "coupons.stop_many", batch, detail, staff.address)
        answers.toast(request, gettext("%(count)s codes are stopped.", count=stopped))
        return answers.redirect(request, paging.address(PAGE, {"batch": batch}))


def takes_off(coupon: Any) -> str:
    """What a coupon takes off, in words."""
    if coupon.percent is not None:
        off = gettext("%(amount)s off", amount=f"{coupon.percent}%")
        if coupon.cap_cents:
            off = gettext("%(off)s, at most %(cap)s", off=off, cap=format_cents(coupon.cap_cents))
    else:
        off = gettext("%(amount)s off", amount=format_cents(coupon.amount_cents))
    if coupon.least_cents:
        off = gettext("%(off)s from %(least)s on", off=off, least=format_cents(coupon.least_cents))
    return off


def _links(request: AnyRequest) -> Any:
    """Where a code leads a buyer."""
    origin = context.of(request.scope).origin
    return lambda code: f"{origin}/coupon/{code}"


def _filters(asked: Wanted) -> dict[str, str]:
    state = asked.get("state") if asked.get("state") in STANDINGS else ""
    return {
        "words": asked.search, "pattern": paging.like(asked.search), "batch": asked.get("batch"), "state": state,
    }  # fmt: skip


def _chips(asked: Wanted) -> list[Chip]:
    at = paging.Page[None](items=[], total=0, page=1, size=1, path=asked.path, query=asked.query)
    chosen = asked.get("state")
    return [
        Chip(gettext("All"), at.url_with(state=""), not chosen),
        *(Chip(words.badge("coupon", one).word, at.url_with(state=one), chosen == one) for one in STANDINGS),
    ]


def _told(coupon: Kept) -> dict[str, Any]:
    """What can be changed of it, for the log."""
    return {
        "most": coupon.most,
        "most_per_buyer": coupon.most_per_buyer,
        "starts_at": when(coupon.starts_at),
        "ends_at": when(coupon.ends_at),
        "note": coupon.note,
    }


async def _form(request: AnyRequest, tenant: Tenant, form: Form, status: int = 200) -> Template:
    async with tenant.begin() as session:
        tree = await categories.tree(session)
        products = await queries.products(session)
    sent = await forms.pairs(request) if status != 200 else []
    return page(
        request,
        "console/coupon_form.html",
        status=status,
        form=form,
        kinds=[(kind, gettext(word)) for kind, word in KINDS.items()],
        scopes=[(scope, gettext(word)) for scope, word in SCOPES.items()],
        products=products,
        places=[(node.id, tree.title(node.id)) for node in tree.nodes],
        chosen={(name, said) for name, said in sent if name in ("products", "categories")},
        most_at_once=service.MOST_AT_ONCE,
    )


async def _detail(
    request: AnyRequest, tenant: Tenant, coupon_id: int, form: Form | None = None, status: int = 200
) -> Template:
    asked = paging.wanted(request)
    state = asked.get("state") if asked.get("state") in USE_STATES else ""
    async with tenant.begin() as session:
        coupon = await queries.coupon(session, coupon_id)
        uses = await paging.of_sql(session, queries.USES, {"id": coupon_id, "state": state}, asked)
        standing = await queries.standing(session, coupon_id)
        names = await _names(session, coupon)
    return page(
        request,
        "console/coupon.html",
        status=status,
        coupon=coupon,
        standing=standing,
        off=takes_off(coupon),
        names=names,
        uses=uses,
        filters=_use_chips(asked, state),
        link=_links(request)(coupon.code),
        form=form or coupon_form.filled(coupon),
        scope=gettext(SCOPES[coupon.scope]),
    )


async def _names(session: Any, coupon: Kept) -> Sequence[str]:
    """What the coupon is for, by name; nothing for all products."""
    if coupon.scope == "all":
        return []
    if coupon.scope == "categories":
        tree = await categories.tree(session)
        return [tree.title(one) for one in coupon.scope_ids if tree.has(one)]
    return await queries.product_names(session, coupon.scope_ids)


def _use_chips(asked: Wanted, chosen: str) -> list[Chip]:
    at = paging.Page[None](items=[], total=0, page=1, size=1, path=asked.path, query=asked.query)
    return [
        Chip(gettext("All"), at.url_with(state=""), not chosen),
        *(Chip(words.badge("coupon_use", one).word, at.url_with(state=one), chosen == one) for one in USE_STATES),
    ]
