"""The form of a page that the owner writes, and texts to begin with."""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

from kameng.web.forms import Form
from kameng.web.i18n import N_, gettext
from tenants.branding.pages import PageDraft
from tenants.branding.queries import CustomPage

LONGEST = 20_000  # a form holds 256 KiB, and a Chinese sign takes nine bytes of it


class PageForm(Struct, frozen=True, kw_only=True):
    """`published` is a checkbox."""

    title: Annotated[str, Meta(min_length=1, max_length=60)]
    path: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9]([a-z0-9-]{0,58}[a-z0-9])?$",
            extra={"message": N_("An address has small letters, digits and hyphens, 60 at most.")},
        ),
    ]
    body: Annotated[str, Meta(max_length=LONGEST, extra={"lines": True})] = ""
    position: Annotated[int, Meta(ge=0, le=1000)] = 0
    published: bool = False

    def draft(self) -> PageDraft:
        state: Literal["draft", "published"] = "published" if self.published else "draft"
        return PageDraft(path=self.path, title=self.title, body=self.body, position=self.position, state=state)


class Start(Struct, frozen=True):
    """A page that most shops have."""

    path: str
    title: str
    body: str


STARTS: Mapping[str, Start] = {
    "about": Start("about", N_("About us"), N_("## Who we are\n\nWrite who runs this shop, and since when.")),
    "faq": Start(
        "faq", N_("Questions and answers"), N_("## When does my key arrive?\n\nWithin seconds of your payment.")
    ),
    "refunds": Start(
        "refunds",
        N_("Refunds"),
        N_("## What if a key does not work?\n\nTell us within 24 hours, with the order number."),
    ),
}


def blank(start: str) -> Form:
    """The form of a new page, with the text of one of `STARTS` where it is named."""
    known = STARTS.get(start)
    if known is None:
        return Form({"position": "0"})
    return Form({"position": "0", "path": known.path, "title": gettext(known.title), "body": gettext(known.body)})


def filled(page: CustomPage) -> Form:
    values = {"title": page.title, "path": page.path, "body": page.body, "position": str(page.position)}
    return Form(values | ({"published": "yes"} if page.state == "published" else {}))
