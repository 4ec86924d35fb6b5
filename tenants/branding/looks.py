"""What a look is made of, and which accents can be seen."""

from collections.abc import Mapping
from typing import Literal, get_args

from msgspec import Struct

from kameng.web import colour
from tenants.branding.errors import WeakAccent

Theme = Literal["classic", "market", "night"]
THEMES: tuple[Theme, ...] = get_args(Theme)

# What the accent stands on: the surfaces of a light page, of a dark one, and of the night theme.
LIGHT, DARK = "#ffffff", "#181c21"
LEAST = 3.0  # WCAG 2.2, 1.4.11: parts of controls; text on the accent is black or white, whichever is read better


class Look(Struct, frozen=True, kw_only=True):
    """What an owner sets. `accent` is `#rrggbb`; `logo` and `favicon` are paths of pictures of the station, or empty;
    `contacts` maps a kind (qq, wechat, telegram, phone, email, hours) to what stands there, `contact` is free text."""

    name: str
    accent: str
    theme: Theme = "classic"
    logo: str = ""
    favicon: str = ""
    notice: str = ""
    contact: str = ""
    contacts: Mapping[str, str] = {}


class Seen(Struct, frozen=True):
    """How well an accent can be seen: its contrast ratios, and the nearest accent that passes."""

    accent: str
    on_light: float
    on_dark: float
    suggestion: str

    @property
    def passes(self) -> bool:
        return self.suggestion == self.accent


def seen(accent: str) -> Seen:
    """`accent` is `#rrggbb` in small letters."""
    return Seen(
        accent,
        colour.contrast(accent, LIGHT),
        colour.contrast(accent, DARK),
        colour.nearest(accent, (LIGHT, DARK), LEAST),
    )


def check_accent(accent: str) -> None:
    """Raises `WeakAccent` with the ratios and what would pass."""
    found = seen(accent)
    if not found.passes:
        raise WeakAccent(
            field="accent",
            on_light=ratio(found.on_light),
            on_dark=ratio(found.on_dark),
            least=ratio(LEAST),
            suggestion=found.suggestion,
        )


def ratio(contrast: float) -> str:
    """`4.6:1`, cut and not rounded: 2.99 is not 3."""
    return f"{int(contrast * 10) / 10:.1f}:1"


def changes(before: Look, after: Look) -> tuple[dict[str, object], dict[str, object]]:
    """What differs, as it was and as it is, for the audit log."""
    names = [name for name in Look.__struct_fields__ if getattr(before, name) != getattr(after, name)]
    return {name: getattr(before, name) for name in names}, {name: getattr(after, name) for name in names}
