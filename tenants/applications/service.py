"""Applying, paying, deciding. Master session; the caller opens the transaction and audits what staff do.

No money is ever lost: what a gateway has confirmed is counted anew from the payments each time, whether it comes late,
twice, or for an application that was declined, and what has bought nothing stands as the sum to give back.
"""

import re
from datetime import timedelta
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from billing.ledger import service as ledger
from billing.ledger.service import MASTER, Line
from billing.payments import queries as payments
from billing.payments import service as paying
from kameng.core import ids
from kameng.core.errors import Invalid
from kameng.identity import staff
from kameng.identity.staff import LoginTaken
from kameng.infra import outbox
from kameng.infra.outbox import Event
from kameng.infra.settings import Settings
from kameng.web.i18n import N_
from tenants.applications import queries
from tenants.applications.errors import DecidedAlready, NothingToRefund, NotOpen, NoWayToPay
from tenants.applications.queries import Application
from tenants.plans import queries as plans
from tenants.plans.errors import PlanGone, PlanNotForYou
from tenants.registry.errors import BadSlug, SlugTaken
from tenants.registry.service import SLUG

CODE_SIGNS = 26  # 130 random bits
PAY_WITHIN = timedelta(hours=24)
MOST_CHANNELS = 4
RESERVED = frozenset({"admin", "api", "app", "console", "help", "mail", "master", "open", "root", "static", "www"})
EMAIL = re.compile(r"[^@\s<>\"',;]{1,64}@[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)+")

INSERT = text(
    """
    INSERT INTO applications (id, code, slug, name, email, owner_login, owner_name, password_hash, plan_id, fee_cents,
                              state, address)
    VALUES (:id, :code, :slug, :name, :email, :owner_login, :owner_name, :password_hash, :plan_id, :fee_cents,
            'unpaid', :address)
    """
)
MOVE = text(
    "UPDATE applications SET state = :state, reason = :reason, state_since = now()"
    " WHERE id = :id AND state = ANY(:sources) RETURNING id"
)
COUNT_MONEY = text("UPDATE applications SET paid_cents = :cents WHERE id = :id")
APPROVE = text("UPDATE applications SET approved_by = :by WHERE id = :id")
MEND = text("UPDATE applications SET slug = :slug, owner_login = :login WHERE id = :id")
REFUNDED = text("UPDATE applications SET refunded_cents = refunded_cents + :cents WHERE id = :id")
SWEEP = text(
    """
    UPDATE applications SET state = 'expired', state_since = now()
    WHERE state = 'unpaid' AND created_at < now() - :within RETURNING id
    """
)
SET = text("UPDATE application_settings SET mode = :mode, tier_id = :tier_id, changed_at = now()")


class ApplicationReady(Event, frozen=True):
    """An application is paid for and nobody has to look at it any more: its station can be opened."""

    application_id: UUID


class ApplicationDraft(Struct, frozen=True, kw_only=True):
    """What a visitor fills in; the password is hashed already."""

    slug: str
    name: str
    email: str
    owner_login: str
    owner_name: str
    password_hash: str
    plan_id: int


async def change_settings(session: AsyncSession, mode: str, tier_id: int | None) -> None:
    """How stations are applied for. Raises `Invalid` when they can be and it is not said at which prices they buy."""
    if mode != "closed" and tier_id is None:
        raise Invalid({"tier_id": N_("Choose what the new stations pay for goods.")})
    await session.execute(SET, {"mode": mode, "tier_id": tier_id})


async def check_slug(session: AsyncSession, settings: Settings, slug: str) -> None:
    """Whether a station of this short name could be opened now. Raises `BadSlug`, `SlugTaken`."""
    if not SLUG.fullmatch(slug):
        raise BadSlug(field="slug")
    host = f"{slug}.{settings.station_domain}"
    if slug in RESERVED or host == settings.master_host or await queries.is_taken(session, slug, host):
        raise SlugTaken(field="slug")


async def apply(session: AsyncSession, settings: Settings, draft: ApplicationDraft, address: str) -> Application:
    """A new application, with a payment for each of the master's channels if the plan has a fee; without one it goes on
    at once. Raises `Invalid` with every field at fault, `NotOpen`, `NoWayToPay`."""
    if not (await queries.settings(session)).is_open:
        raise NotOpen
    fee_cents = await _check(session, settings, draft)
    application_id = ids.uuid7()
    values = {
        **{name: getattr(draft, name) for name in draft.__struct_fields__},
        "id": application_id,
        "code": ids.code(CODE_SIGNS),
        "fee_cents": fee_cents,
        "address": address,
    }
    await session.execute(INSERT, values)
    if fee_cents:
        await _ask_for_fee(session, application_id, fee_cents)
    else:
        await _go_on(session, await queries.application(session, application_id))
    return await queries.application(session, application_id)


