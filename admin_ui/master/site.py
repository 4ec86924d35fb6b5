"""`/open` at the master's host: where a visitor becomes the owner of a station. Public.

The applicant's own page has a secret address; whoever has it is the applicant.
"""

import re
from typing import Annotated, Any

import structlog
from litestar import Controller, Response, get, post, route
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui import words
from admin_ui.fields import Login
from admin_ui.frame import AnyRequest
from admin_ui.master.station_form import Slug
from billing.payments import queries as payment_queries
from billing.payments import service as paying
from billing.payments.till import master_till
from kameng.core.errors import Conflict, Invalid, Refused, TooManyRequests
from kameng.identity import passwords
from kameng.identity.passwords import STANDARD
from kameng.infra import ratelimit
from kameng.infra.ratelimit import Limit
from kameng.infra.runtime import Runtime
from kameng.web import answers, context, forms
from kameng.web.answers import render
from kameng.web.forms import Form, Secret
from kameng.web.i18n import N_, gettext, of_error
from tenants.applications import queries, service
from tenants.applications import tasks as applications
from tenants.applications.errors import ApplicationGone
from tenants.applications.queries import Application
from tenants.applications.service import ApplicationDraft
from tenants.plans import queries as plans
from tenants.plans import tasks as plan_tasks
from tenants.registry.errors import BadSlug, SlugTaken
from tenants.storefront import notify

log = structlog.get_logger()

PUBLIC = {"public": True}
QUIET = {"public": True, "quiet": True}  # addresses with a secret do not belong into the log
CODE = re.compile(r"[2-9A-HJ-NP-Z]{26}")
APPLYING = Limit(name="applications", attempts=10, per_s=3600, fails_open=False)
MENDING = Limit(name="applications-mended", attempts=20, per_s=3600, fails_open=True)
LOOKING = Limit(name="slugs", attempts=120, per_s=60, fails_open=True)
WRONG = (Invalid, Refused, Conflict, TooManyRequests)


class ApplicationForm(Struct, frozen=True, kw_only=True):
    """What a visitor fills in."""

    name: Annotated[str, Meta(min_length=1, max_length=40)]
    slug: Slug
    email: Annotated[str, Meta(max_length=200)]
    owner_name: Annotated[str, Meta(min_length=1, max_length=40)]
    owner_login: Login
    owner_password: Secret
    plan_id: Annotated[int, Meta(ge=1, le=2**31 - 1, extra={"message": N_("Choose one of the list.")})]


class MendForm(Struct, frozen=True, kw_only=True):
    """Another name in place of one that was taken; the form has one of the two fields."""

    slug: Slug = ""
    owner_login: Login = ""


class PayLink(Struct, frozen=True):
    """The way to one gateway."""

    channel: str
    url: str


