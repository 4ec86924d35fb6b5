"""`/register`, `/login`, `/logout`, `/account`."""

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template

from kameng.core.errors import Conflict, Invalid, KamengError, Refused
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms
from kameng.web.answers import AnyRequest
from kameng.web.guards import signed_in_buyer
from kameng.web.i18n import _
from kameng.web.people import Visitor
from tenants.aftersale import queries as tickets
from tenants.buyers import queries as buyers
from tenants.buyers.errors import BuyerGone
from tenants.buyers.service import Credentials, Registration
from tenants.cart import service as cart
from tenants.storefront import entry, pages
from tenants.storefront.products import PUBLIC


class EntryController(Controller):
    opt = PUBLIC

    @get("/login")
    async def login_form(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], visitor: NamedDependency[Visitor]
    ) -> Template:
        return await _form(request, tenant, visitor, "login")

    @post("/login")
    async def log_in(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Response[bytes]:
        try:
            given = await forms.parse(request, Credentials)
            buyer = await entry.sign_in(runtime, tenant, visitor.address, given)
        except (Invalid, Refused) as error:
            return await _form(request, tenant, visitor, "login", error)
        if visitor.buyer_id is not None and visitor.role == "guest":
            async with tenant.begin() as session:
                await cart.hand_over(session, visitor.buyer_id, buyer.id)
        await entry.remember(request, runtime, tenant, buyer)
        return answers.redirect(request, answers.next_path(request, "/"))

    @get("/register")
    async def register_form(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], visitor: NamedDependency[Visitor]
    ) -> Template:
        return await _form(request, tenant, visitor, "register")

    @post("/register")
    async def register(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Response[bytes]:
        try:
            wanted = await forms.parse(request, Registration)
            buyer = await entry.register(runtime, tenant, visitor, wanted)
        except (Invalid, Conflict) as error:
            return await _form(request, tenant, visitor, "register", error)
        await entry.remember(request, runtime, tenant, buyer)
        answers.toast(request, _("Your account is open."))
        return answers.redirect(request, answers.next_path(request, "/"))

    @post("/logout")
    async def log_out(self, request: AnyRequest) -> Response[bytes]:
        await answers.sign_out(request)
        return answers.redirect(request, "/")


class AccountController(Controller):
    @get("/account", guards=[signed_in_buyer])
    async def show(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], visitor: NamedDependency[Visitor]
    ) -> Response[bytes]:
        async with tenant.begin() as session:
            try:
                buyer = await buyers.buyer(session, visitor.buyer)
            except BuyerGone:  # the session outlived the account
                await answers.sign_out(request)
                return answers.redirect(request, "/login")
            unread = await tickets.unread(session, visitor.buyer)
            return await pages.page(session, visitor, "storefront/account.html", buyer=buyer, unread_tickets=unread)


async def _form(
    request: AnyRequest, tenant: Tenant, visitor: Visitor, name: str, error: KamengError | None = None
) -> Template:
    form = await forms.again(request, error) if error else None
    wanted = answers.next_path(request, "")
    async with tenant.begin() as session:
        return await pages.page(
            session,
            visitor,
            f"storefront/{name}.html",
            status=422 if error else 200,
            form=form,
            next=wanted,
            is_guest=visitor.role == "guest",
        )
