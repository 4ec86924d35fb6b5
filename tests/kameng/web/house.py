"""A small house for tests of the kit: both applications behind the front door, with a few routes and
templates.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import httpx
import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Template
from msgspec import Meta, Struct

from kameng.core import ids
from kameng.core.errors import Conflict, Invalid, Refused, TooManyRequests
from kameng.identity import sessions
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.infra.settings import Settings
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms
from kameng.web.app import create_app
from kameng.web.bundle import Assets
from kameng.web.dispatch import HostDispatch
from kameng.web.forms import Line, Text
from kameng.web.guards import requires, signed_in_buyer, signed_in_staff
from kameng.web.i18n import _
from kameng.web.people import Staff, Visitor

AnyRequest = Request[Any, Any, Any]
OPEN = {"public": True}

PAGES = {
    "page.html": (
        "{{ site.name }}|{{ path }}|{{ locale }}|{{ viewer.name if viewer else 'nobody' }}|"
        "<link href={{ asset('a.css') }}>"
        "<i data-token='{{ csrf_token }}' nonce='{{ csp_nonce }}'></i>"
        "{% for toast in toasts %}<b class={{ toast.kind }}>{{ toast.text }}</b>{% endfor %}{{ word }}"
    ),
    "form.html": (
        "{% for name, told in form.errors.items() %}{{ name }}: {{ told }};{% endfor %}{{ form.values.contact }}"
    ),
    "broken.html": "{{ nowhere }}",
    "errors/error.html": (
        "<h1>{{ status }} {{ title }}</h1><p>{{ text }}</p>{{ error_id }}|{{ request_id }}|{{ site.name }}"
    ),
}


class OrderDraft(Struct):
    product_id: int
    quantity: Annotated[int, Meta(ge=1, le=1000)]
    contact: Line = ""
    note: Text = ""


@get("/", opt=OPEN)
async def home(word: FromQuery[str] = "") -> Template:
    return answers.render("page.html", word=word)


@get("/number", opt=OPEN)
async def number(n: FromQuery[int]) -> dict[str, int]:
    return {"n": n}


@get("/broken", opt=OPEN)
async def broken() -> Template:
    return answers.render("broken.html")


@get("/who", opt=OPEN)
async def who(visitor: NamedDependency[Visitor], tenant: NamedDependency[Tenant]) -> dict[str, Any]:
    return {
        "tenant": tenant.id,
        "buyer": str(visitor.buyer_id),
        "name": visitor.name,
        "address": visitor.address,
        "agent": visitor.user_agent,
    }


@post("/orders", opt=OPEN)
async def place(request: AnyRequest) -> dict[str, Any]:
    draft = await forms.parse(request, OrderDraft)
    return msgspec.structs.asdict(draft)


@post("/orders/again", opt=OPEN)
async def place_or_show(request: AnyRequest) -> Template:
    try:
        await forms.parse(request, OrderDraft)
    except Invalid as invalid:
        return answers.render("form.html", status=422, form=await forms.again(request, invalid))
    return answers.render("page.html", word="")


@post("/fail/{how:str}", opt=OPEN)
async def fail(how: FromPath[str]) -> None:
    raise {
        "conflict": Conflict(),
        "refused": Refused("At most %(most)s.", most=3, field="quantity"),
        "busy": TooManyRequests(7),
        "bug": ZeroDivisionError("a secret detail"),
    }[how]


@post("/notify", opt={"public": True, "csrf": False})
async def notify(request: AnyRequest) -> str:
    return (await request.body()).decode()


@post("/save", opt=OPEN)
async def save(request: AnyRequest) -> Response[bytes]:
    answers.toast(request, _("Saved <b>"))
    return answers.redirect(request, "/")


@post("/saved", opt=OPEN)
async def saved(request: AnyRequest) -> str:
    answers.toast(request, "好")
    return "fragment"


@post("/login", opt=OPEN, status_code=303)
async def login(
    request: AnyRequest, runtime: NamedDependency[Runtime], tenant: NamedDependency[Tenant]
) -> Response[bytes]:
    session = await sessions.create(
        runtime.redis, "buyer", subject=ids.uuid7(), name="小明", tenant_id=tenant.id, role="member"
    )
    await answers.sign_in(request, session)
    return answers.redirect(request, answers.next_path(request, "/me"))


@post("/logout", opt=OPEN, status_code=303)
async def logout(request: AnyRequest) -> Response[bytes]:
    await answers.sign_out(request)
    return answers.redirect(request, "/")


@get("/me", guards=[signed_in_buyer])
async def me(visitor: NamedDependency[Visitor]) -> str:
    return f"{visitor.buyer}"


@get("/console", guards=[signed_in_staff])
async def console(staff: NamedDependency[Staff]) -> str:
    return f"{staff.name} {staff.role}"


@get("/console/page", guards=[signed_in_staff])
async def console_page() -> Template:
    return answers.render("page.html", word="")


@post("/console/refund", guards=[requires(Permission.ORDERS_REFUND)])
async def refund() -> str:
    return "refunded"


@get("/tenants", guards=[requires(Permission.TENANTS_READ)])
async def tenants() -> str:
    return "all of them"


STATION = [home, number, broken, who, place, place_or_show, fail, notify, save, saved, login, logout, me]
CONSOLE = [console, console_page, refund]


class House(Struct, frozen=True, kw_only=True):
    """The front door and clients that call it."""

    runtime: Runtime
    door: HostDispatch

    @asynccontextmanager
    async def browser(self, host: str, **headers: str) -> AsyncIterator["Browser"]:
        """A browser on this host that keeps its cookies."""
        transport = httpx.ASGITransport(self.door, client=("203.0.113.9", 50000))
        base = self.runtime.settings.base_url(host)
        async with httpx.AsyncClient(transport=transport, base_url=base, headers=headers) as client:
            yield Browser(client)


class Browser:
    """A client that posts as a page of ours does: with `Origin`, and with the token of the page it saw."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.token = ""

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        answer = await self.client.get(path, headers=headers)
        if "data-token='" in answer.text:
            self.token = answer.text.split("data-token='")[1].split("'")[0]
        return answer

    async def post(
        self, path: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        sent = {"Origin": str(self.client.base_url).rstrip("/"), **(headers or {})}
        return await self.client.post(path, data={"csrf_token": self.token, **(form or {})}, headers=sent)


async def all_well() -> dict[str, str]:
    return {"database": "ok", "redis": "ok"}


def build(folder: Path, runtime: Runtime, **changes: object) -> House:
    """The house on this runtime, with `changes` to its settings."""
    for name, text in PAGES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "manifest.json").write_text('{"a.css": "a-1234.css"}')
    (folder / "a-1234.css").write_text("b{color:red}" * 100)
    settings: Settings = msgspec.structs.replace(runtime.settings, **changes)
    changed = msgspec.structs.replace(runtime, settings=settings)
    assets = Assets.read(folder)
    master = create_app(changed, face="master", handlers=[home, tenants], template_folders=[folder], assets=assets)
    station = create_app(
        changed, face="station", handlers=[*STATION, *CONSOLE], template_folders=[folder], assets=assets
    )
    return House(runtime=changed, door=HostDispatch(changed, master, station, all_well))
