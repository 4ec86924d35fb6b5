"""Making one of the two applications: the master's or the stations'."""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.plugins.htmx import HTMXPlugin
from litestar.routes import HTTPRoute
from litestar.template import TemplateConfig
from litestar.types import ControllerRouterHandler

from kameng.infra.runtime import Runtime
from kameng.web import errors, pages, security
from kameng.web.bundle import Assets
from kameng.web.context import Face, Kit
from kameng.web.dependencies import provided
from kameng.web.features import Features, NoFeatures
from kameng.web.guards import gate
from kameng.web.site import MASTER, Site
from kameng.web.static import static_file
from kameng.web.theme import theme_css

MAX_BODY_BYTES = 256 * 1024


class Unguarded(Exception):
    """A route has neither a guard nor `opt={"public": True}`."""


def create_app(
    runtime: Runtime,
    *,
    face: Face,
    handlers: Sequence[ControllerRouterHandler],
    template_folders: Sequence[Path],
    globals: Mapping[str, Any] | None = None,
    assets: Assets | None = None,
    site: Site = MASTER,
    form_action: Sequence[str] = (),
    features: Features | None = None,
    provide: Mapping[str, Provide] | None = None,
) -> Litestar:
    """The application of one face, to be called by `dispatch.HostDispatch`. Raises `Unguarded`.

    `globals` are more names for the templates, `assets` the bundled front end, `site` whose pages these are
    where there is no tenant, `form_action` the origins that forms may lead to beside our own, `features` what is
    switched on at a station, `provide` more of what routes may ask for by name.
    """
    bundle = assets or Assets.none()
    kit = Kit(
        runtime=runtime,
        face=face,
        site=site,
        assets=bundle,
        csrf_key=b64decode(runtime.settings.secret_key),
        form_action=security.form_action(form_action),
        features=features or NoFeatures(),
    )
    app = Litestar(
        route_handlers=[*handlers, static_file, theme_css],
        dependencies={**provided(), **(provide or {})},
        guards=[gate],
        exception_handlers={Exception: errors.answer},
        before_send=[security.finish],
        plugins=[HTMXPlugin()],
        template_config=TemplateConfig(instance=pages.engine(template_folders, bundle, globals or {})),
        request_max_body_size=MAX_BODY_BYTES,
        state=State({"kit": kit}),
        openapi_config=None,
        logging_config=None,
    )
    check_guards(app)
    return app


def check_guards(app: Litestar) -> None:
    """Raises `Unguarded`, naming the first route that anybody may call without its author having said so."""
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            raise Unguarded(f"{route.path} is not a plain HTTP route; guards are only known for those.")
        for handler in route.route_handlers:
            is_own_options = handler.http_methods == {"OPTIONS"} and handler.fn.__module__ == HTTPRoute.__module__
            is_guarded = any(guard is not gate for guard in handler.resolve_guards())
            if not (is_guarded or is_own_options or handler.opt.get("public")):
                methods = " ".join(sorted(handler.http_methods))
                raise Unguarded(f"{methods} {route.path} ({handler}) has no guard and is not marked public.")
