"""`kameng hosts export`."""

import time
from pathlib import Path

import rich_click as click

from deploy import surroundings
from deploy.cli.terminal import console, run
from kameng.infra.runtime import running
from kameng.infra.settings import Settings, SettingsError
from tenants.domains import folder as hosts_folder


@click.group()
def hosts() -> None:
    """The hosts that stations are served at."""


@hosts.command()
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option("--every", type=click.FloatRange(min=1), help="Go on, every so many seconds, until stopped.")
def export(folder: Path | None, every: float | None) -> None:
    """Make FOLDER hold one empty file for each served host, for Caddy; KAMENG_HOSTS_FOLDER if not given.

    The worker does this by itself. The command is for the first start, and for machines without a worker.
    """
    with surroundings.deployment() as settings:
        chosen = folder or (Path(settings.hosts_folder) if settings.hosts_folder else None)
        if chosen is None:
            raise SettingsError("Name a folder, or set KAMENG_HOSTS_FOLDER.")
        while True:
            added, removed = run(_export(settings, chosen))
            console.print(f"{chosen}: {added} added, {removed} removed", highlight=False, soft_wrap=True)
            if every is None:
                return
            time.sleep(every)


async def _export(settings: Settings, folder: Path) -> tuple[int, int]:
    async with running(settings) as runtime:
        return await hosts_folder.export(runtime, folder)
