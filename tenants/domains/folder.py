"""The hosts that are served, as a folder with one empty file for each: Caddy asks it whether a host may have a
certificate, and needs neither the application nor the database for that (docs/hosts.md)."""

import asyncio
import re
from pathlib import Path

import structlog
from sqlalchemy import text

from kameng.infra.runtime import Runtime
from tenants.domains import queries

log = structlog.get_logger()

ALONE = text("SELECT pg_advisory_xact_lock(hashtext('hosts_folder'))")
NAME = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")  # what we write, and the only thing that we remove


async def export(runtime: Runtime, folder: Path) -> tuple[int, int]:
    """Makes the folder hold exactly the hosts that are served. Returns how many files were added and removed.

    Nothing is touched before the whole list has been read; creating and removing an empty file are each atomic. Only
    one export runs at a time, or one with an older list could undo what a newer one has done.
    """
    async with runtime.database.master_session() as session:
        await session.execute(ALONE)
        hosts = await queries.served(session) | {runtime.settings.master_host}
        return await asyncio.to_thread(write, folder, hosts)


def write(folder: Path, hosts: set[str]) -> tuple[int, int]:
    """Adds and removes files. Files that are not empty, or not called like a host, are none of ours."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {host for host in hosts if NAME.fullmatch(host)}
    there = {file.name for file in folder.iterdir() if NAME.fullmatch(file.name) and file.is_file()}
    for name in wanted - there:
        (folder / name).touch()
    gone = [folder / name for name in there - wanted if not (folder / name).stat().st_size]
    for file in gone:
        file.unlink(missing_ok=True)
    added = len(wanted - there)
    if added or gone:
        log.info("hosts_folder", added=added, removed=len(gone), hosts=len(wanted))
    return added, len(gone)
