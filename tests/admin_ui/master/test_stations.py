"""Opening stations, and what the master does to them."""

import csv
import io
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from billing.wholesale import service as wholesale
from kameng.core import ids
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tenants.domains import queries as domain_queries
from tenants.domains import service as domains
from tenants.domains.errors import DomainTaken
from tenants.registry import queries
from tests.admin_ui.conftest import PASSWORD, audited, person
from tests.admin_ui.people.steps import accept, link_in, log_of
from tests.support.house import Shop, ledger_is_balanced, open_shop, work_off
from tests.support.staff_client import StaffClient, error_at, text_of

Clients = Callable[[str], StaffClient]


async def draft(runtime: Runtime) -> dict[str, str]:
    """A form that is right."""
    mark = ids.code(8).lower()
    async with runtime.database.master_session() as session:
        tier = await wholesale.add_tier(session, f"tier {mark}")
    return {
        "slug": f"shop-{mark}",
        "name": "星辰点卡",
        "tier_id": str(tier.id),
        "owner": "account",
        "owner_login": f"owner-{mark}",
        "owner_password": PASSWORD,
        "deposit": "1,000.00",
        "accent": "#0A7D5A",
    }


async def stations_called(runtime: Runtime, slug: str) -> int:
    async with runtime.database.master_session() as session:
        row = await session.execute(text("SELECT count(*) FROM tenants WHERE slug = :slug"), {"slug": slug})
        return int(row.scalar_one())


async def test_a_new_station_is_reachable_at_once_and_its_owner_can_sign_in(
    runtime: Runtime, operator: StaffClient, clients: Clients
) -> None:
    form = await draft(runtime)
    host = f"{form['slug']}.{runtime.settings.station_domain}"
    stranger = clients(host)
    assert (await stranger.get("/console/login")).status_code == 404
    await operator.get("/tenants/new")

    page = await operator.follow(await operator.post("/tenants", **form))

    assert "¥1,000.00" in text_of(page)
    assert form["owner_login"] in text_of(page)
    browser = clients(host)
    assert (await browser.sign_in(form["owner_login"], PASSWORD, "/console/login")).status_code == 303
    overview = await browser.get("/console")
    assert "星辰点卡" in overview.text
    assert "Deposit with the master ¥1,000.00" in text_of(overview)
    assert "#0a7d5a" in (await browser.get("/theme.css")).text
    assert len(await audited(runtime, "stations.open", page.url.path.rpartition("/")[2])) == 1
    assert await ledger_is_balanced(runtime)


async def test_hosts_under_the_stations_domain_are_served_and_custom_domains_are_claimed(
    runtime: Runtime, operator: StaffClient, clients: Clients
) -> None:
    form = await draft(runtime)
    hosts = [f"{form['slug']}.localhost", f"www-{form['slug']}.localhost"]
    custom = f"shop.{form['slug']}.example.com"
    await operator.get("/tenants/new")

    page = await operator.follow(await operator.post("/tenants", **form, hosts="\r\n".join(hosts), domains=custom))

    for host in hosts:
        assert (await clients(host).get("/console/login")).status_code == 200
    assert (await clients(custom).get("/console/login")).status_code == 404
    assert f"Domains not proved yet {custom}" in text_of(page)


async def test_a_station_opens_with_its_look_and_all_goods_of_its_tier(
    runtime: Runtime, shop: Shop, operator: StaffClient, clients: Clients
) -> None:
    form = await draft(runtime)
    async with runtime.database.master_session() as session:
        station = await queries.station(session, shop.tenant.id)
    look = {"theme": "night", "notice": "全场自动发货", "contact": "QQ 800-1001"}
    goods = {"catalogue": "all", "markup": "12.5", "tier_id": str(station.tier_id)}
    await operator.get("/tenants/new")

    page = await operator.follow(await operator.post("/tenants", **form | look | goods))
    await work_off(runtime)
    await work_off(runtime)

    assert "Theme Night" in text_of(page)
    home = await clients(f"{form['slug']}.localhost").get("/")
    assert "¥9.00" in home.text  # 8.00 and 12.5 %
    assert "全场自动发货" in home.text
    assert "QQ 800-1001" in home.text