async def _check(session: AsyncSession, settings: Settings, draft: ApplicationDraft) -> int:
    """The fee of the plan that was chosen."""
    errors: dict[str, str] = {}
    fee_cents = 0
    try:
        await check_slug(session, settings, draft.slug)
    except (BadSlug, SlugTaken) as error:
        errors["slug"] = error.message
    if await staff.is_taken(session, draft.owner_login):
        errors["owner_login"] = LoginTaken.message
    if not EMAIL.fullmatch(draft.email):
        errors["email"] = N_("Write an e-mail address such as name@example.com.")
    try:
        plan = await plans.plan(session, draft.plan_id)
        fee_cents = plan.opening_fee_cents
        if not plan.is_offered or plan.state != "active":
            raise PlanNotForYou
    except (PlanGone, PlanNotForYou):
        errors["plan_id"] = PlanNotForYou.message
    if errors:
        raise Invalid(errors)
    return fee_cents


async def _ask_for_fee(session: AsyncSession, application_id: UUID, fee_cents: int) -> None:
    channels = (await payments.channels(session))[:MOST_CHANNELS]
    if not channels:
        raise NoWayToPay(field="plan_id")
    for channel in channels:
        subject = str(application_id)
        await paying.open_payment(session, application_id, channel.id, fee_cents, paying.OPENING, subject)


async def count_money(session: AsyncSession, application_id: UUID) -> None:
    """Counts what was paid, and goes on when it is enough. Idempotent. Raises `ApplicationGone`."""
    before = await queries.application(session, application_id, lock=True)
    cents = await queries.paid_cents(session, application_id)
    await session.execute(COUNT_MONEY, {"id": application_id, "cents": cents})
    if before.state in ("unpaid", "expired") and cents >= before.fee_cents:
        await _go_on(session, before)


async def _go_on(session: AsyncSession, application: Application) -> None:
    """To whoever decides, or straight to the opening. The short name is this application's from now on; if another was
    first, the applicant is asked for another name."""
    mode = (await queries.settings(session)).mode
    goes = "opening" if application.approved_by or mode == "automatic" else "review"
    try:
        async with session.begin_nested():
            moved = await _move(session, application.id, goes, ("unpaid", "expired", "blocked", "review"))
    except IntegrityError:  # the index on the short names of applications that are paid for
        await _move(session, application.id, "blocked", ("unpaid", "expired", "blocked", "review"), "slug_taken")
        return
    if moved and goes == "opening":
        await outbox.record(session, ApplicationReady(application.id))


async def approve(session: AsyncSession, application_id: UUID, by: str) -> Application:
    """Has the station opened. Raises `ApplicationGone`, `DecidedAlready`."""
    application = await queries.application(session, application_id, lock=True)
    if application.state != "review":
        raise DecidedAlready
    await session.execute(APPROVE, {"id": application_id, "by": by})
    await _go_on(session, await queries.application(session, application_id))
    return application


async def decline(session: AsyncSession, application_id: UUID, reason: str) -> Application:
    """Ends it with words for the applicant; what he paid stands to be given back. Raises `DecidedAlready`."""
    if not await _move(session, application_id, "declined", ("unpaid", "review", "blocked", "expired"), reason):
        raise DecidedAlready
    return await queries.application(session, application_id)


async def refund(session: AsyncSession, application_id: UUID) -> int:
    """Books that what has bought nothing was given back, from the master's bank account. Returns the cents.

    Raises `ApplicationGone`, `NothingToRefund`.
    """
    application = await queries.application(session, application_id, lock=True)
    cents = application.to_refund_cents
    if not cents:
        raise NothingToRefund
    lines = [Line(MASTER, "applicant", str(application_id), -cents), Line(MASTER, "master_bank", "", cents)]
    key = f"opening-refund:{application_id}:{application.refunded_cents}"
    await ledger.post(session, key, "opening_refund", application.slug, lines)
    await session.execute(REFUNDED, {"id": application_id, "cents": cents})
    return cents


async def mend(
    session: AsyncSession, settings: Settings, application_id: UUID, *, slug: str = "", login: str = ""
) -> None:
    """Another short name or login in place of one that was taken; then it goes on.

    Raises `DecidedAlready`, `BadSlug`, `SlugTaken`, `LoginTaken`.
    """
    application = await queries.application(session, application_id, lock=True)
    if application.state != "blocked":
        raise DecidedAlready
    if application.reason == "slug_taken":
        await check_slug(session, settings, slug)
        login = application.owner_login
    else:
        slug = application.slug
        if await staff.is_taken(session, login):
            raise LoginTaken(field="owner_login")
    await session.execute(MEND, {"id": application_id, "slug": slug, "login": login})
    await _go_on(session, await queries.application(session, application_id))


async def block(session: AsyncSession, application_id: UUID, reason: str) -> None:
    """The station cannot be opened as it was asked for: `slug_taken`, `login_taken`."""
    await _move(session, application_id, "blocked", ("opening",), reason)


async def sweep(session: AsyncSession) -> int:
    """Ends applications that nobody has paid for in time; how many. Money that comes later revives them."""
    return len((await session.execute(SWEEP, {"within": PAY_WITHIN})).all())


async def _move(
    session: AsyncSession, application_id: UUID, state: str, sources: tuple[str, ...], reason: str = ""
) -> bool:
    values = {"id": application_id, "state": state, "reason": reason, "sources": list(sources)}
    return (await session.execute(MOVE, values)).one_or_none() is not None
