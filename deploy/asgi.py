"""The web application: the master's face and the stations' face behind one front door."""

import gc
from pathlib import Path
from typing import Any

from litestar.di import Provide

from admin_ui.console.routes import HANDLERS as CONSOLE
from admin_ui.master.routes import handlers as master_handlers
from deploy import health
from deploy.frontend.bundle import DIST
from deploy.migrations.background import migrator
from deploy.provisioning import provisioner
from deploy.wiring import MODULES
from kameng.infra import settings as settings_door
from kameng.infra import telemetry
from kameng.infra.runtime import Runtime, running
from kameng.infra.settings import Settings
from kameng.web.app import create_app
from kameng.web.bundle import Assets
from kameng.web.dispatch import HostDispatch
from tenants.openapi.routes import HANDLERS as OPEN_API
from tenants.storefront.routes import GLOBALS as STOREFRONT_GLOBALS
from tenants.storefront.routes import HANDLERS as STOREFRONT
from tenants.toggles.toggles import Toggles

ROOT = Path(__file__).parent.parent
ADMIN_TEMPLATES = ROOT / "admin_ui" / "templates"
STOREFRONT_TEMPLATES = ROOT / "tenants" / "storefront" / "templates"
FOLLOWING = len(MODULES)  # the web process records events, so it must know who follows them


def compose(runtime: Runtime, assets: Assets | None = None) -> HostDispatch:
    """The front door over one runtime."""
    bundle = assets or Assets.read(Path(runtime.settings.asset_folder or DIST))
    toggles = Toggles(runtime)
    provide = {"toggles": Provide(lambda: toggles, sync_to_thread=False)}
    master = create_app(
        runtime,
        face="master",
        handlers=master_handlers(provisioner(runtime.settings), migrator(runtime.settings)),
        template_folders=[ADMIN_TEMPLATES],
        assets=bundle,
        provide=provide,
    )
    station = create_app(
        runtime,
        face="station",
        handlers=[*STOREFRONT, *OPEN_API, *CONSOLE],
        template_folders=[STOREFRONT_TEMPLATES, ADMIN_TEMPLATES],
        globals={
            "open_station_url": f"{runtime.settings.base_url(runtime.settings.master_host)}/open",
            **STOREFRONT_GLOBALS,
        },
        assets=bundle,
        features=toggles,
        provide=provide,
    )
    return HostDispatch(runtime, master, station, ready=health.Readiness(runtime))


class Deployment:
    """Opens the runtime when the server starts this process, and closes it when the server ends."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.door: HostDispatch | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            async with running(self.settings) as runtime:
                self.door = compose(runtime)
                if self.settings.web_workers == 1:
                    telemetry.serve(self.settings)
                gc.collect()
                gc.freeze()  # the program stays; the collector need not look through it again and again
                await self.door(scope, receive, send)
        elif self.door is not None:
            await self.door(scope, receive, send)


def create() -> Deployment:
    """What Granian calls in each of its workers."""
    settings = settings_door.read()
    telemetry.configure(settings)
    return Deployment(settings)
