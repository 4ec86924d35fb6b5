"""What no linter states about the house."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
PACKAGES = ("platform/kameng", "supplier_gateway", "billing", "tenants", "admin_ui", "deploy")

FOLDERS = {"platform", "tenants", "billing", "supplier_gateway", "admin_ui", "deploy", "tests", "docs"}
FILES = {"pyproject.toml", "Makefile", "README.md", "README.zh-CN.md"}
MADE_HERE = {"build", "dist", "node_modules", "__pycache__"}  # never committed; .gitignore names them


def test_the_top_level_folders_are_the_customers() -> None:
    seen = {entry for entry in CHECKOUT.iterdir() if not entry.name.startswith(".")}
    folders = {entry.name for entry in seen if entry.is_dir() and entry.suffix != ".egg-info"}
    files = {entry.name for entry in seen if entry.is_file()}

    assert folders - MADE_HERE <= FOLDERS
    assert folders >= FOLDERS - {"docs"}
    assert files <= FILES


def test_nothing_can_be_imported_from_the_platform_folder_itself() -> None:
    """`platform` is a module of the standard library: whatever shadows it breaks pip in the checkout."""
    entries = {entry.name for entry in (CHECKOUT / "platform").iterdir()} - {"__pycache__"}

    assert entries == {"kameng"}


def test_pip_works_in_the_checkout() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "pip", "--version"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )

    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("pip ")


def test_the_models_of_a_capability_are_private() -> None:
    modules = dict(source_modules())
    strangers = [
        f"{importer} imports {models}"
        for importer, file in modules.items()
        for models in imported_models(importer, file)
        if not f"{importer}.".startswith(f"{models.rpartition('.models')[0]}.")
    ]

    assert strangers == []


@pytest.mark.parametrize(
    "line",
    [
        "import tenants.orders.models",
        "import tenants.orders.models.lines as lines",
        "from tenants.orders import models",
        "from tenants.orders.models import Order",
        "from tenants.orders.models.lines import Line",
    ],
)
def test_every_way_to_import_models_is_seen(line: str, tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text(line)

    assert list(imported_models("admin_ui.console", tmp_path / "file.py")) == ["tenants.orders.models"]


def test_no_python_lock_holds_an_address() -> None:
    locks = sorted((CHECKOUT / "deploy/locks").glob("*.lock"))

    assert {lock.name for lock in locks} >= {"dev.lock", "runtime.lock"}
    for lock in locks:
        assert not re.search(r"://|^\s*-|(?<!\S)@ ", lock.read_text().replace("    --hash=", ""), re.MULTILINE), lock


def test_no_node_lock_holds_an_address() -> None:
    """Sponsors' pages under `funding` are not where a package comes from."""
    locks = [
        lock
        for folder in ("deploy/frontend", "tests/support/oidc")
        for lock in (CHECKOUT / folder).glob("package-lock.json")
    ]

    assert len(locks) == 2
    for lock in locks:
        for name, package in json.loads(lock.read_text())["packages"].items():
            assert "resolved" not in package, f"{name} in {lock}"
            assert "://" not in package.get("version", ""), f"{name} in {lock}"


def source_modules() -> Iterator[tuple[str, Path]]:
    """Every module of the source by its dotted name."""
    for package in PACKAGES:
        root = (CHECKOUT / package).parent
        for file in (CHECKOUT / package).rglob("*.py"):
            if "node_modules" not in file.parts:
                path = file.relative_to(root).with_suffix("")
                yield ".".join(part for part in path.parts if part != "__init__"), file


def imported_models(importer: str, file: Path) -> Iterator[str]:
    """The modules named `models` that a file imports, wholly or something from them."""
    for node in ast.walk(ast.parse(file.read_text(), str(file))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{importer} imports relatively"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if "models" in parts:
                yield ".".join(parts[: parts.index("models") + 1])
