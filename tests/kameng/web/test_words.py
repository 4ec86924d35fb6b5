"""Languages, money, time."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from babel.messages.catalog import Catalog

from kameng.core.errors import TooManyRequests
from kameng.web import i18n
from kameng.web.colour import text_on
from kameng.web.i18n import extraction
from kameng.web.pages import iso, when, yuan
from tests.kameng.web.house import Browser

MODULE = '''
from kameng.core.errors import Conflict, Invalid, Refused

class Sold(Conflict):
    """Docstrings are no words for the reader."""
    message = "It is sold."

class SoldTwice(Sold):
    message = "It is sold twice."

def work(kind):
    raise Refused("Not today." if kind else "Never.", field="day")
    raise Invalid({"name": "A name, please.", "other": unmarked})
    print(_("Hello %(name)s", name=kind), i18n.ngettext("%(num)s key", "%(num)s keys", 2))
    log("not for readers")
    notify(msg="Marked by its name")
'''
TEMPLATE = '<p>{{ _("Pay %(amount)s", amount=1) }}</p>{% trans %}Back{% endtrans %}{{ ngettext("one", "many", 2) }}'


def test_msgids_are_found_in_python_and_templates(tmp_path: Path) -> None:
    (tmp_path / "tenants").mkdir()
    (tmp_path / "platform" / "kameng").mkdir(parents=True)
    (tmp_path / "platform" / "kameng" / "errors.py").write_text(
        "class KamengError(Exception): ...\nclass Conflict(KamengError):\n    message = 'Base.'\n"
        "class Refused(KamengError): ...\nclass Invalid(KamengError): ...\n"
    )
    (tmp_path / "tenants" / "module.py").write_text(MODULE)
    (tmp_path / "tenants" / "page.html").write_text(TEMPLATE)

    assert {found.message for found in extraction.messages(tmp_path)} == {
        "Base.", "It is sold.", "It is sold twice.", "Not today.", "Never.", "A name, please.",
        "Hello %(name)s",
        ("%(num)s key", "%(num)s keys"), "Marked by its name", "Pay %(amount)s", "Back", ("one", "many"),
    }  # fmt: skip


def test_own_words_are_among_those_found() -> None:
    found = {found.message for found in extraction.messages()}

    assert {"The login or the password is wrong.", "Fill this in.", TooManyRequests.message} <= found


def test_a_word_without_translation_is_missing() -> None:
    catalogue = Catalog(locale="zh_CN")
    catalogue.add("Back", "返回")
    catalogue.add("Next", "")
    catalogue.add("Maybe", "也许", flags=["fuzzy"])
    catalogue.add(("key", "keys"), ("密钥",))

    told = {word: extraction._is_translated(catalogue, word) for word in ("Back", "Next", "Maybe", "key", "Gone")}
    assert told == {"Back": True, "Next": False, "Maybe": False, "key": True, "Gone": False}


async def test_the_language_is_chosen_by_the_address_and_remembered(browser: Browser) -> None:
    assert "|zh_CN|" in (await browser.get("/")).text
    assert "|en|" in (await browser.get("/?lang=en")).text
    assert "|en|" in (await browser.get("/")).text
    assert "|en|" in (await browser.get("/?lang=tlh")).text


def test_an_error_is_told_with_its_figures() -> None:
    i18n.use("en", "UTC")

    assert i18n.of_error(TooManyRequests(9)) == "Too many attempts. Try again in 9 seconds."


def test_a_moment_is_shown_on_the_sites_clocks() -> None:
    moment = datetime(2026, 11, 22, 17, 5, tzinfo=UTC)
    i18n.use("zh_CN", "Asia/Shanghai")

    assert when(moment) == "2026-11-23 01:05"
    assert iso(moment) == "2026-11-22T17:05:00Z"
    assert when(None) == ""


def test_an_unknown_time_zone_is_shanghai() -> None:
    i18n.use("zh_CN", "../etc/passwd")

    assert str(i18n.reader().zone) == "Asia/Shanghai"


def test_unit_prices_keep_their_decimals() -> None:
    prices = [Decimal("12.3"), Decimal("12.3000"), Decimal("0.0125"), Decimal("1E+3"), Decimal(-1)]

    assert [yuan(price) for price in prices] == ["¥12.30", "¥12.30", "¥0.0125", "¥1,000.00", "-¥1.00"]


def test_text_on_the_accent_can_be_read() -> None:
    assert (text_on("#2563eb"), text_on("#ffe066")) == ("#ffffff", "#000000")
