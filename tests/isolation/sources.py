"""What sources may not say: tenant code that names a schema goes round the session's search path."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
PACKAGES = ("tenants", "billing", "supplier_gateway", "admin_ui", "platform/kameng")
NAMES_A_SCHEMA = re.compile(r"(?i)\b(?:from|join|into|update|table)\s+(?:\{[^}]*schema[^}]*\}|tenant_\d+|\"tenant_)")


def schemas_named(root: Path = CHECKOUT) -> list[str]:
    """Every SQL text of the packages that names a tenant's schema, as `file:line`."""
    return [
        f"{file.relative_to(root)}:{line}"
        for package in PACKAGES
        for file in sorted((root / package).rglob("*.py"))
        for line, said in texts(file)
        if NAMES_A_SCHEMA.search(said)
    ]


def texts(file: Path) -> Iterator[tuple[int, str]]:
    """The string literals of a module; the places of an f-string stand in braces as they are written."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
