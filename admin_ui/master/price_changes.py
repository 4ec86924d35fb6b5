"""Changes of prices: looked at, applied now or at a time, taken back."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui.frame import AnyRequest, PathId, PathNo, chips, page
from admin_ui.master import drafting
from admin_ui.master.drafting import Reason
from billing.wholesale import change_queries as queries
from billing.wholesale import changes, lists, sheets
from billing.wholesale.errors import ChangeOver, NothingChanges, SellsAtLoss, SpecialGone, SpecialOverlaps, TooEarly
from billing.wholesale.lists import Wrong
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms, i18n, paging
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext, of_error
from kameng.web.people import Staff
from tenants.margins import service as margins

FIRST = 20
MOST_EXPORTED = 100_000
REFUSALS = (ChangeOver, SellsAtLoss, SpecialGone, SpecialOverlaps)


class ScheduleForm(Struct, frozen=True):
    """When a change is to hold, on the operator's clocks."""

    apply_at: Annotated[str, Meta(min_length=10, max_length=25)]

    @property
    def moment(self) -> datetime:
        """Raises `Invalid`."""
        try:
            found = lists.moment(self.apply_at, i18n.reader().zone)
        except Wrong as wrong:
            raise Invalid({"apply_at": wrong.text}) from None
        if found is None:
            raise Invalid({"apply_at": "Fill this in."})
        return found


class RevertForm(Struct, frozen=True):
    """Why, and whether prices below cost are meant."""

    reason: Reason
    loss: bool = False


