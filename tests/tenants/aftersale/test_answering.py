"""Templates that answer tickets: when, how often, and with what."""

from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from kameng.core import clock
from kameng.infra.runtime import Runtime
from kameng.web import i18n
from tenants.aftersale import facts, hours, queries, service, settings
from tenants.aftersale.settings import Answering
from tests.support.house import Shop, open_shop
from tests.tenants.aftersale.steps import open_ticket

HERE = UUID("01900000-0000-7000-8000-000000000001")


@pytest.fixture
async def shop(runtime: Runtime) -> Shop:
    i18n.use("en", "Asia/Shanghai")
    return await open_shop(runtime, keys=["K1", "K2", "K3"])


async def set_up(shop: Shop, answering: Answering) -> None:
    async with shop.tenant.begin() as session:
        await settings.save(session, answering)


async def said_by_template(shop: Shop, no: str) -> list[str]:
    async with shop.tenant.begin() as session:
        thread = await queries.thread(session, await queries.ticket(session, no))
        return [one.body for one in thread.messages if one.author == "automatic"]


def all_but_now(shop: Shop) -> list[str]:
    """Every hour of the week but the present one and the one after it."""
    now = hours.hour_of(clock.now(), ZoneInfo(shop.tenant.time_zone))
    return hours.write(frozenset(range(hours.WEEK_HOURS)) - {now, (now + 1) % hours.WEEK_HOURS})


async def test_outside_of_working_hours_the_other_template_answers(shop: Shop) -> None:
    plan = Answering(
        work_days=all_but_now(shop), off_hours=True, off_text="Nobody is here, {{ buyer }}.",
        peaks="by_hand", peak_days=["0-24"] * 7, peak_text="Busy.",
    )  # fmt: skip
    await set_up(shop, plan)

    no = await open_ticket(shop, await shop.buyer())

    assert await said_by_template(shop, no) == ["Nobody is here, customer."]


async def test_outside_of_peak_hours_nothing_is_said(shop: Shop) -> None:
    await set_up(shop, Answering(peaks="by_hand", peak_days=all_but_now(shop), peak_text="Busy."))

    assert await said_by_template(shop, await open_ticket(shop, await shop.buyer())) == []


async def test_in_the_next_stretch_of_peak_hours_a_ticket_is_answered_again(shop: Shop) -> None:
    await set_up(shop, Answering(peaks="by_hand", peak_days=["0-24"] * 7, peak_text="Busy."))
    no = await open_ticket(shop, await shop.buyer())
    async with shop.tenant.begin() as session:
        await session.execute(text("UPDATE tickets SET auto_window = 'peak 2026-01-05T00'"))

    for _ in range(2):
        async with shop.tenant.begin() as session:
            await service.write(session, shop.tenant, await queries.ticket(session, no, lock=True), "Hello?")

    assert await said_by_template(shop, no) == ["Busy.", "Busy."]


async def test_an_order_that_waits_is_told_why_and_until_when(shop: Shop) -> None:
    buyer = await shop.buyer(wallet_cents=5_000)
    for _ in range(2):
        await shop.buy(buyer)
    late = await shop.buy(buyer)
    async with shop.tenant.begin() as session:
        await session.execute(text("UPDATE orders SET paid_at = now() - interval '10 minutes', delivered_at = now()"))
        await session.execute(
            text("UPDATE orders SET state = 'waiting', reason = 'out_of_stock', delivered_at = NULL,"
                 " delivered_quantity = 0, paid_at = now() - interval '2 minutes' WHERE no = :no"),
            {"no": late.no},
        )  # fmt: skip
    no = await open_ticket(shop, buyer, order_no=late.no, order_id=late.id)

    async with shop.tenant.begin() as session:
        known = await facts.of_ticket(session, shop.tenant, await queries.ticket(session, no))

    assert known["state"] == "Waiting"
    assert known["reason"].startswith("It has just sold out at our supplier.")
    assert known["expected"] == "within 8 minutes"
    assert known["amount"] == "¥10.00"


async def test_an_order_that_takes_longer_than_others_did_is_not_promised_a_time(shop: Shop) -> None:
    buyer = await shop.buyer(wallet_cents=5_000)
    await shop.buy(buyer)
    late = await shop.buy(buyer)
    async with shop.tenant.begin() as session:
        await session.execute(
            text("UPDATE orders SET state = 'paid', delivered_at = NULL, delivered_quantity = 0,"
                 " paid_at = now() - interval '1 hour' WHERE no = :no"),
            {"no": late.no},
        )  # fmt: skip
    no = await open_ticket(shop, buyer, order_no=late.no, order_id=late.id)

    async with shop.tenant.begin() as session:
        known = await facts.of_ticket(session, shop.tenant, await queries.ticket(session, no))

    assert known["expected"] == "later than usual; we are looking after it"


async def test_a_person_is_still_to_answer_until_the_deadline(shop: Shop) -> None:
    await set_up(shop, Answering(answer_minutes=30, peaks="by_hand", peak_days=["0-24"] * 7, peak_text="Busy."))
    begun = clock.now()

    no = await open_ticket(shop, await shop.buyer())

    async with shop.tenant.begin() as session:
        ticket = await queries.ticket(session, no)
    assert ticket.state == "open"
    assert isinstance(ticket.due_at, datetime)
    assert timedelta(minutes=29) < ticket.due_at - begun < timedelta(minutes=31)


async def test_a_second_message_does_not_move_the_deadline_and_an_answer_ends_it(shop: Shop) -> None:
    no = await open_ticket(shop, await shop.buyer())
    async with shop.tenant.begin() as session:
        due = (await queries.ticket(session, no)).due_at
        await service.write(session, shop.tenant, await queries.ticket(session, no, lock=True), "Hello?")
        assert (await queries.ticket(session, no)).due_at == due
        await service.answer(session, no, HERE, "Wang", "Here.")
        assert (await queries.ticket(session, no)).due_at is None


async def test_merging_keeps_what_was_due_first(shop: Shop) -> None:
    buyer = await shop.buyer(wallet_cents=2_000)
    placed = await shop.buy(buyer)
    first, second = [
        await open_ticket(shop, buyer, order_no=placed.no, order_id=placed.id, body=body) for body in ("One.", "Two.")
    ]
    async with shop.tenant.begin() as session:
        due = (await queries.ticket(session, first)).due_at
        await service.merge(session, first, second, "merged", "Wang")

    async with shop.tenant.begin() as session:
        kept = await queries.ticket(session, second)
        thread = await queries.thread(session, kept)
    assert kept.due_at == due
    assert [one.body for one in thread.messages] == ["One.", "Two."]
