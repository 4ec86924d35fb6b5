"""The form of a shop's look: what the owner fills in, and what it is drawn with."""

import re
from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct

from kameng.core.errors import Invalid, TooManyRequests
from kameng.infra import ratelimit
from kameng.infra.ratelimit import Limit
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import forms
from kameng.web.forms import Form, Upload
from kameng.web.i18n import N_, of_error
from tenants.branding import pictures
from tenants.branding.drawing import Drawn, Kind
from tenants.branding.errors import BadPicture
from tenants.branding.looks import Look, Theme

PICTURE_PATH = r"^(/media/[0-9a-f]{64}\.(png|jpg|webp))?$"
PICTURES: Mapping[str, Kind] = {"logo": "logo", "favicon": "favicon"}
DRAWING = Limit(name="drawing", attempts=60, per_s=600, fails_open=True)  # for one station
CONTACTS = ("qq", "wechat", "telegram", "phone", "email", "hours")

PicturePath = Annotated[str, Meta(pattern=PICTURE_PATH, extra={"message": N_("Choose the picture again.")})]


Qq = Annotated[str, Meta(pattern=r"^([1-9][0-9]{4,11})?$", extra={"message": N_("A QQ number has 5 to 12 digits.")})]
Wechat = Annotated[
    str,
    Meta(
        pattern=r"^([A-Za-z][A-Za-z0-9_-]{5,19})?$",
        extra={"message": N_("A WeChat ID begins with a letter and has 6 to 20 letters, digits, - or _.")},
    ),
]
Telegram = Annotated[
    str,
    Meta(
        pattern=r"^(@?[A-Za-z][A-Za-z0-9_]{4,31})?$",
        extra={"message": N_("A Telegram name has 5 to 32 letters, digits or _; without a link.")},
    ),
]
Phone = Annotated[
    str,
    Meta(
        pattern=r"^(\+?[0-9][0-9 -]{4,19})?$",
        extra={"message": N_("A phone number has 5 to 20 digits; spaces and - may stand.")},
    ),
]
Email = Annotated[
    str,
    Meta(
        pattern=r"^([^@\s<>\"'?&]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+)?$",
        extra={"message": N_("Write an address such as name@example.com.")},
    ),
]


class LookForm(Struct, frozen=True, kw_only=True):
    """`logo` and `favicon` are pictures that were sent before; `drop_...` takes one away."""

    name: Annotated[str, Meta(min_length=1, max_length=40)]
    accent: Annotated[str, Meta(pattern=r"^#[0-9a-fA-F]{6}$", extra={"message": N_("Write a colour such as #2563eb.")})]
    theme: Theme = "classic"
    logo: PicturePath = ""
    favicon: PicturePath = ""
    drop_logo: bool = False
    drop_favicon: bool = False
    notice: Annotated[str, Meta(max_length=300, extra={"lines": True})] = ""
    contact: Annotated[str, Meta(max_length=200)] = ""
    qq: Qq = ""
    wechat: Wechat = ""
    telegram: Telegram = ""
    phone: Phone = ""
    email: Email = ""
    hours: Annotated[str, Meta(max_length=60)] = ""

    def look(self, sent: Mapping[str, str] | None = None) -> Look:
        """`sent` are the paths of pictures that came with the form; they go before all else."""
        chosen = {
            field: (sent or {}).get(field) or ("" if getattr(self, f"drop_{field}") else getattr(self, field))
            for field in PICTURES
        }
        return Look(
            name=self.name,
            accent=self.accent.lower(),
            theme=self.theme,
            notice=self.notice,
            contact=self.contact,
            contacts={kind: given for kind in CONTACTS if (given := getattr(self, kind))},
            **chosen,
        )


def filled(look: Look) -> Form:
    """The form of a look that is in place."""
    plain = ("name", "accent", "theme", "logo", "favicon", "notice", "contact")
    return Form(
        {name: getattr(look, name) for name in plain} | {kind: look.contacts.get(kind, "") for kind in CONTACTS}
    )


def as_typed(sent: list[tuple[str, str]], look: Look) -> Look:
    """What the form says while it is still being filled in: a field that is not right yet is as it was."""
    try:
        return forms.read(sent, LookForm).look()
    except Invalid as invalid:
        before = [(name, value) for name, value in filled(look).values.items() if name in invalid.errors]
        return forms.read([pair for pair in sent if pair[0] not in invalid.errors] + before, LookForm).look()


async def drawn(runtime: Runtime, tenant: Tenant, files: Mapping[str, Upload]) -> dict[str, Drawn]:
    """The pictures that came with the form, by field. Raises `Invalid` at the fields of files that cannot be taken."""
    taken: dict[str, Drawn] = {}
    errors: dict[str, str] = {}
    for field, kind in PICTURES.items():
        if upload := files.get(f"{field}_file"):
            try:
                taken[field] = await draw(runtime, tenant, upload, kind)
            except (BadPicture, TooManyRequests) as bad:
                errors[f"{field}_file"] = of_error(bad)
    if errors:
        raise Invalid(errors)
    return taken


async def draw(runtime: Runtime, tenant: Tenant, upload: Upload, kind: Kind) -> Drawn:
    """One file, drawn anew. Raises one of the `BadPicture`s, `TooManyRequests`."""
    await ratelimit.take(runtime.redis, (DRAWING, str(tenant.id)))
    return await pictures.draw(upload.body, upload.filename, kind, is_too_large=upload.is_too_large)


def is_colour(text: str) -> bool:
    """Whether `text` is `#rrggbb`."""
    return re.fullmatch(r"#[0-9a-f]{6}", text) is not None
