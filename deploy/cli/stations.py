"""`kameng tenant ...`: open stations, list them, suspend, close and end them."""

import getpass
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import rich_click as click
from rich.table import Table
from sqlalchemy import Row, text

from deploy import surroundings
from deploy.cli.terminal import console, run
from deploy.provisioning import provisioner
from kameng.core.errors import Invalid, NotFound, Refused
from kameng.core.money import format_cents, parse_yuan, to_cents
from kameng.infra.runtime import Runtime, running
from kameng.infra.settings import Settings
from kameng.web.pages import when
from tenants.registry import closing, provisioning, queries, retirement
from tenants.registry.closing import Farewell
from tenants.registry.life import Moved
from tenants.registry.provisioning import By, Owner
from tenants.registry.service import TenantDraft
from tenants.registry.states import State

T = TypeVar("T")
TIER = text("SELECT id FROM tiers WHERE name = :name")
PLAN = text("SELECT id FROM plans WHERE name = :name AND state = 'active'")
LIST = text(queries.LINES + queries.ORDERS["newest"])


@click.group()
def tenant() -> None:
    """Stations: open, list, suspend, close."""


@tenant.command("create")
@click.argument("slug")
@click.argument("name")
@click.option("--tier", required=True, help="The name of its wholesale tier.")
@click.option("--plan", default="", help="The name of its plan; without one it has no limits and is never due.")
@click.option(
    "--host", "hosts", multiple=True, help="A name under the stations' domain; SLUG.<domain> if none is given."
)
@click.option("--domain", "domains", multiple=True, help="A custom domain, served once it is proved.")
@click.option("--theme", type=click.Choice(["classic", "market", "night"]), default="classic")
@click.option("--markup", default=None, help="List all goods of the tier at this many percent on top.")
@click.option("--deposit", default="0", help="Yuan paid in at the start.")
@click.option("--owner", default="", help="The login of its owner.")
@click.option("--password", envvar="KAMENG_OWNER_PASSWORD", default="", help="The owner's password; asked for.")
def create(
    slug: str,
    name: str,
    tier: str,
    plan: str,
    hosts: tuple[str, ...],
    domains: tuple[str, ...],
    theme: str,
    markup: str | None,
    deposit: str,
    owner: str,
    password: str,
) -> None:
    """Open the station SLUG, called NAME."""
    cents = to_cents(parse_yuan(deposit))
    if owner and not password:
        password = click.prompt("Password of the owner", hide_input=True, confirmation_prompt=True)

    async def work(runtime: Runtime) -> tuple[int, str]:
        settings = runtime.settings
        draft = TenantDraft(
            slug=slug,
            name=name,
            tier_id=await _number(runtime, "tier", tier),
            plan_id=await _number(runtime, "plan", plan) if plan else None,
            hosts=hosts or (f"{slug}.{settings.station_domain}",),
            domains=domains,
            theme=theme,
            markup_percent=None if markup is None else parse_yuan(markup),
        )
        first = Owner(owner, owner, password) if owner else None
        opened = await provisioning.open_station(runtime, provisioner(settings), draft, first, cents, _me())
        return opened.tenant_id, settings.base_url(draft.hosts[0])

    number, address = _at_work(work)
    console.print(f"station {number} is open at {address}/")


@tenant.command("list")
@click.option("--state", type=click.Choice([str(state) for state in State]), default=None, help="Only these.")
def list_all(state: str | None) -> None:
    """List the stations, the newest first."""

    async def work(runtime: Runtime) -> list[Row[Any]]:
        values = {"words": "", "pattern": "%", "state": state or "", "tier_id": 0, "plan_id": 0}
        async with runtime.database.master_session() as session:
            return list(await session.execute(LIST, values))

    rows = _at_work(work)
    table = Table("no", box=None, pad_edge=False)
    for title in ("slug", "name", "host", "tier", "plan", "state", "version"):
        table.add_column(title, no_wrap=title in ("slug", "state"), overflow="fold")
    table.add_column("deposit", justify="right", no_wrap=True)
    for row in rows:
        cells = (row.id, row.slug, row.name, row.host, row.tier, row.plan, row.state, row.version)
        table.add_row(*(str(cell) for cell in cells), format_cents(row.deposit_cents))
    console.print(table if rows else "No station yet. Open one with `kameng tenant create`.")


