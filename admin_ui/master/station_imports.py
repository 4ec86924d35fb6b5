"""Many stations from one file: sent, checked, opened while one looks on, and what was refused to be mended."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.response import Template

from admin_ui import sheets, words
from admin_ui.frame import AnyRequest, Chip, PathId, page
from admin_ui.master import station_sheet
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms, paging
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from tenants.registry.imports import queries, service
from tenants.registry.imports.queries import Import
from tenants.registry.provisioning import By

MAX_BODY_BYTES = 4 * 1024 * 1024
LONGEST_FILE_NAME = 100


class StationImportController(Controller):
    path = "/tenants/imports"
    request_max_body_size = MAX_BODY_BYTES

    @get("/", guards=[requires(Permission.TENANTS_WRITE)])
    async def blank(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await _form(request, runtime, Form())

    @post("/", guards=[requires(Permission.TENANTS_WRITE)])
    async def send(
        self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            name, body = await _sent(request)
            rows = station_sheet.read(body)
        except Invalid as error:
            return await _form(request, runtime, await forms.again(request, error), status=422)
        async with runtime.database.master_session() as session:
            lines = await station_sheet.checked(session, runtime.settings, rows)
            import_id = await service.add(session, name, By(staff.name, staff.address), lines)
        return answers.redirect(request, f"/tenants/imports/{import_id}")

    @get("/template.csv", guards=[requires(Permission.TENANTS_WRITE)])
    async def template(self) -> Response[Any]:
        """A head and one line to write over."""
        example = [column.example for column in station_sheet.COLUMNS]
        return sheets.csv_file("stations-template.csv", station_sheet.NAMES, [example])

    @get("/{import_id:int}", guards=[requires(Permission.TENANTS_WRITE)])
    async def show(self, import_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        asked = paging.wanted(request)
        values = {"id": import_id, "state": asked.get("state")}
        async with runtime.database.master_session() as session:
            file = await queries.find(session, import_id)
            found = await paging.of_sql(session, queries.LINES, values, asked)
        return page(
            request,
            "master/station_import.html",
            file=file,
            found=found,
            filters=_chips(file, asked.get("state")),
            url=runtime.settings.base_url,
        )

    @post("/{import_id:int}/start", guards=[requires(Permission.TENANTS_WRITE)])
    async def start(
        self,
        import_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with runtime.database.master_session() as session:
            file = await queries.find(session, import_id)
            if await service.start(session, import_id):
                detail = {"file": file.file_name, "lines": file.waiting}
                await audit.record(session, staff.name, "stations.import", str(import_id), detail, staff.address)
        return answers.redirect(request, f"/tenants/imports/{import_id}")

    @get("/{import_id:int}/refused.csv", guards=[requires(Permission.TENANTS_WRITE)])
    async def refused(self, import_id: PathId, runtime: NamedDependency[Runtime]) -> Response[Any]:
        """The refused lines as they were, with why; mended, the file can be sent again as it is."""
        async with runtime.database.master_session() as session:
            await queries.find(session, import_id)
            lines = await queries.lines(session, import_id, "refused")
        head = ("line", "error", *station_sheet.NAMES)
        rows = [
            (line.line, said(line.errors), *(line.cells.get(name, "") for name in station_sheet.NAMES))
            for line in lines
        ]
        return sheets.csv_file(f"stations-{import_id}-refused.csv", head, rows)

    @get("/{import_id:int}/opened.csv", guards=[requires(Permission.TENANTS_WRITE)])
    async def opened(self, import_id: PathId, runtime: NamedDependency[Runtime]) -> Response[Any]:
        """The stations that were opened, where they are, and who is to own them."""
        async with runtime.database.master_session() as session:
            await queries.find(session, import_id)
            lines = await queries.lines(session, import_id, "opened")
        head = ("line", "no", "slug", "name", "address", "owner_login", "owner_name")
        url = runtime.settings.base_url
        rows = [
            (
                line.line, line.tenant_id, line.cells.get("slug", ""), line.cells.get("name", ""),
                f"{url(line.host)}/" if line.host else "",
                line.cells.get("owner_login", ""), line.cells.get("owner_name", ""),
            )
            for line in lines
        ]  # fmt: skip
        return sheets.csv_file(f"stations-{import_id}.csv", head, rows)


def said(errors: dict[str, str]) -> str:
    """Why a line was refused. What was found when the file was checked is in words already; what came up later is a
    msgid, and `gettext` gives words back as they are."""
    return " ".join(f"{column}: {gettext(why)}" if column else gettext(why) for column, why in errors.items())


async def _sent(request: AnyRequest) -> tuple[str, bytes]:
    """Name and content of the file, or of what was pasted. Raises `Invalid` at `file`."""
    await forms.pairs(request)
    form = await request.form()
    file, pasted = form.get("file"), form.get("pasted")
    if isinstance(file, UploadFile) and file.filename:
        return file.filename[-LONGEST_FILE_NAME:], await file.read(station_sheet.MOST_BYTES + 1)
    if isinstance(pasted, str) and pasted.strip():
        return "", pasted.encode()
    raise Invalid({"file": "Choose a file, or paste its lines."})


def _chips(file: Import, chosen: str) -> list[Chip]:
    path = f"/tenants/imports/{file.id}"
    counted = {"": file.total, "waiting": file.waiting, "opened": file.opened, "refused": file.refused}
    return [
        Chip(
            words.badge("import_line", state).word if state else gettext("All"),
            f"{path}?state={state}" if state else path,
            state == chosen,
            lines,
        )
        for state, lines in counted.items()
    ]


async def _form(request: AnyRequest, runtime: Runtime, form: Form, status: int = 200) -> Template:
    async with runtime.database.master_session() as session:
        recent = await queries.recent(session)
    return page(
        request,
        "master/station_imports.html",
        status=status,
        form=form,
        columns=[(column.name, gettext(column.help), column.is_required) for column in station_sheet.COLUMNS],
        recent=recent,
        most_lines=station_sheet.MOST_LINES,
    )
