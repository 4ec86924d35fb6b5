"""`python -m deploy.migrations`: write the script that stations are opened with, from the files of tenant/."""

import asyncio
import shutil

from psycopg import AsyncConnection

from deploy.embedded import embedded_servers
from deploy.migrations import at_once
from deploy.migrations.history import HERE, load
from deploy.surroundings import CHECKOUT


async def script(admin_url: str) -> str:
    """What the whole history comes to, tried on a schema that is gone afterwards."""
    history = load("tenant")
    async with await AsyncConnection.connect(admin_url) as connection:
        await connection.execute("CREATE SCHEMA tried")
        await connection.execute("SET LOCAL search_path TO tried")
        for migration in history:
            await connection.execute(migration.sql.encode(), prepare=False)
        written = await at_once.write(connection, len(history))
        await connection.rollback()
    return written


def main() -> None:
    folder = CHECKOUT / ".kameng" / "at_once"
    with embedded_servers(folder, durable=False, fresh=True) as servers:
        written = asyncio.run(script(servers.admin_url))
    shutil.rmtree(folder, ignore_errors=True)
    (HERE / at_once.FILE).write_text(written, encoding="utf-8")


if __name__ == "__main__":
    main()
