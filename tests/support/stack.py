"""The whole product as processes, over the servers of this test worker."""

import json
import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from deploy.installation import worker_alive
from deploy.seeds.demo import Login, Sandboxes
from deploy.supervisor import Process, Supervisor, answers
from kameng.infra import settings as settings_door
from kameng.infra.settings import Settings
from tests.support.loopback import NO_AUTHORITIES
from tests.support.processes import SOURCES, free_port
from tests.support.sandbox import CONTROL, Supplier, running_supplier

GATEWAY_CONTROL = {"X-Control-Token": "gateway-control"}


class Stack(Struct, frozen=True):
    """What runs, and where."""

    settings: Settings
    supplier: Supplier
    gateway_url: str
    sandboxes: Sandboxes
    supervisor: Supervisor
    logs: Path

    def log(self, name: str) -> list[dict[str, Any]]:
        """The JSON lines that a process has written."""
        lines = (self.logs / f"{name}.log").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def url(self, host: str) -> str:
        return self.settings.base_url(host)

    def client(self, host: str) -> httpx.Client:
        """A plain client of one host; `*.localhost` is this machine."""
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.settings.port}",
            headers={"Host": f"{host}:{self.settings.port}"},
            verify=NO_AUTHORITIES,
            trust_env=False,
        )


def on_a_port_of_its_own(settings: Settings) -> Settings:
    port = free_port()
    return msgspec.structs.replace(
        settings, port=port, public_port=port, metrics_port=free_port(), log_level="info", log_format="json"
    )


@contextmanager
def running_stack(settings: Settings, folder: Path) -> Iterator[Stack]:
    """Everything, ready to serve. `settings` are those of `on_a_port_of_its_own`."""
    merchant_key, gateway_port = secrets.token_hex(16), free_port()
    gateway_url = f"http://127.0.0.1:{gateway_port}"
    with ExitStack() as stack:
        supplier = stack.enter_context(running_supplier())
        supervisor = stack.enter_context(Supervisor(folder / "processes.json", log_folder=folder / "log"))
        supervisor.start(
            Process(
                "gateway",
                (sys.executable, "-m", "billing.payments.adapters.epay.sandbox", "--port", str(gateway_port)),
                {
                    **SOURCES,
                    "SANDBOX_GATEWAY_MERCHANTS": f"1001:{merchant_key}:演示商户",
                    "SANDBOX_GATEWAY_CONTROL": GATEWAY_CONTROL["X-Control-Token"],
                },
                ready=answers(f"{gateway_url}/healthz"),
            )
        )
        sandboxes = Sandboxes(
            supplier_url=supplier.url,
            supplier_account="demo",
            supplier_secret="sandbox-supplier",
            gateway_url=gateway_url,
            merchant_id="1001",
            merchant_key=merchant_key,
        )
        yield Stack(settings, supplier, gateway_url, sandboxes, supervisor, folder / "log")


def process(name: str, settings: Settings) -> Process:
    """`web`, `worker` or `scheduler` over these settings."""
    ready = {
        "web": answers(f"http://127.0.0.1:{settings.port}/readyz"),
        "worker": lambda: worker_alive(settings),
        "scheduler": None,
    }
    if name != "web":  # the one whose metrics are looked at
        settings = msgspec.structs.replace(settings, metrics_port=0)
    environ = {**settings_door.to_environ(settings), **SOURCES}
    return Process(name, (sys.executable, "-m", f"deploy.{name}"), environ, ready[name])


def login_at(logins: list[Login], part: str) -> Login:
    """The login whose address holds `part`."""
    return next(login for login in logins if part in login.where)


__all__ = ["CONTROL", "GATEWAY_CONTROL", "Stack", "login_at", "on_a_port_of_its_own", "process", "running_stack"]