async def test_a_station_opens_without_an_owner_and_its_page_says_so(runtime: Runtime, operator: StaffClient) -> None:
    form = await draft(runtime)
    await operator.get("/tenants/new")

    page = await operator.follow(await operator.post("/tenants", **form | {"owner": "none"}))

    assert "Nobody owns this station yet. Go to the team and invite an owner" in text_of(page)
    assert f'href="{page.url.path}/team"' in page.text


async def test_an_invited_owner_opens_the_link_that_is_shown_once_and_owns_the_station(
    runtime: Runtime, operator: StaffClient, clients: Clients
) -> None:
    form = await draft(runtime) | {"owner": "invite", "owner_name": "新站长", "owner_email": "boss@example.com"}
    await operator.get("/tenants/new")

    answer = await operator.post("/tenants", **form)
    link = link_in(answer)
    tenant_id = int(re.findall(r'href="/tenants/(\d+)"', answer.text)[0])
    later = await operator.get(f"/tenants/{tenant_id}")
    boss = clients(f"{form['slug']}.{runtime.settings.station_domain}")
    joined = await boss.follow(await accept(boss, link, form["owner_login"], "新站长"))

    assert "The station is open, and its owner is invited" in text_of(answer)
    assert link not in later.text
    assert "Its owner is invited, and has not come yet." in text_of(later)
    assert "¥1,000.00" in text_of(joined)
    assert (await boss.get("/console/team")).status_code == 200
    assert f"Owner 新站长, signs in as {form['owner_login']}" in text_of(await operator.get(f"/tenants/{tenant_id}"))
    (actor, subject, detail), *others = await log_of(runtime, tenant_id, "staff.invite")
    assert (subject, detail, others) == ("新站长", {"role": "owner", "email": "boss@example.com"}, [])
    assert actor.startswith("master: ")


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"owner": "invite", "owner_name": ""}, "owner_name", "Fill this in."),
        ({"owner": "invite", "owner_email": "boss@nowhere"}, "owner_email", "This is not an e-mail address."),
        ({"owner": "account", "owner_login": ""}, "owner_login", "Fill this in."),
        ({"owner": "everybody"}, "owner", "Choose one of the list."),
    ],
)
async def test_of_an_owner_who_cannot_be_invited_it_is_said_why_and_nothing_is_made(
    runtime: Runtime, operator: StaffClient, changes: dict[str, str], field: str, said: str
) -> None:
    form = await draft(runtime) | {"owner_name": "新站长", "owner_email": "boss@example.com"}
    await operator.get("/tenants/new")

    answer = await operator.post("/tenants", **form | changes)

    assert (answer.status_code, error_at(answer, field)) == (422, said)
    assert await stations_called(runtime, form["slug"]) == 0


async def test_a_domain_that_another_station_has_is_refused_and_nothing_is_made(
    runtime: Runtime, shop: Shop, operator: StaffClient
) -> None:
    form, domain = await draft(runtime), f"shop-{ids.code(8).lower()}.com"
    async with runtime.database.master_session() as session:
        number = await domains.claim(session, runtime.settings, shop.tenant.id, domain)
        assert await domains.serve(session, await domain_queries.claim(session, shop.tenant.id, number), "operator")
    await operator.get("/tenants/new")

    answer = await operator.post("/tenants", **form, domains=f"other.{domain}\r\n{domain.upper()}")

    assert answer.status_code == 422
    assert error_at(answer, "domains") == DomainTaken.message
    assert await stations_called(runtime, form["slug"]) == 0


@pytest.mark.parametrize(("trial_days", "state"), [(14, "trial"), (0, "active")])
async def test_a_station_with_a_plan_begins_on_trial_or_is_due_at_once(
    runtime: Runtime, operator: StaffClient, trial_days: int, state: str
) -> None:
    form = await draft(runtime)
    async with runtime.database.master_session() as session:
        row = await session.execute(
            text("INSERT INTO plans (name, price_cents, trial_days) VALUES (:name, 9900, :days) RETURNING id"),
            {"name": form["slug"], "days": trial_days},
        )
        plan_id = row.scalar_one()
    await operator.get("/tenants/new")

    page = await operator.follow(await operator.post("/tenants", **form, plan_id=plan_id))

    async with runtime.database.master_session() as session:
        station = await queries.station(session, int(page.url.path.rpartition("/")[2]))
    assert (station.state, station.plan) == (state, form["slug"])
    assert station.paid_until == station.created_at + timedelta(days=trial_days)
    assert station.name in text_of(await operator.get(f"/tenants?plan={plan_id}"))


