"""Staff end what the rules could not."""

import re
from uuid import UUID

import pytest
from sqlalchemy import text

from kameng.identity import roles, standing
from kameng.identity.permissions import Permission, Role
from kameng.infra.runtime import Runtime
from tests.admin_ui.conftest import SignIn, audited
from tests.support.house import Shop, ledger_is_balanced, work_off
from tests.support.staff_client import StaffClient, error_at, text_of
from tests.tenants.desk.steps import case_of, rows, short_shop, waiting


@pytest.fixture
async def shop(runtime: Runtime) -> Shop:
    return await short_shop(runtime)


@pytest.fixture
async def service(shop: Shop, sign_in: SignIn) -> StaffClient:
    return await sign_in(shop.tenant, Role.SERVICE)


async def person_id(client: StaffClient, case_id: UUID) -> str:
    page = await client.get(f"/console/desk/cases/{case_id}")
    return str(re.findall(r'type="hidden" name="staff_id" value="([^"]+)"', page.text)[0])


async def test_the_queue_shows_what_needs_a_person_overdue_first(shop: Shop, owner: StaffClient) -> None:
    calm, late, soon = [await waiting(shop) for _ in range(3)]
    await rows_changed(shop, "UPDATE desk_cases SET person_at = now(), due_at = now() + interval '9 minutes'"
                             " WHERE order_no = :no", no=soon.no)  # fmt: skip
    await rows_changed(shop, "UPDATE desk_cases SET person_at = now() - interval '1 hour', due_at = now() -"
                             " interval '1 minute' WHERE order_no = :no", no=late.no)  # fmt: skip

    queue = await owner.get("/console/desk")
    by_rules = await owner.get("/console/desk?show=rules")

    assert queue.text.index(late.no) < queue.text.index(soon.no)
    assert calm.no not in queue.text
    assert calm.no in by_rules.text
    assert "For a person 2" in text_of(queue)
    assert late.no in (await owner.get(f"/console/desk?q={late.no[3:10]}")).text
    assert late.no not in (await owner.get("/console/desk?show=all&kind=fraud")).text


async def rows_changed(shop: Shop, statement: str, **values: object) -> None:
    async with shop.tenant.begin() as session:
        await session.execute(text(statement), values)


async def test_a_case_is_claimed_handed_over_and_given_up(shop: Shop, owner: StaffClient) -> None:
    case = await case_of(shop, (await waiting(shop)).no)
    me = await person_id(owner, case.id)

    await owner.post(f"/console/desk/cases/{case.id}/assign", staff_id=me)
    assert (await case_of(shop, case.order_no)).assigned_to == UUID(me)
    await owner.post(f"/console/desk/cases/{case.id}/assign", staff_id="")

    assert (await case_of(shop, case.order_no)).assigned_to is None
    assert len(await audited(shop.runtime, "desk.assign", case.order_no)) == 2


async def test_a_message_stands_on_the_buyers_page_and_takes_the_case_on(shop: Shop, service: StaffClient) -> None:
    case = await case_of(shop, (await waiting(shop)).no)
    await service.get(f"/console/desk/cases/{case.id}")

    page = await service.follow(await service.post(f"/console/desk/cases/{case.id}/message", body="Ten minutes more."))
    empty = await service.post(f"/console/desk/cases/{case.id}/message", body=" ")

    assert "Ten minutes more." in text_of(page)
    assert (empty.status_code, error_at(empty, "body")) == (422, "Fill this in.")
    case = await case_of(shop, case.order_no)
    assert case.touched_at is not None
    assert case.assigned_name.startswith("service")


async def test_whoever_has_neither_the_right_nor_a_limit_gives_nothing_back(shop: Shop, service: StaffClient) -> None:
    case = await case_of(shop, (await waiting(shop)).no)
    await service.get(f"/console/desk/cases/{case.id}")

    page = await service.follow(await service.post(f"/console/desk/cases/{case.id}/refund"))

    assert "You may not give money back." in text_of(page)
    assert await shop.state(case.order_no) == "waiting"


