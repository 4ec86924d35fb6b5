"""The owner sets when templates answer, and what they say."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from kameng.infra.runtime import Runtime
from tenants.aftersale import settings
from tests.admin_ui.conftest import audited
from tests.support.house import Shop, work_off
from tests.support.staff_client import StaffClient, error_at, text_of
from tests.tenants.aftersale.steps import open_ticket

FORM: dict[str, Any] = {"answer_hours": "4", "close_days": "7", "peaks": "off"}
# Ten orders on each of the last four Tuesdays at eight in the evening, one every other evening.
FOUR_WEEKS = text(
    """
    INSERT INTO orders (id, no, buyer_id, request_key, product_id, product_name, quantity, unit_price, total_cents,
                        wholesale_price, wholesale_cents, pay_method, state, paid_at, delivered_at)
    SELECT gen_random_uuid(), 'X' || row_number() OVER (), :buyer, 'x' || row_number() OVER (), 1, 'x', 1, 1, 100, 0, 0,
           'wallet', 'delivered', hour, hour
    FROM generate_series(1, 27) AS ago
    CROSS JOIN LATERAL (SELECT (date_trunc('day', now() AT TIME ZONE :zone) - make_interval(days => ago)
                        + interval '20 hours 30 minutes') AT TIME ZONE :zone AS hour) AS day
    CROSS JOIN LATERAL generate_series(1, CASE WHEN extract(isodow FROM hour AT TIME ZONE :zone) = 2 THEN 10 ELSE 1 END)
    """
)


async def four_weeks(shop: Shop) -> None:
    async with shop.tenant.begin() as session:
        await session.execute(FOUR_WEEKS, {"buyer": UUID(int=1), "zone": shop.tenant.time_zone})


async def test_hours_are_kept_as_they_are_meant(shop: Shop, owner: StaffClient) -> None:
    sent = FORM | {"peaks": "by_hand", "peak_0": "19:00 – 23, 12-14，13-15", "peak_text": "{{ ticket }} is kept."}

    page = await owner.follow(await owner.post("/console/peak-hours", **sent))

    assert 'value="12-15, 19-23"' in page.text
    async with shop.tenant.begin() as session:
        plan = await settings.schedule(session)
    assert sorted(plan.peak_hours) == [12, 13, 14, 19, 20, 21, 22]
    assert await audited(shop.runtime, "tickets.hours", "", shop.tenant)


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({"peaks": "by_hand", "peak_3": "23-19", "peak_text": "x"}, "peak_3", "Write hours such as"),
        ({"work_6": "late"}, "work_6", "Write hours such as"),
        ({"peaks": "by_hand", "peak_text": "x"}, "peak_0", "Write the peak hours"),
        ({"peaks": "detected"}, "peak_text", "Write what is answered."),
        ({"peaks": "detected", "peak_text": "a\n{{ cost }}"}, "peak_text", "Line 2: there is no “cost”."),
        ({"off_hours": "yes", "off_text": "x"}, "work_0", "Write when somebody is there"),
        ({"answer_hours": "0"}, "answer_hours", "Write a whole number"),
    ],
)
async def test_what_is_wrong_is_said_at_its_field_and_nothing_is_saved(
    shop: Shop, owner: StaffClient, wrong: dict[str, str], field: str, said: str
) -> None:
    answer = await owner.post("/console/peak-hours", **(FORM | wrong))

    assert answer.status_code == 422
    assert error_at(answer, field).startswith(said)
    async with shop.tenant.begin() as session:
        assert (await settings.schedule(session)).answering == settings.Answering()


async def test_the_busy_hours_of_four_weeks_are_found(shop: Shop, owner: StaffClient) -> None:
    await four_weeks(shop)

    saved = await owner.post("/console/peak-hours", **(FORM | {"peaks": "detected", "peak_text": "Busy."}))
    page = await owner.follow(saved)

    assert "Tuesday 20-21" in text_of(page)
    async with shop.tenant.begin() as session:
        plan = await settings.schedule(session)
    assert 44 in plan.peak_hours
    assert dict(plan.heat)[44] in (30, 40)  # a month has three or four whole Tuesdays behind it


async def test_peaks_are_counted_again_with_a_ticket_after_a_day(runtime: Runtime, shop: Shop) -> None:
    async with shop.tenant.begin() as session:
        await settings.save(session, settings.Answering(peaks="detected", peak_text="Busy."))
    await four_weeks(shop)
    buyer = await shop.buyer()

    await open_ticket(shop, buyer)
    await work_off(runtime)

    async with shop.tenant.begin() as session:
        plan = await settings.schedule(session)
    assert plan.heat_at is not None
    assert 44 in plan.peak_hours


async def test_a_template_is_tried_out_with_a_sample_order(owner: StaffClient) -> None:
    await owner.get("/console/peak-hours")

    shown = await owner.post("/console/peak-hours/preview/peak_text", peak_text="{{ product }}: {{ expected }}")
    wrong = await owner.post("/console/peak-hours/preview/off_text", off_text="{{ supplier }}")

    assert "A product: within 20 minutes" in shown.text
    assert "there is no “supplier”" in wrong.text


async def test_the_templates_that_are_offered_can_be_saved_as_they_are(owner: StaffClient) -> None:
    page = await owner.get("/console/peak-hours")
    offered = {name: page.text.partition(f'id="{name}"')[2].partition(">\n")[2].partition("</textarea>")[0]
               for name in ("peak_text", "off_text")}  # fmt: skip
    sent = FORM | offered | {"peaks": "by_hand", "peak_0": "0-24", "off_hours": "yes", "work_0": "9-18"}

    assert all("{{ ticket }}" in said for said in offered.values())
    assert (await owner.post("/console/peak-hours", **sent)).status_code == 303
