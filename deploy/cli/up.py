"""`kameng up` and `kameng seed`: the whole installation on one machine."""

import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import rich_click as click
from msgspec import Struct

from deploy import surroundings
from deploy.cli.terminal import console, progress, run, stderr
from deploy.demo import buyer
from deploy.installation import processes
from deploy.migrations.runner import migrate
from deploy.seeds.demo import SHOPS, Login, Sandboxes
from deploy.seeds.demo import seed as seed_demo
from deploy.supervisor import Process, Supervisor, answers
from deploy.web import check_port
from kameng.infra.runtime import running
from kameng.infra.settings import Settings, SettingsError
from supplier_gateway.adapters.acg.shop import server as acg_shop

LOGINS = surroundings.HOME / "logins.json"
SANDBOX_FILE = surroundings.HOME / "sandboxes.json"
SUPPLIER_PORT, GATEWAY_PORT, ACG_PORT = 8500, 8600, 8700
WATCHED = ("platform", "tenants", "billing", "supplier_gateway", "admin_ui", "deploy")


@click.command()
@click.option("--demo", is_flag=True, help="With two demo shops, two sandbox suppliers and a sandbox payment gateway.")
@click.option("--reload", is_flag=True, help="Start again when a source file changes.")
@click.option("--no-buy", is_flag=True, help="Do not buy in the demo shops at the start.")
def up(demo: bool, reload: bool, no_buy: bool) -> None:
    """Run web, worker and scheduler until Ctrl-C; PostgreSQL and Valkey too, unless KAMENG_DATABASE_URL and
    KAMENG_REDIS_URL name real ones."""
    with surroundings.serving() as settings:
        check_port(settings.bind, settings.port)
        with progress("stations to migrate") as advance:
            run(migrate(settings, advance))
        home = surroundings.HOME
        with Supervisor(home / "processes.json", log_folder=home / "log") as supervisor:
            sandboxes = _start_sandboxes(supervisor) if demo else None
            logins = run(_seed(settings, sandboxes)) if sandboxes else []
            for process in processes(settings):
                with console.status(f"starting {process.name}"):
                    supervisor.start(process)
            _print_addresses(settings, logins)
            if sandboxes and not no_buy:
                _buy_in_each(settings)
            console.print("[dim]Serving until Ctrl-C. Logs are in .kameng/demo/log/.[/dim]")
            supervisor.wait(_reloader(supervisor) if reload else None)


class SandboxKeys(Struct, frozen=True):
    """Made at the first demo and kept, since the database keeps them too."""

    supplier_secret: str
    supplier_control: str
    merchant_key: str
    gateway_control: str


def _start_sandboxes(supervisor: Supervisor) -> Sandboxes:
    keys = _sandbox_keys()
    supplier_port = surroundings.free_port(SUPPLIER_PORT)
    gateway_port = surroundings.free_port(GATEWAY_PORT)
    state = surroundings.HOME / "supplier.json"
    supervisor.start(
        Process(
            "supplier",
            (
                sys.executable, "-m", "supplier_gateway.adapters.sandbox.server",
                "--port", str(supplier_port), "--state", str(state),
            ),
            {
                "SANDBOX_SUPPLIER_SECRET": keys.supplier_secret,
                "SANDBOX_SUPPLIER_CONTROL": keys.supplier_control,
            },
            ready=answers(f"http://127.0.0.1:{supplier_port}/healthz"),
        )
    )  # fmt: skip
    supervisor.start(
        Process(
            "gateway",
            (sys.executable, "-m", "billing.payments.adapters.epay.sandbox", "--port", str(gateway_port)),
            {
                "SANDBOX_GATEWAY_MERCHANTS": f"1001:{keys.merchant_key}:演示商户",
                "SANDBOX_GATEWAY_CONTROL": keys.gateway_control,
            },
            ready=answers(f"http://127.0.0.1:{gateway_port}/healthz"),
        )
    )
    acg_port = surroundings.free_port(ACG_PORT)
    supervisor.start(
        Process(
            "acg-shop",
            (sys.executable, "-m", "supplier_gateway.adapters.acg.shop.server", "--port", str(acg_port)),
            {"ACG_SHOP_KEY": acg_shop.KNOWN_KEY, "ACG_SHOP_CONTROL": keys.gateway_control},
            ready=answers(f"http://127.0.0.1:{acg_port}/healthz"),
        )
    )
    return Sandboxes(
        supplier_url=f"http://127.0.0.1:{supplier_port}",
        supplier_account="demo",
        supplier_secret=keys.supplier_secret,
        gateway_url=f"http://127.0.0.1:{gateway_port}",
        merchant_id="1001",
        merchant_key=keys.merchant_key,
        acg_url=f"http://127.0.0.1:{acg_port}",
        acg_account=acg_shop.KNOWN_ACCOUNT,
        acg_key=acg_shop.KNOWN_KEY,
    )


