"""What was bought from suppliers: found by supplier, taken away as a file, and told apart from what people deliver."""

from decimal import Decimal

from sqlalchemy import text

from kameng.core import ids
from kameng.infra.runtime import Runtime
from supplier_gateway.offers import service as offers
from supplier_gateway.suppliers import service as suppliers
from tests.support.house import Shop, open_shop, work_off
from tests.support.staff_client import StaffClient, text_of


async def bought_from_a_person(runtime: Runtime) -> tuple[Shop, int, str]:
    """A purchase of an hour ago that somebody is to deliver: its shop, its supplier, its reference."""
    shop = await open_shop(runtime)
    sealer = await runtime.keyring.master()
    async with runtime.database.master_session() as session:
        person = await suppliers.add(session, sealer, f"=person {ids.code(8)}", "manual")
        await offers.add(session, shop.good_id, person.id, Decimal("6.00"), sku="X-1")
    placed = await shop.buy(await shop.buyer(wallet_cents=1_000))
    await work_off(runtime)
    async with runtime.database.master_session() as session:
        aged = text(
            "UPDATE purchases SET created_at = now() - interval '1 hour' WHERE order_ref = :order RETURNING reference"
        )
        return shop, person.id, (await session.execute(aged, {"order": placed.id})).scalar_one()


async def good_of(runtime: Runtime, shop: Shop) -> str:
    async with runtime.database.master_session() as session:
        found = await session.execute(text("SELECT name FROM goods WHERE id = :id"), {"id": shop.good_id})
        return str(found.scalar_one())


async def test_what_a_person_is_to_deliver_waits_for_him_and_is_not_to_be_settled(
    runtime: Runtime, operator: StaffClient
) -> None:
    shop, person, reference = await bought_from_a_person(runtime)

    listed = await operator.get(f"/purchases?supplier={person}")
    stuck = text_of(await operator.get(f"/purchases?supplier={person}&state=stuck"))
    page = await operator.get(f"/purchases/{reference}")

    assert await good_of(runtime, shop) in text_of(listed)
    assert "Waits for a person" in text_of(listed)
    assert 'href="/manual-tasks?state=open"' in listed.text
    assert reference not in stuck
    assert "No purchase fits" in stuck
    assert f'href="/manual-tasks?q={reference}"' in page.text
    assert f'action="/purchases/{reference}/settle"' not in page.text


async def test_purchases_are_taken_away_as_the_list_shows_them(runtime: Runtime, operator: StaffClient) -> None:
    shop, person, reference = await bought_from_a_person(runtime)
    _, _, other = await bought_from_a_person(runtime)

    page = await operator.get(f"/purchases?supplier={person}&q={reference}")
    file = await operator.get(f"/purchases/export?supplier={person}&q={reference}")
    everything = await operator.get("/purchases/export?supplier=nonsense")

    assert f"/purchases/export?supplier={person}&amp;q={reference}" in page.text
    assert file.headers["content-type"].startswith("text/csv")
    head, line = file.text.splitlines()
    assert head.startswith("\ufeffReference,Order,Station,Good,Supplier,State")
    assert line.startswith(f"{reference},")
    assert f"{await good_of(runtime, shop)},'=person" in line  # a spreadsheet does not take it for a formula
    assert other not in file.text
    assert {reference, other} <= {row.partition(",")[0] for row in everything.text.splitlines()}
