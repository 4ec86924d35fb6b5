"""The browser of the browser tests: the system's Chromium or Chrome, installed from Debian's packages where
the machine allows it.

    python -m tests.support.browser_setup
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OTHER_PLACES = (Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),)
PACKAGES = ("chromium", "fonts-wqy-microhei")
FONT_FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".local/share/fonts")
CHINESE_FONTS = (
    "*wqy*",
    "*NotoSansCJK*",
    "*NotoSerifCJK*",
    "*NotoSansSC*",
    "*SourceHan*",
    "*uming*",
    "*DroidSansFallback*",
)


class NoBrowserError(Exception):
    """No browser can be had here; the message says what to install."""


def installed_browser() -> Path | None:
    """The program of a Chromium or Chrome that starts, or None."""
    found = [Path(path) for name in NAMES if (path := shutil.which(name))]
    return next((path for path in (*found, *OTHER_PLACES) if _starts(path)), None)


def has_chinese_font() -> bool:
    """Whether Chinese text shows as text; macOS always brings a font."""
    return sys.platform == "darwin" or any(
        next(folder.rglob(name), None) for folder in FONT_FOLDERS for name in CHINESE_FONTS
    )


def ensure_browser() -> Path:
    """Find a browser and a Chinese font, or install them. Raises NoBrowserError."""
    browser = installed_browser()
    if browser and has_chinese_font():
        return browser
    if failure := _install():
        if browser:  # pages then show boxes for Chinese, which no test reads
            print(f"kameng: no Chinese font was found ({failure}); screenshots show boxes.", file=sys.stderr)
            return browser
        raise NoBrowserError(
            f"The browser tests need Chromium or Chrome, and it could not be installed ({failure}): "
            f"install the packages {' and '.join(PACKAGES)}, or Google Chrome, and run this again."
        )
    browser = installed_browser()
    if browser is None:
        raise NoBrowserError(
            "The package chromium is installed and brings no browser that starts (Ubuntu's needs snap): "
            "install Google Chrome and run this again."
        )
    return browser


def _install() -> str:
    """Install Debian's packages; the answer is why that failed, or nothing."""
    apt = shutil.which("apt-get")
    if apt is None:
        return "there is no apt-get"
    as_root = _as_root()
    if as_root is None:
        return "we are neither root nor allowed to sudo without a password"
    print(f"kameng: installing {' and '.join(PACKAGES)} for the browser tests ...", file=sys.stderr)
    options = ("-qq", "-o", "DPkg::Lock::Timeout=120")
    for command in (("update",), ("install", "--yes", "--no-install-recommends", *PACKAGES)):
        result = subprocess.run(
            [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", apt, *options, *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            said = (result.stderr or result.stdout).strip().splitlines() or ["it said nothing"]
            return f"apt-get {command[0]} failed: {said[-1]}"
    return ""


def _as_root() -> list[str] | None:
    """What to write before a command to run it as root; None where that is not allowed."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n"]
    return None


def _starts(program: Path) -> bool:
    """Whether it is a browser: a package may hold only a hint to look elsewhere."""
    if not os.access(program, os.X_OK):
        return False
    return subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    try:
        ensure_browser()
    except NoBrowserError as error:
        sys.exit(f"kameng: {error}")