def _sandbox_keys() -> SandboxKeys:
    if not SANDBOX_FILE.exists():
        SANDBOX_FILE.parent.mkdir(parents=True, exist_ok=True)
        SANDBOX_FILE.touch(mode=0o600)
        SANDBOX_FILE.write_bytes(msgspec.json.encode(SandboxKeys(*(secrets.token_hex(16) for _ in range(4)))))
    return msgspec.json.decode(SANDBOX_FILE.read_bytes(), type=SandboxKeys)


async def _seed(settings: Settings, sandboxes: Sandboxes) -> list[Login]:
    async with running(settings) as runtime:
        return list(await seed_demo(runtime, sandboxes, LOGINS))


def _print_addresses(settings: Settings, logins: list[Login]) -> None:
    """Every address on a line of its own, so that a terminal makes links of them and cuts none."""
    for demo in SHOPS if logins else ():
        base = settings.base_url(f"{demo.slug}.{settings.station_domain}")
        console.print(f"\n[bold]{demo.name}[/bold]\n  shop     {base}/")
        _print_login(f"{base}/console", logins)
    base = settings.base_url(settings.master_host)
    console.print("\n[bold]Master station[/bold]")
    _print_login(f"{base}/", logins)
    console.print()


def _print_login(address: str, logins: list[Login]) -> None:
    """Logins are kept with the address of their first start, whose port may have been another."""
    host = urlsplit(address).hostname
    found = next((login for login in logins if urlsplit(login.where).hostname == host), None)
    console.print(f"  console  {address}", soft_wrap=True, highlight=False)
    if found:
        console.print(f"  login    {found.login}   password  {found.password}", highlight=False)


def _buy_in_each(settings: Settings) -> None:
    for demo in SHOPS:
        host = f"{demo.slug}.{settings.station_domain}"
        with console.status(f"buying in {demo.name}"):
            bought = run(buyer.buy_one(settings.base_url(host)))
        console.print(
            f"bought {bought.product} in {demo.name} ({bought.total}, order {bought.order_no}),"
            f" key {bought.key}, [bold]delivered in {bought.delivered_ms:.0f} ms[/bold]",
            highlight=False,
            soft_wrap=True,
        )


def _reloader(supervisor: Supervisor) -> "Reloader":
    return Reloader(supervisor, [surroundings.CHECKOUT / folder for folder in WATCHED])


class Reloader:
    """Starts web and worker again when a Python file or a template has changed."""

    def __init__(self, supervisor: Supervisor, folders: list[Path]) -> None:
        self.supervisor = supervisor
        self.folders = folders
        self.seen = self._newest()

    def __call__(self) -> None:
        newest = self._newest()
        if newest > self.seen:
            self.seen = newest
            stderr.print("a file has changed; starting again")
            self.supervisor.restart("web", "worker", "scheduler")

    def _newest(self) -> float:
        return max(file.stat().st_mtime for folder in self.folders for file in _sources(folder))


def _sources(folder: Path) -> Iterator[Path]:
    for kind in ("*.py", "*.html", "*.po"):
        yield from (file for file in folder.rglob(kind) if "node_modules" not in file.parts)


@click.command()
@click.option("--demo", is_flag=True, required=True, help="Two shops with goods, stock and logins.")
def seed(demo: bool) -> None:
    """Put in data to begin with. Needs the sandboxes of `kameng up --demo`, or their addresses in KAMENG_SANDBOX_*."""
    with surroundings.deployment() as settings, progress("stations") as advance:
        run(migrate(settings, advance))
        logins = run(_seed(settings, _named_sandboxes())) if demo else []
    for login in logins:
        console.print(f"{login.where}  {login.login}  {login.password}", highlight=False)


def _named_sandboxes() -> Sandboxes:
    keys = _sandbox_keys()
    supplier = os.environ.get("KAMENG_SANDBOX_SUPPLIER_URL", f"http://127.0.0.1:{SUPPLIER_PORT}")
    gateway = os.environ.get("KAMENG_SANDBOX_GATEWAY_URL", f"http://127.0.0.1:{GATEWAY_PORT}")
    for name, url in (("SUPPLIER", supplier), ("GATEWAY", gateway)):
        if not url.startswith(("http://", "https://")):
            raise SettingsError(f"KAMENG_SANDBOX_{name}_URL must be an http or https address.")
    return Sandboxes(
        supplier_url=supplier,
        supplier_account="demo",
        supplier_secret=keys.supplier_secret,
        gateway_url=gateway,
        merchant_id="1001",
        merchant_key=keys.merchant_key,
    )
