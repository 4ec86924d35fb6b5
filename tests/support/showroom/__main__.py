"""Serves the showroom: the demo shops of the product, one of them filled, on servers of their own."""

import asyncio
import signal
import sys
from pathlib import Path

import msgspec

from deploy.embedded import embedded_servers
from deploy.migrations.runner import migrate
from deploy.seeds.demo import Login, seed
from kameng.infra import settings as settings_door
from kameng.infra.runtime import running
from kameng.infra.settings import Settings
from tests.support.house import settings_for
from tests.support.showroom import filling
from tests.support.stack import Stack, on_a_port_of_its_own, process, running_stack


async def arrange(settings: Settings, stack: Stack, folder: Path) -> list[Login]:
    """An empty deployment with the shops in it, filled."""
    await migrate(settings)
    async with running(settings) as runtime:
        logins = list(await seed(runtime, stack.sandboxes, folder / "passwords.json"))
        await filling.fill(runtime, logins, stack.sandboxes)
    return logins


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with embedded_servers(folder / "servers", durable=False, fresh=True) as servers:
        settings = on_a_port_of_its_own(settings_for(servers, smtp_url="smtp://127.0.0.1:9"))
        with running_stack(settings, folder) as stack:
            logins = asyncio.run(arrange(settings, stack, folder))
            stack.supervisor.start(process("web", settings))
            (folder / "logins.json").write_bytes(msgspec.json.encode(logins))
            (folder / "environ.json").write_bytes(msgspec.json.encode(settings_door.to_environ(settings)))
            print(*(f"{login.where} {login.login} {login.password}" for login in logins), sep="\n", flush=True)
            signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    main()