@pytest.mark.parametrize(("limit", "state"), [("9.99", "waiting"), ("10.00", "refunded")])
async def test_a_lent_limit_holds_for_each_refund(
    shop: Shop, owner: StaffClient, service: StaffClient, limit: str, state: str
) -> None:
    case = await case_of(shop, (await waiting(shop)).no)
    me = await person_id(service, case.id)
    await owner.get("/console/desk/limits")
    lent = await owner.post("/console/desk/limits", staff_id=me, limit=limit, ends_at="2027-01-01T00:00")
    assert f"up to ¥{limit} each until 2027-01-01" in text_of(await owner.follow(lent))

    page = await service.follow(await service.post(f"/console/desk/cases/{case.id}/refund"))

    assert await shop.state(case.order_no) == state
    assert ("You may give back up to" in text_of(page)) == (state == "waiting")
    assert (await case_of(shop, case.order_no)).state == ("open" if state == "waiting" else "solved")
    assert await ledger_is_balanced(shop.runtime)


async def test_the_desk_is_lent_to_somebody_without_it_and_taken_back(
    shop: Shop, owner: StaffClient, sign_in: SignIn
) -> None:
    finance = await sign_in(shop.tenant, Role.FINANCE)
    assert (await finance.get("/console/desk")).status_code == 403
    page = await owner.get("/console/desk/limits")
    (who,) = re.findall(r'<option value="([^"]+)"[^>]*>finance', page.text)

    await owner.post("/console/desk/limits", staff_id=who, limit="0", ends_at="2027-01-01T00:00")
    assert (await finance.get("/console/desk")).status_code == 200
    await owner.post(f"/console/desk/limits/{who}/revoke")

    assert (await finance.get("/console/desk")).status_code == 403
    assert len(await audited(shop.runtime, "desk.take", await name_of(shop, who))) == 1


async def name_of(shop: Shop, staff_id: str) -> str:
    async with shop.runtime.database.master_session() as session:
        return str(
            (await session.execute(text("SELECT name FROM staff WHERE id = :id"), {"id": staff_id})).scalar_one()
        )


async def test_a_wrong_account_is_corrected_and_delivered_by_somebody_with_desk_rights_only(
    shop: Shop, owner: StaffClient, sign_in: SignIn, runtime: Runtime
) -> None:
    placed = await waiting(shop)
    await rows_changed(
        shop,
        "UPDATE products SET fields = CAST(:fields AS jsonb)",
        fields='[{"label": "QQ", "kind": "number", "required": true}]',
    )
    await rows_changed(shop, "UPDATE orders SET inputs = CAST(:inputs AS jsonb)", inputs='{"QQ": "abc"}')
    await rows_changed(shop, "UPDATE desk_cases SET kind = 'wrong_input'")
    case = await case_of(shop, placed.no)
    deputy = await sign_in(shop.tenant, Role.FINANCE)
    async with runtime.database.master_session() as session:
        made = await session.execute(
            text("INSERT INTO roles (tenant_id, name, permissions) VALUES (:t, 'desk', :p) RETURNING id"),
            {"t": shop.tenant.id, "p": [str(Permission.DESK_READ), str(Permission.DESK_WORK)]},
        )
        await session.execute(
            text("UPDATE memberships SET role = :role WHERE role = 'finance' AND tenant_id = :t"),
            {"role": f"{roles.CUSTOM}{made.scalar_one()}", "t": shop.tenant.id},
        )
    standing.forget()
    assert "/console/desk" in (await deputy.follow(await deputy.get("/console"))).text

    wrong = await deputy.post(f"/console/desk/cases/{case.id}/correct", **{"inputs.QQ": "not a number"})
    right = await deputy.post(f"/console/desk/cases/{case.id}/correct", **{"inputs.QQ": "10001"}, contact="13900139000")
    await deputy.post(f"/console/desk/cases/{case.id}/deliver", cards="K-1")

    assert wrong.status_code == 422
    assert "Write digits only." in text_of(wrong)
    assert right.status_code == 303
    (order,) = await rows(shop, "SELECT state, inputs, contact FROM orders")
    assert (order.state, order.inputs, order.contact) == ("delivered", {"QQ": "10001"}, "13900139000")
    assert (await case_of(shop, placed.no)).solution == "delivered"
    for path in ("/console/orders", "/console/tickets", "/console/desk/rules"):
        assert (await deputy.get(path)).status_code == 403


