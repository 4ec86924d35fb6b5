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

ROOT = Path(__file__).resolve().parents[2]
ICONS = ROOT / "platform" / "kameng" / "web" / "assets" / "icons.txt"
TEMPLATE_FOLDERS = ("platform/kameng/web/templates", "tenants", "admin_ui/templates")
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
    assert packed(manifest, "console.css", "console.js", "theme.js", "icons.svg") < CONSOLE_LIMIT
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


def test_every_icon_a_template_names_is_in_the_sprite() -> None:
    known = set(ICONS.read_text().splitlines())
    named = {
        (path, name)
        for path, text in templates()
        for name in re.findall(r"""(?:\bicon\(|icon_name=|"icon":\s*)["']([a-z0-9-]+)["']""", text)
    }

    assert named
    assert not [pair for pair in named if pair[1] not in known]