class SiteController(Controller):
    path = "/open"

    @get("/", opt=PUBLIC)
    async def show(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        chosen = request.query_params.get("plan", "")
        return await _form(runtime, Form(values={"plan_id": chosen} if chosen else {}))

    @post("/", opt=PUBLIC)
    async def apply(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Response[Any]:
        try:
            application = await _apply(request, runtime)
        except WRONG as error:
            status = 429 if isinstance(error, TooManyRequests) else 422
            return await _form(runtime, await forms.again(request, error), status)
        return answers.redirect(request, f"/open/{application.code}")

    @get("/slug", opt=QUIET)
    async def slug(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        """Whether the short name that is being typed is free."""
        slug = request.query_params.get("slug", "").strip()[:64]
        obstacle = ""
        try:
            await ratelimit.take(runtime.redis, (LOOKING, context.of(request.scope).address))
            async with runtime.database.master_session() as session:
                await service.check_slug(session, runtime.settings, slug)
        except (BadSlug, SlugTaken, TooManyRequests) as error:
            obstacle = of_error(error)
        address = runtime.settings.base_url(f"{slug}.{runtime.settings.station_domain}")
        return render("site/slug.html", slug=slug, obstacle=obstacle, address=address)

    @get("/{code:str}", opt=QUIET)
    async def mine(self, code: FromPath[str], runtime: NamedDependency[Runtime]) -> Template:
        return await _application(runtime, code)

    @get("/{code:str}/status", opt=QUIET)
    async def status(self, code: FromPath[str], runtime: NamedDependency[Runtime]) -> Template:
        return await _application(runtime, code, "site/status.html")

    @post("/{code:str}/mend", opt=QUIET)
    async def mend(self, code: FromPath[str], request: AnyRequest, runtime: NamedDependency[Runtime]) -> Response[Any]:
        application = await _by_code(runtime, code)
        try:
            await ratelimit.take(runtime.redis, (MENDING, context.of(request.scope).address))
            sent = await forms.parse(request, MendForm)
            async with runtime.database.master_session() as session:
                await service.mend(session, runtime.settings, application.id, slug=sent.slug, login=sent.owner_login)
        except WRONG as error:
            form = await forms.again(request, error)
            return await _application(runtime, code, form=form, status=422)
        return answers.redirect(request, f"/open/{code}")


@route("/pay/{channel_id:int}/{no:str}/notify", http_method=["GET", "POST"], opt=notify.BY_MACHINES)
async def master_notify(
    request: AnyRequest, channel_id: FromPath[int], no: FromPath[str], runtime: NamedDependency[Runtime]
) -> Response[bytes]:
    """Where gateways report what was paid to the master, with all the checks of a station's."""
    answer = await notify.hear(request, runtime, master_till(runtime), channel_id, no)
    if answer.status_code == notify.HEARD:
        await _go_on(runtime, no)
    return answer


async def _go_on(runtime: Runtime, no: str) -> None:
    """Whoever has paid looks at his page at this moment; a worker does the same a moment later in any case."""
    async with runtime.database.master_session() as session:
        payment = await payment_queries.payment(session, no)
    if payment.purpose == paying.OPENING:
        await applications.count_money(runtime, payment.buyer_id)
    elif payment.purpose == paying.COLLECT:
        await _hand_over(runtime, payment.subject, no)
    else:
        await plan_tasks.renew_one(runtime, int(payment.subject))


async def _hand_over(runtime: Runtime, subject: str, no: str) -> None:
    """The station's buyer waits for what the master has collected: the gateway has its answer either way."""
    try:
        station = await runtime.directory.tenant(paying.station_of(subject))
        await paying.take(station, no)
    except Exception:  # the payment is confirmed; a worker hands it over again
        log.exception("collected_left_to_worker", payment=no)
    else:
        await notify.go_on(runtime, station, no)


async def _apply(request: AnyRequest, runtime: Runtime) -> Application:
    address = context.of(request.scope).address
    sent = await forms.parse(request, ApplicationForm)
    passwords.check_new(sent.owner_password, "owner_password")
    await ratelimit.take(runtime.redis, (APPLYING, address))
    draft = ApplicationDraft(
        slug=sent.slug,
        name=sent.name,
        email=sent.email,
        owner_login=sent.owner_login,
        owner_name=sent.owner_name,
        password_hash=await STANDARD.hash(sent.owner_password),
        plan_id=sent.plan_id,
    )
    async with runtime.database.master_session() as session:
        return await service.apply(session, runtime.settings, draft, address)


async def _form(runtime: Runtime, form: Form, status: int = 200) -> Template:
    async with runtime.database.master_session() as session:
        settings = await queries.settings(session)
        offered = await plans.offered(session) if settings.is_open else []
    return render(
        "site/open.html",
        status=status,
        settings=settings,
        plans=offered,
        form=form,
        domain=runtime.settings.station_domain,
    )


async def _application(
    runtime: Runtime, code: str, template: str = "site/application.html", *, form: Form | None = None, status: int = 200
) -> Template:
    application = await _by_code(runtime, code)
    station = runtime.settings.base_url(f"{application.slug}.{runtime.settings.station_domain}")
    return render(
        template,
        status=status,
        application=application,
        links=await _links(runtime, application),
        station=station,
        form=form,
        say=words.say,
        domain=runtime.settings.station_domain,
    )


async def _by_code(runtime: Runtime, code: str) -> Application:
    """Raises `ApplicationGone`."""
    if not CODE.fullmatch(code):
        raise ApplicationGone
    async with runtime.database.master_session() as session:
        return await queries.by_code(session, code)


async def _links(runtime: Runtime, application: Application) -> list[PayLink]:
    """The ways to pay the fee, while it is to be paid."""
    if application.state not in ("unpaid", "expired"):
        return []
    till = master_till(runtime)
    async with till.begin() as session:
        found = await queries.payments(session, application.id)
        asked = [await payment_queries.payment(session, one.no) for one in found if one.channel_state == "active"]
        channels = {channel.id: channel for channel in await payment_queries.channels(session)}
    back = f"{runtime.settings.base_url(till.host)}/open/{application.code}"
    title = gettext("Opening fee of %(shop)s", shop=application.name)
    return [
        PayLink(channel.name, await paying.pay_url(runtime, till, payment, channel, title, back))
        for payment in asked
        if (channel := channels.get(payment.channel_id))
    ]