async def test_everything_that_is_taken_is_named_at_its_field_and_nothing_is_made(
    runtime: Runtime, shop: Shop, operator: StaffClient
) -> None:
    login = await person(runtime, shop.tenant.id, Role.OWNER)
    form = await draft(runtime)
    await operator.get("/tenants/new")

    answer = await operator.post(
        "/tenants",
        **form | {"slug": shop.tenant.slug, "owner_login": login.upper(), "hosts": shop.tenant.host},
    )

    assert answer.status_code == 422
    assert error_at(answer, "slug") == "This short name is taken by another station."
    assert error_at(answer, "hosts") == "This host belongs to another station."
    assert error_at(answer, "owner_login") == "This login is taken."
    assert await stations_called(runtime, shop.tenant.slug) == 1


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("slug", "Two Words", "small letters, digits and hyphens"),
        ("slug", "-dash", "small letters, digits and hyphens"),
        ("hosts", "http://shop.example.com/", "A host is a name"),
        ("hosts", "shop.example.com", "Only names directly under the stations' domain"),
        ("hosts", "twice.localhost\ntwice.localhost", "A host is named twice."),
        ("hosts", "master.localhost", "This host belongs to another station."),
        ("domains", "http://shop.example.com/", "write only shop.example.com"),
        ("domains", "shop.localhost", "are given by the master"),
        ("plan_id", "2147483647", "Choose one of the list."),
        ("theme", "purple", "Choose one of the list."),
        ("markup", "-1", "Write a number"),
        ("tier_id", "2147483647", "Choose one of the list."),
        ("accent", "red;}", "Write a colour"),
        ("accent", "#FFE000", "its contrast is 1.3:1 on white"),
        ("owner_login", "a b", "no spaces"),
        ("owner_password", "short", "at least 8 characters"),
        ("deposit", "-5", "Write a number"),
        ("name", "", "Fill this in."),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_is_made(
    runtime: Runtime, operator: StaffClient, field: str, value: str, said: str
) -> None:
    form = await draft(runtime)
    await operator.get("/tenants/new")

    answer = await operator.post("/tenants", **form | {field: value})

    assert answer.status_code == 422
    assert said in error_at(answer, field)
    assert PASSWORD not in answer.text
    assert await stations_called(runtime, form["slug"]) == 0


async def test_what_cannot_be_read_and_what_is_taken_are_named_together(
    runtime: Runtime, shop: Shop, operator: StaffClient
) -> None:
    form = await draft(runtime)
    await operator.get("/tenants/new")

    answer = await operator.post(
        "/tenants", **form | {"slug": shop.tenant.slug, "name": "", "accent": "red", "domains": "a b", "tier_id": "x"}
    )

    wrong = {field: bool(error_at(answer, field)) for field in ("slug", "name", "accent", "domains", "tier_id")}
    assert all(wrong.values()), wrong
    assert error_at(answer, "hosts") == "This host belongs to another station."
    assert error_at(answer, "owner_login") == ""


async def test_a_suspended_shop_is_closed_while_its_console_stays_open_and_says_why(
    runtime: Runtime, shop: Shop, operator: StaffClient, owner: StaffClient, clients: Clients
) -> None:
    path = f"/tenants/{shop.tenant.id}"
    await operator.get(path)

    refused = await operator.post(f"{path}/suspend", reason="")
    assert error_at(refused, "reason") == "Fill this in."
    await operator.follow(await operator.post(f"{path}/suspend", reason="重复投诉"))
    assert shop.tenant.name in text_of(await operator.get("/tenants?state=suspended"))
    assert (await clients(shop.tenant.host).get("/")).status_code == 503
    assert "has closed this shop to its buyers: 重复投诉" in text_of(await owner.get("/console"))
    again = await operator.post(f"{path}/suspend", reason="重复投诉")
    assert again.status_code == 409

    await operator.follow(await operator.post(f"{path}/resume"))
    assert (await clients(shop.tenant.host).get("/")).status_code == 200
    assert len(await audited(runtime, "stations.suspend", str(shop.tenant.id))) == 1
    assert len(await audited(runtime, "stations.resume", str(shop.tenant.id))) == 1


