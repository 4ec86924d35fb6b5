"""What holds for the desk as a whole: deadlines, thresholds, the station's own address, and what may be offered instead
of what."""

from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import urlsplit

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct, to_builtins

from admin_ui.frame import AnyRequest, page
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.core.money import to_cents
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from tenants.desk import equivalents, queries, settings
from tenants.desk.settings import Settings
from tenants.toggles import flags

PATH = "/console/desk/settings"
Minutes = Annotated[int, Meta(ge=1, le=10080)]
Threshold = Annotated[int, Meta(ge=0, le=10000)]
Id = Annotated[int, Meta(ge=1, le=2**53)]


class SettingsForm(Struct, frozen=True, kw_only=True):
    """`fraud_amount` in yuan; 0 switches a threshold off."""

    person_minutes: Minutes
    due_minutes: Minutes
    unpaid: bool = False
    fraud_orders: Threshold
    fraud_unpaid: Threshold
    fraud_amount: Annotated[Decimal, Meta(extra={"ge": "0", "le": "1000000", "places": 2})]
    alike: bool = False
    hook_url: Annotated[str, Meta(max_length=300)] = ""

    def settings(self) -> Settings:
        """Raises `Invalid`."""
        if self.hook_url and not _is_address(self.hook_url):
            raise Invalid({"hook_url": "Write a whole address that begins with https:// or http://."})
        return Settings(
            person_minutes=self.person_minutes,
            due_minutes=self.due_minutes,
            unpaid=self.unpaid,
            fraud_orders=self.fraud_orders,
            fraud_unpaid=self.fraud_unpaid,
            fraud_cents=to_cents(self.fraud_amount),
            alike=self.alike,
            hook_url=self.hook_url,
        )


class PairForm(Struct, frozen=True):
    """Two products: what may be offered instead of what."""

    product_id: Id
    other_id: Id


class DeskSettingController(Controller):
    path = PATH
    opt = flags.DESK.opt
    guards = [requires(Permission.AUTOMATION_WRITE)]  # noqa: RUF012 - Litestar reads it from the class

    @get("/")
    async def show(
        self, request: AnyRequest, runtime: NamedDependency[Runtime], tenant: NamedDependency[Tenant]
    ) -> Template:
        async with tenant.begin() as session:
            known = await settings.read(session)
        return await _page(request, runtime, tenant, _filled(known))

    @post("/")
    async def save(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            wanted = (await forms.parse(request, SettingsForm)).settings()
        except Invalid as error:
            return await _page(request, runtime, tenant, await forms.again(request, error), status=422)
        async with tenant.begin() as session:
            before = to_builtins(await settings.read(session))
            await settings.save(session, wanted)
            after = to_builtins(wanted)
            await audit.record(
                session, staff.name, "desk.settings", "", None, staff.address, before=before, after=after
            )
        answers.toast(request, gettext("Saved. It holds for the next case."))
        return answers.redirect(request, PATH)

    @post("/equivalents")
    async def add(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, PairForm)
            async with tenant.begin() as session:
                name, other = await equivalents.add(session, sent.product_id, sent.other_id)
                detail = {"product": name, "other": other}
                await audit.record(session, staff.name, "desk.equivalent_add", name, detail, staff.address)
        except Invalid as error:
            async with tenant.begin() as session:
                known = _filled(await settings.read(session))
            pair = await forms.again(request, error)
            return await _page(request, runtime, tenant, known, status=422, pair=pair)
        answers.toast(request, gettext("It is offered instead from now on."))
        return answers.redirect(request, f"{PATH}#equivalents")

    @post("/equivalents/drop")
    async def drop(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        sent = await forms.parse(request, PairForm)
        async with tenant.begin() as session:
            name, other = await equivalents.drop(session, sent.product_id, sent.other_id)
            detail = {"product": name, "other": other}
            await audit.record(session, staff.name, "desk.equivalent_drop", name, detail, staff.address)
        answers.toast(request, gettext("It is not offered instead any more."))
        return answers.redirect(request, f"{PATH}#equivalents")


async def _page(
    request: AnyRequest, runtime: Runtime, tenant: Tenant, form: Form, *, status: int = 200, pair: Form | None = None
) -> Template:
    sealer = await runtime.keyring.tenant(tenant.id)
    async with tenant.begin() as session:
        named = await queries.equivalents(session)
        products = [(str(one.id), one.name) for one in await queries.sellable(session)]
    return page(
        request,
        "console/desk_settings.html",
        status=status,
        form=form,
        pair=pair,
        named=named,
        products=products,
        hook_secret=settings.hook_secret(sealer),
    )


def _filled(known: Settings) -> Form:
    return Form(
        {
            "person_minutes": str(known.person_minutes),
            "due_minutes": str(known.due_minutes),
            "unpaid": "yes" if known.unpaid else "",
            "fraud_orders": str(known.fraud_orders),
            "fraud_unpaid": str(known.fraud_unpaid),
            "fraud_amount": f"{Decimal(known.fraud_cents) / 100:.2f}",
            "alike": "yes" if known.alike else "",
            "hook_url": known.hook_url,
        }
    )


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and url.isprintable()
    except ValueError:
        return False
