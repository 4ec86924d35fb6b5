"""The bundled front end: what the lock may say, what the build leaves, and what no template may hold."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.frontend.bundle import DIST, LOCK_FILE, MANIFEST
from kameng.web.bundle import Assets
from tenants.shop.categories import ICONS

ROOT = Path(__file__).resolve().parents[2]
KIT_ICONS = ROOT / "platform" / "kameng" / "web" / "assets" / "icons.txt"  # those of the shops
CONSOLE_ICONS = ROOT / "admin_ui" / "assets" / "icons.txt"
TEMPLATE_FOLDERS = ("platform/kameng/web/templates", "tenants", "admin_ui/templates")
SHOP_FOLDERS = (ROOT / "tenants" / "storefront" / "templates", ROOT / "platform" / "kameng" / "web" / "templates")
NAME_ICONS = ("pay_ways.py", "order_view.py")
SHOP_SCRIPTS = ROOT / "platform" / "kameng" / "web" / "assets"  # they show toasts
PAGE_LIMIT = 30 * 1024  # bytes gzipped, of all that a buyer's page loads besides its HTML
CONSOLE_LIMIT = 120 * 1024
CHARTS_LIMIT = 240 * 1024


@pytest.fixture(scope="module")
def manifest() -> dict[str, str]:
    if not MANIFEST.exists():
        subprocess.run([sys.executable, "-m", "deploy.frontend"], cwd=ROOT, check=True)
    names: dict[str, str] = json.loads(MANIFEST.read_text())
    return names


def packed(manifest: dict[str, str], *names: str) -> int:
    return sum(len(gzip.compress((DIST / manifest[name]).read_bytes())) for name in names)


def templates() -> Iterator[tuple[str, str]]:
    """Path and text of every page template, its comments taken out."""
    for folder in TEMPLATE_FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.html")):
            if "templates" in path.parts:
                yield str(path.relative_to(ROOT)), re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)


def test_the_lock_says_what_to_install_but_not_from_where() -> None:
    lock = LOCK_FILE.read_text()
    packages = {path: entry for path, entry in json.loads(lock)["packages"].items() if path}

    assert "resolved" not in lock
    assert not re.search(r"https?://[^\"]*(registry|mirror|/npm)", lock)
    assert all(entry["integrity"] for entry in packages.values())
    assert packages["node_modules/htmx.org"]["version"].startswith("2.0.")


def test_every_logical_name_leads_to_a_file_named_by_its_content(manifest: dict[str, str]) -> None:
    expected = {
        "storefront.css",
        "storefront.js",
        "look-market.css",
        "look-night.css",
        "console.css",
        "console.js",
        "charts.js",
        "theme.js",
        "icons.svg",
        "icons-console.svg",
        "favicon.svg",
    }

    assert set(manifest) == expected
    for name, file in manifest.items():
        stem, _, suffix = name.partition(".")
        assert re.fullmatch(rf"{stem}-[A-Z0-9]{{8}}\.{suffix}", file)
        assert (DIST / file).stat().st_size > 0


def test_pages_stay_light(manifest: dict[str, str]) -> None:
    for look in ("look-market.css", "look-night.css"):  # a page loads one of them, or none
        assert packed(manifest, "storefront.css", "storefront.js", "icons.svg", look) < PAGE_LIMIT
    assert packed(manifest, "console.css", "console.js", "theme.js", "icons.svg", "icons-console.svg") < CONSOLE_LIMIT
    assert packed(manifest, "charts.js") < CHARTS_LIMIT


def test_nothing_is_loaded_from_elsewhere(manifest: dict[str, str]) -> None:
    for name in ("storefront.css", "console.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", (DIST / manifest[name]).read_text())
    for path, text in templates():
        assert not re.search(r"(src|href)=[\"'](https?:)?//[^\"']+\.(js|css|woff2?|png|svg)", text), path


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("style attribute", r"<[a-z][^>]*\sstyle\s*="),
        ("style element", r"<style\b"),
        ("event handler", r"<[a-z][^>]*\son[a-z]+\s*="),
        ("htmx handler", r"\b(data-)?hx-on\b"),
        ("htmx expression", r"hx-(vals|headers|vars)\s*=\s*[\"']\s*(js|javascript):"),
        ("script address", r"javascript:"),
        ("inline script", r"<script(?![^>]*\ssrc=)"),
        ("script without nonce", r"<script(?![^>]*nonce=\"\{\{ csp_nonce \}\}\")"),
    ],
)
def test_no_template_needs_what_the_content_policy_forbids(what: str, pattern: str) -> None:
    found = [path for path, text in templates() if re.search(pattern, text, flags=re.IGNORECASE)]

    assert not found, f"{what} in {found}"


def icons_of(path: Path) -> set[str]:
    return {line for line in path.read_text().splitlines() if line and not line.startswith("#")}


def quoted(text: str) -> set[str]:
    """What may be the name of an icon, or of a template."""
    return set(re.findall(r"""["']([a-z0-9_./-]+)["']""", text))


def shop_templates() -> dict[str, str]:
    """Text by name of each template that a shop's page is made of, its comments taken out."""
    shop = SHOP_FOLDERS[0]
    waiting = {str(path.relative_to(shop)) for path in shop.rglob("*.html")}
    found: dict[str, str] = {}
    while waiting:
        name = waiting.pop()
        path = next(folder / name for folder in SHOP_FOLDERS if (folder / name).exists())
        found[name] = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
        waiting |= {other for other in quoted(found[name]) if other.endswith(".html")} - set(found)
    return found


def test_every_icon_a_template_names_is_in_a_sprite() -> None:
    known = icons_of(KIT_ICONS) | icons_of(CONSOLE_ICONS)
    named = {
        (path, name)
        for path, text in templates()
        for name in re.findall(r"""(?:\bicon\(|icon_name=|"icon":\s*)["']([a-z0-9-]+)["']""", text)
    }

    assert named
    assert not [pair for pair in named if pair[1] not in known]


def test_a_shop_loads_the_icons_that_its_pages_show_and_no_others() -> None:
    """Names come from its templates, from what its program gives them, from toasts, and from the owner's categories."""
    ours, others = icons_of(KIT_ICONS), icons_of(CONSOLE_ICONS)
    pages = shop_templates()
    program = [(ROOT / "tenants" / "storefront" / name).read_text() for name in NAME_ICONS]
    scripts = [path.read_text() for path in SHOP_SCRIPTS.glob("*.js")]
    named = set().union(*map(quoted, [*pages.values(), *program, *scripts]), ICONS) & (ours | others)

    assert "layout/storefront.html" in pages
    assert named & others == set()
    assert ours - named == set()
    assert ours & others == set()


def test_each_icon_is_shown_from_the_sprite_that_has_it(manifest: dict[str, str]) -> None:
    assets = Assets.read(DIST)

    assert assets.icon_url("wallet") == f"/static/{manifest['icons.svg']}#wallet"
    assert assets.icon_url("database") == f"/static/{manifest['icons-console.svg']}#database"
    assert assets.icon_url("no-such-one") == f"/static/{manifest['icons.svg']}#no-such-one"
