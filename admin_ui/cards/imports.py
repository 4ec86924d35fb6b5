"""Imports of an item: sent as a file or pasted, looked on at, cancelled, their rejected lines taken home; and how lines
are read."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Stream, Template
from msgspec import Meta, Struct

from admin_ui import words
from admin_ui.cards import desk as desks
from admin_ui.cards.desk import Desk, PathBig
from admin_ui.frame import AnyRequest, PathId, page
from admin_ui.sheets import BOM, csv_rows
from kameng.audit import service as audit
from kameng.cards import import_queries, imports, reading, rules
from kameng.cards.batches import BatchDraft
from kameng.cards.errors import ImportOver
from kameng.cards.formats import CHARSETS, Card, Reader, Rule
from kameng.cards.imports import By
from kameng.cards.reading import Line
from kameng.core.errors import Invalid
from kameng.core.money import to_cents
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms, i18n
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext, of_error
from kameng.web.people import Staff
from kameng.web.uploads import DRAINED

MOST_PASTED = 8 * 1024 * 1024
MOST_SAMPLES = 20
Words = Annotated[str, Meta(max_length=200)]


class BatchForm(Struct, frozen=True):
    """Where the cards come from; `cost` in yuan for one."""

    cost: Annotated[Decimal, Meta(extra={"ge": "0", "le": "100000", "places": 2})] = Decimal(0)
    supplier: Annotated[str, Meta(max_length=80)] = ""
    note: Words = ""

    def draft(self, item_id: int, made_by: str) -> BatchDraft:
        return BatchDraft(
            item_id=item_id, supplier=self.supplier, cost_cents=to_cents(self.cost), note=self.note, made_by=made_by
        )


class PasteForm(Struct, frozen=True):
    """Cards, one in a line."""

    keys: Annotated[str, Meta(max_length=4_000_000, extra={"lines": True})]


class Samples(Struct, frozen=True):
    """Lines to try a format on."""

    sample: Annotated[str, Meta(max_length=20_000, extra={"lines": True})] = ""


class Tried(Struct, frozen=True):
    """What a format makes of a line. `why` is empty when it is right."""

    line: str
    secret: str
    label: str
    why: str


def controller(desk: Desk) -> type[Controller]:
    """Imports, and the format of their lines."""

    class CardImportController(Controller):
        path = desk.path
        opt = desk.opt

        @get("/imports", guards=[requires(desk.read)])
        async def listed(self, item_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
            place = await desks.place(request, runtime)
            async with place.begin() as session:
                head = await desks.header(session, desk, item_id)
                found = await import_queries.recent(session, item_id, 50)
            return page(request, "cards/imports.html", head=head, found=found)

        @get("/imports/new", guards=[requires(desk.write)])
        async def blank(self, item_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
            return await _form(request, runtime, desk, item_id, Form())

        @post(
            "/imports",
            guards=[requires(desk.write)],
            opt={"uploads": reading.MOST_BYTES},
            request_max_body_size=DRAINED,
        )
        async def send(
            self,
            item_id: PathId,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Response[Any]:
            try:
                batch = (await forms.parse(request, BatchForm)).draft(item_id, staff.name)
                name, body = await _file(request)
                rule = await _rule(request, runtime, item_id)
                lines = await asyncio.to_thread(reading.lines, name, body, rule.separator)
            except Invalid as error:
                form = await forms.again(request, error)
                return await _form(request, runtime, desk, item_id, form, status=422)
            return await _begin(request, runtime, desk, staff, batch, rule, lines, name)

        @post("/imports/paste", guards=[requires(desk.write)], request_max_body_size=MOST_PASTED)
        async def paste(
            self,
            item_id: PathId,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Response[Any]:
            try:
                batch = (await forms.parse(request, BatchForm)).draft(item_id, staff.name)
                lines = reading.pasted((await forms.parse(request, PasteForm)).keys, "keys")
            except Invalid as error:
                form = await forms.again(request, error)
                return await _form(request, runtime, desk, item_id, form, status=422, is_paste=True)
            rule = await _rule(request, runtime, item_id)
            return await _begin(request, runtime, desk, staff, batch, rule, lines, "")

        @get("/imports/{job_id:int}", guards=[requires(desk.read)])
        async def show(
            self, item_id: PathId, job_id: PathBig, request: AnyRequest, runtime: NamedDependency[Runtime]
        ) -> Template:
            place = await desks.place(request, runtime)
            async with place.begin() as session:
                head = await desks.header(session, desk, item_id)
                job = await import_queries.find(session, item_id, job_id)
            return page(request, "cards/import.html", head=head, job=job)

        @post("/imports/{job_id:int}/cancel", guards=[requires(desk.write)])
        async def cancel(
            self,
            item_id: PathId,
            job_id: PathBig,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Response[Any]:
            place = await desks.place(request, runtime)
            try:
                async with place.begin() as session:
                    await desk.item(session, item_id)
                    job = await imports.cancel(session, item_id, job_id)
                    detail = {"file": job.file_name, "lines": job.total, "added": job.added}
                    await audit.record(session, staff.name, "cards.import_cancel", str(item_id), detail, staff.address)
            except ImportOver as error:
                answers.toast(request, of_error(error), "warn")
            else:
                answers.toast(request, gettext("The import is cancelled."))
            return answers.redirect(request, f"{desk.at(item_id)}/imports/{job_id}")

        @get("/imports/{job_id:int}/rejected.csv", guards=[requires(desk.write)])
        async def rejected(
            self, item_id: PathId, job_id: PathBig, request: AnyRequest, runtime: NamedDependency[Runtime]
        ) -> Stream:
            """Every line that became no card, with why: bad lines as they were sent, of duplicates the ends."""
            place, reader = await desks.place(request, runtime), i18n.reader()
            async with place.begin() as session:
                await desk.item(session, item_id)
                await import_queries.find(session, item_id, job_id)

            async def content() -> AsyncIterator[bytes]:
                i18n.use(reader.locale, reader.zone.key)
                yield (BOM + csv_rows([(gettext("Line"), gettext("Why"), gettext("What was sent"))])).encode()
                async for part in imports.rejected(place, item_id, job_id):
                    yield csv_rows((one.line, words.say("card_why", one.why), one.shown) for one in part).encode()

            return Stream(
                content(),
                media_type="text/csv; charset=utf-8",
                headers={
                    "Content-Disposition": f'attachment; filename="import-{job_id}-rejected.csv"',
                    "Cache-Control": "no-store",
                },
            )

        @get("/format", guards=[requires(desk.write)])
        async def format_form(
            self, item_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]
        ) -> Template:
            rule = await _rule(request, runtime, item_id)
            return await _format(request, runtime, desk, item_id, _filled(rule))

        @post("/format", guards=[requires(desk.write)])
        async def change_format(
            self,
            item_id: PathId,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Response[Any]:
            place = await desks.place(request, runtime)
            try:
                rule = await forms.parse(request, Rule)
                async with place.begin() as session:
                    await desk.item(session, item_id)
                    await rules.change(session, item_id, rule, staff.name)
                    detail = {"pattern": rule.pattern, "prefix": rule.prefix, "separator": rule.separator}
                    await audit.record(session, staff.name, "cards.format", str(item_id), detail, staff.address)
            except Invalid as error:
                form = await forms.again(request, error)
                return await _format(request, runtime, desk, item_id, form, status=422)
            answers.toast(request, gettext("The format is saved. The next import is read by it."))
            return answers.redirect(request, f"{desk.at(item_id)}/format")

        @post("/format/try", guards=[requires(desk.write)], status_code=200)
        async def try_format(
            self, item_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]
        ) -> Response[Any]:
            """What the format in the form, saved or not, makes of some lines."""
            try:
                rule = await forms.parse(request, Rule)
                rule.check()
                sample = (await forms.parse(request, Samples)).sample
            except Invalid as error:
                form = await forms.again(request, error)
                return await _format(request, runtime, desk, item_id, form, status=422)
            form = Form(values=dict(await forms.pairs(request)))
            return await _format(request, runtime, desk, item_id, form, tried=_tried(rule, sample))

    return CardImportController


def _tried(rule: Rule, sample: str) -> list[Tried]:
    reader, found = Reader(rule), list[Tried]()
    for line in [line for line in sample.splitlines() if line.strip()][:MOST_SAMPLES]:
        read = reader.read(line)
        if isinstance(read, Card):
            found.append(Tried(line, read.secret, read.label, ""))
        else:
            found.append(Tried(line, "", "", read))
    return found


def _filled(rule: Rule) -> Form:
    values = {name: getattr(rule, name) for name in rule.__struct_fields__}
    return Form(
        values={
            name: ("yes" if value else "") if isinstance(value, bool) else "" if value in (None, 0) else str(value)
            for name, value in values.items()
        }
    )


async def _file(request: AnyRequest) -> tuple[str, bytes]:
    """Name and content of the file. Raises `Invalid`."""
    file = (await forms.files(request)).get("file")
    if file is None:
        raise Invalid({"file": "Choose a file."})
    if file.is_too_large:
        raise Invalid({"file": "The file is larger than 32 MiB. Send it in several."})
    return file.filename, file.body


async def _rule(request: AnyRequest, runtime: Runtime, item_id: int) -> Rule:
    place = await desks.place(request, runtime)
    async with place.begin() as session:
        return await rules.find(session, item_id)


async def _begin(
    request: AnyRequest,
    runtime: Runtime,
    desk: Desk,
    staff: Staff,
    batch: BatchDraft,
    rule: Rule,
    lines: list[Line],
    file_name: str,
) -> Response[Any]:
    place = await desks.place(request, runtime)
    async with place.begin() as session:
        await desk.item(session, batch.item_id)
        job_id = await imports.send(
            session, place.sealer, batch, rule, lines, By(staff.name, staff.address), file_name=file_name
        )
    return answers.redirect(request, f"{desk.at(batch.item_id)}/imports/{job_id}")


async def _form(
    request: AnyRequest,
    runtime: Runtime,
    desk: Desk,
    item_id: int,
    form: Form,
    status: int = 200,
    *,
    is_paste: bool | None = None,
) -> Template:
    place = await desks.place(request, runtime)
    async with place.begin() as session:
        head = await desks.header(session, desk, item_id)
        rule = await rules.find(session, item_id)
    pastes = request.query_params.get("how") == "paste" if is_paste is None else is_paste
    return page(
        request,
        "cards/import_new.html",
        status=status,
        head=head,
        form=form,
        rule=rule,
        is_plain=rule == Rule(),
        is_paste=pastes,
        most_bytes=reading.MOST_BYTES,
    )


async def _format(
    request: AnyRequest,
    runtime: Runtime,
    desk: Desk,
    item_id: int,
    form: Form,
    status: int = 200,
    tried: list[Tried] | None = None,
) -> Template:
    place = await desks.place(request, runtime)
    async with place.begin() as session:
        head = await desks.header(session, desk, item_id)
    charsets = [(name, words.say("charset", name)) for name in CHARSETS]
    return page(request, "cards/format.html", status=status, head=head, form=form, tried=tried, charsets=charsets)
