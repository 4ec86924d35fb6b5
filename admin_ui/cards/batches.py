"""Batches of an item: what came when from whom, what it cost, and what has become of it."""

from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui.cards import desk as desks
from admin_ui.cards.desk import Desk, PathBig
from admin_ui.frame import AnyRequest, PathId, page
from kameng.audit import service as audit
from kameng.cards import batches
from kameng.core.errors import Invalid
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms, paging
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff


class Naming(Struct, frozen=True):
    """What may be mended of a batch."""

    supplier: Annotated[str, Meta(max_length=80)] = ""
    note: Annotated[str, Meta(max_length=200)] = ""


def controller(desk: Desk) -> type[Controller]:
    """Batches."""

    class BatchController(Controller):
        path = desk.path + "/batches"
        opt = desk.opt

        @get("/", guards=[requires(desk.read)])
        async def listed(self, item_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
            asked = paging.wanted(request)
            values = {"item_id": item_id, "words": asked.search, "pattern": paging.like(asked.search)}
            place = await desks.place(request, runtime)
            async with place.begin() as session:
                head = await desks.header(session, desk, item_id)
                found = await paging.of_sql(session, batches.OF_ITEM, values, asked)
            return page(
                request,
                "cards/batches.html",
                head=head,
                found=found.map(batches.of_row),
                asked=asked,
            )

        @get("/{batch_id:int}", guards=[requires(desk.read)])
        async def show(
            self, item_id: PathId, batch_id: PathBig, request: AnyRequest, runtime: NamedDependency[Runtime]
        ) -> Template:
            return await _page(request, runtime, desk, item_id, batch_id)

        @post("/{batch_id:int}", guards=[requires(desk.write)])
        async def change(
            self,
            item_id: PathId,
            batch_id: PathBig,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Response[Any]:
            place = await desks.place(request, runtime)
            try:
                sent = await forms.parse(request, Naming)
            except Invalid as error:
                form = await forms.again(request, error)
                return await _page(request, runtime, desk, item_id, batch_id, form, 422)
            async with place.begin() as session:
                await desk.item(session, item_id)
                old = await batches.find(session, item_id, batch_id)
                await batches.change(session, item_id, batch_id, sent.supplier, sent.note)
                detail = {"batch": batch_id}
                before = {"supplier": old.supplier, "note": old.note}
                after = {"supplier": sent.supplier, "note": sent.note}
                await audit.record(
                    session, staff.name, "cards.batch", str(item_id), detail, staff.address, before=before, after=after
                )
            answers.toast(request, gettext("The batch is saved."))
            return answers.redirect(request, f"{desk.at(item_id)}/batches/{batch_id}")

    return BatchController


async def _page(
    request: AnyRequest,
    runtime: Runtime,
    desk: Desk,
    item_id: int,
    batch_id: int,
    form: Form | None = None,
    status: int = 200,
) -> Template:
    place = await desks.place(request, runtime)
    async with place.begin() as session:
        head = await desks.header(session, desk, item_id)
        batch = await batches.find(session, item_id, batch_id)
        others = await desk.others(session, item_id)
    return page(request, "cards/batch.html", status=status, head=head, batch=batch, others=others, form=form)