@tenant.command("suspend")
@click.argument("slug")
@click.option("--reason", required=True, help="Goes to the audit log, and the owner sees it.")
def suspend(slug: str, reason: str) -> None:
    """Close the shop of SLUG to its buyers for a time."""

    async def work(runtime: Runtime) -> str:
        return (await closing.suspend(runtime, await _find(runtime, slug), reason, _me())).name

    console.print(f"{_at_work(work)} is suspended")


@tenant.command("resume")
@click.argument("slug")
def resume(slug: str) -> None:
    """Open the suspended shop of SLUG again."""

    async def work(runtime: Runtime) -> Moved:
        return await closing.resume(runtime, await _find(runtime, slug), _me())

    moved = _at_work(work)
    console.print(f"{moved.name} is {moved.after}")


@tenant.command("close")
@click.argument("slug")
@click.option("--reason", required=True, help="Goes to the audit log and on the certificate.")
@click.option("--accept-money", default="0", help="Yuan in deposit and wallets that may be left.")
@click.option("--yes", is_flag=True, help="Do not ask for the station's name.")
def close(slug: str, reason: str, accept_money: str, yes: bool) -> None:
    """Begin the grace period after which SLUG is deleted."""
    cents = to_cents(parse_yuan(accept_money))

    async def look(runtime: Runtime) -> tuple[int, str, queries.MoneyLeft, int]:
        async with runtime.database.master_session() as session:
            station = await queries.station(session, await queries.number_of(session, slug))
            left = await queries.money_left(session, station.id)
        return station.id, station.name, left, await closing.open_orders(runtime, station)

    async def work(runtime: Runtime) -> Moved:
        return await closing.close(runtime, number, Farewell(name=typed, reason=reason, accepted_cents=cents), _me())

    number, name, left, open_orders = _at_work(look)
    console.print(f"{name}: {open_orders} orders not finished, deposit {format_cents(left.deposit_cents)},")
    console.print(f"{format_cents(left.wallets_cents)} in {left.wallets} wallets")
    if left.cents > cents:
        raise Refused(f"Money is left in it. Say --accept-money {left.cents / 100:.2f} if that is meant.")
    typed = name if yes else click.prompt("Type the name of the station to close it")
    moved = _at_work(work)
    console.print(f"{name} is closed for good on {when(moved.closing_until)}; undo: kameng tenant reopen {slug}")


@tenant.command("reopen")
@click.argument("slug")
def reopen(slug: str) -> None:
    """Undo the closing of SLUG."""

    async def work(runtime: Runtime) -> Moved:
        return await closing.reopen(runtime, await _find(runtime, slug), _me())

    moved = _at_work(work)
    console.print(f"{moved.name} is {moved.after}")


@tenant.command("retire")
@click.argument("slug")
@click.option("--now", "at_once", is_flag=True, help="Do not wait for the end of the grace period.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def retire(slug: str, at_once: bool, yes: bool) -> None:
    """Delete the closing station SLUG: its schema, role, key and hosts. The scheduler does so by itself, in time."""
    if not yes:
        click.confirm(f"Delete everything of {slug} for good?", abort=True)

    async def work(runtime: Runtime) -> str:
        return await retirement.retire(runtime, await _find(runtime, slug), _me(), at_once=at_once)

    console.print(f"{slug} is gone; its certificate has the checksum {_at_work(work)}")


def _at_work(work: Callable[[Runtime], Awaitable[T]]) -> T:
    """Runs `work` on the deployment that the command is about. An `Invalid` becomes one sentence."""

    async def on(settings: Settings) -> T:
        async with running(settings) as runtime:
            return await work(runtime)

    with surroundings.deployment() as settings:
        try:
            return run(on(settings))
        except Invalid as wrong:
            raise Refused(" ".join(f"{field}: {said}" for field, said in wrong.errors.items())) from None


async def _find(runtime: Runtime, slug: str) -> int:
    async with runtime.database.master_session() as session:
        return await queries.number_of(session, slug)


async def _number(runtime: Runtime, kind: str, name: str) -> int:
    async with runtime.database.master_session() as session:
        found = (await session.execute(TIER if kind == "tier" else PLAN, {"name": name})).scalar_one_or_none()
    if found is None:
        raise NotFound("There is no tier %(name)s." if kind == "tier" else "There is no plan %(name)s.", name=name)
    return int(found)


def _me() -> By:
    """Whoever sits at the shell, for the audit log."""
    return By(f"shell: {getpass.getuser()}", "")
