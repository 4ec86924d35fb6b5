"""Finding the msgids in the source.

In templates: `_`, `gettext`, `ngettext`, `{% trans %}`. In Python: the first arguments of `_`, `gettext`,
`N_` (one) and `ngettext` (two); the first argument of whatever raises one of the families of
`kameng.core.errors`, the values of the dictionary that `Invalid` takes, and the attribute `message` of their
classes; and `msg="..."` anywhere.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po
from jinja2.ext import babel_extract
from msgspec import Struct

import kameng
from kameng.web.i18n.catalogues import FOLDER, LOCALES, SOURCE, po_path, read_catalogue

ROOT = Path(kameng.__file__).resolve().parents[2]
SOURCES = ("platform/kameng", "tenants", "billing", "supplier_gateway", "admin_ui")
FAMILY_ROOT = "KamengError"
MARKS = {"_": 1, "gettext": 1, "N_": 1, "ngettext": 2}
KEPT = ("Language", "Plural-Forms", "MIME-Version", "Content-Type", "Content-Transfer-Encoding")
HEADER = re.compile(rb'^"([A-Za-z-]+): .*\\n"\n', re.MULTILINE)


class Found(Struct, frozen=True):
    """One msgid, or a singular with its plural, and the file it is in, from the root of the checkout."""

    message: str | tuple[str, str]
    file: str


def messages(root: Path = ROOT) -> list[Found]:
    """All msgids of the source under `root`."""
    modules = {path: ast.parse(path.read_bytes()) for path in _files(root, "*.py")}
    families = _families(list(modules.values()))
    found = [
        Found(message, path.relative_to(root).as_posix())
        for path, module in modules.items()
        for message in _of_module(module, families)
    ]
    for path in _files(root, "*.html"):
        found += [Found(message, path.relative_to(root).as_posix()) for message in _of_template(path)]
    return found


def template(root: Path = ROOT) -> Catalog:
    """The msgids as a catalogue without translations."""
    catalogue = Catalog(project="kameng", charset="utf-8")
    for found in messages(root):
        catalogue.add(found.message, locations=[(found.file, 0)])
    return catalogue


def extract() -> dict[str, int]:
    """Writes `messages.pot` and brings each `messages.po` up to date. Says how many msgids each locale still
    lacks.
    """
    found = template()
    _write(FOLDER / "messages.pot", found)
    lacking = {}
    for locale in sorted(LOCALES - {SOURCE}):
        catalogue = read_catalogue(locale)
        catalogue.update(found, no_fuzzy_matching=True)
        _write(po_path(locale), catalogue)
        lacking[locale] = len(missing(locale))
    return lacking


def missing(locale: str) -> list[str]:
    """The msgids of the source that `locale` has no words for. English lacks none: it is what msgids are
    in.
    """
    if locale == SOURCE:
        return []
    catalogue = read_catalogue(locale)
    wanted = {found.message if isinstance(found.message, str) else found.message[0] for found in messages()}
    return sorted(message for message in wanted if not _is_translated(catalogue, message))


def _is_translated(catalogue: Catalog, message: str) -> bool:
    entry = catalogue.get(message)
    if entry is None or entry.fuzzy:
        return False
    return all(entry.string) if isinstance(entry.string, list | tuple) else bool(entry.string)


def _files(root: Path, pattern: str) -> Iterator[Path]:
    for source in SOURCES:
        yield from sorted(path for path in (root / source).rglob(pattern) if "node_modules" not in path.parts)


def _families(modules: Sequence[ast.Module]) -> set[str]:
    """The names of all classes that come from `KamengError`, wherever they are defined. Where two classes
    have one name, in different modules, it counts if one of them does.
    """
    bases: dict[str, set[str]] = {}
    for module in modules:
        for node in ast.walk(module):
            if isinstance(node, ast.ClassDef):
                bases.setdefault(node.name, set()).update(_name(base) for base in node.bases)
    families = {FAMILY_ROOT}
    while grown := {name for name, above in bases.items() if above & families} - families:
        families |= grown
    return families


def _of_module(module: ast.Module, families: set[str]) -> Iterator[str | tuple[str, str]]:
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef) and node.name in families:
            yield from _message_attribute(node)
        elif isinstance(node, ast.Call):
            yield from _of_call(node, families)


def _message_attribute(node: ast.ClassDef) -> Iterator[str]:
    for line in node.body:
        if isinstance(line, ast.Assign) and [_name(target) for target in line.targets] == ["message"]:
            yield from _text(line.value)


def _of_call(node: ast.Call, families: set[str]) -> Iterator[str | tuple[str, str]]:
    name = _name(node.func)
    first, second = [*node.args, None, None][:2]
    if MARKS.get(name) == 2 and first and second:
        yield from zip(_text(first), _text(second), strict=True)
    elif (name in MARKS or name in families) and first:
        for value in first.values if isinstance(first, ast.Dict) else [first]:
            yield from _text(value)
    for keyword in node.keywords:
        if keyword.arg == "msg":
            yield from _text(keyword.value)


def _text(node: ast.expr) -> Iterator[str]:
    """The strings that an expression may be: one literal, or the branches of a choice between two."""
    if isinstance(node, ast.IfExp):
        yield from _text(node.body)
        yield from _text(node.orelse)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield node.value


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Subscript):
        return _name(node.value)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _of_template(path: Path) -> Iterator[str | tuple[str, str]]:
    keywords = ["_", "gettext", "ngettext"]
    with path.open("rb") as file:
        for _, function, message, _ in babel_extract(file, keywords, [], {"newstyle_gettext": "true"}):
            forms = [form for form in ([message] if isinstance(message, str) else message or ()) if form]
            if function == "ngettext" and len(forms) == 2:
                yield forms[0], forms[1]
            elif forms:
                yield forms[0]


def _write(path: Path, catalogue: Catalog) -> None:
    """Without dates and names in the header, so that a file changes only when its words do."""
    catalogue.header_comment, catalogue.fuzzy = "", False
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w+b") as file:
        write_po(file, catalogue, ignore_obsolete=True, include_lineno=False, sort_output=True, width=110)
        file.seek(0)
        header, blank, words = file.read().lstrip(b"\n").partition(b"\n\n")
    header = HEADER.sub(lambda line: line[0] if line[1].decode() in KEPT else b"", header + b"\n")
    path.write_bytes(header.rstrip(b"\n") + blank + words)
