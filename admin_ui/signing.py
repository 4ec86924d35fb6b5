"""Signing in and out at a console; the same for the master's and the stations'."""

from typing import Annotated, Any

from litestar import Response
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui.frame import AnyRequest, page
from kameng.core.errors import Invalid, KamengError, TooManyRequests
from kameng.identity import providers, staff
from kameng.identity.staff import WrongPassword
from kameng.infra.runtime import Runtime
from kameng.web import answers, context, forms
from kameng.web.forms import Form, Secret

TEMPLATE = "admin/login.html"


class Credentials(Struct, frozen=True):
    """What a person signs in with."""

    login: Annotated[str, Meta(max_length=100)]
    password: Secret


async def show(request: AnyRequest, runtime: Runtime, home: str) -> Response[Any]:
    """The form, or straight on for who is signed in."""
    if context.of(request.scope).staff is not None:
        return answers.redirect(request, home)
    return await _page(request, runtime)


async def enter(request: AnyRequest, runtime: Runtime, tenant_id: int | None, home: str) -> Response[Any]:
    """Signs in at this station (None: the master) and goes on to `?next=` or `home`."""
    here = context.of(request.scope)
    try:
        given = await forms.parse(request, Credentials)
        session = await staff.sign_in(
            runtime, given.login, given.password, tenant_id, here.address, agent=here.user_agent
        )
    except (Invalid, WrongPassword, TooManyRequests) as error:
        return await _page(request, runtime, _status(error), await forms.again(request, error))
    await answers.sign_in(request, session)
    return answers.redirect(request, answers.next_path(request, home))


async def leave(request: AnyRequest, login_page: str) -> Response[Any]:
    await answers.sign_out(request)
    return answers.redirect(request, login_page)


async def _page(request: AnyRequest, runtime: Runtime, status: int = 200, form: Form | None = None) -> Template:
    """With a way to the provider, where there is one."""
    async with runtime.database.master_session() as session:
        provider = await providers.active_name(session)
    return page(request, TEMPLATE, status=status, form=form, provider=provider, next=answers.next_path(request, ""))


def _status(error: KamengError) -> int:
    return 429 if isinstance(error, TooManyRequests) else 422
