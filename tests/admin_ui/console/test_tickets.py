"""Staff answer what buyers ask."""

import re
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from kameng.core import clock
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from tenants.aftersale import queries, service
from tests.admin_ui.conftest import SignIn, audited
from tests.support.house import Shop, open_shop
from tests.support.staff_client import StaffClient, error_at, text_of
from tests.tenants.aftersale.steps import open_ticket


@pytest.fixture
async def buyer(shop: Shop) -> UUID:
    return await shop.buyer(wallet_cents=5_000)


async def ticket_of(shop: Shop, buyer_id: UUID) -> str:
    """A ticket about a new order; its number."""
    placed = await shop.buy(buyer_id)
    return await open_ticket(shop, buyer_id, order_no=placed.no, order_id=placed.id)


async def make_overdue(tenant: Tenant, no: str) -> None:
    async with tenant.begin() as session:
        await session.execute(text("UPDATE tickets SET due_at = now() - interval '1 hour' WHERE no = :no"), {"no": no})


async def test_what_is_overdue_stands_first_and_is_counted(shop: Shop, owner: StaffClient, buyer: UUID) -> None:
    first, late = await ticket_of(shop, buyer), await ticket_of(shop, buyer)
    await make_overdue(shop.tenant, late)

    listed = await owner.get("/console/tickets")
    overdue = await owner.get("/console/tickets?show=overdue")

    assert listed.text.index(f"/tickets/{late}") < listed.text.index(f"/tickets/{first}")
    assert "Overdue 1 past their deadline" in text_of(listed)
    assert first not in overdue.text
    assert late in overdue.text


@pytest.mark.parametrize("words", ["order", "ticket", "13800000000", "月卡"])
async def test_a_ticket_is_found_by_what_people_quote(shop: Shop, owner: StaffClient, buyer: UUID, words: str) -> None:
    no = await ticket_of(shop, buyer)
    async with shop.tenant.begin() as session:
        ticket = await queries.ticket(session, no)
    asked = {"order": ticket.order_no[3:9], "ticket": no[2:9]}.get(words, words)

    assert no in (await owner.get(f"/console/tickets?q={asked}")).text
    assert no not in (await owner.get("/console/tickets?q=somethingelse")).text


async def test_whoever_answers_takes_the_ticket_on_and_the_buyer_is_told(
    shop: Shop, owner: StaffClient, buyer: UUID
) -> None:
    no = await ticket_of(shop, buyer)

    answer = await owner.post(f"/console/tickets/{no}/answer", body="Try it in the other region.", then="waiting")
    page = await owner.follow(answer)

    assert "Try it in the other region." in text_of(page)
    async with shop.tenant.begin() as session:
        ticket = await queries.ticket(session, no)
    assert (ticket.state, ticket.due_at, ticket.is_unread) == ("waiting", None, True)
    assert ticket.assigned_name
    assert len(await audited(shop.runtime, "tickets.answer", no, shop.tenant)) == 1


async def test_an_empty_answer_is_named_at_its_field(shop: Shop, owner: StaffClient, buyer: UUID) -> None:
    no = await ticket_of(shop, buyer)

    answer = await owner.post(f"/console/tickets/{no}/answer", body=" ")

    assert answer.status_code == 422
    assert error_at(answer, "body") == "Fill this in."


async def test_a_closed_ticket_takes_no_answer_and_can_be_opened_again(
    shop: Shop, owner: StaffClient, buyer: UUID
) -> None:
    no = await ticket_of(shop, buyer)
    await owner.post(f"/console/tickets/{no}/close")

    late = await owner.post(f"/console/tickets/{no}/answer", body="Too late")
    await owner.post(f"/console/tickets/{no}/reopen")

    assert late.status_code == 422
    assert "This ticket is closed." in text_of(late)
    async with shop.tenant.begin() as session:
        assert (await queries.ticket(session, no)).state == "open"


