"""A worker is killed with SIGKILL while it imports; another goes on, and no line is lost or taken twice."""

import asyncio
import os
import signal
import time
from pathlib import Path

from msgspec import structs

from deploy.supervisor import Supervisor
from kameng.infra.runtime import Runtime, running
from tests.kameng.cards.conftest import Stock, open_stock
from tests.support.stack import process

PATIENCE_S = 60.0
LINES = 40_000


async def until(stock: Stock, import_id: int, lines: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while (await stock.found(import_id)).done < lines:
        assert time.monotonic() < deadline, str(await stock.found(import_id))
        await asyncio.sleep(0.02)


async def test_an_import_survives_the_worker_that_was_at_it(runtime: Runtime, tmp_path: Path) -> None:
    settings = structs.replace(runtime.settings, log_level="info", log_format="json")
    stock = await open_stock(runtime)
    lines = [f"KEY-{number:06}-KILL" for number in range(LINES)]
    with Supervisor(tmp_path / "processes.json", log_folder=tmp_path / "log") as supervisor:
        first = process("worker", settings)
        supervisor.start(first)
        async with running(settings) as sender:  # sends as the web process does
            database = sender.database
            tenant = structs.replace(stock.shop.tenant, database=database)
            sending = structs.replace(stock, place=structs.replace(stock.place, begin=tenant.begin))
            import_id = await sending.send(lines)
            await until(stock, import_id, 1)
            os.kill(supervisor.pid_of("worker"), signal.SIGKILL)
        half = await stock.found(import_id)

        supervisor.start(structs.replace(first, name="another worker"))
        supervisor.start(process("scheduler", settings))
        await until(stock, import_id, LINES)

    assert half.done < LINES
    done = await stock.found(import_id)
    assert (done.added, done.duplicates, done.bad) == (LINES, 0, 0)
    assert await stock.secrets() == lines
