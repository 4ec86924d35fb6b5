"""Migrating from within the web process, for the master's console."""

import asyncio

import structlog
from psycopg import Error

from deploy.migrations import runner
from deploy.migrations.schemas import StepFailed
from deploy.migrations.status import program
from kameng.core.errors import KamengError
from kameng.infra.settings import Settings
from tenants.registry.versions import Migrator

SHOWN_WITHIN_S = 2.0  # the page that follows is to show the run; one that waits for another's lock is shown later
log = structlog.get_logger()


class Background:
    """One run at a time of this process; those of others are waited for. Should the process end meanwhile, the run
    breaks off between two transactions, is shown as such, and can be started again."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.task: asyncio.Task[None] | None = None

    async def start(self, retry: bool) -> bool:
        """False when a run of this process is under way."""
        if self.task is not None and not self.task.done():
            return False
        begun = asyncio.Event()
        self.task = asyncio.create_task(self._run(retry, begun))
        waiting = asyncio.create_task(begun.wait())
        await asyncio.wait({self.task, waiting}, timeout=SHOWN_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        return True

    async def _run(self, retry: bool, begun: asyncio.Event) -> None:
        try:
            report = await runner.migrate(self.settings, lambda _done, _total: begun.set(), retry=retry)
        except (StepFailed, KamengError, Error, OSError) as error:
            log.error("migration_failed", error=str(error))
        else:
            log.info("migrated", tenants=report.tenants, failed=len(report.failed), stopped=report.stopped)


def migrator(settings: Settings) -> Migrator:
    """For the master's console."""
    return Migrator(program=program(), can_run=bool(settings.admin_url), start=Background(settings).start)
