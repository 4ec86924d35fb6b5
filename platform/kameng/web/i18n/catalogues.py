"""The catalogues of `kameng/web/locale`, compiled in memory when the process starts: no `.mo` file is
kept.
"""

import io
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

FOLDER = Path(__file__).resolve().parent.parent / "locale"
DEFAULT = "zh_CN"
SOURCE = "en"  # the language of the msgids


def po_path(locale: str) -> Path:
    return FOLDER / locale / "LC_MESSAGES" / "messages.po"


def read_catalogue(locale: str) -> Catalog:
    """What translators have written. An absent file is an empty catalogue."""
    path = po_path(locale)
    if not path.exists():
        return Catalog(locale=locale)
    with path.open("rb") as file:
        return read_po(file, locale=locale)


def _compiled(locale: str) -> NullTranslations:
    compiled = io.BytesIO()
    write_mo(compiled, read_catalogue(locale))
    compiled.seek(0)
    return GNUTranslations(compiled)


CATALOGUES: dict[str, NullTranslations] = {
    SOURCE: NullTranslations(),
    DEFAULT: NullTranslations(),
    **{path.parent.parent.name: _compiled(path.parent.parent.name) for path in FOLDER.glob("*/*/messages.po")},
}
LOCALES = frozenset(CATALOGUES)
