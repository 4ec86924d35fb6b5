"""The words for the database's codes, in the reader's language. They stand in `admin_ui.vocabulary`."""

from admin_ui.vocabulary.codes import WORDS
from admin_ui.vocabulary.states import BADGES, Badge
from kameng.web.i18n import gettext


def badge(family: str, code: str) -> Badge:
    """The state `code` of a `family` (order, product, ...), translated. An unknown code is shown as it is."""
    known = BADGES[family].get(code)
    return Badge(known.kind, gettext(known.word)) if known else Badge("info", code)


def say(family: str, code: str) -> str:
    """The word for `code` of a `family` (reason, fault, ...), translated. An unknown code stays as it is."""
    known = WORDS[family].get(code)
    return gettext(known) if known else code


def codes_saying(family: str, part: str) -> list[str]:
    """The codes of a `family` (reason, action, ...) whose word, in the reader's language, holds `part`."""
    return [code for code, word in WORDS[family].items() if part.lower() in gettext(word).lower()]


def states(family: str) -> list[str]:
    """The codes of a family, in the order in which filters show them."""
    return list(BADGES[family])
