"""Counting what the shelf is sorted by. A shell."""

from kameng.infra.runtime import Runtime
from kameng.infra.tasks import periodic
from tenants.shop import counting


@periodic(seconds=600)
async def count_shelves(runtime: Runtime) -> None:
    await counting.count_all(runtime.database)
