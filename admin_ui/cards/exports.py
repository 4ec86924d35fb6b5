"""Cards in clear, as a file: asked for with the password, written down, and never more than was asked for."""

import asyncio
from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Struct

from admin_ui import sheets
from admin_ui.cards import desk as desks
from admin_ui.cards import proving
from admin_ui.cards.desk import Desk, Selection
from admin_ui.frame import AnyRequest, PathId, page
from kameng.audit import service as audit
from kameng.cards import exports, shelves
from kameng.cards.errors import NothingChosen
from kameng.cards.exports import Clear, Kind
from kameng.core.errors import Invalid, TooManyRequests
from kameng.infra.runtime import Runtime
from kameng.web import forms
from kameng.web.forms import Form, Secret
from kameng.web.guards import requires
from kameng.web.people import Staff


class ExportForm(Struct, frozen=True):
    """In which form; `password` is the person's own."""

    kind: Kind = "txt"
    password: Secret = ""


def controller(desk: Desk) -> type[Controller]:
    """Exports."""

    class CardExportController(Controller):
        path = desk.path + "/export"
        opt = desk.opt

        @get("/", guards=[requires(desk.export)])
        async def everything(
            self,
            item_id: PathId,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Template:
            """The form for all that the list shows."""
            asked = request.query_params
            pairs = [(name, asked.get(name, "")) for name in ("state", "batch", "q")]
            sent = forms.read([*pairs, ("everything", "yes")], Selection)
            return await _form(request, runtime, desk, staff, item_id, sent)

        @post("/chosen", guards=[requires(desk.export)], status_code=200)
        async def chosen(
            self,
            item_id: PathId,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Template:
            """The form for the cards that are ticked."""
            return await _form(request, runtime, desk, staff, item_id, await forms.parse(request, Selection))

        @post("/", guards=[requires(desk.export)], status_code=200)
        async def take(
            self,
            item_id: PathId,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Response[Any]:
            sent = await forms.parse(request, Selection)
            try:
                wish = await forms.parse(request, ExportForm)
                await proving.prove(request, runtime, staff, wish.password)
            except (Invalid, proving.NotFresh, TooManyRequests) as error:
                form = await forms.again(request, error)
                status = 429 if isinstance(error, TooManyRequests) else 422
                return await _form(request, runtime, desk, staff, item_id, sent, form, status)
            return await _file(request, runtime, desk, staff, item_id, sent, wish.kind)

    return CardExportController


async def _file(
    request: AnyRequest,
    runtime: Runtime,
    desk: Desk,
    staff: Staff,
    item_id: int,
    sent: Selection,
    kind: Kind,
) -> Response[Any]:
    _check(sent)
    place = await desks.place(request, runtime)
    async with place.begin() as session:
        await desk.item(session, item_id)
        cards = await exports.chosen_cards(session, place.sealer, sent.chosen(item_id))
        detail = {"cards": len(cards), "state": sent.state, "kind": kind, "batch": sent.batch}
        await audit.record(session, staff.name, "cards.export", str(item_id), detail, staff.address)
    opened = await asyncio.to_thread(exports.opened, place.sealer, cards)
    return await asyncio.to_thread(_written, f"cards-{item_id}.{kind}", kind, opened)


def _written(name: str, kind: Kind, cards: list[Clear]) -> Response[Any]:
    if kind == "txt":
        return sheets.download(name, "text/plain; charset=utf-8", exports.as_text(cards))
    if kind == "xlsx":
        return sheets.download(name, exports.XLSX, exports.as_workbook(cards))
    return sheets.csv_file(name, exports.HEAD, [(one.secret, one.label, one.batch, one.cost) for one in cards])


async def _form(
    request: AnyRequest,
    runtime: Runtime,
    desk: Desk,
    staff: Staff,
    item_id: int,
    sent: Selection,
    form: Form | None = None,
    status: int = 200,
) -> Template:
    _check(sent)
    place = await desks.place(request, runtime)
    chosen = sent.chosen(item_id)
    async with place.begin() as session:
        head = await desks.header(session, desk, item_id)
        count = await shelves.count(session, place.sealer, chosen)
    return page(
        request,
        "cards/export.html",
        status=status,
        head=head,
        sent=sent,
        count=count,
        form=form,
        asks_password=await proving.has_password(runtime, staff),
    )


def _check(sent: Selection) -> None:
    """Raises `NothingChosen`, also for cards that are not the shop's to give out any more."""
    if sent.state not in ("pool", "frozen", "recycled") or not (sent.everything or sent.id):
        raise NothingChosen
