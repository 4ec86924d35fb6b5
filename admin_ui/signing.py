"""Signing in and out at a console; the same for the master's and the stations'."""

from typing import Annotated, Any

from litestar import Response
from msgspec import Meta, Struct

from admin_ui.frame import AnyRequest, page
from kameng.core.errors import Invalid, KamengError, TooManyRequests
from kameng.identity import staff
from kameng.identity.staff import WrongPassword
from kameng.infra.runtime import Runtime
from kameng.web import answers, context, forms
from kameng.web.forms import Secret

TEMPLATE = "admin/login.html"


class Credentials(Struct, frozen=True):
    """What a person signs in with."""

    login: Annotated[str, Meta(max_length=100)]
    password: Secret


def show(request: AnyRequest, home: str) -> Response[Any]:
    """The form, or straight on for who is signed in."""
    if context.of(request.scope).staff is not None:
        return answers.redirect(request, home)
    return page(request, TEMPLATE, form=None)


async def enter(request: AnyRequest, runtime: Runtime, tenant_id: int | None, home: str) -> Response[Any]:
    """Signs in at this station (None: the master) and goes on to `?next=` or `home`."""
    here = context.of(request.scope)
    try:
        given = await forms.parse(request, Credentials)
        session = await staff.sign_in(runtime, given.login, given.password, tenant_id, here.address)
    except (Invalid, WrongPassword, TooManyRequests) as error:
        return page(request, TEMPLATE, status=_status(error), form=await forms.again(request, error))
    await answers.sign_in(request, session)
    return answers.redirect(request, answers.next_path(request, home))


async def leave(request: AnyRequest, login_page: str) -> Response[Any]:
    await answers.sign_out(request)
    return answers.redirect(request, login_page)


def _status(error: KamengError) -> int:
    return 429 if isinstance(error, TooManyRequests) else 422