async def test_a_suspended_station_whose_plan_ran_out_is_overdue_when_it_is_reopened(
    runtime: Runtime, shop: Shop, operator: StaffClient
) -> None:
    path = f"/tenants/{shop.tenant.id}"
    async with runtime.database.master_session() as session:
        await session.execute(
            text(
                "WITH p AS (INSERT INTO plans (name, price_cents) VALUES (:name, 100) RETURNING id)"
                " UPDATE tenants SET plan_id = p.id, paid_until = now() - interval '1 day'"
                " FROM p WHERE tenants.id = :id"
            ),
            {"name": f"plan {shop.tenant.slug}", "id": shop.tenant.id},
        )
    await operator.get(path)
    await operator.post(f"{path}/suspend", reason="x")

    page = await operator.follow(await operator.post(f"{path}/resume"))

    assert "takes no orders until its plan is paid" in page.text
    assert (await runtime.directory.tenant(shop.tenant.id)).state == "overdue"


async def test_the_list_is_narrowed_ordered_and_downloaded(runtime: Runtime, operator: StaffClient) -> None:
    rich, poor = await open_shop(runtime, deposit_cents=50_000), await open_shop(runtime, deposit_cents=1)
    async with runtime.database.master_session() as session:
        tier = (await queries.station(session, poor.tenant.id)).tier_id
        await session.execute(
            text("UPDATE tenants SET tier_id = :tier, name = '=1+1' WHERE id = :id"),
            {"tier": tier, "id": rich.tenant.id},
        )
    address = f"tier={tier}&sort=deposit"

    page = (await operator.get(f"/tenants?{address}")).text
    told = await operator.get(f"/tenants/stations.csv?{address}")

    assert page.index(f'href="/tenants/{poor.tenant.id}"') < page.index(f'href="/tenants/{rich.tenant.id}"')
    assert "attachment" in told.headers["content-disposition"]
    lines = list(csv.DictReader(io.StringIO(told.text.removeprefix("\ufeff"))))
    assert [line["no"] for line in lines] == [str(poor.tenant.id), str(rich.tenant.id)]
    assert [line["deposit"] for line in lines] == ["0.01", "500.00"]
    assert lines[1]["name"] == "'=1+1"  # no formula for a spreadsheet


async def test_a_station_without_an_owner_says_so_and_gets_one(
    runtime: Runtime, shop: Shop, operator: StaffClient, clients: Clients
) -> None:
    path = f"/tenants/{shop.tenant.id}"
    login = f"late-{ids.code(6).lower()}"
    assert "Nobody owns this station yet" in text_of(await operator.get(path))
    taken = await person(runtime, None, Role.OPERATOR)
    staff = {"staff_name": "Late", "staff_password": PASSWORD, "staff_role": "owner"}
    accounts = f"{path}/team/accounts"

    refused = await operator.post(accounts, staff_login=taken, **staff)
    assert error_at(refused, "staff_login") == "This login is taken."
    weak = await operator.post(accounts, staff_login=login, **staff | {"staff_password": "short"})
    assert "at least 8 characters" in error_at(weak, "staff_password")

    page = await operator.follow(await operator.post(accounts, staff_login=login, **staff))
    assert login in text_of(page)
    assert "Nobody owns this station yet" not in text_of(await operator.get(path))
    assert (await clients(shop.tenant.host).sign_in(login, PASSWORD, "/console/login")).status_code == 303


async def test_a_station_changes_its_tier(runtime: Runtime, shop: Shop, operator: StaffClient) -> None:
    form = await draft(runtime)
    path = f"/tenants/{shop.tenant.id}"
    await operator.get(path)

    page = await operator.follow(await operator.post(f"{path}/tier", tier_id=form["tier_id"]))

    assert f"Tier tier {form['slug'].removeprefix('shop-')}" in text_of(page)
    assert len(await audited(runtime, "stations.tier", str(shop.tenant.id))) == 1
