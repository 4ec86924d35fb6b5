"""What the master pays its suppliers is nobody's at a station, and what the station pays the master is no buyer's, nor
that of staff who may not see it. Every page is looked at for the figures themselves."""

import re

from sqlalchemy import text

from deploy.asgi import compose
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tests.isolation import strangers
from tests.isolation.strangers import Stranger
from tests.isolation.survey import covered
from tests.isolation.victim import Victim, open_victim

RETAIL = "97.53"
WHOLESALE = re.compile(r"(?<![0-9A-Za-z])(73[.]?19)(?![1-9A-Za-z])")
COST = re.compile(r"(?<![0-9A-Za-z])(61[.]?37)(?![1-9A-Za-z])")
MASTERS = (
    "UPDATE offers SET cost = 61.37 WHERE good_id = :good",
    "UPDATE purchases SET max_unit_cost = 73.19, cost_cents = 6137 WHERE good_id = :good",
    "UPDATE card_issued SET cost_cents = 6137 WHERE item_id = :good",
    "UPDATE card_pool SET cost_cents = 6137 WHERE item_id = :good",
    "UPDATE tier_prices SET price = 73.19 WHERE good_id = :good",
)
NUMBERS_OF_CHANCE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # a request's id has every figure in time
STATIONS = (
    "UPDATE products SET price = 97.53",
    "UPDATE orders SET unit_price = 97.53, total_cents = 9753, wholesale_price = 73.19, wholesale_cents = 7319",
)


async def priced(runtime: Runtime) -> Victim:
    """A station with a row of everything and figures that stand nowhere by accident."""
    victim = await open_victim(runtime)
    async with runtime.database.master_session() as session:
        for statement in MASTERS:
            await session.execute(text(statement), {"good": victim.shop.good_id})
    async with victim.shop.tenant.begin() as session:
        for statement in STATIONS:
            await session.execute(text(statement))
    return victim


async def test_no_page_tells_a_buyer_or_the_staff_what_others_pay(runtime: Runtime) -> None:
    victim, door = await priced(runtime), compose(runtime)
    host = victim.shop.tenant.host
    nobodys = [COST]
    viewers: list[tuple[Stranger, list[re.Pattern[str]]]] = [
        (await strangers.guest(door, host), [COST, WHOLESALE]),
        (await strangers.buyer_called(door, host, victim.buyer), [COST, WHOLESALE]),
        (Stranger(name="machine", jar={}, token="", machine=victim.machine), [COST, WHOLESALE]),
        (await strangers.employee(runtime, door, victim.shop, Role.SERVICE), [COST, WHOLESALE]),
        (await strangers.employee_called(door, host, victim.owner, "owner"), nobodys),
    ]
    told, seen = [], dict.fromkeys((who.name for who, _ in viewers), 0)

    for who, hidden in viewers:
        for route in covered(door.station, victim):
            if route.method != "GET" or route.path.endswith("/live"):
                continue
            for path in route.filled(victim.values):
                answer = await who.ask(door, host, "GET", path, {})
                said = NUMBERS_OF_CHANCE.sub("", answer.text + str(answer.headers))
                seen[who.name] += RETAIL in said
                told += [
                    f"{who.name} {path} ({route.path}): {found[0]}"
                    for figure in hidden
                    if (found := figure.search(said))
                ]

    assert told == []
    assert all(seen.values()), seen
