"""Who proves people's identity for this deployment: an OpenID provider, for the master's console and all stations'."""

from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui.fields import check_web_address
from admin_ui.frame import AnyRequest, page
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity import oidc, providers
from kameng.identity.oidc import ProviderUnusable
from kameng.identity.permissions import Permission
from kameng.identity.providers import Provider
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms
from kameng.web.forms import Form, Secret
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff


class IssuerForm(Struct, frozen=True):
    """Which provider to try."""

    issuer: Annotated[str, Meta(min_length=8, max_length=300)]


class ProviderForm(Struct, frozen=True, kw_only=True):
    """An empty secret keeps the one that is there."""

    name: Annotated[str, Meta(min_length=1, max_length=40)]
    issuer: Annotated[str, Meta(min_length=8, max_length=300)]
    client_id: Annotated[str, Meta(min_length=1, max_length=200)]
    client_password: Secret = ""
    is_active: bool = False


class IdentityProviderController(Controller):
    path = "/identity"

    @get("/", guards=[requires(Permission.IDENTITY_WRITE)])
    async def show(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await _page(request, runtime)

    @post("/", guards=[requires(Permission.IDENTITY_WRITE)])
    async def save(
        self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, ProviderForm)
            check_web_address(sent.issuer, "issuer")
            await _save(runtime, sent, staff)
        except Invalid as error:
            return await _page(request, runtime, 422, form=await forms.again(request, error))
        answers.toast(request, gettext("The provider is saved. Try whether it answers."))
        return answers.redirect(request, "/identity")

    @post("/test", guards=[requires(Permission.IDENTITY_WRITE)], status_code=200)
    async def test(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Response[Any]:
        try:
            issuer = (await forms.parse(request, IssuerForm)).issuer
            check_web_address(issuer, "issuer")
            found = await oidc.discover(runtime.upstream, issuer, allow_plain=runtime.settings.allow_private_suppliers)
            keys = await oidc.fetch_keys(runtime.upstream, found.jwks_uri)
        except (Invalid, ProviderUnusable) as error:
            shown = error if isinstance(error, Invalid) else ProviderUnusable(field="issuer", why=error.params["why"])
            return await _page(request, runtime, 422, form=await forms.again(request, shown))
        return await _page(request, runtime, found=found, keys=len(list(keys)))


async def _find(runtime: Runtime) -> Provider | None:
    sealer = await runtime.keyring.master()
    async with runtime.database.master_session() as session:
        return await providers.find(session, sealer)


async def _save(runtime: Runtime, sent: ProviderForm, by: Staff) -> None:
    """Raises `Invalid` when no secret was ever given."""
    before, sealer = await _find(runtime), await runtime.keyring.master()
    secret = sent.client_password or (before.client_secret if before and before.issuer == sent.issuer else "")
    if not secret:
        raise Invalid({"client_password": "A new provider needs its secret."})
    async with runtime.database.master_session() as session:
        await providers.save(session, sealer, sent.name, sent.issuer, sent.client_id, secret, active=sent.is_active)
        detail = {"from": before.issuer if before else "", "to": sent.issuer, "active": sent.is_active}
        await audit.record(session, by.name, "identity.provider", sent.name, detail, by.address)


async def _page(
    request: AnyRequest,
    runtime: Runtime,
    status: int = 200,
    form: Form | None = None,
    found: oidc.Discovered | None = None,
    keys: int = 0,
) -> Template:
    provider = await _find(runtime)
    return page(
        request,
        "master/identity.html",
        status=status,
        provider=provider,
        form=form,
        found=found,
        keys=keys,
        callback=oidc.redirect_address(runtime.settings),
    )
