"""`kameng audit verify`."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import rich_click as click

from deploy import surroundings
from deploy.cli.terminal import run, stderr
from kameng.audit import chain
from kameng.audit.chain import Head, Verdict
from kameng.infra.runtime import running
from kameng.infra.settings import Settings


class _Chain(msgspec.Struct):
    chain: str
    seq: int
    hash: str


class _Printed(msgspec.Struct):
    chains: list[_Chain]


@click.group()
def audit() -> None:
    """The log of who did what."""


@audit.command()
@click.option("--tenant", type=click.IntRange(min=1), help="Only this station's chain.")
@click.option("--master", "only_master", is_flag=True, help="Only the master's chain.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="Only from then on (UTC).")
@click.option(
    "--against",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What an earlier run printed, kept elsewhere: finds a chain that was written anew.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def verify(tenant: int | None, only_master: bool, since: datetime | None, against: Path | None, as_json: bool) -> None:
    """Compute the chain of the audit log anew, and print its heads; exit code 1 if it is not sound.

    Keep the output where whoever runs the database cannot reach it, and give it to a later run by --against.
    """
    if tenant and only_master:
        raise click.UsageError("--tenant and --master exclude each other.")
    earlier = _read(against) if against else []
    number = 0 if only_master else tenant
    with surroundings.deployment() as settings:
        verdict = run(_verify(settings, number, since.replace(tzinfo=UTC) if since else None, earlier))
    if as_json:
        print(json.dumps(chain.as_json(verdict)))
    else:
        for head in verdict.heads:
            print(chain.chain_name(head.chain), head.seq, head.hash)
        _tell(verdict)
    sys.exit(0 if verdict.is_sound else 1)


def _read(file: Path) -> list[Head]:
    """Raises `click.UsageError`."""
    printed = file.read_text(encoding="utf-8")
    try:
        if printed.lstrip().startswith("{"):
            found = msgspec.json.decode(printed, type=_Printed).chains
            printed = "\n".join(f"{one.chain} {one.seq} {one.hash}" for one in found)
        return chain.heads_in(printed)
    except (ValueError, msgspec.ValidationError) as error:
        raise click.UsageError(f"{file} is not what this command prints: {error}") from None


async def _verify(settings: Settings, number: int | None, since: datetime | None, earlier: list[Head]) -> Verdict:
    async with running(settings) as runtime, runtime.database.master_session() as session:
        return await chain.verify(session, chain=number, since=since, earlier=earlier)


def _tell(verdict: Verdict) -> None:
    for fault in verdict.faults:
        where = f"station {fault.chain}" if fault.chain else "master"
        stderr.print(f"[red]{where}:[/red] {fault.said}", highlight=False)
    sound = "sound" if verdict.is_sound else f"{len(verdict.faults)} not sound"
    stderr.print(f"{verdict.lines:,} lines in {len(verdict.heads):,} chains: {sound}", highlight=False)
