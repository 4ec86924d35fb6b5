"""The worker process: `python -m deploy.worker`."""

import structlog

from deploy.wiring import MODULES
from kameng.infra import settings as settings_door
from kameng.infra import telemetry, worker

log = structlog.get_logger()


def main() -> None:
    settings = settings_door.read()
    telemetry.configure(settings)
    telemetry.serve(settings)
    log.info("knows", modules=[module.__name__ for module in MODULES])
    worker.serve(settings)


if __name__ == "__main__":
    main()