class PriceChangeController(Controller):
    path = "/price-changes"

    @get("/", guards=[requires(Permission.TIERS_READ)])
    async def listed(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        asked = paging.wanted(request)
        values = {"words": asked.search, "pattern": paging.like(asked.search), "state": asked.get("state")}
        async with runtime.database.master_session() as session:
            found = await paging.of_sql(session, queries.CHANGES, values, asked)
            counts = await queries.counts(session)
        filters = chips(asked, "price_change", counts)
        return page(request, "master/price_changes.html", found=found, filters=filters, asked=asked)

    @get("/{change_id:int}", guards=[requires(Permission.TIERS_READ)])
    async def show(self, change_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await detail_page(request, runtime, change_id)

    @get("/{change_id:int}/lines", guards=[requires(Permission.TIERS_READ)])
    async def lines(self, change_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        asked = paging.wanted(request, size=50)
        async with runtime.database.master_session() as session:
            change = await queries.change(session, change_id)
            found = await paging.of_sql(session, queries.LINES, {"id": change_id}, asked)
        return page(request, "master/price_change_lines.html", change=change, found=found.map(drafting.in_words))

    @get("/{change_id:int}/preview/{kind:str}", guards=[requires(Permission.TIERS_READ)])
    async def export(self, change_id: PathId, kind: PathNo, runtime: NamedDependency[Runtime]) -> Response[bytes]:
        """What the comparison has found, as a file."""
        async with runtime.database.master_session() as session:
            await queries.change(session, change_id)
            rows = await queries.findings(session, change_id, MOST_EXPORTED)
        head = [gettext("Station"), gettext("Product"), gettext("Retail, ¥"), gettext("Wholesale before, ¥"),
                gettext("Wholesale after, ¥"), gettext("Margin after, ¥"), gettext("Minimum resale, ¥")]  # fmt: skip
        kind = kind if kind in sheets.TYPES else sheets.CSV
        table = [
            [row.station, row.product, row.retail, row.old_price, row.new_price,
             None if row.new_price is None else row.retail - row.new_price, row.floor]
            for row in rows
        ]  # fmt: skip
        return file_of(kind, f"margins-{change_id}", sheets.write(kind, head, table))

    @post("/{change_id:int}/preview", guards=[requires(Permission.TIERS_WRITE)])
    async def look_again(
        self, change_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]
    ) -> Response[Any]:
        async with runtime.database.master_session() as session:
            change = await queries.change(session, change_id)
            if change.state not in changes.OPEN:
                raise ChangeOver
            is_soon = await margins.look(session, change_id)
        if is_soon:
            await margins.preview(runtime.database, change_id)
        return answers.redirect(request, f"/price-changes/{change_id}")

    @post("/{change_id:int}/apply", guards=[requires(Permission.TIERS_WRITE)])
    async def apply(
        self,
        change_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            async with runtime.database.master_session() as session:
                lines = await changes.apply(session, change_id, staff.name)
                change = await queries.change(session, change_id)
                told = await drafting.named(session, change_id)
                detail = {"reason": change.reason, "lines": len(lines), "prices": told}
                await audit.record(session, staff.name, "prices.apply", str(change_id), detail, staff.address)
        except REFUSALS as refusal:
            answers.toast(request, of_error(refusal), "error")
        else:
            answers.toast(request, gettext("The prices hold from the next sale on."))
        return answers.redirect(request, f"/price-changes/{change_id}")

    @post("/{change_id:int}/schedule", guards=[requires(Permission.TIERS_WRITE)])
    async def schedule(
        self,
        change_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            at = (await forms.parse(request, ScheduleForm)).moment
            async with runtime.database.master_session() as session:
                await changes.schedule(session, change_id, at)
                change = await queries.change(session, change_id)
                detail = {"reason": change.reason, "at": at.isoformat()}
                await audit.record(session, staff.name, "prices.schedule", str(change_id), detail, staff.address)
        except (Invalid, TooEarly) as error:
            form = await forms.again(request, error)
            return await detail_page(request, runtime, change_id, 422, schedule_form=form)
        answers.toast(request, gettext("The prices will hold from then on. Stations see them announced."))
        return answers.redirect(request, f"/price-changes/{change_id}")

    @post("/{change_id:int}/cancel", guards=[requires(Permission.TIERS_WRITE)])
    async def cancel(
        self,
        change_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with runtime.database.master_session() as session:
            change = await queries.change(session, change_id)
            is_draft = change.state == "draft"
            await (changes.discard if is_draft else changes.cancel)(session, change_id, staff.name)
            action = "prices.discard" if is_draft else "prices.cancel"
            detail = {"reason": change.reason}
            await audit.record(session, staff.name, action, str(change_id), detail, staff.address)
        answers.toast(request, gettext("The change is off. No price has changed."))
        return answers.redirect(request, "/price-changes")

    @post("/{change_id:int}/revert", guards=[requires(Permission.TIERS_WRITE)])
    async def revert(
        self,
        change_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, RevertForm)
            return await drafting.look_at(
                request, runtime, staff, [], "revert", sent.reason, allows_loss=sent.loss, reverts=change_id
            )
        except (Invalid, NothingChanges, SellsAtLoss) as error:
            form = await forms.again(request, error)
            return await detail_page(request, runtime, change_id, 422, revert_form=form)


async def detail_page(
    request: AnyRequest,
    runtime: Runtime,
    change_id: int,
    status: int = 200,
    schedule_form: Form | None = None,
    revert_form: Form | None = None,
) -> Template:
    """A change's page, with a form that was refused. Raises `ChangeGone`."""
    asked = paging.wanted(request)
    async with runtime.database.master_session() as session:
        change = await queries.change(session, change_id)
        rows = (await session.execute(queries.FIRST_LINES, {"id": change_id, "limit": FIRST + 1})).all()
        found = await paging.of_sql(session, queries.PREVIEW, {"id": change_id}, asked)
        losing = await queries.losing(session, change_id)
    return page(
        request,
        "master/price_change.html",
        status=status,
        change=change,
        error=_why(change.error),
        lines=[drafting.in_words(row) for row in rows[:FIRST]],
        has_more=len(rows) > FIRST,
        found=found,
        losing=losing,
        schedule_form=schedule_form,
        revert_form=revert_form,
    )


def _why(kept: str) -> str:
    """Why a scheduled change was not applied, in the reader's language."""
    if not kept:
        return ""
    why = msgspec.json.decode(kept, type=changes.Why)
    return gettext(why.message, **why.params)


def file_of(kind: str, name: str, body: bytes) -> Response[bytes]:
    """A file to be saved as `name` with its ending."""
    named = f'attachment; filename="{name}.{kind}"'
    return Response(body, media_type=sheets.TYPES[kind], headers={"Content-Disposition": named})
