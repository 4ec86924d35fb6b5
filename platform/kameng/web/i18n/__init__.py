"""The reader's language and time zone.

A msgid is English. Python says `_("Pay %(amount)s", amount=...)`, templates `{{ _("Pay %(amount)s",
amount=...) }}`. What is decided before the reader is known is only marked, `N_("...")`, and translated where
it is shown. `python -m kameng.web.i18n extract` brings the catalogues up to date.
"""

from contextvars import ContextVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from kameng.core.errors import KamengError
from kameng.web.i18n.catalogues import CATALOGUES, DEFAULT, LOCALES

__all__ = ["DEFAULT", "LOCALES", "N_", "Reader", "_", "gettext", "ngettext", "of_error", "reader", "use"]


class Reader(Struct, frozen=True):
    """Who the words are for. `zone` is where `when` puts a moment."""

    locale: str
    zone: ZoneInfo


_reader: ContextVar[Reader] = ContextVar("reader")
_nobody = Reader(DEFAULT, ZoneInfo("Asia/Shanghai"))


def use(locale: str, time_zone: str) -> None:
    """Sets language and time zone until the end of this request. Unknown ones fall back to the default."""
    try:
        zone = ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        zone = _nobody.zone
    _reader.set(Reader(locale if locale in LOCALES else DEFAULT, zone))


def reader() -> Reader:
    """The current reader, or Chinese in Shanghai outside a request."""
    return _reader.get(_nobody)


def gettext(message: str, /, **params: object) -> str:
    """`message` in the reader's language, its `%(name)s` places filled."""
    said = CATALOGUES[reader().locale].gettext(message) if message else ""
    return said % params if params else said


def ngettext(singular: str, plural: str, num: int, /, **params: object) -> str:
    """The form for `num` things; `%(num)s` is filled too."""
    return plural_of(singular, plural, num) % {"num": num, **params}


def plural_of(singular: str, plural: str, num: int, /) -> str:
    """The form for `num` things with its places as they are: templates fill them."""
    return CATALOGUES[reader().locale].ngettext(singular, plural, num)


_ = gettext


def N_(message: str) -> str:
    """Marks a msgid for the catalogues and returns it as it is."""
    return message


def of_error(error: KamengError) -> str:
    """What an expected error says, in the reader's language."""
    said = gettext(error.message)
    return said % error.params if error.params else said
