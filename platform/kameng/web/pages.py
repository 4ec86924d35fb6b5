"""Jinja for both faces: autoescape, no undefined names, translations, and what every template has.

Values: `csrf_token csp_nonce locale site viewer flags path base origin request_id toasts`. Functions: `_ gettext
ngettext asset icon_url`. Filters: `money` (cents), `yuan` (`Decimal`), `when` (a moment in the site's time zone),
`iso`. A macro that needs one of the values is imported `with context`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2 import Template as JinjaTemplate
from litestar.plugins.jinja import JinjaTemplateEngine

from kameng.core.money import format_cents
from kameng.web import context, i18n, toasts
from kameng.web.bundle import Assets
from kameng.web.context import Context

TEMPLATES = Path(__file__).resolve().parent / "templates"


class Page:
    """A template that brings what every template has. Litestar renders it with the request among the
    values.
    """

    def __init__(self, template: JinjaTemplate) -> None:
        self.template = template

    def render(self, **values: Any) -> str:
        here = context.of(values["request"].scope)
        return self.template.render({**everywhere(here), **values})


class Pages(JinjaTemplateEngine):
    """Litestar's engine, giving out `Page`s."""

    def get_template(self, template_name: str) -> Page:  # type: ignore[override]  # Litestar calls nothing but render
        return Page(super().get_template(template_name))


def engine(folders: Sequence[Path], assets: Assets, more: Mapping[str, Any]) -> Pages:
    """Templates of `folders`, the first that has one wins, and of the kit. `more` are globals for them."""
    environment = Environment(
        loader=FileSystemLoader([*folders, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.install_gettext_callables(  # type: ignore[attr-defined]  # the extension adds it
        i18n.gettext, i18n.plural_of, newstyle=True
    )
    environment.filters.update(money=format_cents, yuan=yuan, when=when, iso=iso)
    made = Pages(engine_instance=environment)
    del environment.globals["csrf_token"]  # Litestar's own; ours is a value
    environment.globals.update({"asset": assets.url, "icon_url": assets.icon_url, **more})
    return made


def everywhere(here: Context) -> dict[str, Any]:
    """The values that every template has."""
    return {
        "csrf_token": here.csrf_token,
        "csp_nonce": here.csp_nonce,
        "locale": here.locale,
        "site": here.site,
        "viewer": here.viewer,
        "flags": here.flags,
        "path": here.path,
        "base": here.base,
        "origin": here.origin,
        "request_id": here.request_id,
        "toasts": toasts.take(here),
    }


def yuan(told: Decimal | str) -> str:
    """A unit price, also as JSON keeps it: `Decimal("12.3")` -> `¥12.30`, `"0.0125"` -> `¥0.0125`."""
    price = Decimal(told)
    places = max(2, -int(price.normalize().as_tuple().exponent))
    return f"{'-' if price < 0 else ''}¥{abs(price):,.{places}f}"


def when(moment: datetime | None, form: str = "%Y-%m-%d %H:%M") -> str:
    """Date and time on the site's clocks; nothing for None."""
    return "" if moment is None else moment.astimezone(i18n.reader().zone).strftime(form)


def iso(moment: datetime | None) -> str:
    """For `<time datetime>`: UTC with a `Z`, to the second."""
    return "" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
