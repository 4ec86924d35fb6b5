"""`kameng tenant create` and `kameng tenant list`."""

from typing import Any

import rich_click as click
from rich.table import Table
from sqlalchemy import Row, text

from billing.deposits import service as deposits
from deploy import surroundings
from deploy.cli.terminal import console, run
from deploy.provisioning import provisioner
from kameng.core import ids
from kameng.core.errors import NotFound
from kameng.core.money import format_cents, parse_yuan, to_cents
from kameng.identity import staff
from kameng.identity.permissions import Role
from kameng.infra.runtime import running
from kameng.infra.settings import Settings
from tenants.registry.service import TenantDraft

LIST = text(
    """
    SELECT t.id, t.slug, t.name, t.state, t.version, tiers.name AS tier, h.host,
           coalesce(a.balance_cents, 0) AS deposit_cents
    FROM tenants t JOIN tiers ON tiers.id = t.tier_id
    LEFT JOIN hosts h ON h.tenant_id = t.id AND h.is_primary
    LEFT JOIN ledger_accounts a ON a.tenant_id = t.id AND a.kind = 'deposit'
    ORDER BY t.id
    """
)


@click.group()
def tenant() -> None:
    """Stations: open one, list them."""


@tenant.command("create")
@click.argument("slug")
@click.argument("name")
@click.option("--tier", required=True, help="The name of its wholesale tier.")
@click.option("--host", "hosts", multiple=True, help="A host it answers at; SLUG.<station domain> if none is given.")
@click.option("--deposit", default="0", help="Yuan paid in at the start.")
@click.option("--owner", default="", help="The login of its owner.")
@click.option("--password", envvar="KAMENG_OWNER_PASSWORD", default="", help="The owner's password; asked for.")
def create(slug: str, name: str, tier: str, hosts: tuple[str, ...], deposit: str, owner: str, password: str) -> None:
    """Open the station SLUG, called NAME."""
    cents = to_cents(parse_yuan(deposit))
    if owner and not password:
        password = click.prompt("Password of the owner", hide_input=True, confirmation_prompt=True)
    with surroundings.deployment() as settings:
        chosen = hosts or (f"{slug}.{settings.station_domain}",)
        number = run(_create(settings, slug, name, tier, chosen, cents, owner, password))
        console.print(f"station {number} is open at {settings.base_url(chosen[0])}/")


async def _create(
    settings: Settings, slug: str, name: str, tier: str, hosts: tuple[str, ...], cents: int, owner: str, password: str
) -> int:
    async with running(settings) as runtime:
        async with runtime.database.master_session() as session:
            found = await session.execute(text("SELECT id FROM tiers WHERE name = :name"), {"name": tier})
            tier_id = found.scalar_one_or_none()
        if tier_id is None:
            raise NotFound("There is no tier %(name)s.", name=tier)
        draft = TenantDraft(slug=slug, name=name, tier_id=tier_id, hosts=hosts)
        number = await provisioner(settings).open(draft)
        async with runtime.database.master_session() as session:
            if cents:
                await deposits.pay_in(session, number, cents, f"opening {ids.code(8)}")
            if owner:
                await staff.create_staff(session, owner, owner, password, number, Role.OWNER)
    return number


@tenant.command("list")
def list_all() -> None:
    """List all stations."""
    with surroundings.deployment() as settings:
        rows = run(_rows(settings))
    table = Table("no", "slug", "name", "host", "tier", "state", "version", box=None, pad_edge=False)
    table.add_column("deposit", justify="right")
    for row in rows:
        deposit = format_cents(row.deposit_cents)
        table.add_row(str(row.id), row.slug, row.name, row.host, row.tier, row.state, str(row.version), deposit)
    console.print(table if rows else "No station yet. Open one with `kameng tenant create`.")


async def _rows(settings: Settings) -> list[Row[Any]]:
    async with running(settings) as runtime, runtime.database.master_session() as session:
        return list(await session.execute(LIST))
