"""The Chinese catalogue: complete, up to date, and Chinese."""

import re
from collections.abc import Iterator

import pytest
from babel.messages.catalog import Message

from kameng.web.i18n import extraction
from kameng.web.i18n.catalogues import FOLDER, po_path, read_catalogue

LOCALE = "zh_CN"
PLACE = re.compile(r"%\(\w+\)[a-z]|%%|\{\w+\}")
LATIN = re.compile(r"[A-Za-z][A-Za-z_.:/-]*")
NAMES = {
    "IP", "KiB", "MiB", "JSON", "http://", "https://", "shop.example.com", "submit.php", "pid", "TXT", "CNAME",
    "KAMENG_ADMIN_URL", "KAMENG_FLAGS_FILE",  # names of settings
    "PNG", "JPEG", "WebP", "SVG", "GIF", "MB", "Markdown", "QQ", "Telegram",
    "API", "XLSX", "cost", "default", "end", "near", "up",  # rules of prices are written in these words
    "kameng", "migrate", "retry", "--retry", "master",  # what is typed
    "CSV", "classic", "market", "night",  # what stands in a file of stations
    "acg-faka", "USDT", "GB", "UTF-", "b", "http", "https",
}  # fmt: skip
COLOUR = re.compile(r"#[0-9a-f]{6}")
ENGLISH_MARKS = re.compile(r"[!！]|(?<=[\u4e00-\u9fff])[,.:;?]|[,.:;?](?=[\u4e00-\u9fff])")


def _entries() -> Iterator[Message]:
    return (entry for entry in read_catalogue(LOCALE) if entry.id)


def _forms(text: object) -> list[str]:
    """A msgid or its translation: one text, or one for each number."""
    return [str(form) for form in text] if isinstance(text, list | tuple) else [str(text)]


def test_every_msgid_has_its_words() -> None:
    assert extraction.missing(LOCALE) == []
    assert [entry.id for entry in _entries() if entry.fuzzy] == []


def test_the_catalogues_hold_exactly_the_msgids_of_the_source() -> None:
    of_source = {str(entry.id) for entry in extraction.template() if entry.id}

    assert {str(entry.id) for entry in _entries()} == of_source, "run: python -m kameng.web.i18n extract"
    assert (FOLDER / "messages.pot").read_text().count("\nmsgid ") == len(of_source)
    assert not [line for line in po_path(LOCALE).read_text().splitlines() if line.startswith("#~")]


def test_translations_keep_the_places_of_their_msgids() -> None:
    differing = []
    for entry in _entries():
        wanted = sorted(PLACE.findall(_forms(entry.id)[-1]))
        differing += [entry.id for form in _forms(entry.string) if sorted(PLACE.findall(form)) != wanted]

    assert differing == []


def test_a_percent_sign_that_begins_no_place_is_written_twice() -> None:
    """Pages put their values in whether there are places or not, and a single one stops the page."""
    texts = [form for entry in _entries() for text in (entry.id, entry.string) for form in _forms(text)]

    assert [text for text in texts if "%" in PLACE.sub("", text)] == []


def test_no_english_is_left_in_the_chinese() -> None:
    left = {}
    for entry in _entries():
        said = " ".join(COLOUR.sub("", PLACE.sub("", form)) for form in _forms(entry.string))
        if strange := set(LATIN.findall(said)) - NAMES:
            left[str(entry.id)] = strange

    assert left == {}


def test_the_chinese_has_its_own_marks_and_never_shouts() -> None:
    assert [entry.string for entry in _entries() for form in _forms(entry.string) if ENGLISH_MARKS.search(form)] == []


@pytest.mark.parametrize("wrong", ["你", "卡券", "分站主", "用户端", "代理商"])
def test_one_word_for_one_thing(wrong: str) -> None:
    """`docs/words.md` says which."""
    assert [entry.string for entry in _entries() if any(wrong in form for form in _forms(entry.string))] == []