async def test_the_buyer_takes_the_equivalent_and_gets_the_difference(
    shop: Shop, service: StaffClient, runtime: Runtime
) -> None:
    placed = await waiting(shop)
    case = await case_of(shop, placed.no)
    await rows_changed(shop, "INSERT INTO products (name, price, fulfilment) VALUES ('季卡', 9, 'by_hand')")
    (other,) = await rows(shop, "SELECT id FROM products WHERE name = '季卡'")
    await rows_changed(
        shop, "UPDATE products SET equivalents = ARRAY[:o ::bigint] WHERE id = :p", p=shop.product_id, o=other.id
    )
    await service.get(f"/console/desk/cases/{case.id}")

    page = await service.follow(await service.post(f"/console/desk/cases/{case.id}/offer", product_id=str(other.id)))

    assert "The buyer is asked on the order's page." in text_of(page).replace("&#39;", "'")
    (swap,) = await rows(shop, "SELECT state, total_cents FROM desk_swaps")
    assert (swap.state, swap.total_cents) == ("offered", 900)


async def test_a_rule_is_tried_out_before_it_is_switched_on(shop: Shop, owner: StaffClient) -> None:
    for _ in range(3):
        await waiting(shop)
    await owner.get("/console/desk/rules/new")
    bad = await owner.post("/console/desk/rules", name="", action="message", text="{{ nonsense }}")
    added = await owner.post(
        "/console/desk/rules", name="Money back", short_stock="yes", action="refund", after_minutes="5"
    )
    assert bad.status_code == 422
    assert error_at(bad, "name") == "Fill this in."

    trial = await owner.follow(added)
    rule_id = re.findall(r"/desk/rules/(\d+)/switch", trial.text)[0]

    assert "With this rule 3 of 3 would have been solved without a person" in text_of(trial)
    assert "As it is 0 of 3" in text_of(trial)
    await owner.post(f"/console/desk/rules/{rule_id}/switch", state="on")
    (rule,) = await rows(shop, "SELECT state FROM desk_rules WHERE id = :id", id=int(rule_id))
    assert rule.state == "on"


async def test_a_template_is_shown_on_a_sample_and_its_fault_is_named(owner: StaffClient) -> None:
    await owner.get("/console/desk/rules/new")

    assert "Dear customer" in text_of(await owner.post("/console/desk/rules/preview", text="Dear {{ buyer }}"))
    assert "there is no “who”" in text_of(await owner.post("/console/desk/rules/preview", text="{{ who }}"))


async def test_figures_tell_what_was_solved_without_a_person(shop: Shop, owner: StaffClient, runtime: Runtime) -> None:
    done, touched = await waiting(shop), await waiting(shop)
    case = await case_of(shop, touched.no)
    await owner.get(f"/console/desk/cases/{case.id}")
    await owner.post(f"/console/desk/cases/{case.id}/close", words="talked to him")
    await rows_changed(
        shop, "UPDATE desk_cases SET state = 'solved', solved_at = now(), solution = 'delivered' WHERE order_no = :no",
        no=done.no,
    )  # fmt: skip

    page = text_of(await owner.get("/console/desk"))
    table = text_of(await owner.get("/console/desk/figures"))
    file = (await owner.get("/console/desk/cases.csv")).text

    assert "Solved without a person 50 % 1 of 2 in 30 days" in page
    assert "Short of stock 2 2 50 %" in table
    assert file.count("Short of stock") == 2
    await work_off(runtime)