async def test_a_note_is_for_the_team(shop: Shop, owner: StaffClient, buyer: UUID) -> None:
    no = await ticket_of(shop, buyer)

    page = await owner.follow(await owner.post(f"/console/tickets/{no}/note", note="Knows the trick."))

    assert "Note, for the team only" in text_of(page)
    assert "Knows the trick." in text_of(page)
    async with shop.tenant.begin() as session:
        ticket = await queries.ticket(session, no)
        assert (ticket.state, ticket.is_unread) == ("open", False)
        assert all(one.author != "note" for one in (await queries.thread(session, ticket)).messages)


async def test_a_ticket_is_handed_over_and_back(shop: Shop, owner: StaffClient, sign_in: SignIn, buyer: UUID) -> None:
    service_desk = await sign_in(shop.tenant, Role.SERVICE)
    no = await ticket_of(shop, buyer)
    page = await service_desk.get(f"/console/tickets/{no}")
    (me,) = re.findall(r'type="hidden" name="staff_id" value="([^"]+)"', page.text)

    await owner.post(f"/console/tickets/{no}/assign", staff_id=me)
    mine = await service_desk.get("/console/tickets?show=mine")
    await service_desk.post(f"/console/tickets/{no}/assign", staff_id="")
    stranger = await owner.post(f"/console/tickets/{no}/assign", staff_id="01900000-0000-7000-8000-000000000000")

    assert no in mine.text
    assert no not in (await service_desk.get("/console/tickets?show=mine")).text
    assert no in (await service_desk.get("/console/tickets?show=nobodys")).text
    assert stranger.status_code == 422


async def test_two_tickets_about_one_order_become_one(shop: Shop, owner: StaffClient, buyer: UUID) -> None:
    placed = await shop.buy(buyer)
    kept = await open_ticket(shop, buyer, order_no=placed.no, order_id=placed.id, body="The first.")
    doubled = await open_ticket(shop, buyer, order_no=placed.no, order_id=placed.id, body="The second.")

    offered = await owner.get(f"/console/tickets/{kept}")
    page = await owner.follow(await owner.post(f"/console/tickets/{doubled}/merge", into=kept))

    assert f"/console/tickets/{doubled}/merge" in offered.text
    assert {"The first.", "The second."} <= set(re.findall(r"The (?:first|second)\.", text_of(page)))
    assert kept in (await owner.get(f"/console/tickets/{doubled}")).text
    assert doubled not in (await owner.get("/console/tickets?show=all")).text


async def test_tickets_of_two_orders_stay_apart(shop: Shop, owner: StaffClient, buyer: UUID) -> None:
    one, other = await ticket_of(shop, buyer), await ticket_of(shop, buyer)

    page = await owner.follow(await owner.post(f"/console/tickets/{one}/merge", into=other))

    assert "Only open tickets of the same buyer about the same order can be merged." in page.text
    async with shop.tenant.begin() as session:
        assert (await queries.ticket(session, one)).merged_into is None


async def test_whoever_complains_about_every_order_is_marked(shop: Shop, owner: StaffClient, buyer: UUID) -> None:
    calm = await shop.buyer(wallet_cents=2_000)
    quiet = await ticket_of(shop, calm)
    loud = [await ticket_of(shop, buyer) for _ in range(3)]

    page, calm_page = await owner.get(f"/console/tickets/{loud[0]}"), await owner.get(f"/console/tickets/{quiet}")

    assert "Claims often" in text_of(page)
    assert "3 about 3 orders" in text_of(page)
    assert "Claims often" not in text_of(calm_page)
    assert text_of(await owner.get("/console/tickets")).count("Claims often") == 3


