"""`kameng migrate`."""

import sys

import msgspec
import rich_click as click
from msgspec import structs
from rich.table import Table

from deploy import surroundings
from deploy.cli.terminal import console, progress, run, stderr
from deploy.migrations import runner
from deploy.migrations.runner import Plan, Report
from deploy.migrations.status import as_dict, status
from kameng.infra.runtime import running
from kameng.infra.settings import Settings
from tenants.registry.versions import Status


@click.command()
@click.option("--status", "ask_status", is_flag=True, help="How many stations stand at which version, who failed, why.")
@click.option("--dry-run", is_flag=True, help="Say what would be done.")
@click.option("--canary-only", is_flag=True, help="The master and the canary, nobody else.")
@click.option("--retry", is_flag=True, help="Only the stations that failed before.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def migrate(ask_status: bool, dry_run: bool, canary_only: bool, retry: bool, as_json: bool) -> None:
    """Bring the master and every station to the newest version: the canary first, then waves.

    A station that fails is left as it was and stops nobody else. A run that was interrupted is simply started again.
    Exit code 1 when a station failed.
    """
    if sum((ask_status, dry_run, canary_only, retry)) > 1:
        raise click.UsageError("--status, --dry-run, --canary-only and --retry exclude each other.")
    with surroundings.deployment() as settings:
        if ask_status:
            _show_status(run(_status(settings)), as_json=as_json)
        elif dry_run:
            _show_plan(run(runner.plan(settings)), as_json=as_json)
        else:
            with progress("stations") as advance:
                work = runner.migrate(settings, advance, canary_only=canary_only, retry=retry, say=stderr.print)
                report = run(work)
            _show_report(report, as_json=as_json)
            sys.exit(1 if report.failed or (report.stopped and not canary_only) else 0)


async def _status(settings: Settings) -> Status:
    async with running(settings) as runtime, runtime.database.master_session() as session:
        return await status(session)


def _show_report(report: Report, *, as_json: bool) -> None:
    if as_json:
        _print_json(structs.asdict(report))
        return
    for name in report.master:
        console.print(f"master: {name}")
    pooled = f" ({report.pooled} of them in the pool)" if report.pooled else ""
    console.print(f"stations brought up: {report.tenants}{pooled}")
    for tenant_id, why in report.failed.items():
        stderr.print(f"[red]station {tenant_id} failed:[/red] {why}", highlight=False)
    if report.stopped:
        stderr.print(report.stopped, highlight=False)
    elif report.failed:
        stderr.print("When the reason is gone: kameng migrate --retry", highlight=False)


def _show_plan(plan: Plan, *, as_json: bool) -> None:
    if as_json:
        _print_json(structs.asdict(plan))
        return
    for name in plan.master:
        console.print(f"master: {name}")
    for tenant_id in plan.canary:
        console.print(f"canary: station {tenant_id}")
    for number, size in enumerate(plan.waves, start=1):
        console.print(f"wave {number}: {size} stations")
    if not plan.master and not plan.canary and not plan.waves:
        console.print("Everything stands at the newest version.")


def _show_status(found: Status, *, as_json: bool) -> None:
    if as_json:
        _print_json(as_dict(found))
        return
    console.print(f"master: version {found.master} of {found.master_newest}")
    table = Table("stations at version", "stations", "in the pool", "", box=None, pad_edge=False)
    pool = {one.version: one.schemas for one in found.pool}
    counts = {one.version: one.schemas for one in found.tenants}
    for version in sorted({*pool, *counts}, reverse=True):
        note = "below what this program serves" if version < found.minimum else "behind"
        note = "" if version >= found.newest else note
        table.add_row(f"{version} of {found.newest}", str(counts.get(version, 0)), str(pool.get(version, 0)), note)
    console.print(table)
    if found.canary:
        how = "marked" if found.canary.is_chosen else "the first that is open"
        console.print(f"canary: station {found.canary.id} {found.canary.slug} ({how}), version {found.canary.version}")
    for run_ in found.runs[:1]:
        said = f": {run_.said}" if run_.said else ""
        console.print(
            f"last run: {run_.state}, {run_.done} of {run_.wanted} brought up, {run_.failed} failed,"
            f" {run_.began_at:%Y-%m-%d %H:%M:%S %Z}{said}",
            highlight=False,
        )
    for one in found.failures:
        where = f"station {one.tenant_id} {one.slug}".rstrip()
        console.print(
            f"[red]{where}[/red] failed {one.attempts} times, stands at {one.version}: {one.migration}: {one.error}",
            highlight=False,
        )
    if found.failed > len(found.failures):
        console.print(f"and {found.failed - len(found.failures)} more")


def _print_json(values: object) -> None:
    print(msgspec.json.encode(values).decode())
