"""What each long list has beside its own page: views that are kept under a name, and exports. One controller each for
every `Source`, below the address of its list and with its permission."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Stream, Template
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct

from admin_ui.frame import AnyRequest, PathId, page
from admin_ui.lists import cells
from admin_ui.lists.registry import SOURCES
from admin_ui.lists.source import Asked, Kind, Query, Source, sees_money
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms, i18n, paging
from kameng.web.guards import requires
from kameng.web.i18n import gettext, of_error
from kameng.web.people import Staff
from tenants.lists import exports, views
from tenants.lists.errors import ExportGone, ExportUnderWay, TooManyRows, TooManyViews, ViewExists
from tenants.lists.exports import Export, ExportDraft

AT_ONCE = 10_000  # rows that are written while the person waits; more are made in the background
PART = 2_000  # rows of one transaction


class ViewForm(Struct, frozen=True):
    """A name for what the list shows now; `is_shared` for everybody who may see the list."""

    name: Annotated[str, Meta(min_length=1, max_length=40)]
    is_shared: bool = False


class ExportForm(Struct, frozen=True):
    """In which form."""

    kind: Kind = "csv"


def handlers() -> list[ControllerRouterHandler]:
    """The controllers of all lists."""
    return [one for source in SOURCES.values() for one in (_views(source), _exports(source))]


def _views(source: Source) -> type[Controller]:
    class ListViewController(Controller):
        path = source.path + "/views"
        opt = source.opt

        @post("/", guards=[requires(source.permission)])
        async def keep(
            self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
        ) -> Response[Any]:
            query = await _sent(request, source)
            try:
                form = await forms.parse(request, ViewForm)
                async with tenant.begin() as session:
                    await views.add(
                        session, source.key, staff.id, staff.name, form.name, query, is_shared=form.is_shared
                    )
                    detail = {"list": source.key, "shared": form.is_shared}
                    await audit.record(session, staff.name, "lists.keep", form.name, detail, staff.address)
            except Invalid as error:
                answers.toast(request, error.errors["name"], "error")
            except (ViewExists, TooManyViews) as refusal:
                answers.toast(request, of_error(refusal), "error")
            else:
                answers.toast(request, gettext("The view is kept."))
            return answers.redirect(request, paging.address(source.path, query))

        @post("/{view_id:int}/delete", guards=[requires(source.permission)])
        async def delete(
            self,
            view_id: PathId,
            request: AnyRequest,
            tenant: NamedDependency[Tenant],
            staff: NamedDependency[Staff],
        ) -> Response[Any]:
            async with tenant.begin() as session:
                any_shared = staff.may(Permission.TEAM_WRITE)
                name = await views.delete(session, source.key, view_id, staff.id, any_shared=any_shared)
                await audit.record(session, staff.name, "lists.drop", name, {"list": source.key}, staff.address)
            answers.toast(request, gettext("The view is deleted."))
            return answers.redirect(request, source.path)

    return ListViewController


def _exports(source: Source) -> type[Controller]:
    class ListExportController(Controller):
        path = source.path + "/exports"
        opt = source.opt

        @get("/", guards=[requires(source.permission)])
        async def listed(
            self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
        ) -> Template:
            async with tenant.begin() as session:
                found = await exports.latest(session, source.key, staff.id)
            return page(request, "console/exports.html", source=source, found=found, days=exports.KEPT.days)

        @post("/", guards=[requires(source.permission)], status_code=200)
        async def begin(
            self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
        ) -> Response[Any]:
            """The file, or where its making is shown."""
            kind, query = (await forms.parse(request, ExportForm)).kind, await _sent(request, source)
            try:
                return await _begin(request, tenant, staff, source, kind, query)
            except (ExportUnderWay, TooManyRows) as refusal:
                answers.toast(request, of_error(refusal), "error")
                return answers.redirect(request, paging.address(source.path, query))
            except Invalid:  # a filter that makes no sense: the list says which
                return answers.redirect(request, paging.address(source.path, query))

        @get("/{export_id:int}", guards=[requires(source.permission)])
        async def show(
            self,
            export_id: PathId,
            request: AnyRequest,
            tenant: NamedDependency[Tenant],
            staff: NamedDependency[Staff],
        ) -> Template:
            async with tenant.begin() as session:
                job = await exports.find(session, source.key, export_id, staff.id)
            back = paging.address(source.path, job.query)
            return page(request, "console/export.html", source=source, job=job, days=exports.KEPT.days, back=back)

        @get("/{export_id:int}/file", guards=[requires(source.permission)])
        async def file(
            self,
            export_id: PathId,
            tenant: NamedDependency[Tenant],
            staff: NamedDependency[Staff],
        ) -> Stream:
            async with tenant.begin() as session:
                job = await exports.find(session, source.key, export_id, staff.id)
            if job.state != "done" or (job.sees_money and not sees_money(staff)):  # a right that was taken since
                raise ExportGone
            return _file(source, _kind(job.kind), _kept(tenant, job), with_money=job.sees_money)

        @post("/{export_id:int}/cancel", guards=[requires(source.permission)])
        async def cancel(
            self,
            export_id: PathId,
            request: AnyRequest,
            tenant: NamedDependency[Tenant],
            staff: NamedDependency[Staff],
        ) -> Response[Any]:
            async with tenant.begin() as session:
                ended = await exports.cancel(session, source.key, export_id, staff.id)
                if ended:
                    detail = {"list": source.key}
                    await audit.record(session, staff.name, "lists.cancel", str(export_id), detail, staff.address)
            answers.toast(request, gettext("The export is cancelled.") if ended else gettext("The export was over."))
            return answers.redirect(request, f"{source.path}/exports/{export_id}")

    return ListExportController


async def _begin(
    request: AnyRequest, tenant: Tenant, staff: Staff, source: Source, kind: Kind, query: Query
) -> Response[Any]:
    asked, with_money = Asked(query, staff.id), sees_money(staff)
    async with tenant.begin() as session:
        total = await source.count(session, asked, exports.MOST_ROWS + 1)
        if total > exports.MOST_ROWS:
            raise TooManyRows(most=f"{exports.MOST_ROWS:,}")
        export_id = None
        if total > AT_ONCE:
            draft = ExportDraft(
                list=source.key, kind=kind, query=query, sees_money=with_money, staff_id=staff.id,
                made_by=staff.name, address=staff.address, locale=i18n.reader().locale, total=total,
            )  # fmt: skip
            export_id = await exports.begin(session, draft)
        detail = {"rows": total, "kind": kind, "filter": ", ".join(query.values())}
        await audit.record(session, staff.name, "lists.export", source.key, detail, staff.address)
    if export_id is not None:
        return answers.redirect(request, f"{source.path}/exports/{export_id}")
    return _file(source, kind, _read(tenant, source, asked, with_money=with_money), with_money=with_money)


async def _read(tenant: Tenant, source: Source, asked: Asked, *, with_money: bool) -> cells.Parts:
    """Rows as they are now, each part in a transaction of its own."""
    chosen, after, left = source.columns_for(sees_money=with_money), "", AT_ONCE
    while left > 0:
        async with tenant.begin() as session:
            rows, after = await source.read(session, asked, after, min(PART, left))
        if rows:
            yield [[row[one] for one in chosen] for row in rows]
        left -= len(rows)
        if not after:
            return


async def _kept(tenant: Tenant, job: Export) -> cells.Parts:
    """What the background has made."""
    for number in range(job.parts):
        async with tenant.begin() as session:
            rows = await exports.part(session, job.id, number)
        if rows:
            yield rows


def _file(source: Source, kind: Kind, parts: cells.Parts, *, with_money: bool) -> Stream:
    reader = i18n.reader()
    shape = cells.layout([source.columns[one] for one in source.columns_for(sees_money=with_money)])

    async def content() -> AsyncIterator[bytes]:
        i18n.use(reader.locale, reader.zone.key)  # the answer is written by another task
        async for piece in cells.csv_file(parts, shape) if kind == "csv" else cells.xlsx_file(parts, shape):
            yield piece

    name = f"{source.key}-{datetime.now(reader.zone):%Y%m%d-%H%M}.{kind}"
    return Stream(
        content(),
        media_type=cells.CSV if kind == "csv" else cells.XLSX,
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def _kind(said: str) -> Kind:
    return "xlsx" if said == "xlsx" else "csv"


async def _sent(request: AnyRequest, source: Source) -> dict[str, str]:
    """The filters that came with a form, as the list's address would say them."""
    sent = dict(await forms.pairs(request))
    named = {name: sent.get(f"filter_{name}", "") for name in source.filters}
    return {
        name: paging.CONTROLS.sub(" ", value).strip()[: paging.LONGEST_SEARCH] for name, value in named.items() if value
    }
