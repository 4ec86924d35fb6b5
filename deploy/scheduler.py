"""The scheduler process: `python -m deploy.scheduler`. Several may run; each task is still done once at a time."""

import asyncio
import signal

import structlog

from deploy.wiring import MODULES
from kameng.infra import settings as settings_door
from kameng.infra import telemetry, worker
from kameng.infra.settings import Settings

log = structlog.get_logger()


async def keep_time(settings: Settings) -> None:
    """Ticks until SIGTERM or SIGINT."""
    ticking = asyncio.create_task(worker.keep_time(settings))
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, ticking.cancel)
    await asyncio.wait([ticking])
    if not ticking.cancelled():
        ticking.result()


def main() -> None:
    settings = settings_door.read()
    telemetry.configure(settings)
    telemetry.serve(settings)
    log.info("knows", modules=[module.__name__ for module in MODULES])
    asyncio.run(keep_time(settings))


if __name__ == "__main__":
    main()