async def test_a_canned_reply_is_put_in_with_the_order_filled_in(shop: Shop, owner: StaffClient, buyer: UUID) -> None:
    saved = await owner.post("/console/replies", title="Used", body="Order {{ order }}: {{ state }}.", position="0")
    assert saved.status_code == 303
    no = await ticket_of(shop, buyer)
    async with shop.tenant.begin() as session:
        order_no = (await queries.ticket(session, no)).order_no
        reply = (await queries.replies(session))[0].id

    page = await owner.get(f"/console/tickets/{no}?reply={reply}")
    part = await owner.drawer(f"/console/tickets/{no}/draft?reply={reply}")
    await owner.post(f"/console/tickets/{no}/answer", body="Sent", reply_id=str(reply))

    assert f"Order {order_no}: Delivered." in page.text
    assert f"Order {order_no}: Delivered." in part.text
    assert "<html" not in part.text
    async with shop.tenant.begin() as session:
        assert (await queries.canned(session, reply)).used == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("Hi\n{{ ordr }}", "Line 2: there is no “ordr”."),
        ("{% for a in order %}{% endfor %}", "Line 1: only names"),
        ("a\nb\n{{ order", "Line 3 cannot be read."),
    ],
)
async def test_a_reply_that_cannot_be_read_is_refused_with_its_line(owner: StaffClient, body: str, said: str) -> None:
    answer = await owner.post("/console/replies", title="T", body=body, position="0")

    assert answer.status_code == 422
    assert error_at(answer, "body").startswith(said)
    assert "No canned replies yet" in (await owner.get("/console/replies")).text


async def test_replies_are_changed_and_deleted(shop: Shop, owner: StaffClient) -> None:
    await owner.post("/console/replies", title="One", body="First", position="0")
    async with shop.tenant.begin() as session:
        number = (await queries.replies(session))[0].id

    await owner.post(f"/console/replies/{number}", title="Two", body="Second", position="3")
    changed = text_of(await owner.get("/console/replies"))
    await owner.post(f"/console/replies/{number}/delete")

    assert "Two Second" in changed
    assert (await owner.get(f"/console/replies/{number}")).status_code == 404
    assert await audited(shop.runtime, "replies.change", str(number), shop.tenant)


async def test_the_measures_count_what_was_answered_and_how_fast(shop: Shop, owner: StaffClient, buyer: UUID) -> None:
    tickets = [await ticket_of(shop, buyer) for _ in range(2)]
    ago = clock.now() - timedelta(minutes=30)
    async with shop.tenant.begin() as session:
        await session.execute(text("UPDATE tickets SET opened_at = :ago"), {"ago": ago})
        await session.execute(text("UPDATE tickets SET auto_at = :ago WHERE no = :no"), {"ago": ago, "no": tickets[0]})
    await owner.post(f"/console/tickets/{tickets[0]}/answer", body="Solved.", then="closed")
    async with shop.tenant.begin() as session:
        await service.rate(session, await queries.ticket(session, tickets[0], lock=True), 4, "")

    read = text_of(await owner.get("/console/tickets"))
    table = text_of(await owner.get("/console/tickets/figures"))

    assert "First answer by a person 30 min" in read
    assert "Rating 4.0 / 5 1 rating" in read
    assert "Answered at once by template 50 % of 2 in 30 days" in read
    assert re.search(r"\d{4}-\d\d-\d\d 2 1 30 min 4\.0", table)


async def test_the_overview_tells_of_a_new_ticket(shop: Shop, owner: StaffClient, buyer: UUID) -> None:
    no = await ticket_of(shop, buyer)

    assert f"A buyer asks for help in ticket {no}." in text_of(await owner.get("/console"))


async def test_another_stations_tickets_are_not_there(
    runtime: Runtime, shop: Shop, sign_in: SignIn, buyer: UUID
) -> None:
    no = await ticket_of(shop, buyer)
    stranger = await sign_in((await open_shop(runtime)).tenant, Role.OWNER)

    for path in (f"/console/tickets/{no}", f"/console/tickets/{no}/thread", f"/console/tickets/{no}/live"):
        assert (await stranger.get(path)).status_code == 404
    assert (await stranger.post(f"/console/tickets/{no}/answer", body="Hello")).status_code == 404


async def test_whoever_may_only_read_sees_no_form(shop: Shop, owner: StaffClient, sign_in: SignIn, buyer: UUID) -> None:
    no = await ticket_of(shop, buyer)
    finance = await sign_in(shop.tenant, Role.FINANCE)

    assert (await finance.get(f"/console/tickets/{no}")).status_code == 403
    assert f"/console/tickets/{no}/answer" in (await owner.get(f"/console/tickets/{no}")).text
