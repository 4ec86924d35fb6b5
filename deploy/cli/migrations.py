"""`kameng migrate`."""

import sys

import rich_click as click

from deploy import surroundings
from deploy.cli.terminal import console, progress, run, stderr
from deploy.migrations.runner import migrate as migrate_all


@click.command()
def migrate() -> None:
    """Bring the master and every station to the newest version."""
    with surroundings.deployment() as settings, progress("stations") as advance:
        report = run(migrate_all(settings, advance))
    for name in report.master:
        console.print(f"master: {name}")
    console.print(f"stations brought up: {report.tenants}")
    for tenant_id, why in report.failed.items():
        stderr.print(f"[red]station {tenant_id} failed:[/red] {why}", highlight=False)
    sys.exit(1 if report.failed else 0)
