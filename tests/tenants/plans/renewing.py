"""A process that renews what is due, one station after the other, until it is killed."""

import asyncio

from kameng.infra import settings
from kameng.infra.runtime import running
from tenants.plans import tasks


async def main() -> None:
    async with running(settings.read()) as runtime:
        while True:
            await tasks.renew_due(runtime)


if __name__ == "__main__":
    asyncio.run(main())
