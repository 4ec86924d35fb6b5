"""Price lists as files: of a tier, and of a station's special prices. Out, and in again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui.frame import AnyRequest, PathId, PathNo, page
from admin_ui.master import drafting
from admin_ui.master.drafting import Reason
from admin_ui.master.price_changes import file_of
from billing.wholesale import lists, queries, sheets
from billing.wholesale.errors import NothingChanges, SellsAtLoss
from billing.wholesale.lists import Mistake, Read
from billing.wholesale.sheets import SheetLine, TooManyLines, Unreadable
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import forms, i18n
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.people import Staff
from kameng.web.uploads import DRAINED
from tenants.registry import queries as registry

MOST_BYTES = 4 * 1024 * 1024
TAKES_A_FILE: dict[str, Any] = {
    "guards": [requires(Permission.TIERS_WRITE)],
    "opt": {"uploads": MOST_BYTES},
    "request_max_body_size": DRAINED,
}
WRONG = (Invalid, NothingChanges, SellsAtLoss, Unreadable, TooManyLines)
Reader = Callable[[AsyncSession, Sequence[SheetLine]], Awaitable[Read]]


class ListForm(Struct, frozen=True):
    """Why the prices of the file are to hold."""

    reason: Reason


class Subject(Struct, frozen=True):
    """Whose list it is: its name, the address of the list and of where it belongs."""

    name: str
    path: str
    back: str
    is_tier: bool


class PriceListController(Controller):
    path = "/price-lists"

    @get("/tiers/{tier_id:int}", guards=[requires(Permission.TIERS_READ)])
    async def tier(self, tier_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return _page(request, await _tier(runtime, tier_id))

    @get("/tiers/{tier_id:int}/{kind:str}", guards=[requires(Permission.TIERS_READ)])
    async def export_tier(self, tier_id: PathId, kind: PathNo, runtime: NamedDependency[Runtime]) -> Response[bytes]:
        async with runtime.database.master_session() as session:
            await queries.tier(session, tier_id)
            table = await lists.tier_table(session, tier_id)
        return await _file(kind, f"prices-tier-{tier_id}", lists.heads(lists.OF_TIER), table)

    @post("/tiers/{tier_id:int}", **TAKES_A_FILE)
    async def import_tier(
        self,
        tier_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        subject = await _tier(runtime, tier_id)
        return await _import(
            request, runtime, staff, subject, lambda session, sheet: lists.read_tier(session, tier_id, sheet)
        )

    @get("/stations/{tenant_id:int}", guards=[requires(Permission.TIERS_READ)])
    async def station(self, tenant_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return _page(request, await _station(runtime, tenant_id))

    @get("/stations/{tenant_id:int}/{kind:str}", guards=[requires(Permission.TIERS_READ)])
    async def export_station(
        self, tenant_id: PathId, kind: PathNo, runtime: NamedDependency[Runtime]
    ) -> Response[bytes]:
        async with runtime.database.master_session() as session:
            await registry.station(session, tenant_id)
            table = await lists.station_table(session, tenant_id, i18n.reader().zone)
        return await _file(kind, f"special-prices-{tenant_id}", lists.heads(lists.OF_STATION), table)

    @post("/stations/{tenant_id:int}", **TAKES_A_FILE)
    async def import_station(
        self,
        tenant_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        subject, zone = await _station(runtime, tenant_id), i18n.reader().zone
        return await _import(
            request, runtime, staff, subject, lambda session, sheet: lists.read_station(session, tenant_id, sheet, zone)
        )


async def _tier(runtime: Runtime, tier_id: int) -> Subject:
    async with runtime.database.master_session() as session:
        tier = await queries.tier(session, tier_id)
    return Subject(tier.name, f"/price-lists/tiers/{tier_id}", f"/tiers/{tier_id}", is_tier=True)


async def _station(runtime: Runtime, tenant_id: int) -> Subject:
    async with runtime.database.master_session() as session:
        station = await registry.station(session, tenant_id)
    path = f"/price-lists/stations/{tenant_id}"
    return Subject(station.name, path, f"/tenants/{tenant_id}/prices", is_tier=False)


async def _import(
    request: AnyRequest, runtime: Runtime, staff: Staff, subject: Subject, reader: Reader
) -> Response[Any]:
    """All lines are checked before anything is made of them."""
    try:
        reason = (await forms.parse(request, ListForm)).reason
        sheet = await asyncio.to_thread(sheets.read, await _sent_file(request))
        async with runtime.database.master_session() as session:
            read = await reader(session, sheet)
        if read.mistakes:
            form = Form(values={"reason": reason})
            return _page(request, subject, 422, form, read.mistakes)
        return await drafting.look_at(request, runtime, staff, read.lines, "list", reason, allows_loss=read.allows_loss)
    except WRONG as error:
        if isinstance(error, Unreadable | TooManyLines):
            error.field = "file"
        return _page(request, subject, 422, await forms.again(request, error))


async def _sent_file(request: AnyRequest) -> bytes:
    """Raises `Invalid` at `file` when none was chosen, or too large a one."""
    sent = (await forms.files(request)).get("file")
    if sent is not None and sent.is_too_large:
        raise Invalid({"file": "The file is larger than 4 MiB. Send it in parts."})
    if sent is None or not sent.body:
        raise Invalid({"file": "Choose a file."})
    return sent.body


async def _file(kind: str, name: str, head: list[str], table: list[list[sheets.Cell]]) -> Response[bytes]:
    """Written in a thread: a long XLSX takes a while."""
    kind = kind if kind in sheets.TYPES else sheets.CSV
    return file_of(kind, name, await asyncio.to_thread(sheets.write, kind, head, table))


def _page(
    request: AnyRequest,
    subject: Subject,
    status: int = 200,
    form: Form | None = None,
    mistakes: Sequence[Mistake] = (),
) -> Template:
    columns = lists.heads(lists.OF_TIER if subject.is_tier else lists.OF_STATION)
    return page(
        request,
        "master/price_list.html",
        status=status,
        subject=subject,
        form=form,
        mistakes=mistakes,
        columns=columns,
    )
